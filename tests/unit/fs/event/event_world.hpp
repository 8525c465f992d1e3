/// What files that carry events stand on in these tests, and a file that is ready when it is told.
#pragma once

#include "fs/event/event_service.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace kidney::fs_test {

/// The bits of these tests.
inline constexpr std::uint32_t can_read = 1, can_write = 2, has_ended = 4;

/// A deadline in the past ends the wait, any other is as good as none; a thread is interrupted by
/// the one flag that there is.
class EventQueue {
public:
    struct Limit {
        bool interruptible = false;
        Instant deadline = Instant::never();
    };
    Status wait(StdLock& lock, Limit limit) noexcept {
        if (limit.deadline == Instant()) {
            return fail(Errc::timed_out);
        }
        ++waiting_;
        const std::uint32_t before = wakes_;
        while (wakes_ == before && !(limit.interruptible && is_interrupted)) {
            condition_.wait(lock);
        }
        const bool is_woken = wakes_ != before;
        --waiting_;
        return is_woken ? Status() : fail(Errc::interrupted);
    }
    bool wake_one() noexcept {
        const bool has_waiter = waiting_ != 0;
        wake_all();
        return has_waiter;
    }
    void wake_all(sched::WakeHint = sched::WakeHint::none) noexcept {
        ++wakes_;
        condition_.notify_all();
    }

    static inline std::atomic<bool> is_interrupted = false;

private:
    std::condition_variable_any condition_;
    std::uint32_t wakes_ = 0, waiting_ = 0;  // guarded by the lock of those who wait and wake
};

struct EventEnvironment {
    using Heap = LockedHeap;
    using Lock = StdLock;
    using Queue = EventQueue;
    using PollLock = StdLock;
    using SetLock = StdLock;
    using SetQueue = EventQueue;
    using ScanLock = StdLock;
    struct Payers {
        static inline UserAccount* account = nullptr;
        Payer operator()() const noexcept {
            return account == nullptr ? Payer() : Payer{Ref<UserAccount>::share(*account), false};
        }
    };
    [[nodiscard]] static std::uint32_t events_of(fs::Readiness ready) noexcept {
        return (ready.readable ? can_read : 0) | (ready.writable ? can_write : 0) |
               (ready.hung_up ? has_ended : 0);
    }
};
using Events = fs::EventService<EventEnvironment>;

/// A file that is as ready as it is told to be.
class Lamp final : public mm::HeapObject<Lamp, LockedHeap, fs::File> {
public:
    Lamp() noexcept : HeapObject(fs::OpenMode{.read = true}) {}
    void set(fs::Readiness ready) noexcept {
        {
            LockGuard guard(lock_);
            ready_ = ready;
        }
        tell(ready);
    }
    void tell(fs::Readiness changed) noexcept { pollers_.notify(changed); }
    fs::Readiness poll(fs::PollWaiter* waiter) noexcept override {
        pollers_.enter(waiter);
        ++looks;
        LockGuard guard(lock_);
        return ready_;
    }
    Result<fs::Attributes> attributes() noexcept override { return fs::Attributes(); }
    void dispose() noexcept override { HeapObject::dispose(); }

    std::atomic<int> looks = 0;

private:
    StdLock lock_;
    fs::Readiness ready_;
    fs::PollList<StdLock> pollers_;
};

/// What a wait has told of one file.
struct Told {
    std::uint32_t events;
    std::uint64_t data;
    friend bool operator==(const Told&, const Told&) = default;
};

}  // namespace kidney::fs_test
