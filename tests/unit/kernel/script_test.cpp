#include "kernel/exec/script.hpp"

#include <gtest/gtest.h>

#include <string>

namespace kidney::kernel {
namespace {

TEST(Script, SplitsInterpreterAndOneArgument) {
    const auto line = parse_script_line("#! /bin/awk  -f  -v x \nBEGIN {}");
    ASSERT_TRUE(line && *line);
    EXPECT_EQ((*line)->interpreter, "/bin/awk");
    EXPECT_EQ((*line)->argument, "-f  -v x");
}

TEST(Script, ArgumentIsOptional) {
    const auto line = parse_script_line("#!/bin/sh");
    ASSERT_TRUE(line && *line);
    EXPECT_EQ((*line)->interpreter, "/bin/sh");
    EXPECT_TRUE((*line)->argument.empty());
}

TEST(Script, OtherFilesAreNotScripts) {
    for (const char* text : {"", "#", "# /bin/sh",
                             "\x7f"
                             "ELF"}) {
        const auto line = parse_script_line(text);
        ASSERT_TRUE(line);
        EXPECT_FALSE(*line) << text;
    }
}

TEST(Script, RefusesALineWithoutInterpreterOrEnd) {
    EXPECT_FALSE(parse_script_line("#!  \n"));
    EXPECT_FALSE(parse_script_line("#!"));
    EXPECT_FALSE(parse_script_line("#!/" + std::string(4000, 'a')));
    EXPECT_FALSE(parse_script_line(std::string_view("#!/bin\0/sh\n", 11)));
}

}  // namespace
}  // namespace kidney::kernel
