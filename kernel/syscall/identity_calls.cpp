/// Numbers of processes, users and groups.
#include "kernel/process/process_table.hpp"
#include "kernel/resource/accounts.hpp"
#include "kernel/syscall/process_calls.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "proc/life/job_control.hpp"

#include <algorithm>
#include <array>

namespace kidney::kernel::calls {

Reply getpid(Process& self) noexcept {
    return self.pid.word();
}

Reply gettid(Process& self) noexcept {
    return self.this_thread().number.word();
}

Reply getppid(Process& self) noexcept {
    LockGuard guard(World::process_lock);
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

template <class Id>
Reply put_three(const IdTriple& ids, UserPtr<Id> real, UserPtr<Id> effective,
                UserPtr<Id> saved) noexcept {
    TRY(put_user(real, id_as<Id>(ids.real)));
    TRY(put_user(effective, id_as<Id>(ids.effective)));
    TRY(put_user(saved, id_as<Id>(ids.saved)));
    return 0U;
}

/// Changes identities under the locks that others read them with.
template <class F>
Reply change_identity(Process& self, F&& change) noexcept {
    LockGuard guard(World::process_lock);
    const bool acts_as_before = TRY(self.amend(self.identity, [&](Identity& i) -> Result<bool> {
        const Identity before = i;
        TRY(change(i, before.is_privileged()));
        return i.acts_as(before);
    }));
    if (!acts_as_before) {
        self.become_opaque();
    }
    return 0U;
}

/// The same for users, whose real one pays for what the process holds. As on Linux the call fails
/// with EAGAIN when there is no memory for a new account.
template <class F>
Reply change_user(Process& self, F&& change) noexcept {
    const auto before = self.who();
    IdTriple next = before->user;
    TRY(change(next, before->is_privileged()));
    Ref<UserAccount> account;
    if (next.real != (*Snapshot(self, self.account))->uid()) {
        auto found = account_of(next.real);
        if (!found) {
            return fail(Errc::would_block);
        }
        account = std::move(*found);
    }
    // Once more from the beginning: another thread may have given rights up meanwhile.
    TRY(change_identity(self, [&](Identity& i, bool root) -> Status {
        next = i.user;
        TRY(change(next, root));
        i.set_users(next, self.keeps_capabilities);
        return {};
    }));
    if (account) {
        move_to_account(self, account);
    }
    return 0U;
}

}  // namespace

Reply getresuid(Process& self, UserPtr<std::uint32_t> real, UserPtr<std::uint32_t> effective,
                UserPtr<std::uint32_t> saved) noexcept {
    return put_three(self.who()->user, real, effective, saved);
}
Reply getresgid(Process& self, UserPtr<std::uint32_t> real, UserPtr<std::uint32_t> effective,
                UserPtr<std::uint32_t> saved) noexcept {
    return put_three(self.who()->group, real, effective, saved);
}

Reply setuid(Process& self, std::uint32_t uid) noexcept {
    return change_user(self, [=](IdTriple& user, bool root) { return user.set(uid, root); });
}
Reply setgid(Process& self, std::uint32_t gid) noexcept {
    return change_identity(self, [=](Identity& i, bool root) { return i.group.set(gid, root); });
}
Reply setreuid(Process& self, std::uint32_t real, std::uint32_t effective) noexcept {
    return change_user(
        self, [=](IdTriple& user, bool root) { return user.set_two(real, effective, root); });
}
Reply setregid(Process& self, std::uint32_t real, std::uint32_t effective) noexcept {
    return change_identity(
        self, [=](Identity& i, bool root) { return i.group.set_two(real, effective, root); });
}
Reply setresuid(Process& self, std::uint32_t real, std::uint32_t effective,
                std::uint32_t saved) noexcept {
    return change_user(self, [=](IdTriple& user, bool root) {
        return user.set_three(real, effective, saved, root);
    });
}
Reply setresgid(Process& self, std::uint32_t real, std::uint32_t effective,
                std::uint32_t saved) noexcept {
    return change_identity(self, [=](Identity& i, bool root) {
        return i.group.set_three(real, effective, saved, root);
    });
}
Reply setfsuid(Process& self, std::uint32_t uid) noexcept {
    std::uint32_t before = 0;
    TRY(change_identity(self, [&](Identity& i, bool root) -> Status {
        before = i.user.set_file(uid, root);
        return {};
    }));
    return before;
}
Reply setfsgid(Process& self, std::uint32_t gid) noexcept {
    std::uint32_t before = 0;
    TRY(change_identity(self, [&](Identity& i, bool root) -> Status {
        before = i.group.set_file(gid, root);
        return {};
    }));
    return before;
}

namespace {

/// A program's list of groups has words of this size.
template <class Id>
Reply put_groups(Process& self, std::int32_t room, VirtAddr to) noexcept {
    const auto now = self.who();
    const auto groups = now->groups();
    if (room < 0 || (room != 0 && static_cast<std::size_t>(room) < groups.size())) {
        return fail(Errc::invalid_argument);
    }
    if (room != 0) {
        std::array<Id, Identity::max_groups> list;
        std::ranges::transform(groups, list.begin(), &id_as<Id>);
        TRY(copy_out(to, std::as_bytes(std::span(list).first(groups.size()))));
    }
    return static_cast<std::uint32_t>(groups.size());
}

template <class Id>
Reply take_groups(Process& self, std::uint32_t count, VirtAddr from) noexcept {
    if (!self.identity.is_privileged()) {
        return fail(Errc::not_permitted);
    }
    std::array<Id, Identity::max_groups> list;
    if (count > list.size()) {
        return fail(Errc::invalid_argument);
    }
    TRY(copy_in(std::as_writable_bytes(std::span(list).first(count)), from));
    std::array<std::uint32_t, Identity::max_groups> groups{};
    std::ranges::transform(std::span(list).first(count), groups.begin(), &id_from<Id>);
    if (std::ranges::count(std::span(groups).first(count), no_id) != 0) {
        return fail(Errc::invalid_argument);
    }
    return change_identity(
        self, [&](Identity& i, bool) { return i.set_groups(std::span(groups).first(count)); });
}

}  // namespace

Reply getgroups(Process& self, std::int32_t room, VirtAddr to) noexcept {
    return put_groups<std::uint32_t>(self, room, to);
}
Reply setgroups(Process& self, std::uint32_t count, VirtAddr from) noexcept {
    return take_groups<std::uint32_t>(self, count, from);
}

// The calls from when numbers had 16 bits.
Reply getuid16(Process& self) noexcept {
    return id_as<OldId>(self.identity.user.real);
}
Reply geteuid16(Process& self) noexcept {
    return id_as<OldId>(self.identity.user.effective);
}
Reply getgid16(Process& self) noexcept {
    return id_as<OldId>(self.identity.group.real);
}
Reply getegid16(Process& self) noexcept {
    return id_as<OldId>(self.identity.group.effective);
}
Reply setuid16(Process& self, OldId uid) noexcept {
    return setuid(self, id_from(uid));
}
Reply setgid16(Process& self, OldId gid) noexcept {
    return setgid(self, id_from(gid));
}
Reply setreuid16(Process& self, OldId real, OldId effective) noexcept {
    return setreuid(self, id_from(real), id_from(effective));
}
Reply setregid16(Process& self, OldId real, OldId effective) noexcept {
    return setregid(self, id_from(real), id_from(effective));
}
Reply setresuid16(Process& self, OldId real, OldId effective, OldId saved) noexcept {
    return setresuid(self, id_from(real), id_from(effective), id_from(saved));
}
Reply setresgid16(Process& self, OldId real, OldId effective, OldId saved) noexcept {
    return setresgid(self, id_from(real), id_from(effective), id_from(saved));
}
Reply getresuid16(Process& self, UserPtr<OldId> real, UserPtr<OldId> effective,
                  UserPtr<OldId> saved) noexcept {
    return put_three(self.who()->user, real, effective, saved);
}
Reply getresgid16(Process& self, UserPtr<OldId> real, UserPtr<OldId> effective,
                  UserPtr<OldId> saved) noexcept {
    return put_three(self.who()->group, real, effective, saved);
}
Reply setfsuid16(Process& self, OldId uid) noexcept {
    return id_as<OldId>(TRY(setfsuid(self, id_from(uid))));
}
Reply setfsgid16(Process& self, OldId gid) noexcept {
    return id_as<OldId>(TRY(setfsgid(self, id_from(gid))));
}
Reply getgroups16(Process& self, std::int32_t room, VirtAddr to) noexcept {
    return put_groups<OldId>(self, room, to);
}
Reply setgroups16(Process& self, std::uint32_t count, VirtAddr from) noexcept {
    return take_groups<OldId>(self, count, from);
}

namespace {

/// A field of the process `pid` (0: the caller).
template <class F>
Reply ask(Process& self, Pid pid, F&& field) noexcept {
    LockGuard guard(World::process_lock);
    const Process* const p = pid.value() == 0 ? &self : processes().find(pid);
    if (p == nullptr) {
        return fail(Errc::no_process);
    }
    return field(*p).word();
}

}  // namespace

Reply getpgid(Process& self, Pid pid) noexcept {
    return ask(self, pid, [](const Process& p) KIDNEY_NO_TSA("lock held") { return p.group; });
}
Reply getpgrp(Process& self) noexcept {
    return getpgid(self, Pid(0));
}
Reply getsid(Process& self, Pid pid) noexcept {
    return ask(self, pid, [](const Process& p) KIDNEY_NO_TSA("lock held") { return p.session; });
}

Reply setpgid(Process& self, Pid pid, Pid group) noexcept {
    TRY(set_group(self, pid, group));
    return 0U;
}
Reply setsid(Process& self) noexcept {
    return TRY(create_session(self)).word();
}

}  // namespace kidney::kernel::calls
