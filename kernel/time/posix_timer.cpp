#include "kernel/time/posix_timer.hpp"

#include "kernel/process/process_table.hpp"
#include "kidney/mm/make.hpp"
#include "proc/signal/send.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace kidney::kernel {

PosixTimer::PosixTimer(Process& owner, TimerClock clock, const abi::SigEvent& event,
                       std::uint32_t id, QueuedSignal& queued) noexcept
    : ProcessTimer(owner, clock), event_(event), id_(id), queued_(&queued) {
    queued.source = this;
    queued.of_source = true;
}

bool PosixTimer::ring() noexcept KIDNEY_NO_TSA("called with World::process_lock held")
{
    const SignalCause cause{
        .code = abi::si_timer, .pid = static_cast<std::int32_t>(id_), .status = event_.value};
    Thread* only = nullptr;
    if (event_.notify == abi::sigev_thread_id) {
        only = processes().find_thread(Pid(event_.thread));
        if (only == nullptr || only->process != &owner()) {
            return true;  // it has ended
        }
    }
    // It may still be on its way if the timer was set anew meanwhile: then it stands for both.
    if (!queued_->is_queued &&
        send_signal_to(owner(), only, event_.signo, cause, queued_) == PostResult::discarded) {
        return true;  // ignored: nobody will take it
    }
    rests_ = true;
    return false;
}

PosixTimer::Setting PosixTimer::set_time(Setting when, bool is_absolute) noexcept {
    const Setting before = get();
    cancel();
    {
        LockGuard guard(World::process_lock);
        rests_ = false;  // a signal on its way is of the old setting
    }
    overruns_ = 0;
    set(when, is_absolute);
    return before;
}

std::uint32_t PosixTimer::signal_taken() noexcept {
    {
        LockGuard guard(World::process_lock);
        if (!std::exchange(rests_, false)) {
            return overruns_;
        }
    }
    constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
    overruns_ = static_cast<std::uint32_t>(std::min(resume(), most));
    return overruns_;
}

QueuedSignal* PosixTimer::give_up_signal() noexcept {
    LockGuard guard(World::process_lock);
    if (queued_->is_queued) {
        queued_->source = nullptr;
        return nullptr;
    }
    return queued_;
}

Result<PosixTimer*> PosixTimers::create(Process& owner, TimerClock clock,
                                        const abi::SigEvent* event) noexcept {
    SpareSignalOf<World> spare;
    TRY(spare.make());
    TRY(spare.take_room(owner));
    const std::uint32_t id = next_id_;
    abi::SigEvent usual{};
    usual.value = static_cast<std::int32_t>(id);
    usual.signo = abi::sig_alrm;
    usual.notify = abi::sigev_signal;
    PosixTimer* const timer = TRY(mm::make<PosixTimer>(
        heap(), owner, clock, event == nullptr ? usual : *event, id, *spare.get()));
    spare.release();
    next_id_ = (next_id_ + 1) & 0x7fff'ffff;
    timer->next = first_;
    first_ = timer;
    return timer;
}

Result<PosixTimer*> PosixTimers::find(std::uint32_t id) noexcept {
    for (PosixTimer* at = first_; at != nullptr; at = at->next) {
        if (at->id() == id) {
            return at;
        }
    }
    return fail(Errc::invalid_argument);
}

void PosixTimers::destroy(PosixTimer& timer) noexcept {
    timer.cancel();
    if (QueuedSignal* const queued = timer.give_up_signal()) {
        SpareSignalOf<World>::destroy(*queued);
    }
    mm::destroy(heap(), &timer);
}

Status PosixTimers::remove(std::uint32_t id) noexcept {
    for (PosixTimer** at = &first_; *at != nullptr; at = &(*at)->next) {
        if ((*at)->id() == id) {
            PosixTimer& timer = **at;
            *at = timer.next;
            destroy(timer);
            return {};
        }
    }
    return fail(Errc::invalid_argument);
}

void PosixTimers::remove_all() noexcept {
    while (first_ != nullptr) {
        PosixTimer& timer = *first_;
        first_ = timer.next;
        destroy(timer);
    }
}

}  // namespace kidney::kernel
