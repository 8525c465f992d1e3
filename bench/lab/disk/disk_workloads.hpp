/// Who asks for what of a disk, and when.
#pragma once

#include "bench/lab/disk/models.hpp"
#include "tests/laws/report.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace kidney::lab {

/// A wish: blocks of 512 bytes.
struct Wish {
    std::uint64_t first = 0;
    std::uint32_t blocks = 8;
    bool is_read = true;
};

/// Asks again and again. Open: after a while, whether it was served or not. Closed: a while after
/// everything that it asked for is there.
struct Customer {
    /// What it wants now, all at once; `head` is where the disk's head stands.
    std::function<std::vector<Wish>(laws::Random&, std::uint64_t head)> ask;
    std::uint32_t questions = 0;  ///< how often
    Duration least_gap, most_gap;
    bool is_closed = false;
    Instant next{};               ///< when it asks
    std::uint32_t waits_for = 0;  ///< requests that are not there yet
};

using Customers = std::vector<Customer>;

inline constexpr auto disk_blocks = static_cast<std::uint32_t>(
    HeadDisk::cylinders * HeadDisk::blocks_per_cylinder / 64 * 64 - 1024);

/// Some 4 KiB within [first, first + blocks).
[[nodiscard]] inline Wish somewhere(laws::Random& random, std::uint32_t first, std::uint32_t blocks,
                                    bool is_read) {
    return {first + random.below(blocks / 8) * 8, 8, is_read};
}

/// A reader or writer that goes straight on, 32 KiB with each question, in pages.
[[nodiscard]] inline Customer stream(std::uint32_t first, std::uint32_t questions, bool is_read,
                                     Duration gap) {
    const auto ask = [first, is_read](laws::Random&, std::uint64_t) mutable {
        std::vector<Wish> wishes;
        for (int page = 0; page < 8; ++page, first += 8) {
            wishes.push_back({first % disk_blocks, 8, is_read});
        }
        return wishes;
    };
    return {ask, questions, Duration(), gap, true};
}

/// Anywhere, two reads for each write, about as many as a disk can bear that sorts.
template <bool is_flash>
struct RandomAccess {
    static constexpr const char* name = is_flash ? "flash_random" : "random";
    static Customers customers() {
        const auto ask = [](laws::Random& random, std::uint64_t) {
            return std::vector{somewhere(random, 0, disk_blocks, random.below(3) != 0)};
        };
        return {{ask, 1500, Duration(), Duration::microseconds(is_flash ? 60 : 30'000)}};
    }
};

/// Files that are read and written from end to end at the same time: who turns round for each
/// request spends the time on the way.
template <bool is_flash>
struct Streams {
    static constexpr const char* name = is_flash ? "flash_streams" : "streams";
    static Customers customers() {
        Customers all;
        for (std::uint32_t n = 0; n < 6; ++n) {
            all.push_back(stream(n * (disk_blocks / 6), 60, n % 3 != 2,
                                 Duration::microseconds(is_flash ? 100 : 4000)));
        }
        return all;
    }
};

/// Most come just behind where the head has been: whoever sweeps upwards meets them last.
struct BehindTheHead {
    static constexpr const char* name = "behind";
    static Customers customers() {
        const auto ask = [](laws::Random& random, std::uint64_t head) {
            const std::uint64_t back = 2000 + random.below(40'000);
            return std::vector{random.below(4) == 0 || head < back
                                   ? somewhere(random, 0, disk_blocks, true)
                                   : Wish{(head - back) / 8 * 8, 8, true}};
        };
        return {{ask, 1200, Duration(), Duration::microseconds(32'000)}};
    }
};

/// There is always something to do in one corner, and now and then somebody wants to read a block
/// at the other end.
struct FarAway {
    static constexpr const char* name = "far";
    static Customers customers() {
        const auto near = [](laws::Random& random, std::uint64_t) {
            return std::vector{somewhere(random, 0, disk_blocks / 20, random.below(2) == 0)};
        };
        const auto far = [](laws::Random& random, std::uint64_t) {
            return std::vector{somewhere(random, disk_blocks / 20 * 19, disk_blocks / 20, true)};
        };
        Customers all;
        for (int n = 0; n < 12; ++n) {
            all.push_back({near, 100, Duration(), Duration::milliseconds(2), true});
        }
        all.push_back({far, 24, Duration::milliseconds(300), Duration::milliseconds(900)});
        return all;
    }
};

/// A program reads, block after block, while another one writes back a flood of pages.
template <bool is_flash>
struct ReadsInAFlood {
    static constexpr const char* name = is_flash ? "flash_flood" : "flood";
    static Customers customers() {
        const auto flood = [](laws::Random& random, std::uint64_t) {
            std::vector<Wish> wishes;
            for (int n = 0; n < 100; ++n) {
                wishes.push_back(somewhere(random, 0, disk_blocks / 2, false));
            }
            return wishes;
        };
        const auto read = [](laws::Random& random, std::uint64_t) {
            return std::vector{somewhere(random, disk_blocks / 2, disk_blocks / 2, true)};
        };
        const std::int64_t scale = is_flash ? 1 : 100;
        return {{flood, 14, Duration(), Duration::microseconds(2000 * scale), true},
                {read, 60, Duration(), Duration::microseconds(200 * scale), true},
                {read, 60, Duration(), Duration::microseconds(500 * scale), true}};
    }
};

}  // namespace kidney::lab
