/// Sending signals: kill and its kin, with and without a value.
#include "kernel/event/process_files.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/syscall/signal_calls.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "proc/signal/send.hpp"

#include <array>
#include <cstddef>
#include <limits>

namespace kidney::kernel::calls {
namespace {

constexpr std::uint32_t first_real_time = 32;

/// Whom a signal is for.
struct Target {
    Process& process;
    Thread* only = nullptr;  ///< one thread of it; null: any of them
};

SignalCause from(const Process& self, std::int32_t code) noexcept {
    return {.code = code, .pid = self.pid.value(), .uid = self.identity.user.real};
}

/// Sends, or only checks (signal 0). Errors: invalid_argument (no such signal), not_permitted,
/// would_block (no room to queue it).
Status send_checked(Process& self, const Target& target, std::uint32_t signal,
                    const SignalCause& cause, SpareSignalOf<World>& spare) noexcept
    REQUIRES(World::process_lock) {
    if (signal > abi::signal_count) {
        return fail(Errc::invalid_argument);
    }
    if (!may_signal(self, target.process, signal)) {
        return fail(Errc::not_permitted);
    }
    if (signal >= first_real_time) {
        return send_queued_signal(target.process, target.only, signal, cause, spare);
    }
    if (signal != 0) {
        send_signal_to(target.process, target.only, signal, cause);
    }
    return {};
}

/// What can be made for a signal that queues; without it its cause is lost, or the call fails.
void prepare(SpareSignalOf<World>& spare, std::uint32_t signal) noexcept {
    if (signal >= first_real_time && signal <= abi::signal_count) {
        ignore_error(spare.make(), "send_queued_signal() does without, or says so");
    }
}

/// Errors: no_process, and send_checked()'s.
Status send_to_one(Process& self, Pid pid, std::uint32_t signal,
                   const SignalCause& cause) noexcept {
    SpareSignalOf<World> spare;
    prepare(spare, signal);
    LockGuard guard(World::process_lock);
    Process* const target = processes().find(pid);
    if (target == nullptr) {
        return fail(Errc::no_process);
    }
    return send_checked(self, {*target}, signal, cause, spare);
}

/// To a thread by its number, of the process `of` (0: of any). A process that has ended is still
/// there, as its first thread. Errors: as send_to_one().
Status send_to_thread(Process& self, Pid of, Pid number, std::uint32_t signal,
                      const SignalCause& cause) noexcept {
    SpareSignalOf<World> spare;
    prepare(spare, signal);
    LockGuard guard(World::process_lock);
    Thread* const thread = processes().find_thread(number);
    Process* const target = thread == nullptr ? processes().find(number) : thread->process;
    if (target == nullptr || (of.value() != 0 && target->pid != of)) {
        return fail(Errc::no_process);
    }
    return send_checked(self, {*target, thread}, signal, cause, spare);
}

/// Places for a signal that goes to many. None is made under the lock, so their number is a guess:
/// for whom there is none, the signal is pending without its cause.
class SpareSignals {
public:
    void make(std::size_t count) noexcept {
        while (count_ < count && count_ < spares_.size() && spares_[count_].make()) {
            ++count_;
        }
    }
    [[nodiscard]] SpareSignalOf<World>& next() noexcept {
        while (used_ < count_ && spares_[used_].get() == nullptr) {
            ++used_;
        }
        return used_ < count_ ? spares_[used_] : none_;
    }

private:
    std::array<SpareSignalOf<World>, 64> spares_;
    SpareSignalOf<World> none_;
    std::size_t count_ = 0;
    std::size_t used_ = 0;
};

/// kill(0), kill(-1), kill(-group). Zombies are members, too.
Status send_to_many(Process& self, Pid pid, std::uint32_t signal) noexcept {
    if (pid.value() == std::numeric_limits<std::int32_t>::min()) {
        return fail(Errc::no_process);
    }
    const SignalCause cause = from(self, abi::si_user);
    const bool to_all = pid.value() == -1;
    const auto is_named = [&](const Process& p) KIDNEY_NO_TSA("called with the lock held") {
        return to_all             ? p.pid != init_pid && &p != &self
               : pid.value() == 0 ? p.group == self.group
                                  : p.group.value() == -pid.value();
    };
    SpareSignals spares;
    if (signal >= first_real_time && signal <= abi::signal_count) {
        std::size_t members = 0;
        {
            LockGuard guard(World::process_lock);
            processes().for_each([&](Process& p) { members += is_named(p) ? 1U : 0U; });
        }
        spares.make(members);
    }
    Status result = fail(Errc::no_process);
    bool sent = false;
    LockGuard guard(World::process_lock);
    processes().for_each([&](Process& p) KIDNEY_NO_TSA("lock held") {
        if (!is_named(p)) {
            return;
        }
        const Status one = send_checked(self, {p}, signal, cause, spares.next());
        sent |= one.has_value();
        if (one && signal != 0) {
            p.signals.hand_on(signal);
        }
        result = one;
        // To all, as Linux: somebody is there, and those that one may not reach do not count.
        if (to_all && !one && one.error() == Errc::not_permitted) {
            sent = true;
        }
    });
    return sent ? Status() : result;
}

/// siginfo_t as a program made it up. Errors: bad_address, argument_list_long (something where
/// nothing belongs).
Result<SignalCause> get_cause(UserPtr<const abi::SigInfo> from) noexcept {
    abi::SigInfo info;
    TRY(copy_in(std::as_writable_bytes(std::span(&info, 1)), from.address()));
    constexpr std::int32_t oldest_known = -7, async_name_lookup = -60;
    constexpr std::size_t known_words = (48 - offsetof(abi::SigInfo, padding)) / 4;
    if (info.code < oldest_known && info.code != async_name_lookup) {
        for (std::size_t i = known_words; i < std::size(info.padding); ++i) {
            if (info.padding[i] != 0) {
                return fail(Errc::argument_list_long);
            }
        }
    }
    return SignalCause{.code = info.code,
                       .pid = static_cast<std::int32_t>(info.pid_or_address),
                       .uid = info.uid,
                       .status = info.status,
                       .si_errno = info.error};
}

/// Nobody but who hears it may say that the kernel sent a signal.
bool may_claim(const Process& self, Pid target, std::int32_t code) noexcept {
    return (code < 0 && code != abi::si_tkill) || target == self.this_thread().number;
}

Reply reply_of(const Status& status) noexcept {
    return status ? Reply(0U) : Reply(fail(status.error()));
}

}  // namespace

Reply kill(Process& self, Pid pid, std::uint32_t signal) noexcept {
    return reply_of(pid.value() > 0 ? send_to_one(self, pid, signal, from(self, abi::si_user))
                                    : send_to_many(self, pid, signal));
}

Reply tkill(Process& self, Pid pid, std::uint32_t signal) noexcept {
    if (pid.value() <= 0) {
        return fail(Errc::invalid_argument);
    }
    return reply_of(send_to_thread(self, Pid(0), pid, signal, from(self, abi::si_tkill)));
}

Reply tgkill(Process& self, Pid group, Pid pid, std::uint32_t signal) noexcept {
    if (group.value() <= 0 || pid.value() <= 0) {
        return fail(Errc::invalid_argument);
    }
    return reply_of(send_to_thread(self, group, pid, signal, from(self, abi::si_tkill)));
}

Reply rt_sigqueueinfo(Process& self, Pid pid, std::uint32_t signal,
                      UserPtr<const abi::SigInfo> info) noexcept {
    const SignalCause cause = TRY(get_cause(info));
    if (!may_claim(self, pid, cause.code)) {
        return fail(Errc::not_permitted);
    }
    return reply_of(send_to_one(self, pid, signal, cause));
}

Reply pidfd_send_signal(Process& self, Fd fd, std::uint32_t signal,
                        UserPtr<const abi::SigInfo> info, std::uint32_t flags) noexcept {
    if (flags != 0) {
        return fail(Errc::invalid_argument);
    }
    const OpenFile file = TRY(self.files.get(fd));
    auto* const target = fs::anonymous_cast<PidFile>(*file);
    if (target == nullptr) {
        return fail(Errc::bad_descriptor);
    }
    SignalCause cause = from(self, abi::si_user);
    if (!info.is_null()) {
        const auto number = TRY(get_user(UserPtr<const std::uint32_t>(info.address())));
        cause = TRY(get_cause(info));
        if (number != signal) {
            return fail(Errc::invalid_argument);
        }
        if (!may_claim(self, target->process().pid, cause.code)) {
            return fail(Errc::not_permitted);
        }
    }
    SpareSignalOf<World> spare;
    prepare(spare, signal);
    LockGuard guard(World::process_lock);
    return target->is_known()
               ? reply_of(send_checked(self, {target->process()}, signal, cause, spare))
               : Reply(fail(Errc::no_process));
}

Reply rt_tgsigqueueinfo(Process& self, Pid group, Pid pid, std::uint32_t signal,
                        UserPtr<const abi::SigInfo> info) noexcept {
    const SignalCause cause = TRY(get_cause(info));
    if (group.value() <= 0 || pid.value() <= 0) {
        return fail(Errc::invalid_argument);
    }
    if (!may_claim(self, pid, cause.code)) {
        return fail(Errc::not_permitted);
    }
    return reply_of(send_to_thread(self, group, pid, signal, cause));
}

}  // namespace kidney::kernel::calls
