/// A terminal: a line discipline with a screen below it and a foreground process group behind it.
///
/// The device's interrupt feeds receive(); programs read and write through TerminalFile. What the
/// user types as a signal goes to the foreground group; programs of other groups are stopped when
/// they read (SIGTTIN) or, if the user wants that (TOSTOP), when they write (SIGTTOU).
#pragma once

#include "drivers/tty/line_discipline.hpp"
#include "fs/poll_list.hpp"
#include "kernel/process/process.hpp"
#include "kidney/abi/termios.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kidney::kernel {

/// Where a terminal's output goes, already cooked. Any context.
struct TerminalDevice {
    /// Takes as much of the text as there is room for, and says how much.
    std::size_t (*offer)(std::string_view text) noexcept;
    /// Bytes that the device has taken and not sent.
    std::size_t (*waiting)() noexcept;
    std::size_t capacity;  ///< the most that can wait
};

class Terminal {
public:
    explicit Terminal(TerminalDevice device) noexcept : device_(device) {}
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    /// A byte from the device; interrupt handlers call this.
    void receive(std::uint8_t byte) noexcept EXCLUDES(line_lock_, World::process_lock);
    /// The device has sent something; interrupt handlers call this.
    void output_ready() noexcept EXCLUDES(line_lock_);

    // For programs; errors: io_error (a background process that cannot be stopped), would_block,
    // restart, bad_address.
    [[nodiscard]] Result<std::size_t> read(Process& self, fs::ReadBuffer& to,
                                           bool non_blocking) noexcept;
    [[nodiscard]] Result<std::size_t> write(Process& self, fs::WriteBuffer& from,
                                            bool non_blocking) noexcept;
    [[nodiscard]] fs::Readiness poll(fs::PollWaiter* waiter) noexcept;
    /// Terminal ioctls. Errors: not_a_terminal (not for this terminal, or unknown),
    /// invalid_argument, not_permitted, bad_address, restart, io_error.
    [[nodiscard]] Result<std::uint32_t> control(Process& self, std::uint32_t request,
                                                std::uint32_t argument) noexcept;

    /// The window behind the terminal has another size: SIGWINCH to the foreground group. The same
    /// size again is no news.
    void resize(const abi::WindowSize& size) noexcept EXCLUDES(line_lock_, World::process_lock);

    [[nodiscard]] Pid foreground() const noexcept REQUIRES(World::process_lock) {
        return foreground_;
    }

    /// Its session leader has ended: SIGHUP to the foreground, and nobody's terminal any more.
    void hang_up() noexcept REQUIRES(World::process_lock);

private:
    using LineLock = SpinLock<ranks::terminal_line>;

    /// Stops a background process. Success: it may go on with what it wanted.
    Status check_foreground(Process& self, std::uint32_t signal) noexcept
        EXCLUDES(World::process_lock);
    /// Waits until read() has an answer: bytes, an end of file, or nothing in time (VTIME). Errors:
    /// would_block, restart.
    Status wait_for_input(std::size_t wanted, bool non_blocking) noexcept REQUIRES(line_lock_);
    /// Can a piece of output go to the device now?
    [[nodiscard]] bool can_write() const noexcept REQUIRES(line_lock_);
    /// Waits until can_write(). Errors: would_block, restart.
    Status wait_for_output(bool non_blocking) noexcept EXCLUDES(line_lock_);
    /// Sends what wait_for_output() made room for. Other writers may have been faster: then it
    /// waits again; what a signal cuts off is lost.
    void send(std::string_view cooked) noexcept EXCLUDES(line_lock_);
    /// Waits until the device has sent everything. Error: restart.
    Status drain() noexcept EXCLUDES(line_lock_);
    void signal_foreground(std::uint32_t signal) noexcept EXCLUDES(World::process_lock);

    // One per ioctl.
    [[nodiscard]] abi::Termios settings() noexcept EXCLUDES(line_lock_);
    [[nodiscard]] abi::WindowSize window() noexcept EXCLUDES(line_lock_);
    [[nodiscard]] std::uint32_t readable() noexcept EXCLUDES(line_lock_);
    [[nodiscard]] Result<std::uint32_t> set_flow(Process& self, std::uint32_t action) noexcept
        EXCLUDES(line_lock_);
    /// What counts as readable or writable may have changed.
    void wake_everybody() noexcept;
    [[nodiscard]] Result<std::uint32_t> flush(Process& self, std::uint32_t queue) noexcept
        EXCLUDES(line_lock_);
    [[nodiscard]] Result<std::uint32_t> set_window(std::uint32_t argument) noexcept;
    [[nodiscard]] Result<Pid> foreground(const Process& self) noexcept
        EXCLUDES(World::process_lock);
    [[nodiscard]] Result<Pid> session(const Process& self) noexcept EXCLUDES(World::process_lock);
    [[nodiscard]] Result<std::uint32_t> set_settings(Process& self, std::uint32_t argument,
                                                     bool flush) noexcept;
    [[nodiscard]] Result<std::uint32_t> set_foreground(Process& self, Pid group) noexcept;
    [[nodiscard]] Result<std::uint32_t> set_controlling(Process& self, bool steal) noexcept;
    [[nodiscard]] Result<std::uint32_t> give_up_controlling(Process& self) noexcept;

    const TerminalDevice device_;

    LineLock line_lock_;
    drivers::LineDiscipline line_ GUARDED_BY(line_lock_);
    abi::WindowSize window_ GUARDED_BY(line_lock_){24, 80, 0, 0};
    WaitQueue readers_;
    WaitQueue writers_;  ///< for flow control, for room, for an empty device
    fs::PollList<SpinLock<ranks::poll>> pollers_;

    Pid session_ GUARDED_BY(World::process_lock);     ///< 0: nobody's controlling terminal
    Pid foreground_ GUARDED_BY(World::process_lock);  ///< process group
};

/// A process that leads its terminal's session ends.
void hang_up_session(Process& leader) noexcept REQUIRES(World::process_lock);

}  // namespace kidney::kernel
