/// A timer that threads wait for: timerfd(2).
#pragma once

#include "fs/event/anonymous_file.hpp"
#include "fs/poll_list.hpp"
#include "fs/procfs/text.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "kidney/fs/poll.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace kidney::fs {

/// When a timer rings next, and how long after that again; zero: not.
struct TimerSetting {
    Duration remaining, interval;
};

/// Whom a timer tells, perhaps in an interrupt.
class TimerListener {
public:
    virtual void rang() noexcept = 0;
    /// The clock that it follows was set, while it had an absolute time.
    virtual void clock_was_set() noexcept = 0;

protected:
    ~TimerListener() = default;
};

/// A timer that rings once and then rests until somebody asks. Callers of all but get() take turns.
///   T1 stop(): it does not ring afterwards
///   T2 start() after stop(): it rings when the setting says, and rests
///   T3 resume(): if it rests and has an interval, it goes on, and the answer is how many rings
///   fell
///      into the rest; else 0
template <class T>
concept RestingTimer = requires(T& timer, TimerSetting setting) {
    { timer.get() } noexcept -> std::same_as<TimerSetting>;
    { timer.stop() } noexcept -> std::same_as<void>;
    { timer.start(setting, true) } noexcept -> std::same_as<void>;
    { timer.resume() } noexcept -> std::same_as<std::uint64_t>;
};

/// Reading takes the number of rings since the last time. `S` is an EventService, `Timer` is made
/// of a listener and a `Clock`. Concurrency: any thread.
template <class S, class Timer>
class EventTimer final : public AnonymousFile<EventTimer<S, Timer>, typename S::HeapType>,
                         TimerListener {
    using Base = AnonymousFile<EventTimer<S, Timer>, typename S::HeapType>;

public:
    static constexpr std::string_view name = "anon_inode:[timerfd]";

    /// `number`: the program's of the clock, for those who ask about the file.
    template <class Clock>
    EventTimer(S& service, const Clock& clock, std::uint32_t number, bool non_blocking) noexcept
        : Base(service.heap(), {.read = true, .write = true, .non_blocking = non_blocking}),
          clock_number_(number),
          timer_(static_cast<TimerListener&>(*this), clock) {
        static_assert(RestingTimer<Timer>);
    }
    ~EventTimer() { timer_.stop(); }

    /// `ends_when_set`: a read tells of it if the clock is set. Returns what was set before.
    TimerSetting set(TimerSetting next, bool is_absolute, bool ends_when_set) noexcept
        EXCLUDES(setting_, lock_) {
        LockGuard guard(setting_);
        const TimerSetting before = timer_.get();
        timer_.stop();
        {
            LockGuard inner(lock_);
            rings_ = 0;
            was_set_ = false;
            ends_when_set_ = ends_when_set && is_absolute;
            flags_ = (is_absolute ? 1U : 0U) | (ends_when_set ? 2U : 0U);
        }
        timer_.start(next, is_absolute);
        return before;
    }
    [[nodiscard]] TimerSetting get() noexcept EXCLUDES(setting_) {
        LockGuard guard(setting_);
        return timer_.get();
    }

    /// Errors: invalid_argument (no room for the number), would_block, interrupted, bad_address,
    /// cancelled (the clock was set).
    [[nodiscard]] Result<std::size_t> read(ReadBuffer& to) noexcept override
        EXCLUDES(setting_, lock_) {
        if (to.remaining() < sizeof(std::uint64_t)) {
            return fail(Errc::invalid_argument);
        }
        std::uint64_t rings = TRY(take());
        {
            LockGuard guard(setting_);
            rings += timer_.resume();
        }
        TRY(to.put(std::as_bytes(std::span(&rings, 1))));
        return sizeof rings;
    }
    [[nodiscard]] Readiness poll(PollWaiter* waiter) noexcept override EXCLUDES(lock_) {
        poll_.enter(waiter);
        LockGuard guard(lock_);
        return {.readable = rings_ != 0 || was_set_};
    }
    [[nodiscard]] std::string_view label() const noexcept override { return name; }
    void describe(TextOutput& out) noexcept override EXCLUDES(setting_, lock_) {
        const TimerSetting setting = get();
        std::uint64_t rings = 0;
        std::uint32_t flags = 0;
        {
            LockGuard guard(lock_);
            rings = rings_;
            flags = flags_;
        }
        const SplitTime value = split(setting.remaining), interval = split(setting.interval);
        format_to(out,
                  "clockid: {}\nticks: {}\nsettime flags: 0{}\nit_value: ({}, {})\n"
                  "it_interval: ({}, {})\n",
                  clock_number_, rings, flags, value.seconds, value.nanoseconds, interval.seconds,
                  interval.nanoseconds);
    }

private:
    [[nodiscard]] Result<std::uint64_t> take() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        while (rings_ == 0 && !was_set_) {
            if (this->is_non_blocking()) {
                return fail(Errc::would_block);
            }
            TRY(readable_.wait(lock_, {.interruptible = true}));
        }
        const std::uint64_t rings = std::exchange(rings_, 0);
        return std::exchange(was_set_, false) ? Result<std::uint64_t>(fail(Errc::cancelled))
                                              : rings;
    }
    void rang() noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        ++rings_;
        tell();
    }
    void clock_was_set() noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (ends_when_set_) {
            was_set_ = true;
            tell();
        }
    }
    void tell() noexcept REQUIRES(lock_) {
        readable_.wake_all();
        poll_.notify({.readable = true});
    }

    const std::uint32_t clock_number_;
    typename S::ScanLockType setting_;  ///< who sets it, or lets it go on
    Timer timer_;
    typename S::LockType lock_;
    std::uint64_t rings_ GUARDED_BY(lock_) = 0;
    bool was_set_ GUARDED_BY(lock_) = false;
    bool ends_when_set_ GUARDED_BY(lock_) = false;
    std::uint32_t flags_ GUARDED_BY(lock_) = 0;  ///< those of the last set(), as programs give them
    typename S::QueueType readable_;
    PollList<typename S::PollLockType> poll_;
};

}  // namespace kidney::fs
