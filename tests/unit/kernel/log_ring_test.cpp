#include "kernel/log_ring.hpp"

#include <gtest/gtest.h>

#include <string>

namespace kidney::kernel {
namespace {

using Ring = LogRing<32>;

template <class R>
std::string text_from(const R& ring, LogPosition from, std::size_t step = 5) {
    std::string text;
    std::string part(step, '?');
    while (const std::size_t count = ring.read(from, std::span(part.data(), step))) {
        text.append(part, 0, count);
    }
    EXPECT_EQ(from, ring.end());
    return text;
}

TEST(LogRing, KeepsWhatFits) {
    Ring ring;
    EXPECT_EQ(text_from(ring, 0), "");
    ring.append("one\n");
    ring.append("two\n");
    EXPECT_EQ(text_from(ring, 0), "one\ntwo\n");
    EXPECT_EQ(text_from(ring, 4), "two\n");
    EXPECT_EQ(text_from(ring, 100), "");  // nobody has been there yet
}

TEST(LogRing, GivesUpWholeLines) {
    Ring ring;
    std::string all;
    for (int i = 0; i < 200; ++i) {
        const std::string line = std::string(static_cast<std::size_t>(i % 13), 'a' + i % 26) + "\n";
        ring.append(line);
        all += line;
        const std::string kept = text_from(ring, 0);
        ASSERT_LE(kept.size(), 32U);
        ASSERT_TRUE(all.ends_with(kept));
        ASSERT_TRUE(kept.size() == all.size() || all[all.size() - kept.size() - 1] == '\n');
        // The line before would not have fitted.
        if (kept.size() < all.size()) {
            const std::size_t end = all.size() - kept.size() - 1;
            const std::size_t before = end == 0 ? 0 : all.rfind('\n', end - 1) + 1;
            ASSERT_GT(all.size() - before, 32U) << i;
        }
    }
    EXPECT_EQ(ring.end(), all.size());
}

TEST(LogRing, ALineOfTheRingsSizeTakesItAll) {
    Ring ring;
    ring.append("before\n");
    ring.append(std::string(31, 'x') + "\n");
    EXPECT_EQ(text_from(ring, 0), std::string(31, 'x') + "\n");
}

TEST(LogRing, ATailIsWholeLinesToo) {
    Ring ring;
    ring.append("one\n");
    ring.append("three\n");
    ring.append("five\n");
    EXPECT_EQ(text_from(ring, ring.tail(0, 100)), "one\nthree\nfive\n");
    EXPECT_EQ(text_from(ring, ring.tail(0, 14)), "three\nfive\n");
    EXPECT_EQ(text_from(ring, ring.tail(0, 11)), "three\nfive\n");
    EXPECT_EQ(text_from(ring, ring.tail(0, 10)), "five\n");
    EXPECT_EQ(text_from(ring, ring.tail(0, 4)), "");
    EXPECT_EQ(text_from(ring, ring.tail(10, 100)), "five\n");
}

TEST(LogRecord, MayBeginWithItsNumber) {
    const auto check = [](std::string_view text, std::uint32_t number, std::string_view rest) {
        const LogRecord record = parse_log_record(text);
        EXPECT_EQ(record.number, number) << text;
        EXPECT_EQ(record.text, rest) << text;
    };
    check("<6>hello", 6, "hello");
    check("<30>from a daemon", 6, "from a daemon");  // facility 3
    check("hello", 4, "hello");
    check("", 4, "");
    for (const char* odd : {"<", "<>", "<x>y", "<6", "<99999>y", "<-1>y"}) {
        check(odd, 4, odd);
    }
}

TEST(LogRing, AReaderThatWasOvertakenGoesOnWithAWholeLine) {
    Ring ring;
    ring.append("one\n");
    LogPosition at = 2;  // in the middle of a line
    for (int i = 0; i < 20; ++i) {
        ring.append("12345\n");
    }
    char c = '?';
    EXPECT_EQ(ring.read(at, std::span(&c, 1)), 1U);
    EXPECT_EQ(c, '1');
    EXPECT_EQ(at, ring.begin() + 1);
}

}  // namespace
}  // namespace kidney::kernel
