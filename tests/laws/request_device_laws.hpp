/// The laws of `RequestDevice`, for the host and the kernel's self-test alike.
///
/// A subject needs at least 16 blocks whose contents may be destroyed, all of which can be written,
/// and a scratch buffer of 16 blocks. The half of Q5 that only a loss of power shows needs a
/// `CrashingDevice`; Q7 is checked last and only where the subject can fall silent.
#pragma once

#include "kidney/fs/block_request.hpp"
#include "tests/laws/block_device_laws.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::laws::request_device {

inline constexpr std::uint64_t blocks_needed = block_device::blocks_needed;
[[nodiscard]] constexpr std::size_t scratch_bytes(std::uint32_t block_size) noexcept {
    return std::size_t{16} * block_size;
}

using block_device::CrashingDevice;
using block_device::detail::fill;
using block_device::detail::holds;

/// A device that can be made to answer no more.
template <class D>
concept SilentDevice = requires(D& device) { device.fall_silent(); };

/// One request with one buffer, and what became of it.
class Wish {
public:
    Wish() noexcept = default;
    Wish(const Wish&) = delete;
    Wish& operator=(const Wish&) = delete;

    fs::BlockRequest request;
    unsigned completions = 0;
    unsigned again = 0;  ///< so often it is submitted once more by its completion
    Status outcome;

    template <class D>
    void submit(D& device, fs::BlockOperation operation, std::uint64_t block,
                std::span<std::byte> bytes) noexcept {
        to_ = bytes;
        from_ = bytes;
        request.operation = operation;
        request.first = fs::BlockIndex(block);
        request.to = operation == fs::BlockOperation::read ? std::span(&to_, 1)
                                                           : std::span<std::span<std::byte>>();
        request.from = operation == fs::BlockOperation::write
                           ? std::span<const std::span<const std::byte>>(&from_, 1)
                           : std::span<const std::span<const std::byte>>();
        submit(device);
    }
    template <class D>
    void submit(D& device) noexcept {
        device_ = &device;
        request.on_completion(
            [](void* who, fs::BlockRequest& ended, Status its) noexcept {
                auto& wish = *static_cast<Wish*>(who);
                wish.outcome = its;
                ++wish.completions;
                if (wish.again > 0) {
                    --wish.again;
                    wish.submit(*static_cast<D*>(wish.device_));
                }
                static_cast<void>(ended);
            },
            this);
        device.submit(request);
    }
    /// True if it has completed in the end.
    template <class D>
    bool await(D& device, unsigned times = 1) noexcept {
        for (unsigned n = 0; completions < times && n < most_polls; ++n) {
            device.poll();
        }
        return completions >= times;
    }

private:
    static constexpr unsigned most_polls = 1'000'000;
    std::span<std::byte> to_;
    std::span<const std::byte> from_;
    void* device_ = nullptr;
};

template <class D>
[[nodiscard]] Status run(D& device, fs::BlockOperation operation, std::uint64_t block,
                         std::span<std::byte> bytes, bool is_durable = false) noexcept {
    Wish wish;
    wish.request.is_durable = is_durable;
    wish.submit(device, operation, block, bytes);
    if (!wish.await(device)) {
        KIDNEY_INVARIANT(false, "law Q1: a request never completed");
    }
    return wish.outcome;
}
template <class D>
[[nodiscard]] bool put(D& device, std::uint64_t block, std::span<std::byte> scratch,
                       std::uint32_t seed, bool is_durable = false) noexcept {
    const auto one = scratch.first(device.block_size());
    fill(one, seed);
    return run(device, fs::BlockOperation::write, block, one, is_durable).has_value();
}
template <class D>
[[nodiscard]] bool has(D& device, std::uint64_t block, std::span<std::byte> scratch,
                       std::uint32_t seed) noexcept {
    const auto one = scratch.first(device.block_size());
    return run(device, fs::BlockOperation::read, block, one).has_value() && holds(one, seed);
}

struct Q1 {
    static constexpr const char* text = "Q1 each request completes exactly once";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        const std::size_t size = device.block_size();
        std::array<Wish, 16> wishes;
        for (std::uint32_t round = 0; round < 3; ++round) {
            const auto operation =
                round == 1 ? fs::BlockOperation::read : fs::BlockOperation::write;
            for (std::uint32_t n = 0; n < wishes.size(); ++n) {
                const auto bytes = scratch.subspan(n * size, size);
                fill(bytes, 10 * n + (round == 1 ? 7 : 0));
                wishes[n].submit(device, operation, n, bytes);
            }
            for (Wish& wish : wishes) {
                LAW_CHECK(report, wish.await(device, round + 1) && wish.outcome.has_value());
            }
            for (unsigned n = 0; n < 100; ++n) {
                device.poll();
            }
            for (std::uint32_t n = 0; n < wishes.size(); ++n) {
                LAW_CHECK(report, wishes[n].completions == round + 1);
                LAW_CHECK(report, holds(scratch.subspan(n * size, size), 10 * n));
            }
        }
        Wish often;
        often.again = 9;
        often.submit(device, fs::BlockOperation::read, 5, scratch.first(size));
        LAW_CHECK(report, often.await(device, 10));
        LAW_CHECK(report, often.completions == 10 && holds(scratch.first(size), 50));
    }
};

struct Q2 {
    static constexpr const char* text = "Q2 a read sees every write that completed before";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        for (std::uint32_t round = 0; round < 3; ++round) {
            for (std::uint32_t b = 0; b < blocks_needed; ++b) {
                LAW_CHECK(report, put(device, b, scratch, b + 100 * round));
                LAW_CHECK(report, has(device, b, scratch, b + 100 * round));
            }
            for (std::uint32_t b = blocks_needed; b-- > 0;) {
                LAW_CHECK(report, has(device, b, scratch, b + 100 * round));
            }
        }
    }
};

struct Q3 {
    static constexpr const char* text = "Q3 the buffers' bytes are the blocks' in order";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        const std::size_t size = device.block_size();
        // Nine blocks in four buffers that are neither neighbours nor in order.
        const std::array<std::span<std::byte>, 4> to{
            scratch.subspan(10 * size, 2 * size), scratch.subspan(0, 5 * size),
            scratch.subspan(15 * size, size), scratch.subspan(13 * size, size)};
        const std::array<std::span<const std::byte>, 4> from{to[0], to[1], to[2], to[3]};
        const auto each_block = [&](auto&& f) {
            std::uint32_t n = 0;
            for (const auto buffer : to) {
                for (std::size_t at = 0; at < buffer.size(); at += size) {
                    f(buffer.subspan(at, size), n++);
                }
            }
        };
        each_block([](std::span<std::byte> block, std::uint32_t n) { fill(block, 300 + n); });
        Wish write;
        write.request.operation = fs::BlockOperation::write;
        write.request.first = fs::BlockIndex(4);
        write.request.from = from;
        write.submit(device);
        LAW_CHECK(report, write.await(device) && write.outcome.has_value());
        LAW_CHECK(report, write.request.first == fs::BlockIndex(4));
        for (std::uint32_t n = 0; n < 9; ++n) {
            LAW_CHECK(report, has(device, 4 + n, scratch, 300 + n));
        }
        each_block([](std::span<std::byte> block, std::uint32_t) { fill(block, 1); });
        Wish read;
        read.request.first = fs::BlockIndex(4);
        read.request.to = to;
        read.submit(device);
        LAW_CHECK(report, read.await(device) && read.outcome.has_value());
        each_block([&](std::span<std::byte> block, std::uint32_t n) {
            LAW_CHECK(report, holds(block, 300 + n));
        });
        for (const auto operation : {fs::BlockOperation::read, fs::BlockOperation::write}) {
            LAW_CHECK(report, run(device, operation, 4, scratch.first(0)).has_value());
        }
    }
};

struct Q4 {
    static constexpr const char* text = "Q4 what cannot be is refused and transfers nothing";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        const std::uint64_t count = device.block_count();
        const std::size_t size = device.block_size();
        LAW_CHECK(report, put(device, count - 1, scratch, 400));
        for (const std::uint64_t block : {count, count + 1, ~std::uint64_t{0}}) {
            for (const auto operation : {fs::BlockOperation::read, fs::BlockOperation::write}) {
                const Status refused = run(device, operation, block, scratch.first(size));
                LAW_CHECK(report, !refused && refused.error() == Errc::out_of_range);
            }
        }
        fill(scratch.first(2 * size), 401);
        const Status across =
            run(device, fs::BlockOperation::write, count - 1, scratch.first(2 * size));
        LAW_CHECK(report, !across && across.error() == Errc::out_of_range);
        LAW_CHECK(report, has(device, count - 1, scratch, 400));
        Wish discard;
        discard.request.discarded = 2;
        discard.submit(device, fs::BlockOperation::discard, count - 1, {});
        LAW_CHECK(report, discard.await(device));
        LAW_CHECK(report, !discard.outcome && discard.outcome.error() == Errc::out_of_range);
        LAW_CHECK(report, has(device, count - 1, scratch, 400));
    }
};

struct Q5 {
    static constexpr const char* text = "Q5 flushed and durable writes survive loss of power";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        for (std::uint32_t b = 0; b < 4; ++b) {
            LAW_CHECK(report, put(device, b, scratch, 500 + b));
        }
        LAW_CHECK(report, run(device, fs::BlockOperation::flush, 0, {}).has_value());
        if constexpr (CrashingDevice<D>) {
            device.crash([](std::size_t) { return false; });
        }
        for (std::uint32_t b = 0; b < 4; ++b) {
            LAW_CHECK(report, has(device, b, scratch, 500 + b));
        }
        LAW_CHECK(report, put(device, 2, scratch, 510, true));
        if constexpr (CrashingDevice<D>) {
            device.crash([](std::size_t) { return false; });
        }
        LAW_CHECK(report, has(device, 2, scratch, 510));
    }
};

struct Q6 {
    static constexpr const char* text = "Q6 a write changes its own blocks and no others";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        for (std::uint32_t b = 0; b < blocks_needed; ++b) {
            LAW_CHECK(report, put(device, b, scratch, 600 + b));
        }
        const std::size_t size = device.block_size();
        fill(scratch.first(size), 700);
        fill(scratch.subspan(size, size), 701);
        LAW_CHECK(report,
                  run(device, fs::BlockOperation::write, 7, scratch.first(2 * size)).has_value());
        for (std::uint32_t b = 0; b < blocks_needed; ++b) {
            const std::uint32_t seed = b == 7 ? 700 : b == 8 ? 701 : 600 + b;
            LAW_CHECK(report, has(device, b, scratch, seed));
        }
    }
};

struct Q8 {
    static constexpr const char* text = "Q8 a discard changes its own blocks, to what it asks for";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        const std::size_t size = device.block_size();
        for (const auto to : {fs::Discarded::anything, fs::Discarded::zeros}) {
            for (std::uint32_t b = 0; b < blocks_needed; ++b) {
                LAW_CHECK(report, put(device, b, scratch, 800 + b));
            }
            Wish wish;
            wish.request.discarded = 4;
            wish.request.discarded_to = to;
            wish.submit(device, fs::BlockOperation::discard, 5, {});
            LAW_CHECK(report, wish.await(device));
            const bool is_done = wish.outcome.has_value();
            LAW_CHECK(report, is_done || wish.outcome.error() == Errc::not_supported);
            LAW_CHECK(report, wish.request.first == fs::BlockIndex(5));
            for (std::uint32_t b = 0; b < blocks_needed; ++b) {
                const bool is_kept = !is_done || b < 5 || b >= 9;
                LAW_CHECK(report, !is_kept || has(device, b, scratch, 800 + b));
                LAW_CHECK(report, run(device, fs::BlockOperation::read, b, scratch.first(size)));
                LAW_CHECK(report, is_kept || to != fs::Discarded::zeros ||
                                      block_device::detail::is_zero(scratch.first(size)));
            }
        }
    }
};

struct Q7 {
    static constexpr const char* text = "Q7 nothing is in flight for ever";
    template <class D>
    static void check(Report& report, D& device, std::span<std::byte> scratch) noexcept {
        const std::size_t size = device.block_size();
        if constexpr (SilentDevice<D>) {
            device.fall_silent();
            std::array<Wish, 4> wishes;
            for (std::uint32_t n = 0; n < wishes.size(); ++n) {
                wishes[n].submit(device, fs::BlockOperation::read, n,
                                 scratch.subspan(n * size, size));
            }
            for (Wish& wish : wishes) {
                LAW_CHECK(report, wish.await(device));
                LAW_CHECK(report, !wish.outcome && wish.outcome.error() == Errc::timed_out);
            }
        } else {
            LAW_CHECK(report,
                      run(device, fs::BlockOperation::read, 0, scratch.first(size)).has_value());
        }
    }
};

using Suite = TypeList<Q1, Q2, Q3, Q4, Q5, Q6, Q8, Q7>;  // nothing follows Q7

}  // namespace kidney::laws::request_device
