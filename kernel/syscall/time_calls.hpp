/// Clocks, sleeping, timers.
#pragma once

#include "kernel/syscall/adapt.hpp"
#include "kidney/abi/signal.hpp"

namespace kidney::kernel::calls {

Reply time(Process& self, UserPtr<std::uint32_t> to) noexcept;
Reply gettimeofday(Process& self, VirtAddr to, VirtAddr zone) noexcept;
Reply settimeofday(Process& self, VirtAddr from, VirtAddr zone) noexcept;
Reply stime(Process& self, UserPtr<const std::int32_t> from) noexcept;
Reply adjtimex(Process& self, VirtAddr at) noexcept;
Reply clock_adjtime(Process& self, std::uint32_t clock, VirtAddr at) noexcept;
Reply clock_adjtime64(Process& self, std::uint32_t clock, VirtAddr at) noexcept;
Reply clock_gettime(Process& self, std::uint32_t clock, VirtAddr to) noexcept;
Reply clock_gettime64(Process& self, std::uint32_t clock, VirtAddr to) noexcept;
Reply clock_settime(Process& self, std::uint32_t clock, VirtAddr from) noexcept;
Reply clock_settime64(Process& self, std::uint32_t clock, VirtAddr from) noexcept;
Reply clock_getres(Process& self, std::uint32_t clock, VirtAddr to) noexcept;
Reply clock_getres64(Process& self, std::uint32_t clock, VirtAddr to) noexcept;
Reply nanosleep(Process& self, VirtAddr wanted, VirtAddr remaining) noexcept;
Reply clock_nanosleep(Process& self, std::uint32_t clock, std::uint32_t flags, VirtAddr wanted,
                      VirtAddr remaining) noexcept;
Reply clock_nanosleep64(Process& self, std::uint32_t clock, std::uint32_t flags, VirtAddr wanted,
                        VirtAddr remaining) noexcept;
Reply alarm(Process& self, std::uint32_t seconds) noexcept;
Reply setitimer(Process& self, std::uint32_t which, VirtAddr next, VirtAddr old) noexcept;
Reply getitimer(Process& self, std::uint32_t which, VirtAddr to) noexcept;
Reply timer_create(Process& self, std::uint32_t clock, UserPtr<const abi::SigEvent> event,
                   UserPtr<std::uint32_t> id) noexcept;
Reply timer_settime(Process& self, std::uint32_t id, std::uint32_t flags, VirtAddr next,
                    VirtAddr old) noexcept;
Reply timer_settime64(Process& self, std::uint32_t id, std::uint32_t flags, VirtAddr next,
                      VirtAddr old) noexcept;
Reply timer_gettime(Process& self, std::uint32_t id, VirtAddr to) noexcept;
Reply timer_gettime64(Process& self, std::uint32_t id, VirtAddr to) noexcept;
Reply timer_getoverrun(Process& self, std::uint32_t id) noexcept;
Reply timer_delete(Process& self, std::uint32_t id) noexcept;

}  // namespace kidney::kernel::calls
