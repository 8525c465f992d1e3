/// New processes out of old ones, and new threads in them.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "kidney/mm/make.hpp"
#include "proc/life/exit.hpp"
#include "proc/process.hpp"
#include "proc/process_table.hpp"
#include "proc/signal/send.hpp"
#include "proc/world.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kidney::proc {

/// Who is there when a child becomes known, before it runs.
template <class P>
class BirthWitness {
public:
    /// Under process_lock. Takes what it holds to where it stays: the call may not return.
    virtual void born(P& child) noexcept = 0;

protected:
    ~BirthWitness() = default;
};

/// What clone(2) was asked for, as far as processes go.
struct ForkRequest {
    bool share_memory = false;         ///< CLONE_VM: the child borrows the address space
    bool wait_until_released = false;  ///< CLONE_VFORK: until it lets go of that space
    bool sister = false;               ///< CLONE_PARENT
    std::uint32_t stack = 0;           ///< of the child; 0: as the parent's
    std::uint32_t exit_signal = abi::sig_chld;
    UserPtr<std::uint32_t> parent_word{};       ///< CLONE_PARENT_SETTID
    UserPtr<std::uint32_t> child_word{};        ///< CLONE_CHILD_SETTID
    UserPtr<std::uint32_t> child_clear_word{};  ///< CLONE_CHILD_CLEARTID
    UserPtr<const std::byte> tls{};             ///< CLONE_SETTLS: a struct user_desc
};

/// A thread that does not run yet: destroyed again, and its room in the books of its process's user
/// given back, unless it is completed.
template <class P>
class ThreadInTheMaking {
public:
    using W = typename P::World;
    using Thread = typename P::Thread;

    explicit ThreadInTheMaking(Ref<UserAccount> payer) noexcept : payer_(std::move(payer)) {}
    ~ThreadInTheMaking() {
        if (thread_ != nullptr) {
            W::destroy_thread(*thread_);
        }
        if (payer_) {
            payer_->give_back(Holding::processes, 1);
        }
    }
    ThreadInTheMaking(const ThreadInTheMaking&) = delete;
    ThreadInTheMaking& operator=(const ThreadInTheMaking&) = delete;

    /// A thread of `p` that will begin at `start`. Errors: no_memory, as begin_thread().
    Status make(P& p, const typename W::Registers& start, const ForkRequest& request,
                std::string_view name) noexcept {
        thread_ = TRY(W::create_thread(name));
        thread_->process = &p;
        thread_->set_at_start = request.child_word;
        thread_->clear_on_exit = request.child_clear_word;
        return W::begin_thread(*thread_, start, request);
    }
    [[nodiscard]] Thread& thread() const noexcept { return *thread_; }
    [[nodiscard]] const Ref<UserAccount>& payer() const noexcept { return payer_; }
    /// Holds nothing from here on.
    void complete() noexcept {
        thread_ = nullptr;
        payer_.reset();
    }

private:
    Ref<UserAccount> payer_;
    Thread* thread_ = nullptr;
};

template <class P>
Status copy_memory(const P& parent, P& child, bool share) noexcept {
    if (share) {
        child.memory = parent.memory;
        return {};
    }
    child.memory = TRY(parent.memory->fork());
    return {};
}

/// What the parent's threads share.
template <class P>
void inherit(const P& parent, P& child) noexcept {
    child.files.copy_from(parent.files);
    child.root = *Snapshot(parent, parent.root);
    child.directory = *Snapshot(parent, parent.directory);
    child.umask = parent.umask.load(std::memory_order_relaxed);
    child.limits = parent.limits;
    child.executable = parent.executable;
    child.execution = parent.execution;
    child.identity = *parent.who();
}

/// What a new thread has of the one that makes it. It is known by its number from here on.
template <class P>
void enter_thread(P& p, typename P::Thread& thread, Pid number, bool keeps_stack) noexcept
    REQUIRES(P::World::process_lock) {
    using W = typename P::World;
    const auto& maker = p.this_thread();
    thread.number = number;
    thread.signals.copy_from(maker.signals, keeps_stack);
    W::inherit_thread(maker, thread);
    W::processes().add_thread(p, thread);
}

/// Enters the child in the table and in the family. Errors: would_block, invalid_argument.
template <class P>
Status adopt(P& parent, P& child, typename P::Thread& thread, const ForkRequest& request,
             BirthWitness<P>* witness) noexcept EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    LockGuard guard(W::process_lock);
    TRY(W::may_join(parent, *child.account));
    child.pid = W::processes().allocate_pid();
    // The first process has no sisters.
    if (request.sister && parent.parent == nullptr) {
        return fail(Errc::invalid_argument);
    }
    P& family = request.sister ? *parent.parent : parent;
    child.parent = &family;
    child.group = parent.group;
    child.session = parent.session;
    child.terminal = parent.terminal;
    child.exit_signal = request.sister ? parent.exit_signal : request.exit_signal;
    child.lender = request.wait_until_released ? &parent.this_thread() : nullptr;
    child.dumpable = parent.dumpable;
    child.no_new_rights = parent.no_new_rights;
    W::inherit(parent, child);
    family.children.push_back(child);
    W::processes().add(child);
    enter_thread(child, thread, child.pid, !request.share_memory || request.wait_until_released);
    child.signals.copy_for_fork(parent.signals, child.threads);
    notify_if_pending(child, thread);
    if (witness != nullptr) {
        witness->born(child);
    }
    return {};
}

/// Enters a thread in the process of its maker. Errors: would_block, restart (the process stops or
/// ends, or has become another user's than the one who pays).
template <class P>
Result<Pid> join(P& self, typename P::Thread& thread, const UserAccount& payer) noexcept
    EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    LockGuard guard(W::process_lock);
    if (self.stop_signal != 0 || self.must_end(self.this_thread()) ||
        self.account.get() != &payer) {
        self.this_thread().restart_mode = RestartMode::always;
        return fail(Errc::restart);
    }
    TRY(W::may_join(self, payer));
    enter_thread(self, thread, W::processes().allocate_pid(), false);
    return thread.number;
}

/// Until the child has let go of the memory. The number of a signal if one ends the parent first:
/// then nothing more may be written to the memory that the child is using.
template <class P>
std::uint32_t wait_until_released(P& parent, P& child) noexcept EXCLUDES(P::World::process_lock) {
    for (;;) {
        {
            LockGuard guard(P::World::process_lock);
            if (child.lender == nullptr) {
                return 0;
            }
            auto& thread = parent.this_thread();
            const std::uint32_t fatal = parent.must_end(thread)
                                            ? std::uint32_t{abi::sig_kill}
                                            : parent.signals.fatal(thread.signals);
            if (fatal != 0) {
                child.lender = nullptr;
                return fatal;
            }
        }
        P::World::Threads::block();
    }
}

/// A new thread's first step, in its own memory.
template <class P>
void write_own_number(P& self) noexcept {
    const auto& thread = self.this_thread();
    if (!thread.set_at_start.is_null()) {
        ignore_error(P::World::put_word(thread.set_at_start, thread.number.word()),
                     "clone(2) does not report a bad address of the child either");
    }
}

/// Signals come first: one may have gone to the whole group, of which the child is not yet a
/// member. Error: restart.
template <class P>
Status begin_fork(P& self) noexcept EXCLUDES(P::World::process_lock) {
    LockGuard guard(P::World::process_lock);
    auto& thread = self.this_thread();
    if (self.signals.has_deliverable(thread.signals) || self.is_interrupted()) {
        thread.restart_mode = RestartMode::always;
        return fail(Errc::restart);
    }
    self.signals.begin_fork();
    return {};
}

/// Makes a child that continues at `start` with result 0. Errors: no_memory, would_block (too many
/// processes), bad_address, restart (a signal comes first). On error nothing is left behind.
/// A parent that waits until it has its memory back can be killed meanwhile, and does not return
/// then. A signal that the parent's group is sent meanwhile reaches the child too.
template <class P>
[[nodiscard]] Result<Pid> fork_process(P& parent, const typename P::World::Registers& start,
                                       const ForkRequest& request,
                                       BirthWitness<P>* witness = nullptr) noexcept
    EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    static_assert(World<W>);
    TRY(begin_fork(parent));
    ThreadInTheMaking<P> making(TRY(W::book_process(parent)));
    Ref<P> made = Ref<P>::adopt(TRY(mm::make<P>(W::heap())));
    P& child = *made;
    child.account = making.payer();
    TRY(making.make(child, start, request, parent.this_thread().name()));
    TRY(copy_memory(parent, child, request.share_memory));
    inherit(parent, child);
    typename P::Thread& thread = making.thread();
    TRY(adopt(parent, child, thread, request, witness));
    making.complete();
    Ref<P> kept = request.wait_until_released ? Ref<P>::share(child) : nullptr;
    static_cast<void>(made.detach());  // it is the table's now

    const Pid pid = child.pid;
    if (!request.parent_word.is_null()) {
        ignore_error(W::put_word(request.parent_word, pid.word()), "as Linux: the child exists");
    }
    W::start_thread(thread);
    // `child` may be gone by now, unless it is kept.
    if (kept) {
        const std::uint32_t fatal = wait_until_released(parent, *kept);
        kept.reset();
        if (fatal != 0) {
            exit_process(parent, ExitStatus::killed(fatal));
        }
    }
    return pid;
}

/// Makes a thread of the calling process that continues at `start` with result 0. Errors: as
/// fork_process(). On error nothing is left behind.
template <class P>
[[nodiscard]] Result<Pid> clone_thread(P& self, const typename P::World::Registers& start,
                                       const ForkRequest& request) noexcept
    EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    TRY(begin_fork(self));
    ThreadInTheMaking<P> making(TRY(W::book_process(self)));
    self.share_among_threads();
    TRY(making.make(self, start, request, self.this_thread().name()));
    typename P::Thread& thread = making.thread();
    const Pid number = TRY(join(self, thread, *making.payer()));
    making.complete();
    if (!request.parent_word.is_null()) {
        ignore_error(W::put_word(request.parent_word, number.word()),
                     "as Linux: the thread exists");
    }
    W::start_thread(thread);
    return number;
}

}  // namespace kidney::proc
