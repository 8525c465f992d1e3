/// What processes live on: the contract between the engine of this folder and whoever composes it.
///
/// A world is a struct of types and static functions, "the machine that executes the call". The
/// kernel's is `kernel::World` (kernel/process/world.hpp), that of the host's tests
/// `test::ProcWorld` (tests/support/proc_world.hpp): fibers, and programs that are C++ functions.
/// The requirements stand in groups, so that a message of the compiler says what is missing.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/user_account.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "kidney/sched/waiting.hpp"
#include "proc/exit_status.hpp"
#include "proc/signal/signal_set.hpp"
#include "proc/signal/signal_state.hpp"
#include "proc/thread.hpp"
#include "proc/usage.hpp"
#include "sched/sync/thread_control.hpp"

#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace kidney::proc {

struct ForkRequest;

/// Threads: those of the scheduler, and how a process gets one.
///   W1 interrupt(t) ends t's present or next interruptible sleep, and if t runs a program it comes
///      into the kernel soon. Any context
///   W2 a created thread knows its process once the engine has set `thread.process`; it runs
///      nothing before start_thread(), and destroy_thread() takes back one that never ran
///   W3 leave_process() makes the calling thread one of no process: it uses neither the process nor
///      its memory from there on. Under process_lock. end_thread() does not return; the thread's
///      own memory goes back by itself
template <class W>
concept ThreadServices = sched::ThreadControl<typename W::Threads> &&
                         std::derived_from<typename W::Thread, UserThread> &&
                         requires(typename W::Thread& thread, std::string_view name) {
                             { W::Threads::interrupt(thread) } noexcept -> std::same_as<void>;
                             {
                                 W::create_thread(name)
                             } noexcept -> std::same_as<Result<typename W::Thread*>>;
                             { W::destroy_thread(thread) } noexcept -> std::same_as<void>;
                             { W::start_thread(thread) } noexcept -> std::same_as<void>;
                             { W::leave_process(thread) } noexcept -> std::same_as<void>;
                             { W::end_thread() } noexcept -> std::same_as<void>;
                             { thread.process } -> std::convertible_to<typename W::Process*>;
                         };

/// Memory: objects, address spaces, and the words in them that a program names.
///   W4 fork() of an AddressSpace gives a copy of its own, or nothing is changed
///   W5 leave_memory() may be called once by the last thread that runs in it; others that hold the
///      space keep it
///   W6 put_word(), get_word() and compare_exchange_word(), which returns what it found, are the
///      running program's. Error: bad_address. wake_word() wakes one who sleeps until the word
///      changes (futex), if there is one
template <class W>
concept MemoryServices =
    mm::ObjectAllocator<typename W::Heap> &&
    requires(typename W::Process& p, typename W::AddressSpace& space, UserPtr<std::uint32_t> word) {
        { W::heap() } noexcept -> std::same_as<typename W::Heap&>;
        { space.fork() } -> std::same_as<Result<Ref<typename W::AddressSpace>>>;
        { W::leave_memory(p) } noexcept -> std::same_as<void>;
        { W::put_word(word, 0U) } noexcept -> std::same_as<Status>;
        { W::get_word(word) } noexcept -> std::same_as<Result<std::uint32_t>>;
        { W::compare_exchange_word(word, 0U, 0U) } noexcept -> std::same_as<Result<std::uint32_t>>;
        { W::wake_word(word) } noexcept -> std::same_as<void>;
    };

/// User contexts: what a program's registers are is nothing that the engine knows.
///   W7 begin_thread() makes a thread that never ran start where `start` says, as `request` asks.
///      Errors: as the request deserves; nothing is left behind
///   W8 restart_call() makes the program repeat the call that it is in, fail_call() ends it with
///      EINTR
///   W9 build_handler() makes the program enter a handler whose return restores what is there now
///      and the mask. On error nothing has changed
template <class W>
concept ContextServices =
    requires(typename W::Process& p, typename W::Thread& thread, typename W::Registers& registers,
             const typename W::Registers& start, const ForkRequest& request, const Delivery& d,
             SignalSet mask) {
        { W::begin_thread(thread, start, request) } noexcept -> std::same_as<Status>;
        { W::restart_call(registers) } noexcept -> std::same_as<void>;
        { W::fail_call(p, registers) } noexcept -> std::same_as<void>;
        { W::build_handler(p, registers, d, mask) } noexcept -> std::same_as<Status>;
    };

/// What else hangs on a process.
///   W10 may_join() says, under process_lock, whether there is room for one more process or thread
///       of the user who pays; inherit() and inherit_thread() copy what the engine does not know
///       of. Error: would_block
///   W11 book_process() takes room for one process or thread in the books of the caller's user,
///       which it returns; it is given back where the thread ends, and for the last one by the
///       table's remove(). Error: would_block
///   W12 let_go() takes everything of that kind away, may sleep, and comes before the files go;
///       init_has_exited() never returns
template <class W>
concept OtherServices =
    requires(typename W::Process& p, const typename W::Process& parent, typename W::Thread& thread,
             const typename W::Thread& maker, const UserAccount& payer, ExitStatus status) {
        { W::book_process(p) } noexcept -> std::same_as<Result<Ref<UserAccount>>>;
        { W::may_join(parent, payer) } noexcept -> std::same_as<Status>;
        { W::inherit(parent, p) } noexcept -> std::same_as<void>;
        { W::inherit_thread(maker, thread) } noexcept -> std::same_as<void>;
        { W::let_go(p) } noexcept -> std::same_as<void>;
        { W::init_has_exited(status) } noexcept -> std::same_as<void>;
        { W::hang_up_session(p) } noexcept -> std::same_as<void>;
        { W::usage_of(p) } noexcept -> std::same_as<Usage>;
        { W::usage_of_thread(thread) } noexcept -> std::same_as<Usage>;
    };

/// Who watches: nothing depends on them.
template <class W>
concept Watchers = requires(const typename W::Process& p, ExitStatus status, const Delivery& d,
                            const typename W::Registers& registers) {
    { W::process_ends(p, status) } noexcept -> std::same_as<void>;
    { W::delivers(p, d) } noexcept -> std::same_as<void>;
    { W::ends_by_signal(p, d, registers) } noexcept -> std::same_as<void>;
};

/// `W::process_lock`, a spin lock, guards the table, the families and all signal states, because
/// Ctrl-C walks a group from an interrupt.
template <class W>
concept World =
    BasicLockable<std::remove_reference_t<decltype(W::process_lock)>> && ThreadServices<W> &&
    MemoryServices<W> && ContextServices<W> && OtherServices<W> && Watchers<W> && requires {
        { W::processes() } noexcept;
    };

}  // namespace kidney::proc
