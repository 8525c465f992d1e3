/// A process: an address space, open files, an identity, relatives, signals, and threads.
///
/// "The process's own" below means "touched only by its threads". What other processes and
/// interrupts look at is guarded by the world's `process_lock`, a spin lock, because Ctrl-C arrives
/// in an interrupt.
///
/// Life: made by fork (or as the first one) with one thread, known to the ProcessTable, a zombie
/// when its last thread has ended, taken out of the table by its parent's wait. The table owns it;
/// a vfork parent borrows a reference.
#pragma once

#include "fs/vfs/execution.hpp"
#include "fs/vfs/mount_table.hpp"
#include "kidney/core/bounded.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/time.hpp"
#include "kidney/core/user_account.hpp"
#include "proc/exit_status.hpp"
#include "proc/files/fd_table.hpp"
#include "proc/identity/identity.hpp"
#include "proc/kept.hpp"
#include "proc/limits.hpp"
#include "proc/pid.hpp"
#include "proc/signal/signal_state.hpp"
#include "proc/thread.hpp"
#include "proc/usage.hpp"

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney::proc {

enum class ProcessState : std::uint8_t { running, stopped, zombie };

/// Who hears of the end of one process, in whose list it is.
class ExitListener {
public:
    /// The process is a zombie, or is gone at once. Under process_lock: it may wake threads.
    virtual void ended() noexcept = 0;

    ListHook in_process;

protected:
    ~ExitListener() = default;
};
using ExitListeners = ElementList<ExitListener, &ExitListener::in_process>;

/// `W` is a proc::World, `W::Process` derives from this and adds what only that world knows.
template <class W>
class ProcessBase : public RefCounted {
public:
    using World = W;
    using Process = typename W::Process;
    using Thread = typename W::Thread;
    using AddressSpace = typename W::AddressSpace;
    using State = ProcessState;

    ProcessBase() noexcept = default;

    // --- Constant, or the process's own ---
    // Others look at memory, files, root, directory and executable: see replace(). Threads of the
    // process look at root and directory through a Standpoint.
    Pid pid;                   ///< given when the process is entered in the table
    Ref<AddressSpace> memory;  ///< shared with the parent during vfork
    FdTableWith<typename W::ViewLock> files;
    fs::Place root, directory;  ///< "/" and the current directory
    std::atomic<std::uint32_t> umask{022};
    Usage children_usage;
    Ref<fs::Vnode> executable;  ///< for /proc/self/exe
    fs::Execution execution;    ///< of `executable`: nobody writes it meanwhile

    // --- Guarded by process_lock ---
    using Threads = ElementList<Thread, &UserThread::in_process>;
    Threads threads GUARDED_BY(W::process_lock);  ///< in the order of birth
    /// The first of them, which stands for all where one is looked at; null once all have ended.
    Thread* thread = nullptr;
    /// exec waits until this one is the only thread left; null: none does.
    Thread* sole GUARDED_BY(W::process_lock) = nullptr;
    /// exit_group or a fatal signal: all threads end, and this is how the process does.
    bool ends GUARDED_BY(W::process_lock) = false;
    ExitStatus end_status GUARDED_BY(W::process_lock);
    Usage ended_threads GUARDED_BY(W::process_lock);  ///< what they have used
    /// All threads stop by this one, or have; 0: they run.
    std::uint32_t stop_signal GUARDED_BY(W::process_lock) = 0;
    Limits limits;  ///< which anybody reads without the lock
    /// Written by its owner only, under the view lock as well: amend(). Its threads read one number
    /// without a lock, and what must fit together through who().
    Identity identity;
    Ref<UserAccount> account;  ///< of the real user; changed by its owner only
    SignalState signals;
    State state GUARDED_BY(W::process_lock) = State::running;
    /// Null once nobody waits for it any more, and of the first one.
    Process* parent GUARDED_BY(W::process_lock) = nullptr;
    /// Its descendants' children become its own, not init's (PR_SET_CHILD_SUBREAPER).
    bool adopts_orphans GUARDED_BY(W::process_lock) = false;
    bool dumpable = true;        ///< others of its user may look inside (PR_SET_DUMPABLE, proc(5))
    bool no_new_rights = false;  ///< exec gives no other identity (PR_SET_NO_NEW_PRIVS)
    /// What it gets when its parent ends (PR_SET_PDEATHSIG); 0: nothing.
    std::uint32_t death_signal GUARDED_BY(W::process_lock) = 0;
    Pid group GUARDED_BY(W::process_lock), session GUARDED_BY(W::process_lock);
    /// Controlling terminal; null: none.
    typename W::Terminal* terminal GUARDED_BY(W::process_lock) = nullptr;
    ExitStatus status GUARDED_BY(W::process_lock);  ///< of a zombie, or the stop signal
    /// wait() has told the parent about the stop.
    bool stop_reported GUARDED_BY(W::process_lock) = true;
    /// wait(WCONTINUED) has something to tell.
    bool continue_pending GUARDED_BY(W::process_lock) = false;
    bool has_executed GUARDED_BY(W::process_lock) = false;  ///< setpgid by the parent is over
    /// vfork: the thread that waits until we let go of its memory; null when it does not (any
    /// more), so it is there as long as this points to it.
    Thread* lender GUARDED_BY(W::process_lock) = nullptr;
    std::uint32_t exit_signal GUARDED_BY(W::process_lock) = abi::sig_chld;
    Usage final_usage GUARDED_BY(W::process_lock);           ///< of a zombie
    BoundedText<15> final_name GUARDED_BY(W::process_lock);  ///< likewise

    /// Sleeping: whoever changes its timers, or gives one its signal back.
    typename W::TimerLock timer_lock;

    ExitListeners exit_listeners GUARDED_BY(W::process_lock);

    /// SIGKILL is on its way, or the process exits.
    std::atomic<bool> is_ending{false};

    ListHook in_table, in_siblings, in_bucket;
    using Children = ElementList<Process, &ProcessBase::in_siblings>;
    Children children GUARDED_BY(W::process_lock);

    /// A second thread is about to come: from now on its threads keep what they use. Never taken
    /// back. By the only thread, which holds nothing that it would have to keep.
    void share_among_threads() noexcept {
        files.share_among_threads();
        // relaxed: whoever starts the thread makes it see what was before.
        is_shared_.store(true, std::memory_order_relaxed);
    }
    /// It has several threads, or had.
    [[nodiscard]] bool is_shared() const noexcept {
        return is_shared_.load(std::memory_order_relaxed);
    }

    /// The owner changes one of the members that others look at.
    template <class T>
    void replace(T& member, T next) noexcept EXCLUDES(view_lock_) {
        {
            LockGuard guard(view_lock_);
            std::swap(member, next);
        }
        // What was there may end now: not under a spin lock.
    }
    /// The same in place: f(member).
    template <class T, class F>
    auto amend(T& member, F&& f) noexcept EXCLUDES(view_lock_) {
        LockGuard guard(view_lock_);
        return f(member);
    }
    /// Others look at such a member, whatever the process does meanwhile; null once it has ended.
    template <class T>
    [[nodiscard]] T look_at(const T& member) const noexcept EXCLUDES(view_lock_) {
        LockGuard guard(view_lock_);
        return member;
    }
    /// The same without a reference, for something short: f(pointer, or null) under the view's
    /// lock.
    template <class T, class F>
    [[nodiscard]] auto peek(const Ref<T>& member, F&& f) const noexcept EXCLUDES(view_lock_) {
        LockGuard guard(view_lock_);
        return f(static_cast<const T*>(member.get()));
    }

    [[nodiscard]] bool is_zombie() const noexcept REQUIRES(W::process_lock) {
        return state == State::zombie;
    }
    /// The one that makes this call, a thread of this process.
    [[nodiscard]] Thread& this_thread() const noexcept { return W::Threads::current(); }
    /// A signal waits to be delivered to the calling thread: interruptible sleeps end with
    /// Errc::restart or interrupted.
    [[nodiscard]] bool is_interrupted() const noexcept {
        return this_thread().interrupted.load(std::memory_order_relaxed) != 0;
    }
    /// `t`, one of its threads, shall run no more of the program.
    [[nodiscard]] bool must_end(const Thread& t) const noexcept REQUIRES(W::process_lock) {
        return ends || (sole != nullptr && sole != &t);
    }
    /// For its own threads: who it is at this moment.
    [[nodiscard]] Snapshot<Identity> who() const noexcept { return {*this, identity}; }
    [[nodiscard]] std::string_view name() const noexcept { return thread->name(); }

protected:
    ~ProcessBase() = default;

private:
    mutable typename W::ViewLock view_lock_;
    std::atomic<bool> is_shared_{false};
};

}  // namespace kidney::proc
