/// The files of this kernel that carry events, and the one place that ties their engine to it.
#pragma once

#include "fs/event/event_service.hpp"
#include "kernel/kernel.hpp"
#include "kernel/names.hpp"
#include "kernel/process/poll_wait.hpp"
#include "kernel/resource/accounts.hpp"

#include <cstdint>

namespace kidney::kernel {

struct EventEnvironment {
    using Heap = kernel::Heap;
    using Lock = SpinLock<ranks::event>;
    using Queue = WaitQueue;
    using PollLock = SpinLock<ranks::poll>;
    using SetLock = SpinLock<ranks::events>;
    using SetQueue = WaitQueue;
    using ScanLock = Mutex<ranks::event_scan>;
    using Payers = CurrentUserPays;
    [[nodiscard]] static std::uint32_t events_of(fs::Readiness ready) noexcept {
        return kernel::events_of(ready);
    }
};
using EventFiles = fs::EventService<EventEnvironment>;

/// With the devices.
void start_event_files() noexcept;
[[nodiscard]] EventFiles& event_files() noexcept;
/// Files that one user may have in sets altogether.
[[nodiscard]] std::uint32_t most_watches() noexcept;

}  // namespace kidney::kernel
