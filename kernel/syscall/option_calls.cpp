/// prctl, personality and capabilities: what a process may say about itself.
#include "kernel/process/process.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/syscall/process_calls.hpp"
#include "kernel/syscall/system_calls.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <array>
#include <cstddef>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <utility>

namespace kidney::kernel::calls {
namespace {

constexpr std::size_t name_size = 16;

Reply set_name(Process& self, UserPtr<const char> from) noexcept {
    std::array<char, name_size> name{};
    const Result<std::size_t> length = copy_string(name, from);
    if (!length && length.error() != Errc::name_too_long) {
        return fail(length.error());
    }
    self.this_thread().set_name({name.data(), length.value_or(name_size - 1)});
    return 0U;
}
Reply get_name(Process& self, VirtAddr to) noexcept {
    std::array<char, name_size> name{};
    self.name().copy(name.data(), name.size() - 1);
    TRY(copy_out(to, std::as_bytes(std::span(name))));
    return 0U;
}

/// A switch with the values 0 and 1 that others may look at.
Reply set_switch(bool Process::* which, Process& self, std::uint32_t value) noexcept {
    if (value > 1) {
        return fail(Errc::invalid_argument);
    }
    LockGuard guard(World::process_lock);
    self.*which = value != 0;
    return 0U;
}
Reply set_death_signal(Process& self, std::uint32_t signal) noexcept {
    if (signal > abi::signal_count) {
        return fail(Errc::invalid_argument);
    }
    LockGuard guard(World::process_lock);
    self.death_signal = signal;
    return 0U;
}
/// PR_CAP_AMBIENT: there are no rights that programs keep without files that say so.
Reply ambient_rights(std::uint32_t action, std::uint32_t right, bool has_rest) noexcept {
    const bool names_one = action != PR_CAP_AMBIENT_CLEAR_ALL;
    if (has_rest || (names_one ? right > CAP_LAST_CAP : right != 0)) {
        return fail(Errc::invalid_argument);
    }
    switch (action) {
        case PR_CAP_AMBIENT_IS_SET:
        case PR_CAP_AMBIENT_LOWER:
        case PR_CAP_AMBIENT_CLEAR_ALL:
            return 0U;
        case PR_CAP_AMBIENT_RAISE:
            return fail(Errc::not_permitted);
        default:
            return fail(Errc::invalid_argument);
    }
}
std::uint32_t death_signal_of(const Process& self) noexcept {
    LockGuard guard(World::process_lock);
    return self.death_signal;
}
bool adopts_orphans(const Process& self) noexcept {
    LockGuard guard(World::process_lock);
    return self.adopts_orphans;
}
Reply set_timer_slack(Process& self, std::uint32_t nanoseconds) noexcept {
    self.timer_slack =
        static_cast<std::int32_t>(nanoseconds) > 0 ? nanoseconds : default_timer_slack;
    return 0U;
}

}  // namespace

Reply prctl(Process& self, std::uint32_t option, std::uint32_t a, std::uint32_t b, std::uint32_t c,
            std::uint32_t d) noexcept {
    const Reply wrong = fail(Errc::invalid_argument);
    const bool has_rest = (b | c | d) != 0;
    const UserPtr<std::uint32_t> to(a);
    switch (option) {
        case PR_SET_NAME:
            return set_name(self, UserPtr<const char>(a));
        case PR_GET_NAME:
            return get_name(self, VirtAddr(a));
        case PR_SET_PDEATHSIG:
            return set_death_signal(self, a);
        case PR_GET_PDEATHSIG:
            TRY(put_user(to, death_signal_of(self)));
            return 0U;
        case PR_SET_DUMPABLE:
            return set_switch(&Process::dumpable, self, a);
        case PR_GET_DUMPABLE:
            return self.dumpable ? 1U : 0U;
        case PR_SET_KEEPCAPS:
            return set_switch(&Process::keeps_capabilities, self, a);
        case PR_GET_KEEPCAPS:
            return self.keeps_capabilities ? 1U : 0U;
        case PR_SET_NO_NEW_PRIVS:  // for ever
            return a == 1 && !has_rest ? set_switch(&Process::no_new_rights, self, 1) : wrong;
        case PR_GET_NO_NEW_PRIVS:
            return a == 0 && !has_rest ? Reply(self.no_new_rights ? 1U : 0U) : wrong;
        case PR_SET_CHILD_SUBREAPER:
            return set_switch(&Process::adopts_orphans, self, a != 0 ? 1 : 0);
        case PR_GET_CHILD_SUBREAPER:
            TRY(put_user(to, adopts_orphans(self) ? 1U : 0U));
            return 0U;
        case PR_SET_TIMERSLACK:
            return set_timer_slack(self, a);
        case PR_GET_TIMERSLACK:
            return self.timer_slack;
        case PR_SET_TIMING:
            return a == PR_TIMING_STATISTICAL ? Reply(0U) : wrong;
        case PR_GET_TIMING:
            return std::uint32_t{PR_TIMING_STATISTICAL};
        case PR_GET_TSC:
            TRY(put_user(to, std::uint32_t{PR_TSC_ENABLE}));
            return 0U;
        case PR_SET_TSC:
            return a == PR_TSC_ENABLE ? Reply(0U) : wrong;
        case PR_GET_SECCOMP:
        case PR_GET_SECUREBITS:
            return 0U;
        case PR_SET_SECUREBITS:  // what follows from a change of user stays as it is
            return !self.identity.is_privileged() ? Reply(fail(Errc::not_permitted))
                   : a == 0                       ? Reply(0U)
                                                  : wrong;
        case PR_CAP_AMBIENT:
            return ambient_rights(a, b, (c | d) != 0);
        case PR_CAPBSET_READ:
            return a <= CAP_LAST_CAP ? Reply(1U) : wrong;
        default:
            return wrong;
    }
}

Reply personality(Process& self, std::uint32_t wanted) noexcept {
    constexpr std::uint32_t only_ask = 0xffff'ffff;
    return wanted == only_ask ? self.personality : std::exchange(self.personality, wanted);
}

// --- Capabilities: all of them or none; that is what the rest of the kernel asks. ---

namespace {

struct CapabilityHeader {
    std::uint32_t version;
    std::int32_t pid;
};
struct CapabilityWords {
    std::uint32_t effective, permitted, inheritable;
};
using CapabilitySets = std::array<CapabilityWords, _LINUX_CAPABILITY_U32S_3>;

constexpr CapabilitySets sets_of(bool may_be_privileged, bool is_privileged) noexcept {
    constexpr std::uint64_t all = (std::uint64_t{1} << (CAP_LAST_CAP + 1)) - 1;
    CapabilitySets sets{};
    for (std::size_t n = 0; n < sets.size(); ++n) {
        const auto word = static_cast<std::uint32_t>(all >> 32 * n);
        sets[n] = {is_privileged ? word : 0, may_be_privileged ? word : 0, 0};
    }
    return sets;
}

/// None or all of them? Error: not_permitted, if it is neither.
Result<bool> all_or_none(const CapabilitySets& sets,
                         std::uint32_t CapabilityWords::* which) noexcept {
    const CapabilitySets all = sets_of(true, true);
    bool is_all = true, is_none = true;
    for (std::size_t n = 0; n < sets.size(); ++n) {
        const std::uint32_t word = sets[n].*which & all[n].permitted;
        is_all = is_all && word == all[n].permitted;
        is_none = is_none && word == 0;
    }
    return is_all || is_none ? Result<bool>(is_all) : fail(Errc::not_permitted);
}

/// How many words the program's version has. Error: invalid_argument, with the version that we
/// prefer in the header; a null `data` only asks for it.
Result<std::size_t> words_of(const CapabilityHeader& header,
                             UserPtr<CapabilityHeader> at) noexcept {
    switch (header.version) {
        case _LINUX_CAPABILITY_VERSION_1:
            return _LINUX_CAPABILITY_U32S_1;
        case _LINUX_CAPABILITY_VERSION_2:
        case _LINUX_CAPABILITY_VERSION_3:
            return _LINUX_CAPABILITY_U32S_3;
        default:
            TRY(put_user(at, {_LINUX_CAPABILITY_VERSION_3, header.pid}));
            return fail(Errc::invalid_argument);
    }
}

}  // namespace

Reply capget(Process& self, VirtAddr header_at, VirtAddr data) noexcept {
    const UserPtr<CapabilityHeader> at(header_at);
    const CapabilityHeader header = TRY(get_user(UserPtr<const CapabilityHeader>(header_at)));
    Result<std::size_t> words = words_of(header, at);
    if (!words && data == VirtAddr(0)) {
        return words.error() == Errc::invalid_argument ? Reply(0U) : Reply(fail(words.error()));
    }
    const std::size_t count = TRY(std::move(words));
    if (header.pid < 0) {
        return fail(Errc::invalid_argument);
    }
    CapabilitySets sets{};
    {
        LockGuard guard(World::process_lock);
        const Process* const p = header.pid == 0 ? &self : processes().find(Pid(header.pid));
        if (p == nullptr) {
            return fail(Errc::no_process);
        }
        sets = sets_of(p->identity.may_be_privileged(), p->identity.is_privileged());
    }
    if (data != VirtAddr(0)) {
        TRY(copy_out(data, std::as_bytes(std::span(sets).first(count))));
    }
    return 0U;
}

/// A process can give up what it has: all or nothing, so one that wants to keep some of it hears
/// that it cannot, and keeps all.
Reply capset(Process& self, VirtAddr header_at, VirtAddr data) noexcept {
    const UserPtr<CapabilityHeader> at(header_at);
    const CapabilityHeader header = TRY(get_user(UserPtr<const CapabilityHeader>(header_at)));
    const std::size_t count = TRY(words_of(header, at));
    if (header.pid != 0 && Pid(header.pid) != self.pid) {
        return fail(Errc::not_permitted);
    }
    CapabilitySets wanted{};
    TRY(copy_in(std::as_writable_bytes(std::span(wanted).first(count)), data));
    const bool may_be = TRY(all_or_none(wanted, &CapabilityWords::permitted));
    const bool is = TRY(all_or_none(wanted, &CapabilityWords::effective));
    if (TRY(all_or_none(wanted, &CapabilityWords::inheritable)) && !may_be) {
        return fail(Errc::not_permitted);
    }
    LockGuard guard(World::process_lock);
    TRY(self.amend(self.identity, [=](Identity& i) { return i.set_rights(may_be, is); }));
    return 0U;
}

}  // namespace kidney::kernel::calls
