#include "kernel/syscall/poll_calls.hpp"

#include "kernel/syscall/poll_set.hpp"
#include "kernel/syscall/resumable_wait.hpp"
#include "kernel/syscall/signal_mask.hpp"
#include "kernel/syscall/time_values.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <array>
#include <cstddef>
#include <linux/poll.h>

namespace kidney::kernel::calls {
namespace {

/// A form in which programs pass times.
struct TimeFormat {
    Result<Duration> (*get)(VirtAddr from) noexcept;
    Status (*put)(VirtAddr to, Duration d) noexcept;
};

/// struct timeval. Unlike elsewhere, a million microseconds and more are as good as seconds.
Result<Duration> get_timeval(VirtAddr from) noexcept {
    constexpr std::int32_t million = 1'000'000;
    const Timespec32 t = TRY(get_user(UserPtr<const Timespec32>(from)));  // microseconds
    return duration_of(std::int64_t{t.seconds} + t.nanoseconds / million,
                       std::int64_t{t.nanoseconds % million} * 1000);
}
Status put_timeval(VirtAddr to, Duration d) noexcept {
    auto t = timespec_of<Timespec32>(d);
    t.nanoseconds /= 1000;
    return put_user(UserPtr<Timespec32>(to), t);
}
constexpr TimeFormat timeval{get_timeval, put_timeval};
constexpr TimeFormat timespec32{get_timespec<Timespec32>, put_timespec<Timespec32>};
constexpr TimeFormat timespec64{get_timespec<Timespec64>, put_timespec<Timespec64>};

/// Calls wait(deadline), and writes what is left of the time to where the program had its timeout.
/// Null: no deadline.
template <class Wait>
Reply wait_with_timeout(Process& self, VirtAddr timeout, const TimeFormat& format,
                        Wait&& wait) noexcept {
    if (timeout == VirtAddr(0)) {
        return wait(Instant::never());
    }
    const Duration length = TRY(format.get(timeout));
    const Instant deadline = end_of_wait(self, length);
    const Reply reply = wait(deadline);
    if (length != Duration()) {
        const Instant now = Clock::now();
        ignore_error(format.put(timeout, now < deadline ? deadline - now : Duration()),
                     "a constant: the program does not want to know");
    }
    return reply;
}

Reply poll_until(Process& self, VirtAddr fds, std::uint32_t count, Instant deadline) noexcept {
    if (count > self.files.limit()) {
        return fail(Errc::invalid_argument);
    }
    PollSet set;
    TRY(set.create(count));
    const UserPtr<const pollfd> user(fds);
    std::uint32_t invalid = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const pollfd p = TRY(get_user(user + i));
        PolledFile& f = set.files()[i];
        f.wanted = static_cast<std::uint16_t>(p.events) | POLLERR | POLLHUP;
        if (p.fd >= 0) {
            if (auto file = self.files.get(Fd(static_cast<std::uint32_t>(p.fd)))) {
                f.file = std::move(*file).share();
            } else {
                f.found = POLLNVAL;
                ++invalid;
            }
        }
    }
    const Instant until = invalid != 0 ? Instant() : deadline;
    const Result<std::uint32_t> ready = wait_for_files(self, set.files(), set.entries(), until);
    if (!ready) {
        return resume_later(self, deadline);
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        const UserPtr<short> found((user + i).address() + offsetof(pollfd, revents));
        TRY(put_user(found, static_cast<short>(set.files()[i].found)));
    }
    return *ready + invalid;
}

/// fd_set: 1024 bits; only the words that `count` covers are touched.
struct DescriptorSet {
    std::array<std::uint32_t, 32> words{};

    static constexpr std::uint32_t words_for(std::uint32_t count) noexcept {
        return (count + 31) / 32;
    }
    Status read(VirtAddr from, std::uint32_t count) noexcept {
        if (from == VirtAddr(0)) {
            return {};
        }
        return copy_in(std::as_writable_bytes(std::span(words).first(words_for(count))), from);
    }
    Status write(VirtAddr to, std::uint32_t count) const noexcept {
        if (to == VirtAddr(0)) {
            return {};
        }
        return copy_out(to, std::as_bytes(std::span(words).first(words_for(count))));
    }
    [[nodiscard]] bool has(std::uint32_t n) const noexcept {
        return (words[n / 32] >> n % 32 & 1U) != 0;
    }
    void insert(std::uint32_t n) noexcept { words[n / 32] |= 1U << n % 32; }
};

struct SelectSets {
    DescriptorSet readable, writable, exceptional;
    [[nodiscard]] bool has(std::uint32_t n) const noexcept {
        return readable.has(n) || writable.has(n) || exceptional.has(n);
    }
};

Reply select_until(Process& self, std::uint32_t count, VirtAddr readable, VirtAddr writable,
                   VirtAddr exceptional, Instant deadline) noexcept {
    constexpr std::uint32_t is_readable = POLLIN | POLLRDNORM | POLLHUP | POLLERR;
    constexpr std::uint32_t is_writable = POLLOUT | POLLWRNORM | POLLERR;
    constexpr std::uint32_t is_exceptional = POLLPRI;
    if (static_cast<std::int32_t>(count) < 0) {
        return fail(Errc::invalid_argument);
    }
    count = std::min(count, self.files.reach());
    SelectSets wanted;
    TRY(wanted.readable.read(readable, count));
    TRY(wanted.writable.read(writable, count));
    TRY(wanted.exceptional.read(exceptional, count));
    std::uint32_t named = 0;
    for (std::uint32_t n = 0; n < count; ++n) {
        named += wanted.has(n) ? 1U : 0U;
    }
    PollSet set;
    TRY(set.create(named));
    std::uint32_t next = 0;
    for (std::uint32_t n = 0; n < count; ++n) {
        if (wanted.has(n)) {
            PolledFile& f = set.files()[next++];
            f.file = TRY(self.files.get(Fd(n))).share();
            f.wanted = (wanted.readable.has(n) ? is_readable : 0) |
                       (wanted.writable.has(n) ? is_writable : 0) |
                       (wanted.exceptional.has(n) ? is_exceptional : 0);
        }
    }
    if (!wait_for_files(self, set.files(), set.entries(), deadline)) {
        return resume_later(self, deadline);
    }
    SelectSets result;
    std::uint32_t bits = 0;
    next = 0;
    for (std::uint32_t n = 0; n < count; ++n) {
        if (!wanted.has(n)) {
            continue;
        }
        const std::uint32_t found = set.files()[next++].found;
        if (wanted.readable.has(n) && (found & is_readable) != 0) {
            result.readable.insert(n);
            ++bits;
        }
        if (wanted.writable.has(n) && (found & is_writable) != 0) {
            result.writable.insert(n);
            ++bits;
        }
        if (wanted.exceptional.has(n) && (found & is_exceptional) != 0) {
            result.exceptional.insert(n);
            ++bits;
        }
    }
    TRY(result.readable.write(readable, count));
    TRY(result.writable.write(writable, count));
    TRY(result.exceptional.write(exceptional, count));
    return bits;
}

/// pselect's sixth argument.
struct MaskArgument {
    std::uint32_t mask, size;
};

Reply select_with_mask(Process& self, std::uint32_t count, VirtAddr readable, VirtAddr writable,
                       VirtAddr exceptional, VirtAddr timeout, const TimeFormat& format,
                       VirtAddr mask) noexcept {
    MaskArgument m{};
    if (mask != VirtAddr(0)) {
        m = TRY(get_user(UserPtr<const MaskArgument>(mask)));
    }
    return wait_with_timeout(self, timeout, format, [&](Instant deadline) noexcept -> Reply {
        TRY(use_mask(self, UserPtr<const std::uint64_t>(m.mask), m.size));
        return end_masked_wait(
            self, select_until(self, count, readable, writable, exceptional, deadline));
    });
}

Reply poll_with_mask(Process& self, VirtAddr fds, std::uint32_t count, VirtAddr timeout,
                     const TimeFormat& format, UserPtr<const std::uint64_t> mask,
                     std::uint32_t size) noexcept {
    return wait_with_timeout(self, timeout, format, [&](Instant deadline) noexcept -> Reply {
        TRY(use_mask(self, mask, size));
        return end_masked_wait(self, poll_until(self, fds, count, deadline));
    });
}

}  // namespace

Reply poll(Process& self, VirtAddr fds, std::uint32_t count, std::int32_t milliseconds) noexcept {
    const Instant deadline = milliseconds < 0
                                 ? Instant::never()
                                 : end_of_wait(self, Duration::milliseconds(milliseconds));
    return poll_until(self, fds, count, deadline);
}

Reply ppoll(Process& self, VirtAddr fds, std::uint32_t count, VirtAddr timeout,
            UserPtr<const std::uint64_t> mask, std::uint32_t set_size) noexcept {
    return poll_with_mask(self, fds, count, timeout, timespec32, mask, set_size);
}

Reply ppoll64(Process& self, VirtAddr fds, std::uint32_t count, VirtAddr timeout,
              UserPtr<const std::uint64_t> mask, std::uint32_t set_size) noexcept {
    return poll_with_mask(self, fds, count, timeout, timespec64, mask, set_size);
}

Reply select(Process& self, std::uint32_t count, VirtAddr readable, VirtAddr writable,
             VirtAddr exceptional, VirtAddr timeout) noexcept {
    return wait_with_timeout(self, timeout, timeval, [&](Instant deadline) noexcept {
        return select_until(self, count, readable, writable, exceptional, deadline);
    });
}

Reply old_select(Process& self, VirtAddr arguments) noexcept {
    struct Arguments {
        std::uint32_t count;
        VirtAddr readable, writable, exceptional, timeout;
    };
    const auto a = TRY(get_user(UserPtr<const Arguments>(arguments)));
    return select(self, a.count, a.readable, a.writable, a.exceptional, a.timeout);
}

Reply pselect6(Process& self, std::uint32_t count, VirtAddr readable, VirtAddr writable,
               VirtAddr exceptional, VirtAddr timeout, VirtAddr mask) noexcept {
    return select_with_mask(self, count, readable, writable, exceptional, timeout, timespec32,
                            mask);
}

Reply pselect6_time64(Process& self, std::uint32_t count, VirtAddr readable, VirtAddr writable,
                      VirtAddr exceptional, VirtAddr timeout, VirtAddr mask) noexcept {
    return select_with_mask(self, count, readable, writable, exceptional, timeout, timespec64,
                            mask);
}

}  // namespace kidney::kernel::calls
