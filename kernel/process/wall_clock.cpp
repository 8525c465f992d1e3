#include "kernel/process/wall_clock.hpp"

#include "kernel/config.hpp"

#include <algorithm>

namespace kidney::kernel {
namespace {

using WallClockLock = SpinLock<ranks::wall_clock>;
constinit WallClockLock clock_lock;
constinit ClockWatcher* watchers GUARDED_BY(clock_lock) = nullptr;

}  // namespace

Duration uptime() noexcept {
    return Clock::now() - Instant();
}

Duration wall_clock() noexcept {
    return uptime() + Duration::nanoseconds(arch::clock_state.time_of_day.load());
}

Status set_wall_clock(Duration since_epoch) noexcept {
    constexpr std::int64_t longest_uptime = std::int64_t{30} * 365 * 24 * 3600;
    constexpr Duration too_late =
        Duration::seconds(split(Duration::longest()).seconds - longest_uptime);
    LockGuard guard(clock_lock);
    const Duration now = uptime();
    if (since_epoch < now || since_epoch >= too_late) {
        return fail(Errc::invalid_argument);
    }
    arch::clock_state.time_of_day.store((since_epoch - now).count());
    for (ClockWatcher* w = watchers; w != nullptr; w = w->next_) {
        w->changed_(*w);
    }
    return {};
}

void ClockWatcher::lock() noexcept KIDNEY_NO_TSA("paired in watch()")
{
    clock_lock.lock();
}
void ClockWatcher::unlock() noexcept KIDNEY_NO_TSA("paired in watch()")
{
    clock_lock.unlock();
}
void ClockWatcher::link() noexcept KIDNEY_NO_TSA("watch() holds the lock")
{
    next_ = watchers;
    if (next_ != nullptr) {
        next_->place_ = &next_;
    }
    place_ = &watchers;
    watchers = this;
}
void ClockWatcher::unwatch() noexcept {
    LockGuard guard(clock_lock);
    if (place_ != nullptr) {
        *place_ = next_;
        if (next_ != nullptr) {
            next_->place_ = place_;
        }
        place_ = nullptr;
    }
}

Instant Deadline::instant() const noexcept {
    if (!follows_wall_clock_) {
        return at_;
    }
    return Clock::now() + std::max(day_ - wall_clock(), Duration());
}

fs::FileTime wall_time() noexcept {
    const SplitTime now = split(wall_clock());
    return {now.seconds, now.nanoseconds};
}

}  // namespace kidney::kernel
