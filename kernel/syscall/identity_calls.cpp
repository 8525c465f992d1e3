/// Numbers of processes, users and groups.
#include "kernel/process/job_control.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/syscall/process_calls.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <array>
#include <optional>

namespace kidney::kernel::calls {

Reply getpid(Process& self) noexcept {
    return self.pid.word();
}

Reply getppid(Process& self) noexcept {
    LockGuard guard(process_lock);
    return self.parent == nullptr ? 0U : self.parent->pid.word();
}

Reply getuid(Process& self) noexcept {
    return self.identity.user.real;
}
Reply geteuid(Process& self) noexcept {
    return self.identity.user.effective;
}
Reply getgid(Process& self) noexcept {
    return self.identity.group.real;
}
Reply getegid(Process& self) noexcept {
    return self.identity.group.effective;
}

namespace {

Reply put_three(const IdTriple& ids, UserPtr<std::uint32_t> real, UserPtr<std::uint32_t> effective,
                UserPtr<std::uint32_t> saved) noexcept {
    TRY(put_user(real, ids.real));
    TRY(put_user(effective, ids.effective));
    TRY(put_user(saved, ids.saved));
    return 0U;
}

/// -1 means: leave it.
std::optional<std::uint32_t> unless_minus_one(std::uint32_t id) noexcept {
    return id == ~0U ? std::nullopt : std::optional(id);
}

/// setreuid: the saved number follows the effective one when the real one is set, or the effective
/// one becomes something else than the old real one.
Status set_two(IdTriple& ids, std::uint32_t real, std::uint32_t effective,
               bool privileged) noexcept {
    const std::uint32_t old_real = ids.real;
    TRY(ids.set_three(unless_minus_one(real), unless_minus_one(effective), std::nullopt,
                      privileged));
    if (real != ~0U || (effective != ~0U && effective != old_real)) {
        ids.saved = ids.effective;
    }
    return {};
}

/// Changes identities under the lock that other processes read them with.
template <class F>
Reply change_identity(Process& self, F&& change) noexcept {
    LockGuard guard(process_lock);
    TRY(change(self.identity, self.identity.is_privileged()));
    return 0U;
}

}  // namespace

Reply getresuid(Process& self, UserPtr<std::uint32_t> real, UserPtr<std::uint32_t> effective,
                UserPtr<std::uint32_t> saved) noexcept {
    return put_three(self.identity.user, real, effective, saved);
}
Reply getresgid(Process& self, UserPtr<std::uint32_t> real, UserPtr<std::uint32_t> effective,
                UserPtr<std::uint32_t> saved) noexcept {
    return put_three(self.identity.group, real, effective, saved);
}

Reply setuid(Process& self, std::uint32_t uid) noexcept {
    return change_identity(self, [=](Identity& i, bool root) { return i.user.set(uid, root); });
}
Reply setgid(Process& self, std::uint32_t gid) noexcept {
    return change_identity(self, [=](Identity& i, bool root) { return i.group.set(gid, root); });
}
Reply setreuid(Process& self, std::uint32_t real, std::uint32_t effective) noexcept {
    return change_identity(
        self, [=](Identity& i, bool root) { return set_two(i.user, real, effective, root); });
}
Reply setregid(Process& self, std::uint32_t real, std::uint32_t effective) noexcept {
    return change_identity(
        self, [=](Identity& i, bool root) { return set_two(i.group, real, effective, root); });
}
Reply setresuid(Process& self, std::uint32_t real, std::uint32_t effective,
                std::uint32_t saved) noexcept {
    return change_identity(self, [=](Identity& i, bool root) {
        return i.user.set_three(unless_minus_one(real), unless_minus_one(effective),
                                unless_minus_one(saved), root);
    });
}
Reply setresgid(Process& self, std::uint32_t real, std::uint32_t effective,
                std::uint32_t saved) noexcept {
    return change_identity(self, [=](Identity& i, bool root) {
        return i.group.set_three(unless_minus_one(real), unless_minus_one(effective),
                                 unless_minus_one(saved), root);
    });
}
Reply setfsuid(Process& self, std::uint32_t) noexcept {
    return self.identity.user.effective;
}

Reply getgroups(Process& self, std::uint32_t room, VirtAddr to) noexcept {
    const auto groups = self.identity.groups();
    if (room != 0) {
        if (room < groups.size()) {
            return fail(Errc::invalid_argument);
        }
        TRY(copy_out(to, std::as_bytes(groups)));
    }
    return static_cast<std::uint32_t>(groups.size());
}

Reply setgroups(Process& self, std::uint32_t count, VirtAddr from) noexcept {
    std::array<std::uint32_t, Identity::max_groups> groups;
    if (count > groups.size()) {
        return fail(Errc::invalid_argument);
    }
    TRY(copy_in(std::as_writable_bytes(std::span(groups).first(count)), from));
    return change_identity(self, [&](Identity& i, bool root) -> Status {
        if (!root) {
            return fail(Errc::not_permitted);
        }
        return i.set_groups(std::span(groups).first(count));
    });
}

namespace {

/// A field of the process `pid` (0: the caller).
template <class F>
Reply ask(Process& self, Pid pid, F&& field) noexcept {
    LockGuard guard(process_lock);
    const Process* const p = pid.value() == 0 ? &self : processes().find(pid);
    if (p == nullptr) {
        return fail(Errc::no_process);
    }
    return field(*p).word();
}

}  // namespace

Reply getpgid(Process& self, Pid pid) noexcept {
    return ask(self, pid, [](const Process& p) { return p.group; });
}
Reply getpgrp(Process& self) noexcept {
    return getpgid(self, Pid(0));
}
Reply getsid(Process& self, Pid pid) noexcept {
    return ask(self, pid, [](const Process& p) { return p.session; });
}

Reply setpgid(Process& self, Pid pid, Pid group) noexcept {
    TRY(set_group(self, pid, group));
    return 0U;
}
Reply setsid(Process& self) noexcept {
    return TRY(create_session(self)).word();
}

}  // namespace kidney::kernel::calls
