/// Files that carry events: counters, sets of files whose readiness is awaited, timers, signals,
/// changes of files, processes.
#pragma once

#include "kernel/syscall/adapt.hpp"
#include "kernel/syscall/path_calls.hpp"

namespace kidney::kernel::calls {

Reply eventfd(Process& self, std::uint32_t count) noexcept;
Reply eventfd2(Process& self, std::uint32_t count, std::uint32_t flags) noexcept;

Reply epoll_create(Process& self, std::int32_t size) noexcept;
Reply epoll_create1(Process& self, std::uint32_t flags) noexcept;
Reply epoll_ctl(Process& self, Fd set, std::uint32_t operation, Fd fd, VirtAddr event) noexcept;
Reply epoll_wait(Process& self, Fd set, VirtAddr events, std::int32_t most,
                 std::int32_t milliseconds) noexcept;
Reply epoll_pwait(Process& self, Fd set, VirtAddr events, std::int32_t most,
                  std::int32_t milliseconds, UserPtr<const std::uint64_t> mask,
                  std::uint32_t set_size) noexcept;
Reply epoll_pwait2(Process& self, Fd set, VirtAddr events, std::int32_t most, VirtAddr timeout,
                   UserPtr<const std::uint64_t> mask, std::uint32_t set_size) noexcept;

Reply timerfd_create(Process& self, std::uint32_t clock, std::uint32_t flags) noexcept;
Reply timerfd_settime(Process& self, Fd fd, std::uint32_t flags, VirtAddr next,
                      VirtAddr old) noexcept;
Reply timerfd_settime64(Process& self, Fd fd, std::uint32_t flags, VirtAddr next,
                        VirtAddr old) noexcept;
Reply timerfd_gettime(Process& self, Fd fd, VirtAddr to) noexcept;
Reply timerfd_gettime64(Process& self, Fd fd, VirtAddr to) noexcept;

Reply signalfd(Process& self, std::int32_t fd, UserPtr<const std::uint64_t> mask,
               std::uint32_t size) noexcept;
Reply signalfd4(Process& self, std::int32_t fd, UserPtr<const std::uint64_t> mask,
                std::uint32_t size, std::uint32_t flags) noexcept;

Reply inotify_init(Process& self) noexcept;
Reply inotify_init1(Process& self, std::uint32_t flags) noexcept;
Reply inotify_add_watch(Process& self, Fd fd, Path path, std::uint32_t mask) noexcept;
Reply inotify_rm_watch(Process& self, Fd fd, std::int32_t number) noexcept;

Reply pidfd_open(Process& self, Pid pid, std::uint32_t flags) noexcept;
Reply pidfd_getfd(Process& self, Fd fd, Fd wanted, std::uint32_t flags) noexcept;

}  // namespace kidney::kernel::calls
