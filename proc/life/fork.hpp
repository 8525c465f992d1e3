/// New processes out of old ones.
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

/// A half-made child, taken apart again unless it is completed. It is in its user's books already.
template <class P>
class ChildInTheMaking {
public:
    using W = typename P::World;

    ChildInTheMaking(P& p, const P& parent) noexcept : process_(&p) { p.account = parent.account; }
    ~ChildInTheMaking() {
        if (process_ == nullptr) {
            return;
        }
        if (process_->thread != nullptr) {
            W::destroy_thread(*process_->thread);
        }
        process_->account->give_back(Holding::processes, 1);
        Ref<P>::adopt(process_).reset();
    }
    ChildInTheMaking(const ChildInTheMaking&) = delete;
    ChildInTheMaking& operator=(const ChildInTheMaking&) = delete;
    void complete() noexcept { process_ = nullptr; }

private:
    P* process_;
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

/// Enters the child in the table and in the family. Errors: would_block, invalid_argument.
template <class P>
Status adopt(P& parent, P& child, const ForkRequest& request) noexcept
    EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    LockGuard guard(W::process_lock);
    TRY(W::may_join(parent, child));
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
    child.lender = request.wait_until_released ? &parent : nullptr;
    child.signals.copy_for_fork(parent.signals);
    child.dumpable = parent.dumpable;
    child.no_new_rights = parent.no_new_rights;
    W::inherit(parent, child);
    family.children.push_back(child);
    W::processes().add(child);
    if (child.signals.has_deliverable()) {
        notify(child);
    }
    return {};
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
            if (const std::uint32_t fatal = parent.signals.fatal(); fatal != 0) {
                child.lender = nullptr;
                return fatal;
            }
        }
        P::World::Threads::block();
    }
}

/// The child's first step, in its own memory.
template <class P>
void write_own_number(P& self) noexcept {
    if (!self.set_at_start.is_null()) {
        ignore_error(P::World::put_word(self.set_at_start, self.pid.word()),
                     "clone(2) does not report a bad address of the child either");
    }
}

/// Makes a child that continues at `start` with result 0. Errors: no_memory, would_block (too many
/// processes), bad_address, restart (a signal comes first). On error nothing is left behind.
/// A parent that waits until it has its memory back can be killed meanwhile, and does not return
/// then. A signal that the parent's group is sent meanwhile reaches the child too.
template <class P>
[[nodiscard]] Result<Pid> fork_process(P& parent, const typename P::World::Registers& start,
                                       const ForkRequest& request) noexcept
    EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    static_assert(World<W>);
    {
        LockGuard guard(W::process_lock);
        if (parent.signals.has_deliverable()) {
            // It may have gone to the whole group, of which the child is not yet a member.
            parent.restart_mode = RestartMode::always;
            return fail(Errc::restart);
        }
        parent.signals.begin_fork();
    }
    TRY(W::book_process(parent));
    const Result<P*> made = mm::make<P>(W::heap());
    if (!made) {
        parent.account->give_back(Holding::processes, 1);
        return fail(made.error());
    }
    P& child = **made;
    ChildInTheMaking<P> making(child, parent);
    child.thread = TRY(W::create_thread(parent.name()));
    child.thread->process = &child;
    TRY(copy_memory(parent, child, request.share_memory));
    TRY(W::begin_child(child, start, request));
    inherit(parent, child);
    child.set_at_start = request.child_word;
    child.clear_on_exit = request.child_clear_word;
    TRY(adopt(parent, child, request));
    making.complete();

    const Pid pid = child.pid;
    Ref<P> kept = request.wait_until_released ? Ref<P>::share(child) : nullptr;
    if (!request.parent_word.is_null()) {
        ignore_error(W::put_word(request.parent_word, pid.word()), "as Linux: the child exists");
    }
    W::start_child(child);
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

}  // namespace kidney::proc
