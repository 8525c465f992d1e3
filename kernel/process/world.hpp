/// The world of this kernel's processes: what the engine in proc/ lives on here.
#pragma once

#include "arch/i686/trap/trap_frame.hpp"
#include "kernel/kernel.hpp"
#include "kernel/names.hpp"
#include "proc/world.hpp"

#include <string_view>

namespace kidney::proc {
template <class W>
class ProcessTable;
template <class W>
class Terminal;
}  // namespace kidney::proc

namespace kidney::kernel {

class Process;

/// A model of proc::World; world.cpp says what each function does here.
struct World {
    using Process = kernel::Process;
    using Thread = kernel::Thread;
    using Threads = kernel::Threads;
    using Heap = kernel::Heap;
    using AddressSpace = kernel::AddressSpace;
    using Terminal = proc::Terminal<World>;
    using TimerLock = Mutex<ranks::process_timers>;
    using ViewLock = SpinLock<ranks::process_view>;
    using LineLock = SpinLock<ranks::terminal_line>;
    using ShownLock = SpinLock<ranks::shown>;
    using PollLock = SpinLock<ranks::poll>;
    using WaitQueue = kernel::WaitQueue;
    using Registers = hal::TrapFrame;

    static SpinLock<ranks::signals> process_lock;
    /// Created by create_process_table(), before the first process.
    [[nodiscard]] static ProcessTable<World>& processes() noexcept;

    [[nodiscard]] static Instant now() noexcept { return Clock::now(); }

    // Threads.
    [[nodiscard]] static Result<Thread*> create_thread(std::string_view name) noexcept;
    static void destroy_thread(Thread& thread) noexcept;
    static void start_thread(Thread& thread) noexcept;
    static void leave_process(Thread& self) noexcept REQUIRES(process_lock);
    [[noreturn]] static void end_thread() noexcept;

    // Memory and registers.
    [[nodiscard]] static Heap& heap() noexcept { return kernel::heap(); }
    static void leave_memory(Process& self) noexcept;
    [[nodiscard]] static Status put_word(UserPtr<std::uint32_t> to, std::uint32_t value) noexcept;
    [[nodiscard]] static Result<std::uint32_t> get_word(UserPtr<std::uint32_t> from) noexcept;
    [[nodiscard]] static Result<std::uint32_t> compare_exchange_word(
        UserPtr<std::uint32_t> at, std::uint32_t expected, std::uint32_t desired) noexcept;
    static void wake_word(UserPtr<std::uint32_t> word) noexcept;
    [[nodiscard]] static Status begin_thread(Thread& thread, const Registers& start,
                                             const ForkRequest& request) noexcept;

    static void restart_call(Registers& frame) noexcept;
    static void fail_call(Process& self, Registers& frame) noexcept;
    [[nodiscard]] static Status build_handler(Process& self, Registers& frame, const Delivery& d,
                                              SignalSet mask) noexcept;

    // What else hangs on a process.
    [[nodiscard]] static Result<Ref<UserAccount>> book_process(Process& self) noexcept;
    [[nodiscard]] static Status may_join(const Process& parent, const UserAccount& payer) noexcept
        REQUIRES(process_lock);
    static void inherit(const Process& parent, Process& child) noexcept REQUIRES(process_lock);
    static void inherit_thread(const Thread& maker, Thread& thread) noexcept REQUIRES(process_lock);
    static void let_go(Process& self) noexcept;
    [[noreturn]] static void init_has_exited(ExitStatus status) noexcept;
    static void hang_up_session(Process& leader) noexcept REQUIRES(process_lock);
    // Watchers: the call trace, the event trace, the log.
    static void process_ends(const Process& self, ExitStatus status) noexcept;
    static void delivers(const Process& self, const Delivery& d) noexcept;
    static void ends_by_signal(const Process& self, const Delivery& d,
                               const Registers& frame) noexcept;

    [[nodiscard]] static Usage usage_of(Process& self) noexcept REQUIRES(process_lock);
    [[nodiscard]] static Usage usage_of_thread(Thread& thread) noexcept;
};

}  // namespace kidney::kernel
