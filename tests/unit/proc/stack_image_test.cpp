/// The first stack: addresses resolved as a program's start-up code would.
#include "proc/exec/stack_image.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

namespace kidney::proc {
namespace {

struct Fixture {
    std::array<std::byte, 16> random{};
    StackImageInput in{
        .top = VirtAddr(0xbfff'f000),
        .strings = std::span("ls\0-l\0HOME=/\0", 13),
        .argc = 2,
        .envc = 1,
        .executable = "/bin/ls",
        .random = random,
        .entry = VirtAddr(0x0804'8100),
        .interpreter_base = VirtAddr(0xb6f0'0000),
        .program_headers = VirtAddr(0x0804'8034),
        .vdso = VirtAddr(0xffff'e000),
        .system_call_entry = VirtAddr(0xffff'e123),
        .program_header_count = 5,
        .signal_frame_size = 1440,
    };
};

TEST(StackImage, LeavesAGapBelowTheStrings) {
    Fixture f;
    const auto without = layout_stack(f.in, 0x20000);
    f.in.gap = 0x1230;
    const auto with = layout_stack(f.in, 0x20000);
    ASSERT_TRUE(with && without);
    EXPECT_EQ(with->strings, without->strings);
    EXPECT_EQ(without->platform - with->platform, 0x1230);
    EXPECT_EQ(without->stack_pointer - with->stack_pointer, 0x1230);
    // What it takes counts: a limit that is met without it is not with it.
    const auto needed = static_cast<std::uint32_t>(f.in.top - without->stack_pointer);
    f.in.gap = 0;
    EXPECT_TRUE(layout_stack(f.in, needed + 128));
    f.in.gap = 0x1230;
    EXPECT_FALSE(layout_stack(f.in, needed + 128));
}

TEST(StackImage, HasArgumentsEnvironmentAndAuxiliaryVector) {
    Fixture f;
    const auto at = layout_stack(f.in, 0x20000);
    ASSERT_TRUE(at);
    EXPECT_EQ(at->stack_pointer.value() % 16, 0U);
    EXPECT_EQ(at->random.value() % 16, 0U);
    std::vector<std::uint32_t> words;
    write_stack_words(f.in, *at, [&](std::uint32_t w) { words.push_back(w); });
    ASSERT_EQ(words.size(), at->words);
    ASSERT_LE(at->stack_pointer + at->words * 4, at->random);
    const auto string_at = [&](std::uint32_t address) {
        return std::string(f.in.strings.data() + (address - at->strings.value()));
    };
    EXPECT_EQ(words[0], 2U);
    EXPECT_EQ(string_at(words[1]), "ls");
    EXPECT_EQ(string_at(words[2]), "-l");
    EXPECT_EQ(words[3], 0U);
    EXPECT_EQ(string_at(words[4]), "HOME=/");
    EXPECT_EQ(words[5], 0U);
    std::map<std::uint32_t, std::uint32_t> auxv;
    std::size_t i = 6;
    for (; words[i] != AT_NULL; i += 2) {
        auxv[words[i]] = words[i + 1];
    }
    EXPECT_EQ(i + 2, words.size());
    EXPECT_EQ(auxv.at(AT_PHDR), 0x0804'8034U);
    EXPECT_EQ(auxv.at(AT_PHNUM), 5U);
    EXPECT_EQ(auxv.at(AT_PHENT), 32U);
    EXPECT_EQ(auxv.at(AT_ENTRY), 0x0804'8100U);
    EXPECT_EQ(auxv.at(AT_BASE), 0xb6f0'0000U);
    EXPECT_EQ(auxv.at(AT_RANDOM), at->random.value());
    EXPECT_EQ(auxv.at(AT_EXECFN), at->executable.value());
    EXPECT_EQ(auxv.at(AT_PAGESZ), 4096U);
    EXPECT_EQ(auxv.at(AT_CLKTCK), 100U);
    EXPECT_EQ(auxv.at(AT_MINSIGSTKSZ), 1440U);
    EXPECT_EQ(auxv.at(AT_SYSINFO), 0xffff'e123U);
    EXPECT_EQ(auxv.at(AT_SYSINFO_EHDR), 0xffff'e000U);
}

TEST(StackImage, NoTwoPartsOverlap) {
    Fixture f;
    const auto at = layout_stack(f.in, 0x20000);
    ASSERT_TRUE(at);
    EXPECT_LE(at->random + 16, at->platform);
    EXPECT_LE(at->platform + static_cast<std::uint32_t>(platform_name.size() + 1), at->strings);
    EXPECT_LE(at->strings + static_cast<std::uint32_t>(f.in.strings.size()), at->executable);
    EXPECT_LT(at->executable + static_cast<std::uint32_t>(f.in.executable.size()), f.in.top);
}

TEST(StackImage, TooMuchIsAnError) {
    Fixture f;
    const std::string large(0x30000, '\0');
    f.in.strings = large;
    const auto at = layout_stack(f.in, 0x20000);
    ASSERT_FALSE(at);
    EXPECT_EQ(at.error(), Errc::argument_list_long);
    f.in.strings = {};
    f.in.argc = 0xffff'ffff;
    EXPECT_FALSE(layout_stack(f.in, 0x20000));
}

}  // namespace
}  // namespace kidney::proc
