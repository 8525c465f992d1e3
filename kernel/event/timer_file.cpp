#include "kernel/event/timer_file.hpp"

#include "kernel/process/world.hpp"

#include <utility>

namespace kidney::kernel {

fs::TimerSetting FileTimer::get() noexcept {
    const Setting now = ProcessTimer::get();
    return {now.remaining, now.interval};
}

void FileTimer::stop() noexcept {
    cancel();
    LockGuard guard(World::process_lock);
    rests_ = false;
}

void FileTimer::start(fs::TimerSetting setting, bool is_absolute) noexcept {
    set({setting.remaining, setting.interval}, is_absolute);
}

std::uint64_t FileTimer::resume() noexcept {
    {
        LockGuard guard(World::process_lock);
        if (!std::exchange(rests_, false)) {
            return 0;
        }
    }
    return ProcessTimer::resume();
}

bool FileTimer::ring() noexcept {
    rests_ = true;
    listener_.rang();
    return false;
}

}  // namespace kidney::kernel
