#include "kernel/console.hpp"

#include "arch/i686/boot/layout.h"
#include "arch/i686/cpu/cpu.hpp"
#include "arch/i686/cpu/port_io.hpp"
#include "arch/i686/time/clock.hpp"
#include "drivers/serial/serial_queue.hpp"
#include "drivers/vga/text_screen.hpp"
#include "kernel/lock_ranks.hpp"
#include "sched/sync/spin_lock.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace kidney::kernel {

namespace {

using Serial = drivers::SerialQueue<arch::PortIo, console_queue>;
using Screen = drivers::TextScreen<arch::PortIo>;
static_assert(hal::CharacterSink<Serial> && hal::CharacterSink<Screen>);

/// Not sched/sync's spin lock: it must work before the first thread, during a panic, and must not
/// itself log. In the global order it comes last: a debug kernel panics (and breaks it open) when
/// somebody takes another lock while it holds this one, or this one twice.
class CAPABILITY("console lock") ConsoleLock {
public:
    void lock() noexcept ACQUIRE() {
        const hal::InterruptState before = arch::Cpu::interrupts_disable();
        const bool is_ranked = checks_lock_ranks && !is_broken();
        if (is_ranked) {
            arch::Cpu::held_ranks().push(ranks::console);
        }
        while (!is_broken() && taken_.exchange(true, std::memory_order_acquire)) {
            arch::Cpu::relax();
        }
        interrupts_ = before;
        is_ranked_ = is_ranked;
    }
    void unlock() noexcept RELEASE() {
        const hal::InterruptState before = interrupts_;
        const bool is_ranked = is_ranked_;
        taken_.store(false, std::memory_order_release);
        if (is_ranked && !is_broken()) {
            arch::Cpu::held_ranks().pop(ranks::console);
        }
        arch::Cpu::interrupts_restore(before);
    }
    void break_open() noexcept { broken_.store(true, std::memory_order_relaxed); }

private:
    [[nodiscard]] bool is_broken() const noexcept {
        return broken_.load(std::memory_order_relaxed);
    }

    std::atomic<bool> taken_{false};
    std::atomic<bool> broken_{false};
    // The holder's.
    hal::InterruptState interrupts_ = hal::InterruptState::disabled;
    bool is_ranked_ = false;
};

class Console {
public:
    void start() noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        serial_.initialise();
        screens_[0].initialise(text_memory());
        for (std::size_t n = 1; n < screens_.size(); ++n) {
            screens_[n].cells().initialise_hidden(stores_[n]);
        }
    }
    void write_to_screen(std::uint32_t screen, std::string_view text) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        hal::put_all(screens_[screen - 1], text);
    }
    void show_screen(std::uint32_t screen) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        if (const std::uint32_t before = shown_.exchange(screen, std::memory_order_relaxed);
            before != screen) {
            screens_[before - 1].cells().hide(stores_[before - 1]);
            screens_[screen - 1].cells().show(text_memory());
        }
    }
    [[nodiscard]] std::uint32_t shown_screen() const noexcept {
        return shown_.load(std::memory_order_relaxed);
    }
    void write(std::string_view text) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        write_locked(text);
    }
    [[nodiscard]] std::size_t offer(std::string_view text) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const std::size_t taken = to_serial_ ? serial_.offer(text) : text.size();
        if (to_screen_) {
            hal::put_all(screens_[0], text.substr(0, taken));
        }
        return taken;
    }
    [[nodiscard]] std::size_t waiting() noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return serial_.size();
    }
    [[nodiscard]] bool service() noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return serial_.service();
    }
    [[nodiscard]] bool take_break() noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return serial_.take_break();
    }
    void use_interrupts(bool used) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        serial_.use_interrupts(used);
    }
    /// One log line; nobody else's output gets in between.
    void write_line(std::uint32_t number, std::string_view module, std::string_view kind,
                    std::string_view text) noexcept EXCLUDES(lock_);
    void choose(bool serial, bool screen) noexcept {
        to_serial_ = serial;
        to_screen_ = screen;
    }
    void set_limit(std::uint32_t limit) noexcept { limit_.store(limit, std::memory_order_relaxed); }
    [[nodiscard]] std::uint32_t limit() const noexcept {
        return limit_.load(std::memory_order_relaxed);
    }
    template <class F>
    [[nodiscard]] auto with_ring(F&& look) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return look(std::as_const(ring_));
    }
    void break_lock() noexcept {
        lock_.break_open();
        choose(true, true);
        use_interrupts(false);
        show_screen(1);
    }

private:
    using Screens = std::array<Screen, console_screens>;
    using Store = std::array<std::uint16_t, std::size_t{Screen::columns} * Screen::rows>;

    [[nodiscard]] static std::span<volatile std::uint16_t> text_memory() noexcept {
        constexpr std::size_t bytes = 0x8000;  // from 0xB8000
        return {reinterpret_cast<volatile std::uint16_t*>(KERNEL_BASE + 0xB8000),
                bytes / sizeof(std::uint16_t)};
    }
    template <std::size_t... N>
    [[nodiscard]] static constexpr Screens make_screens(std::index_sequence<N...>) noexcept {
        return {((void)N, Screen{arch::PortIo{}})...};
    }

    void write_locked(std::string_view text) noexcept REQUIRES(lock_) {
        const bool to_serial = to_serial_;
        const bool to_screen = to_screen_;
        for (const char c : text) {
            const std::string_view piece =
                c == '\n' ? std::string_view("\r\n") : std::string_view(&c, 1);
            if (to_serial) {
                hal::put_all(serial_, piece);
            }
            if (to_screen) {
                hal::put_all(screens_[0], piece);
            }
        }
    }

    ConsoleLock lock_;
    Serial serial_ GUARDED_BY(lock_){drivers::Uart16550(arch::PortIo{}, drivers::uart::com1)};
    /// The first has what the serial line has: the log, and the console's terminal.
    Screens screens_ GUARDED_BY(lock_) = make_screens(std::make_index_sequence<console_screens>());
    std::array<Store, console_screens> stores_ GUARDED_BY(lock_){};  ///< of those not shown
    std::atomic<std::uint32_t> shown_{1};                            ///< changes under the lock
    std::atomic<bool> to_serial_{true}, to_screen_{true};
    std::atomic<std::uint32_t> limit_{default_console_limit};
    LogRing<log_ring_size> ring_ GUARDED_BY(lock_);
};

constinit Console console;
constinit std::atomic<LogLevel> least_level{LogLevel::info};

void Console::write_line(std::uint32_t number, std::string_view module, std::string_view kind,
                         std::string_view text) noexcept {
    constexpr std::uint64_t us_per_second = 1'000'000;
    const std::uint64_t us = arch::Clock::now().nanoseconds() / 1000;
    TextBuffer<log::max_line + 64> line;
    format_to(line, "<{}>", number);
    const std::size_t mark = line.view().size();
    format_to(line, "[{:5}.{:06}] {}: {}{}\n", us / us_per_second, us % us_per_second, module, kind,
              text);
    const LockGuard guard(lock_);
    ring_.append(line.view());
    if (number < limit()) {
        std::string_view printed = line.view();
        printed.remove_prefix(mark);
        write_locked(printed);
    }
}

/// Linux's number for a level.
constexpr std::uint32_t number_of(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::error:
            return 3;
        case LogLevel::warning:
            return 4;
        case LogLevel::info:
            return 6;
        case LogLevel::debug:
            return 7;
    }
    return 7;
}

}  // namespace

void start_console() noexcept {
    console.start();
}

void set_log_level(LogLevel least) noexcept {
    least_level.store(least, std::memory_order_relaxed);
}

LogLevel log_level() noexcept {
    return least_level.load(std::memory_order_relaxed);
}

void choose_console(bool serial, bool screen) noexcept {
    console.choose(serial, screen);
}

void console_write(std::string_view text) noexcept {
    console.write(text);
}

std::size_t console_offer(std::string_view text) noexcept {
    return console.offer(text);
}

std::size_t console_waiting() noexcept {
    return console.waiting();
}

void console_write_to_screen(std::uint32_t screen, std::string_view text) noexcept {
    console.write_to_screen(screen, text);
}

void console_show_screen(std::uint32_t screen) noexcept {
    console.show_screen(screen);
}

std::uint32_t console_shown_screen() noexcept {
    return console.shown_screen();
}

bool console_service() noexcept {
    return console.service();
}

bool console_take_break() noexcept {
    return console.take_break();
}

void console_use_interrupts(bool used) noexcept {
    console.use_interrupts(used);
}

void set_console_limit(std::uint32_t limit) noexcept {
    console.set_limit(limit);
}

std::uint32_t console_limit() noexcept {
    return console.limit();
}

void log_from_program(std::uint32_t number, std::string_view text) noexcept {
    console.write_line(number, "program", "", text);
}

std::size_t read_log(LogPosition& from, std::span<char> to) noexcept {
    return console.with_ring([&](const auto& ring) noexcept { return ring.read(from, to); });
}

LogPosition log_tail(LogPosition from, std::size_t most) noexcept {
    return console.with_ring([&](const auto& ring) noexcept { return ring.tail(from, most); });
}

LogPosition log_end() noexcept {
    return console.with_ring([](const auto& ring) noexcept { return ring.end(); });
}

void break_console_lock() noexcept {
    console.break_lock();
}

}  // namespace kidney::kernel

namespace kidney {

void log_line(LogLevel level, std::string_view module, std::string_view text) noexcept {
    if (level >= kernel::least_level.load(std::memory_order_relaxed)) {
        const std::string_view kind = level == LogLevel::error     ? "error: "
                                      : level == LogLevel::warning ? "warning: "
                                                                   : "";
        kernel::console.write_line(kernel::number_of(level), module, kind, text);
    }
}

}  // namespace kidney
