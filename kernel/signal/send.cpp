#include "kernel/signal/send.hpp"

#include "kernel/process/job_control.hpp"
#include "kernel/process/process_table.hpp"

namespace kidney::kernel {

void notify(Process& target) noexcept {
    if (target.thread != nullptr) {
        dispatcher().interrupt(*target.thread);
    }
}

void send_signal(Process& target, std::uint32_t signal, const SignalCause& cause) noexcept {
    if (target.state == Process::State::zombie) {
        return;
    }
    if (signal == abi::sig_cont || signal == abi::sig_kill) {
        resume_stopped(target, signal);
    }
    if (target.signals.post(signal, cause) == PostResult::wake) {
        notify(target);
    }
}

bool send_signal_to_group(Pid group, std::uint32_t signal, const SignalCause& cause) noexcept {
    bool found = false;
    processes().for_each([&](Process& p) KIDNEY_NO_TSA("called with the lock held") {
        if (p.group == group && p.state != Process::State::zombie) {
            found = true;
            send_signal(p, signal, cause);
            p.signals.hand_on(signal);
        }
    });
    return found;
}

void force_signal(Process& self, std::uint32_t signal, const SignalCause& cause) noexcept {
    LockGuard guard(process_lock);
    self.signals.force(signal, cause);
    notify(self);
}

void send_signal_to_self(Process& self, std::uint32_t signal) noexcept {
    LockGuard guard(process_lock);
    send_signal(self, signal,
                {.code = abi::si_user, .pid = self.pid.value(), .uid = self.identity.user.real});
}

bool may_signal(const Process& sender, const Process& target, std::uint32_t signal) noexcept {
    if (signal == abi::sig_cont && sender.session == target.session) {
        return true;
    }
    const IdTriple& from = sender.identity.user;
    const IdTriple& to = target.identity.user;
    return sender.identity.is_privileged() || from.real == to.real || from.real == to.saved ||
           from.effective == to.real || from.effective == to.saved;
}

}  // namespace kidney::kernel
