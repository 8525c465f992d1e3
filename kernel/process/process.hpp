/// A process: an address space, open files, an identity, relatives, signals, and one thread.
///
/// One thread per process for now: the thread's number is the process's, and "the process's own"
/// below means "touched only by that thread". What other processes and interrupts look at is
/// guarded by `process_lock`, a spin lock, because Ctrl-C arrives in an interrupt.
///
/// Life: made by fork (or as the first one), known to the ProcessTable, a zombie after exit, taken
/// out of the table by its parent's wait. The table owns it; a vfork parent borrows a reference.
#pragma once

#include "arch/i686/trap/trap_frame.hpp"
#include "fs/vfs/execution.hpp"
#include "kernel/kernel.hpp"
#include "kernel/names.hpp"
#include "kernel/time/posix_timer.hpp"
#include "kernel/time/process_timer.hpp"
#include "kidney/core/bounded.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/time.hpp"
#include "kidney/core/user_account.hpp"
#include "mm/victim.hpp"
#include "proc/exit_status.hpp"
#include "proc/files/fd_table.hpp"
#include "proc/identity/identity.hpp"
#include "proc/limits.hpp"
#include "proc/pid.hpp"
#include "proc/priorities.hpp"
#include "proc/signal/signal_state.hpp"
#include "proc/usage.hpp"

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <cstdint>

namespace kidney::kernel {

class Terminal;
class WatchedCall;

/// Guards the process table, the relations between processes, and all signal states.
using ProcessLock = SpinLock<ranks::signals>;
extern ProcessLock process_lock;

/// What the interrupted system call wants (Errc::restart) once the signals are dealt with.
enum class RestartMode : std::uint8_t {
    none,            ///< the last call was not interrupted
    always,          ///< run again; it had not begun (fork)
    by_flag,         ///< run again, unless a handler without SA_RESTART runs: then EINTR
    unless_handled,  ///< run again, unless any handler runs: then EINTR (sleeps, poll, sigsuspend)
};

inline constexpr std::uint32_t default_timer_slack = 50'000;  ///< ns

using ListHook =
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;

class Process : public RefCounted {
public:
    static constexpr const char* cache_name = "process";
    enum class State : std::uint8_t { running, stopped, zombie };

    Process() noexcept = default;

    const Instant started = Clock::now();

    // --- Constant, or the process's own ---
    // Other processes look at memory, files, root, directory and executable: see replace().
    Pid pid;                   ///< given when the process is entered in the table
    Thread* thread = nullptr;  ///< null once it has ended
    Ref<AddressSpace> memory;  ///< shared with the parent during vfork
    FdTableWith<SpinLock<ranks::process_view>> files;
    fs::Place root, directory;  ///< "/" and the current directory
    std::uint32_t umask = 022;
    std::uint16_t io_priority = 0;  ///< class and level of ioprio_set; kept, not acted on
    SchedulingClass scheduling;
    std::uint32_t faults = 0;      ///< pages that it touched and that were not there
    std::uint32_t peak_pages = 0;  ///< of memories that it has left
    Usage children_usage;
    Ref<fs::Vnode> executable;             ///< for /proc/self/exe
    fs::Execution execution;               ///< of `executable`: nobody writes it meanwhile
    UserPtr<std::uint32_t> set_at_start;   ///< CLONE_CHILD_SETTID: becomes the child's number
    UserPtr<std::uint32_t> clear_on_exit;  ///< CLONE_CHILD_CLEARTID, set_tid_address
    IntervalTimers interval_timers{*this};
    PosixTimers posix_timers;
    RestartMode restart_mode = RestartMode::none;
    WatchedCall* watched_call = nullptr;  ///< it is within this one (kernel/syscall/trace)
    bool exceeds_process_limit = false;   ///< since a change of user; exec looks once more
    bool undoes_semaphores = false;       ///< it has used SEM_UNDO
    bool uses_reserve = false;            ///< memory must be had at once (frame_claims.cpp)
    mm::VainRequests vain_requests;       ///< for memory (out_of_memory.cpp)
    /// When a restarted sleep or poll shall end; never() if none is under way.
    Instant resumed_deadline = Instant::never();
    /// Registers of a forked child until it first runs.
    hal::TrapFrame start_frame;

    // --- Guarded by process_lock ---
    /// Its owner looks without the lock, and may see one half of a number that another one changes.
    Limits limits;
    /// Where exec put them in `memory`.
    VirtRange arguments, environment, auxiliary;
    Identity identity;  ///< written by its owner only; other processes read it for permissions
    SignalState signals;
    State state = State::running;
    Process* parent = nullptr;    ///< null once nobody waits for it any more, and of the first one
    bool dumpable = true;         ///< others of its user may look inside (PR_SET_DUMPABLE, proc(5))
    bool no_new_rights = false;   ///< exec gives no other identity (PR_SET_NO_NEW_PRIVS)
    bool adopts_orphans = false;  ///< its descendants' children become its own, not init's
    std::uint32_t death_signal = 0;  ///< what it gets when its parent ends (PR_SET_PDEATHSIG)
    std::uint32_t personality = 0;   ///< kept, not acted on
    std::uint32_t timer_slack = default_timer_slack;  ///< ns; kept: sleeps end when they should
    bool keeps_capabilities = false;                  ///< past a change of user (PR_SET_KEEPCAPS)
    Ref<UserAccount> account;                  ///< of the real user; changed by its owner only
    std::int32_t memory_adjustment = 0;        ///< oom_score_adj
    std::int32_t least_adjustment = 0;         ///< as far as it may go down without root
    Instant awaited_since = Instant::never();  ///< it ends, and somebody needs its memory
    Pid group, session;
    Terminal* terminal = nullptr;   ///< controlling terminal
    ExitStatus status;              ///< of a zombie, or the stop signal
    bool stop_reported = true;      ///< wait() has told the parent about the stop
    bool continue_pending = false;  ///< wait(WCONTINUED) has something to tell
    bool has_executed = false;      ///< setpgid by the parent is over
    /// vfork: it waits until we let go of its memory; null when it does not (any more), so it is
    /// there as long as this points to it.
    Process* lender = nullptr;
    std::uint32_t exit_signal = abi::sig_chld;
    std::uint32_t pending_stop = 0;  ///< signal of a stop under way
    Usage final_usage;               ///< of a zombie
    BoundedText<15> final_name;      ///< likewise

    /// SIGKILL is on its way, or the process exits.
    std::atomic<bool> is_ending{false};

    ListHook in_table, in_siblings, in_bucket;
    using Children = boost::intrusive::list<
        Process, boost::intrusive::member_hook<Process, ListHook, &Process::in_siblings>>;
    Children children;

    /// The owner changes one of the members that others look at.
    template <class T>
    void replace(T& member, T next) noexcept EXCLUDES(view_lock_) {
        {
            LockGuard guard(view_lock_);
            std::swap(member, next);
        }
        // What was there may end now: not under a spin lock.
    }
    /// Others look at such a member, whatever the process does meanwhile; null once it has ended.
    template <class T>
    [[nodiscard]] T look_at(const T& member) noexcept EXCLUDES(view_lock_) {
        LockGuard guard(view_lock_);
        return member;
    }

    /// The same without a reference, for something short: f(pointer, or null) under the view's
    /// lock.
    template <class T, class F>
    [[nodiscard]] auto peek(const Ref<T>& member, F&& f) noexcept EXCLUDES(view_lock_) {
        LockGuard guard(view_lock_);
        return f(static_cast<const T*>(member.get()));
    }

    /// A signal waits to be delivered: interruptible sleeps end with Errc::restart or interrupted.
    [[nodiscard]] bool is_interrupted() const noexcept {
        return thread->interrupted.load(std::memory_order_relaxed) != 0;
    }
    /// On whose behalf, and from where, paths are walked.
    [[nodiscard]] fs::PathContext path_context() const noexcept {
        return {root, directory, identity.effective()};
    }
    [[nodiscard]] std::string_view name() const noexcept { return thread->name(); }

    /// Others could look inside; now it can do what they cannot.
    void become_opaque() noexcept REQUIRES(process_lock) {
        dumpable = false;
        death_signal = 0;
    }

    void dispose() noexcept;

private:
    SpinLock<ranks::process_view> view_lock_;
};

/// The process whose thread runs here. Only in process context: system calls, faults, exits.
[[nodiscard]] inline Process& current_process() noexcept {
    return *current_thread().process;
}

}  // namespace kidney::kernel
