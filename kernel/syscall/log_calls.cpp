/// syslog(2), which the C library calls klogctl: the kernel's log for dmesg and klogd.
#include "kernel/log_reader.hpp"
#include "kernel/syscall/system_calls.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <atomic>
#include <cstdint>
#include <span>

namespace kidney::kernel::calls {
namespace {

enum LogAction : std::uint32_t {
    log_close = 0,
    log_open = 1,
    log_read = 2,  ///< what nobody has read this way yet; waits for it
    log_read_all = 3,
    log_read_clear = 4,
    log_clear = 5,
    log_console_off = 6,
    log_console_on = 7,
    log_console_level = 8,
    log_size_unread = 9,
    log_size_buffer = 10,
};

// Where log_clear left off. relaxed: it carries no other data, and the console's lock orders the
// bytes.
constinit std::atomic<LogPosition> cleared{0};
constinit std::atomic<std::uint32_t> limit_before_off{0};  ///< 0: the console is on

/// Writes one piece after the other to a program.
auto copier(VirtAddr to) noexcept {
    return [to](std::span<const char> piece) mutable noexcept -> Status {
        TRY(copy_out(to, std::as_bytes(piece)));
        to += static_cast<std::uint32_t>(piece.size());
        return {};
    };
}

Reply read_all(VirtAddr to, std::uint32_t size) noexcept {
    LogPosition at = log_tail(cleared.load(std::memory_order_relaxed), size);
    return copy_log(at, size, copier(to));
}

Reply set_level(std::uint32_t level) noexcept {
    if (level < 1 || level > default_console_limit) {
        return fail(Errc::invalid_argument);
    }
    limit_before_off.store(0, std::memory_order_relaxed);
    set_console_limit(level);
    return 0U;
}

Reply switch_console(bool on) noexcept {
    const std::uint32_t before =
        limit_before_off.exchange(on ? 0 : console_limit(), std::memory_order_relaxed);
    if (!on) {
        set_console_limit(1);  // what is fatal is still printed
    } else if (before != 0) {
        set_console_limit(before);
    }
    return 0U;
}

}  // namespace

Reply syslog(Process& self, std::uint32_t action, VirtAddr to, std::uint32_t size) noexcept {
    // As where kernel.dmesg_restrict is on: addresses in the log are nobody else's business.
    if (!self.identity.is_privileged()) {
        return fail(Errc::not_permitted);
    }
    const bool copies = action >= log_read && action <= log_read_clear;
    if (copies && (to == VirtAddr(0) || static_cast<std::int32_t>(size) < 0)) {
        return fail(Errc::invalid_argument);
    }
    switch (action) {
        case log_close:
        case log_open:
            return 0U;
        case log_read:
            return read_unread_log(self, size, false, copier(to));
        case log_read_all:
            return read_all(to, size);
        case log_read_clear: {
            const LogPosition end = log_end();
            const std::uint32_t count = TRY(read_all(to, size));
            cleared.store(end, std::memory_order_relaxed);
            return count;
        }
        case log_clear:
            cleared.store(log_end(), std::memory_order_relaxed);
            return 0U;
        case log_console_off:
        case log_console_on:
            return switch_console(action == log_console_on);
        case log_console_level:
            return set_level(size);
        case log_size_unread:
            return static_cast<std::uint32_t>(
                log_end() - log_tail(unread_log.load(std::memory_order_relaxed), log_ring_size));
        case log_size_buffer:
            return static_cast<std::uint32_t>(log_ring_size);
        default:
            return fail(Errc::invalid_argument);
    }
}

}  // namespace kidney::kernel::calls
