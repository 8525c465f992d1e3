/// Counts what a device is asked, for /proc/diskstats, and tells of what it failed to do.
#pragma once

#include "kidney/core/time.hpp"
#include "kidney/fs/block_device.hpp"
#include "kidney/hal/clock.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// Requests of one kind that have ended well.
struct RequestCount {
    std::uint64_t requests = 0, bytes = 0;
    Duration time;  ///< from the request to its end, of all together
};
struct BlockStatistics {
    RequestCount read, written, discarded;
    std::uint64_t flushes = 0;
    std::uint32_t in_flight = 0;  ///< not ended yet
};

/// A request that a device has answered with an error; that it never does such is none.
struct BlockFailure {
    enum class Kind : std::uint8_t { read, write, flush, discard };
    Kind kind = Kind::read;
    BlockIndex first;
    std::uint64_t bytes = 0;
    Errc error = Errc::io_error;
};
/// Hears of each, on the thread that asked for it.
class BlockFailureListener {
public:
    virtual void failed(const BlockFailure& failure) noexcept = 0;

protected:
    ~BlockFailureListener() = default;
};

/// Concurrency: as the device's; the counts are read at any time.
template <ScatterBlockDevice Device, hal::Clock Clock>
class CountingBlockDevice {
public:
    explicit CountingBlockDevice(Device device, BlockFailureListener* listener = nullptr) noexcept
        : device_(device), listener_(listener) {}

    [[nodiscard]] Status read(BlockIndex first, std::span<std::byte> to) noexcept {
        return count(read_, {Kind::read, first, to.size()},
                     [&] { return device_.read(first, to); });
    }
    [[nodiscard]] Status read_scattered(BlockIndex first,
                                        std::span<const std::span<std::byte>> to) noexcept {
        return count(read_, {Kind::read, first, total_bytes(to)},
                     [&] { return device_.read_scattered(first, to); });
    }
    [[nodiscard]] Status write(BlockIndex first, std::span<const std::byte> from) noexcept {
        return count(written_, {Kind::write, first, from.size()},
                     [&] { return device_.write(first, from); });
    }
    [[nodiscard]] Status write_scattered(
        BlockIndex first, std::span<const std::span<const std::byte>> from) noexcept {
        return count(written_, {Kind::write, first, total_bytes(from)},
                     [&] { return device_.write_scattered(first, from); });
    }
    [[nodiscard]] Status discard(BlockIndex first, std::uint64_t blocks, Discarded to) noexcept {
        return count(discarded_, {Kind::discard, first, blocks * block_size()},
                     [&] { return fs::discard(device_, first, blocks, to); });
    }
    [[nodiscard]] Status flush() noexcept {
        flushes_.fetch_add(1, std::memory_order_relaxed);
        return told({Kind::flush, {}, 0}, device_.flush());
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return device_.block_size(); }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return device_.block_count(); }
    [[nodiscard]] bool is_read_only() const noexcept { return device_.is_read_only(); }

    [[nodiscard]] BlockStatistics statistics() const noexcept {
        return {read_.get(), written_.get(), discarded_.get(),
                flushes_.load(std::memory_order_relaxed),
                in_flight_.load(std::memory_order_relaxed)};
    }

private:
    using Kind = BlockFailure::Kind;

    // Relaxed: each number for itself, for people.
    struct Counter {
        std::atomic<std::uint64_t> requests{0}, bytes{0};
        std::atomic<std::int64_t> nanoseconds{0};
        [[nodiscard]] RequestCount get() const noexcept {
            return {requests.load(std::memory_order_relaxed), bytes.load(std::memory_order_relaxed),
                    Duration::nanoseconds(nanoseconds.load(std::memory_order_relaxed))};
        }
    };

    /// `what` is asked for.
    template <class Request>
    [[nodiscard]] Status count(Counter& counter, const BlockFailure& what,
                               Request&& request) noexcept {
        const Instant begin = Clock::now();
        in_flight_.fetch_add(1, std::memory_order_relaxed);
        Status outcome = request();
        in_flight_.fetch_sub(1, std::memory_order_relaxed);
        if (outcome) {
            counter.requests.fetch_add(1, std::memory_order_relaxed);
            counter.bytes.fetch_add(what.bytes, std::memory_order_relaxed);
            counter.nanoseconds.fetch_add((Clock::now() - begin).count(),
                                          std::memory_order_relaxed);
        }
        return told(what, outcome);
    }
    [[nodiscard]] Status told(BlockFailure what, Status outcome) noexcept {
        const bool is_failure = !outcome && outcome.error() != Errc::not_supported;
        if (is_failure && listener_ != nullptr) {
            what.error = outcome.error();
            listener_->failed(what);
        }
        return outcome;
    }

    Device device_;
    BlockFailureListener* listener_;
    Counter read_, written_, discarded_;
    std::atomic<std::uint64_t> flushes_{0};
    std::atomic<std::uint32_t> in_flight_{0};
};

}  // namespace kidney::fs
