#include "kidney/core/format.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace kidney {
namespace {

template <class... Args>
std::string formatted(FormatString<std::type_identity_t<Args>...> text, const Args&... arguments) {
    TextBuffer<200> buffer;
    format_to<TextBuffer<200>, Args...>(buffer, text, arguments...);
    return std::string(buffer.view());
}

TEST(Format, PrintsEveryKindOfArgument) {
    EXPECT_EQ(formatted("plain"), "plain");
    EXPECT_EQ(formatted("{} {}", 7U, -7), "7 -7");
    EXPECT_EQ(formatted("{}", std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(formatted("{}", std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
    EXPECT_EQ(formatted("{} {} {}", true, 'c', "text"), "true c text");
    EXPECT_EQ(formatted("{}", static_cast<const char*>(nullptr)), "(null)");
    EXPECT_EQ(formatted("{}", PhysAddr(0xb8000)), "0x000b8000");
    EXPECT_EQ(formatted("{}", Errc::no_memory), "no_memory");
}

TEST(Format, PadsAndAligns) {
    EXPECT_EQ(formatted("[{:5}][{:<5}][{:05}]", 42, 42, -42), "[   42][42   ][-0042]");
    EXPECT_EQ(formatted("{:x} {:08x}", 0xbeefU, 0xbeefU), "beef 0000beef");
    EXPECT_EQ(formatted("[{:<4}]", "toolong"), "[toolong]");
}

TEST(Format, EscapesBraces) {
    EXPECT_EQ(formatted("{{{}}}", 1), "{1}");
}

TEST(Format, TruncationIsReported) {
    TextBuffer<4> buffer;
    format_to(buffer, "{}", 123456);
    EXPECT_EQ(buffer.view(), "1234");
    EXPECT_TRUE(buffer.truncated());
}

}  // namespace
}  // namespace kidney
