/// Calls that wait with another signal mask: ppoll, pselect, epoll_pwait.
#pragma once

#include "kernel/process/process.hpp"
#include "kernel/syscall/adapt.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "proc/signal/delivery.hpp"

#include <cstdint>

namespace kidney::kernel::calls {

/// Until the call ends, other signals may arrive. Errors: invalid_argument, bad_address.
[[nodiscard]] inline Status use_mask(Process& self, UserPtr<const std::uint64_t> mask,
                                     std::uint32_t size) noexcept {
    if (mask.is_null()) {
        return {};
    }
    if (size != sizeof(std::uint64_t)) {
        return fail(Errc::invalid_argument);
    }
    const SignalSet set(TRY(get_user(mask)));
    LockGuard guard(World::process_lock);
    self.this_thread().signals.suspend(set);
    notice_new_mask(self);
    return {};
}
/// The wait ended without a signal: the program's own mask again.
inline void restore_mask(Process& self) noexcept {
    LockGuard guard(World::process_lock);
    self.this_thread().signals.end_suspend();
    notice_new_mask(self);
}
/// The same, unless a signal has ended it: then its handler runs with the mask of the wait.
[[nodiscard]] inline Reply end_masked_wait(Process& self, Reply reply) noexcept {
    if (reply || (reply.error() != Errc::restart && reply.error() != Errc::interrupted)) {
        restore_mask(self);
    }
    return reply;
}

}  // namespace kidney::kernel::calls
