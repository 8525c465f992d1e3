#include "kernel/signal/send.hpp"

#include "kernel/process/job_control.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/time/posix_timer.hpp"
#include "kidney/mm/make.hpp"

#include <utility>

namespace kidney::kernel {

void notify(Process& target) noexcept {
    if (target.thread != nullptr) {
        dispatcher().interrupt(*target.thread);
    }
}

PostResult send_signal(Process& target, std::uint32_t signal, const SignalCause& cause,
                       QueuedSignal* queued) noexcept {
    if (target.state == Process::State::zombie) {
        return PostResult::discarded;
    }
    if (signal == abi::sig_cont || signal == abi::sig_kill) {
        resume_stopped(target, signal);
    }
    const PostResult result = target.signals.post(signal, cause, queued);
    if (result == PostResult::wake) {
        if (signal == abi::sig_kill) {
            target.is_ending.store(true, std::memory_order_relaxed);
        }
        notify(target);
    }
    return result;
}

SpareSignal::~SpareSignal() {
    if (queued_ != nullptr) {
        destroy(*queued_);
    }
}

Status SpareSignal::make() noexcept {
    queued_ = TRY(mm::make<QueuedSignal>(heap()));
    return {};
}

Status SpareSignal::take_room(const Process& owner) noexcept {
    return queued_->room.take({owner.account}, Holding::pending_signals, 1,
                              owner.limits.pending_signals())
               ? Status()
               : Status(fail(Errc::would_block));
}

QueuedSignal* SpareSignal::release() noexcept {
    return std::exchange(queued_, nullptr);
}

void SpareSignal::destroy(QueuedSignal& queued) noexcept {
    mm::destroy(heap(), &queued);
}

void SpareSignal::destroy_all(SignalQueue& queue) noexcept {
    while (QueuedSignal* const queued = queue.take(SignalSet(~std::uint64_t{0}))) {
        destroy(*queued);
    }
}

Status send_queued_signal(Process& target, std::uint32_t signal, const SignalCause& cause,
                          SpareSignal& spare) noexcept {
    if (spare.get() != nullptr && spare.take_room(target)) {
        if (send_signal(target, signal, cause, spare.get()) == PostResult::discarded) {
            spare.get()->room = Share();  // the target still has the account: it does not end here
        } else {
            spare.release();
        }
        return {};
    }
    if (cause.code != abi::si_user) {
        return fail(Errc::would_block);
    }
    send_signal(target, signal, cause);
    return {};
}

void settle(QueuedSignal* queued, SignalCause& cause) noexcept {
    if (queued == nullptr) {
        return;
    }
    if (queued->source != nullptr) {
        cause.uid = queued->source->signal_taken();
    } else {
        SpareSignal::destroy(*queued);
    }
}

void settle_discarded(Process& self) noexcept {
    for (;;) {
        QueuedSignal* queued = nullptr;
        {
            LockGuard guard(process_lock);
            queued = self.signals.take_discarded();
        }
        if (queued == nullptr) {
            return;
        }
        SignalCause nobody_asks;
        settle(queued, nobody_asks);
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
