/// The laws of `BlockDevice`, for the host and the kernel's self-test alike.
///
/// A subject needs at least 16 blocks whose contents may be destroyed, all of which can be written,
/// and a scratch buffer of 8 blocks. B4 needs a device that can lose power (`CrashingDevice`), so
/// on real disks only its visible half is checked: a flush succeeds and changes nothing.
#pragma once

#include "kidney/core/type_list.hpp"
#include "kidney/fs/block_device.hpp"
#include "tests/laws/report.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::laws::block_device {

/// Blocks that a law touches.
inline constexpr std::uint64_t blocks_needed = 16;
/// Scratch memory for laws(), in bytes, for a device with blocks of `block_size` bytes.
[[nodiscard]] constexpr std::size_t scratch_bytes(std::uint32_t block_size) noexcept {
    return std::size_t{8} * block_size;
}

/// A device whose power can be cut; `survives(n)` picks which unflushed block writes made it.
template <class D>
concept CrashingDevice = requires(D& device) { device.crash([](std::size_t) { return true; }); };

namespace detail {

inline void fill(std::span<std::byte> bytes, std::uint32_t seed) noexcept {
    Random random(seed * 2654435761U + 1);
    for (std::byte& b : bytes) {
        b = static_cast<std::byte>(random.next() >> 13);
    }
}
[[nodiscard]] inline bool holds(std::span<const std::byte> bytes, std::uint32_t seed) noexcept {
    Random random(seed * 2654435761U + 1);
    for (const std::byte b : bytes) {
        if (b != static_cast<std::byte>(random.next() >> 13)) {
            return false;
        }
    }
    return true;
}
[[nodiscard]] inline bool is_zero(std::span<const std::byte> bytes) noexcept {
    for (const std::byte b : bytes) {
        if (b != std::byte{0}) {
            return false;
        }
    }
    return true;
}
/// Writes pattern `seed` to one block.
template <class D>
[[nodiscard]] bool put(D& device, std::uint64_t block, std::span<std::byte> scratch,
                       std::uint32_t seed) noexcept {
    const auto one = scratch.first(device.block_size());
    fill(one, seed);
    return device.write(fs::BlockIndex(block), one).has_value();
}
/// Does one block hold pattern `seed`?
template <class D>
[[nodiscard]] bool has(D& device, std::uint64_t block, std::span<std::byte> scratch,
                       std::uint32_t seed) noexcept {
    const auto one = scratch.first(device.block_size());
    return device.read(fs::BlockIndex(block), one).has_value() && holds(one, seed);
}

}  // namespace detail

struct B1 {
    static constexpr const char* text = "B1 read() returns what the last write() stored";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        for (std::uint32_t round = 0; round < 2; ++round) {
            for (std::uint64_t b = 0; b < blocks_needed; ++b) {
                LAW_CHECK(report, detail::put(device, b, scratch,
                                              static_cast<std::uint32_t>(b) + 100 * round));
            }
        }
        for (std::uint64_t b = blocks_needed; b-- > 0;) {
            LAW_CHECK(report, detail::has(device, b, scratch, static_cast<std::uint32_t>(b) + 100));
        }
    }
};

struct B2 {
    static constexpr const char* text = "B2 one call may cover many consecutive blocks";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        const std::uint32_t size = device.block_size();
        LAW_CHECK(report, size >= 512 && size <= 4096 && (size & (size - 1)) == 0);
        for (std::uint32_t i = 0; i < 8; ++i) {
            detail::fill(scratch.subspan(i * size, size), 200 + i);
        }
        LAW_CHECK(report, device.write(fs::BlockIndex(3), scratch.first(8 * size)).has_value());
        for (std::uint32_t i = 0; i < 8; ++i) {
            LAW_CHECK(report, detail::has(device, 3 + i, scratch, 200 + i));
        }
        LAW_CHECK(report, device.read(fs::BlockIndex(4), scratch.first(6 * size)).has_value());
        for (std::uint32_t i = 0; i < 6; ++i) {
            LAW_CHECK(report, detail::holds(scratch.subspan(i * size, size), 201 + i));
        }
        LAW_CHECK(report, device.read(fs::BlockIndex(4), scratch.first(0)).has_value());
    }
};

struct B3 {
    static constexpr const char* text = "B3 a range outside the device fails with out_of_range";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        const std::uint64_t count = device.block_count();
        const auto one = scratch.first(device.block_size());
        const auto two = scratch.first(2 * std::size_t{device.block_size()});
        LAW_CHECK(report, detail::put(device, count - 1, scratch, 300));
        for (const std::uint64_t block : {count, count + 1, ~std::uint64_t{0}}) {
            const Status read = device.read(fs::BlockIndex(block), one);
            LAW_CHECK(report, !read && read.error() == Errc::out_of_range);
            const Status written = device.write(fs::BlockIndex(block), one);
            LAW_CHECK(report, !written && written.error() == Errc::out_of_range);
        }
        detail::fill(two, 301);
        const Status across = device.write(fs::BlockIndex(count - 1), two);
        LAW_CHECK(report, !across && across.error() == Errc::out_of_range);
        LAW_CHECK(report, detail::has(device, count - 1, scratch, 300));
    }
};

struct B4 {
    static constexpr const char* text = "B4 flushed writes survive loss of power";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        for (std::uint64_t b = 0; b < 4; ++b) {
            LAW_CHECK(report, detail::put(device, b, scratch, static_cast<std::uint32_t>(400 + b)));
        }
        LAW_CHECK(report, device.flush().has_value());
        if constexpr (CrashingDevice<D>) {
            // Every subset of four unflushed writes: the survivors are new, the others old.
            for (std::uint32_t subset = 0; subset < 16; ++subset) {
                for (std::uint32_t b = 0; b < 4; ++b) {
                    LAW_CHECK(report, detail::put(device, b, scratch, 500 + b));
                }
                device.crash([&](std::size_t n) { return (subset >> n & 1U) != 0; });
                for (std::uint32_t b = 0; b < 4; ++b) {
                    const bool kept = (subset >> b & 1U) != 0;
                    LAW_CHECK(report, detail::has(device, b, scratch, (kept ? 500 : 400) + b));
                    LAW_CHECK(report, detail::put(device, b, scratch, 400 + b));
                }
                LAW_CHECK(report, device.flush().has_value());
            }
        }
        for (std::uint64_t b = 0; b < 4; ++b) {
            LAW_CHECK(report, detail::has(device, b, scratch, static_cast<std::uint32_t>(400 + b)));
        }
    }
};

struct B5 {
    static constexpr const char* text = "B5 a write changes its own blocks and no others";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        for (std::uint64_t b = 0; b < blocks_needed; ++b) {
            LAW_CHECK(report, detail::put(device, b, scratch, static_cast<std::uint32_t>(600 + b)));
        }
        const std::size_t size = device.block_size();
        detail::fill(scratch.first(size), 700);
        detail::fill(scratch.subspan(size, size), 701);
        LAW_CHECK(report, device.write(fs::BlockIndex(7), scratch.first(2 * size)).has_value());
        for (std::uint32_t b = 0; b < blocks_needed; ++b) {
            const std::uint32_t seed = b == 7 ? 700 : b == 8 ? 701 : 600 + b;
            LAW_CHECK(report, detail::has(device, b, scratch, seed));
        }
    }
};

struct B6 {
    static constexpr const char* text =
        "B6 a discard changes its own blocks, to what was asked for";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        const std::size_t size = device.block_size();
        for (const auto to : {fs::Discarded::anything, fs::Discarded::zeros}) {
            for (std::uint32_t b = 0; b < blocks_needed; ++b) {
                LAW_CHECK(report, detail::put(device, b, scratch, 800 + b));
            }
            const Status done = fs::discard(device, fs::BlockIndex(5), 4, to);
            LAW_CHECK(report, done || done.error() == Errc::not_supported);
            for (std::uint32_t b = 0; b < blocks_needed; ++b) {
                const bool is_kept = !done || b < 5 || b >= 9;
                LAW_CHECK(report, !is_kept || detail::has(device, b, scratch, 800 + b));
                LAW_CHECK(report, device.read(fs::BlockIndex(b), scratch.first(size)).has_value());
                LAW_CHECK(report, is_kept || to != fs::Discarded::zeros ||
                                      detail::is_zero(scratch.first(size)));
            }
            const std::uint64_t count = device.block_count();
            const Status outside = fs::discard(device, fs::BlockIndex(count - 1), 2, to);
            LAW_CHECK(report, !outside && outside.error() == Errc::out_of_range);
        }
    }
};

using Suite = TypeList<B1, B2, B3, B4, B5, B6>;

}  // namespace kidney::laws::block_device
