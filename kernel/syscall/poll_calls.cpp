#include "kernel/syscall/poll_calls.hpp"

#include "kernel/signal/send.hpp"
#include "kernel/syscall/poll_set.hpp"
#include "kernel/syscall/resumable_wait.hpp"
#include "kernel/syscall/time_values.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <array>
#include <linux/poll.h>

namespace kidney::kernel::calls {
namespace {

/// ppoll and pselect: other signals may arrive while the call waits.
Status use_mask(Process& self, UserPtr<const std::uint64_t> mask, std::uint32_t size) noexcept {
    if (mask.is_null()) {
        return {};
    }
    if (size != sizeof(std::uint64_t)) {
        return fail(Errc::invalid_argument);
    }
    const SignalSet set(TRY(get_user(mask)));
    LockGuard guard(process_lock);
    self.signals.suspend(set);
    if (self.signals.has_deliverable()) {
        notify(self);
    }
    return {};
}
/// The wait ended without a signal: the program's own mask again.
void restore_mask(Process& self) noexcept {
    LockGuard guard(process_lock);
    self.signals.end_suspend();
    if (self.signals.has_deliverable()) {
        notify(self);
    }
}

Reply poll_until(Process& self, VirtAddr fds, std::uint32_t count, Instant deadline) noexcept {
    PollSet set;
    TRY(set.create(count));
    const UserPtr<pollfd> user(fds);
    std::uint32_t invalid = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const pollfd p = TRY(get_user(user + i));
        PolledFile& f = set.files()[i];
        f.wants_read = (p.events & (POLLIN | POLLRDNORM)) != 0;
        f.wants_write = (p.events & (POLLOUT | POLLWRNORM)) != 0;
        if (p.fd >= 0) {
            if (const auto file = self.files.get(Fd(static_cast<std::uint32_t>(p.fd)))) {
                f.file = Ref<fs::File>::share(**file);
            } else {
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
        pollfd p = TRY(get_user(user + i));
        const PolledFile& f = set.files()[i];
        std::uint32_t events = 0;
        if (!f.file) {
            events = p.fd >= 0 ? POLLNVAL : 0;
        } else {
            events |= f.ready.readable ? p.events & (POLLIN | POLLRDNORM) : 0;
            events |= f.ready.writable ? p.events & (POLLOUT | POLLWRNORM) : 0;
            events |= f.ready.hung_up ? POLLHUP : 0;
            events |= f.ready.error ? POLLERR : 0;
        }
        p.revents = static_cast<short>(events);
        TRY(put_user(user + i, p));
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
    if (static_cast<std::int32_t>(count) < 0) {
        return fail(Errc::invalid_argument);
    }
    count = std::min(count, FdTable::capacity);
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
            f.file = Ref<fs::File>::share(*TRY(self.files.get(Fd(n))));
            f.wants_read = wanted.readable.has(n);
            f.wants_write = wanted.writable.has(n);
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
        const PolledFile& f = set.files()[next++];
        if (f.wants_read && (f.ready.readable || f.ready.hung_up || f.ready.error)) {
            result.readable.insert(n);
            ++bits;
        }
        if (f.wants_write && (f.ready.writable || f.ready.error)) {
            result.writable.insert(n);
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
                       VirtAddr exceptional, Instant deadline, VirtAddr mask) noexcept {
    if (mask != VirtAddr(0)) {
        const auto m = TRY(get_user(UserPtr<const MaskArgument>(mask)));
        TRY(use_mask(self, UserPtr<const std::uint64_t>(m.mask), m.size));
    }
    Reply reply = select_until(self, count, readable, writable, exceptional, deadline);
    if (reply || reply.error() != Errc::restart) {
        restore_mask(self);
    }
    return reply;
}

Reply poll_with_mask(Process& self, VirtAddr fds, std::uint32_t count, Instant deadline,
                     UserPtr<const std::uint64_t> mask, std::uint32_t size) noexcept {
    TRY(use_mask(self, mask, size));
    Reply reply = poll_until(self, fds, count, deadline);
    if (reply || reply.error() != Errc::restart) {
        restore_mask(self);
    }
    return reply;
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
    const Instant deadline =
        timeout == VirtAddr(0) ? Instant::never() : end_of_wait(self, TRY(get_timespec32(timeout)));
    return poll_with_mask(self, fds, count, deadline, mask, set_size);
}

Reply ppoll64(Process& self, VirtAddr fds, std::uint32_t count, VirtAddr timeout,
              UserPtr<const std::uint64_t> mask, std::uint32_t set_size) noexcept {
    const Instant deadline =
        timeout == VirtAddr(0) ? Instant::never() : end_of_wait(self, TRY(get_timespec64(timeout)));
    return poll_with_mask(self, fds, count, deadline, mask, set_size);
}

Reply select(Process& self, std::uint32_t count, VirtAddr readable, VirtAddr writable,
             VirtAddr exceptional, VirtAddr timeout) noexcept {
    Instant deadline = Instant::never();
    if (timeout != VirtAddr(0)) {
        const Timespec32 t = TRY(get_user(UserPtr<const Timespec32>(timeout)));  // microseconds
        deadline =
            end_of_wait(self, TRY(duration_of(t.seconds, std::int64_t{t.nanoseconds} * 1000)));
    }
    return select_until(self, count, readable, writable, exceptional, deadline);
}

Reply pselect6(Process& self, std::uint32_t count, VirtAddr readable, VirtAddr writable,
               VirtAddr exceptional, VirtAddr timeout, VirtAddr mask) noexcept {
    const Instant deadline =
        timeout == VirtAddr(0) ? Instant::never() : end_of_wait(self, TRY(get_timespec32(timeout)));
    return select_with_mask(self, count, readable, writable, exceptional, deadline, mask);
}

Reply pselect6_time64(Process& self, std::uint32_t count, VirtAddr readable, VirtAddr writable,
                      VirtAddr exceptional, VirtAddr timeout, VirtAddr mask) noexcept {
    const Instant deadline =
        timeout == VirtAddr(0) ? Instant::never() : end_of_wait(self, TRY(get_timespec64(timeout)));
    return select_with_mask(self, count, readable, writable, exceptional, deadline, mask);
}

}  // namespace kidney::kernel::calls
