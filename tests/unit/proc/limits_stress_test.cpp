/// Limits that one thread changes while others look: they see what was set, and no halves.
#include "proc/limits.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace kidney::proc {
namespace {

/// A number whose halves tell whether they belong together.
constexpr std::uint64_t twice(std::uint32_t n) noexcept {
    return std::uint64_t{n} << 32 | n;
}
constexpr bool is_whole(const Limit& l) noexcept {
    return l.current >> 32 == (l.current & 0xffff'ffff) && l.maximum == l.current;
}

TEST(LimitsStress, NobodySeesHalves) {
    constexpr int many = 2'000;
    Limits limits;
    ASSERT_TRUE(limits.set(abi::limit_file_size, {twice(1), twice(1)}, true));
    ASSERT_TRUE(limits.set(abi::limit_data, {twice(1), twice(1)}, true));
    std::atomic<bool> is_over{false};
    std::atomic<int> torn{0}, rounds{0};
    std::vector<std::thread> readers;
    for (int n = 0; n < 2; ++n) {
        readers.emplace_back([&] {
            const auto look = [&torn](const Limits& at) {
                if (!is_whole(*at.get(abi::limit_file_size)) ||
                    !is_whole(*at.get(abi::limit_data))) {
                    ++torn;
                }
            };
            while (!is_over) {
                look(Limits(limits));
                for (int again = 0; again < 100; ++again) {
                    look(limits);
                }
                ++rounds;
            }
        });
    }
    std::uint32_t n = 1;
    while (rounds < many) {
        ++n;
        static_cast<void>(limits.set(abi::limit_file_size, {twice(n), twice(n)}, true));
        static_cast<void>(limits.set(abi::limit_data, {twice(n), twice(n)}, true));
    }
    is_over = true;
    for (std::thread& t : readers) {
        t.join();
    }
    EXPECT_EQ(torn, 0);
    EXPECT_EQ(limits.file_size(), twice(n));
}

}  // namespace
}  // namespace kidney::proc
