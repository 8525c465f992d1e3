#include "proc/exec/script.hpp"

#include <gtest/gtest.h>

#include <string>

namespace kidney::proc {
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
    EXPECT_FALSE(parse_script_line("#!\n/bin/sh"));
    EXPECT_FALSE(parse_script_line("#!/" + std::string(4000, 'a')));
    EXPECT_FALSE(parse_script_line("#!" + std::string(4000, ' ')));
    EXPECT_FALSE(parse_script_line(std::string_view("#!\0sh\n", 6)));
}

TEST(Script, ANulEndsAString) {
    const auto name = parse_script_line(std::string_view("#!/bin\0/sh x\n", 13));
    ASSERT_TRUE(name && *name);
    EXPECT_EQ((*name)->interpreter, "/bin");
    EXPECT_TRUE((*name)->argument.empty());
    const auto argument = parse_script_line(std::string_view("#!/bin/sh a\0b\n", 14));
    ASSERT_TRUE(argument && *argument);
    EXPECT_EQ((*argument)->argument, "a");
}

/// A file of `size` bytes that begins with `start` and has no newline.
std::string without_newline(std::string start, std::size_t size) {
    start.resize(size, 'x');
    return start;
}

TEST(Script, CutsTheArgumentButNotTheInterpreter) {
    const std::string file = without_newline("#!/bin/sh ", 1000);
    const auto cut = parse_script_line(file);
    ASSERT_TRUE(cut && *cut);
    EXPECT_EQ((*cut)->interpreter, "/bin/sh");
    EXPECT_EQ((*cut)->argument, std::string(255 - 10, 'x'));
}

/// 256 bytes are looked at: the path may fill them but for the one that ends it.
TEST(Script, AnInterpreterMayFillTheLine) {
    for (const char* end : {"", " ", "\n", "\t/"}) {
        const std::string file = without_newline("#!/", 255) + end;
        const auto line = parse_script_line(file);
        ASSERT_TRUE(line && *line);
        EXPECT_EQ((*line)->interpreter.size(), 253U);
        EXPECT_TRUE((*line)->argument.empty());
    }
    EXPECT_FALSE(parse_script_line(without_newline("#!/", 256) + '\n'));
}

}  // namespace
}  // namespace kidney::proc
