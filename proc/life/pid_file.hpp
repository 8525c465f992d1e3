/// A file that stands for a process: pidfd_open(2), CLONE_PIDFD. It is ready when the process has
/// ended, and means that process even when another one has its number.
#pragma once

#include "fs/event/anonymous_file.hpp"
#include "fs/poll_list.hpp"
#include "fs/procfs/text.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/fs/poll.hpp"
#include "proc/process.hpp"
#include "proc/process_table.hpp"

namespace kidney::proc {

/// `PollLock` is a spin lock. Concurrency: any thread.
template <class P, BasicLockable PollLock>
class PidFile final : public fs::AnonymousFile<PidFile<P, PollLock>, typename P::World::Heap>,
                      ExitListener {
    using W = typename P::World;
    using Base = fs::AnonymousFile<PidFile<P, PollLock>, typename W::Heap>;

public:
    static constexpr std::string_view name = "anon_inode:[pidfd]";

    explicit PidFile(bool non_blocking) noexcept
        : Base(W::heap(), {.read = true, .write = true, .non_blocking = non_blocking}) {}

    /// Once, before anybody else knows the file.
    void bind(P& process) noexcept REQUIRES(W::process_lock) {
        process_ = Ref<P>::share(process);
        process.exit_listeners.push_back(*this);
    }
    [[nodiscard]] P& process() const noexcept { return *process_; }
    /// Nobody has waited for it yet, if it has ended.
    [[nodiscard]] bool is_known() const noexcept REQUIRES(W::process_lock) {
        return W::processes().find(process_->pid) == process_.get();
    }

    [[nodiscard]] fs::Readiness poll(fs::PollWaiter* waiter) noexcept override
        EXCLUDES(W::process_lock) {
        pollers_.enter(waiter);
        LockGuard guard(W::process_lock);
        return {.readable = process_->is_zombie()};
    }
    [[nodiscard]] std::string_view label() const noexcept override { return name; }
    void describe(fs::TextOutput& out) noexcept override EXCLUDES(W::process_lock) {
        std::int64_t pid = -1;
        {
            LockGuard guard(W::process_lock);
            if (is_known()) {
                pid = process_->pid.value();
            }
        }
        format_to(out, "Pid:\t{}\nNSpid:\t{}\n", pid, pid);
    }
    void dispose() noexcept override {
        if (process_) {
            LockGuard guard(W::process_lock);
            process_->exit_listeners.erase(ExitListeners::s_iterator_to(*this));
        }
        Base::dispose();
    }

private:
    void ended() noexcept override { pollers_.notify({.readable = true}); }

    Ref<P> process_;
    fs::PollList<PollLock> pollers_;
};

}  // namespace kidney::proc
