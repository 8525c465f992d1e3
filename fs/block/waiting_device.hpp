/// From requests that complete to calls that return: the `BlockDevice` that file systems hold.
#pragma once

#include "kidney/core/time.hpp"
#include "kidney/fs/block_request.hpp"
#include "kidney/hal/clock.hpp"

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// Where one caller waits for one request.
///   W1 wait(poll) returns when notify() was called, before or meanwhile; until then it calls
///      poll() again and again
///   W2 notify() may come from an interrupt; once wait() has returned, the object may be destroyed
template <class W>
concept CompletionWait = std::default_initializable<W> && requires(W& wait, void (*poll)()) {
    { wait.wait(poll) } noexcept -> std::same_as<void>;
    { wait.notify() } noexcept -> std::same_as<void>;
};

/// Runs the device until it is done: one thread, as in host tests.
class RunningWait {
public:
    template <class Poll>
    void wait(Poll&& poll) noexcept {
        while (!is_done_) {
            poll();
        }
    }
    void notify() noexcept { is_done_ = true; }

private:
    bool is_done_ = false;
};

/// Sleeps on an `Event` (sched/sync) until the interrupt comes.
template <class Event, hal::Clock Clock>
class SleepingWait {
public:
    template <class Poll>
    void wait(Poll&& poll) noexcept {
        // A fast disk has finished before a thread could sleep and wake up again.
        for (int look = 0; look < looks_before_sleep; ++look) {
            if (is_done_.load(std::memory_order_relaxed)) {
                break;  // and through the event: notify() may not be through with it
            }
        }
        // In slices, so that an interrupt that never came costs a moment and not the limit.
        while (!event_.wait({.deadline = Clock::now() + slice})) {
            poll();
        }
    }
    void notify() noexcept {
        is_done_.store(true, std::memory_order_relaxed);
        event_.set();
    }

private:
    static constexpr Duration slice = Duration::milliseconds(1);
    static constexpr int looks_before_sleep = 4000;  // some ten microseconds

    std::atomic<bool> is_done_{false};
    Event event_;
};

/// Concurrency: any thread that may sleep, if `Wait` is one that sleeps.
template <RequestDevice Device, CompletionWait Wait>
class WaitingDevice {
public:
    explicit WaitingDevice(Device& device) noexcept : device_(device) {}

    [[nodiscard]] Status read(BlockIndex first, std::span<std::byte> to) noexcept {
        return read_scattered(first, std::span(&to, 1));
    }
    [[nodiscard]] Status read_scattered(BlockIndex first,
                                        std::span<const std::span<std::byte>> to) noexcept {
        BlockRequest request;
        request.first = first;
        request.to = to;
        return run(request);
    }
    [[nodiscard]] Status write(BlockIndex first, std::span<const std::byte> from) noexcept {
        return write_scattered(first, std::span(&from, 1));
    }
    [[nodiscard]] Status write_scattered(
        BlockIndex first, std::span<const std::span<const std::byte>> from) noexcept {
        BlockRequest request;
        request.operation = BlockOperation::write;
        request.first = first;
        request.from = from;
        return run(request);
    }
    [[nodiscard]] Status flush() noexcept {
        BlockRequest request;
        request.operation = BlockOperation::flush;
        return run(request);
    }
    [[nodiscard]] Status discard(BlockIndex first, std::uint64_t blocks, Discarded to) noexcept {
        BlockRequest request;
        request.operation = BlockOperation::discard;
        request.first = first;
        request.discarded = blocks;
        request.discarded_to = to;
        return run(request);
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return device_.block_size(); }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return device_.block_count(); }
    [[nodiscard]] bool is_read_only() const noexcept { return fs::is_read_only(device_); }

private:
    struct Call {
        Wait wait;
        Status outcome;
    };
    [[nodiscard]] Status run(BlockRequest& request) noexcept {
        Call call;
        request.on_completion(
            [](void* who, BlockRequest&, Status outcome) noexcept {
                auto& waiting = *static_cast<Call*>(who);
                waiting.outcome = outcome;
                waiting.wait.notify();  // `waiting` may be gone now
            },
            &call);
        device_.submit(request);
        call.wait.wait([this]() noexcept { device_.poll(); });
        return call.outcome;
    }

    Device& device_;
};

static_assert(CompletionWait<RunningWait>);

}  // namespace kidney::fs
