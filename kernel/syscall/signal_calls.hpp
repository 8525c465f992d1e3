/// Calls about signals.
#pragma once

#include "kernel/syscall/adapt.hpp"
#include "kidney/abi/signal.hpp"

namespace kidney::kernel::calls {

Reply kill(Process& self, Pid pid, std::uint32_t signal) noexcept;
Reply tkill(Process& self, Pid pid, std::uint32_t signal) noexcept;
Reply tgkill(Process& self, Pid group, Pid pid, std::uint32_t signal) noexcept;
Reply rt_sigqueueinfo(Process& self, Pid pid, std::uint32_t signal,
                      UserPtr<const abi::SigInfo> info) noexcept;
Reply pidfd_send_signal(Process& self, Fd fd, std::uint32_t signal,
                        UserPtr<const abi::SigInfo> info, std::uint32_t flags) noexcept;
Reply rt_tgsigqueueinfo(Process& self, Pid group, Pid pid, std::uint32_t signal,
                        UserPtr<const abi::SigInfo> info) noexcept;
Reply rt_sigaction(Process& self, std::uint32_t signal, UserPtr<const abi::SigAction> next,
                   UserPtr<abi::SigAction> old, std::uint32_t set_size) noexcept;
/// signal(2), the call: BSD semantics are the library's business, this one resets.
Reply signal(Process& self, std::uint32_t signal, std::uint32_t handler) noexcept;
Reply rt_sigprocmask(Process& self, std::uint32_t how, UserPtr<const std::uint64_t> next,
                     UserPtr<std::uint64_t> old, std::uint32_t set_size) noexcept;
Reply rt_sigpending(Process& self, UserPtr<std::uint64_t> to, std::uint32_t set_size) noexcept;
Reply rt_sigsuspend(Process& self, UserPtr<const std::uint64_t> mask,
                    std::uint32_t set_size) noexcept;
Reply rt_sigtimedwait(Process& self, UserPtr<const std::uint64_t> set, UserPtr<abi::SigInfo> info,
                      VirtAddr timeout, std::uint32_t set_size) noexcept;
Reply rt_sigtimedwait_time64(Process& self, UserPtr<const std::uint64_t> set,
                             UserPtr<abi::SigInfo> info, VirtAddr timeout,
                             std::uint32_t set_size) noexcept;
Reply pause(Process& self) noexcept;

// From before real-time signals: sets of 32.
Reply sigaction(Process& self, std::uint32_t signal, UserPtr<const abi::OldSigAction> next,
                UserPtr<abi::OldSigAction> old) noexcept;
Reply sigprocmask(Process& self, std::uint32_t how, UserPtr<const std::uint32_t> next,
                  UserPtr<std::uint32_t> old) noexcept;
Reply sgetmask(Process& self) noexcept;
Reply ssetmask(Process& self, std::uint32_t mask) noexcept;
Reply sigpending(Process& self, UserPtr<std::uint32_t> to) noexcept;
Reply sigsuspend(Process& self, std::uint32_t, std::uint32_t, std::uint32_t mask) noexcept;

Reply sigaltstack(Process& self, hal::TrapFrame& frame, UserPtr<const abi::SigAltStack> next,
                  UserPtr<abi::SigAltStack> old) noexcept;
Reply sigreturn(Process& self, hal::TrapFrame& frame) noexcept;
Reply rt_sigreturn(Process& self, hal::TrapFrame& frame) noexcept;

}  // namespace kidney::kernel::calls
