#include "kernel/syscall/event_calls.hpp"

#include "kernel/event/event_files.hpp"
#include "kernel/process/process.hpp"
#include "kernel/syscall/signal_mask.hpp"
#include "kernel/syscall/time_values.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <cstdint>
#include <limits>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <utility>

namespace kidney::kernel::calls {

Reply eventfd2(Process& self, std::uint32_t count, std::uint32_t flags) noexcept {
    constexpr std::uint32_t semaphore = 1;  // EFD_SEMAPHORE
    if ((flags & ~std::uint32_t{semaphore | O_CLOEXEC | O_NONBLOCK}) != 0) {
        return fail(Errc::invalid_argument);
    }
    Ref<fs::File> file = TRY(
        event_files().create_counter(count, (flags & semaphore) != 0, (flags & O_NONBLOCK) != 0));
    return TRY(self.files.install(std::move(file), (flags & O_CLOEXEC) != 0)).value();
}

Reply eventfd(Process& self, std::uint32_t count) noexcept {
    return eventfd2(self, count, 0);
}

Reply epoll_create1(Process& self, std::uint32_t flags) noexcept {
    if ((flags & ~std::uint32_t{EPOLL_CLOEXEC}) != 0) {
        return fail(Errc::invalid_argument);
    }
    Ref<fs::File> file = TRY(event_files().create_set());
    return TRY(self.files.install(std::move(file), (flags & EPOLL_CLOEXEC) != 0)).value();
}

Reply epoll_create(Process& self, std::int32_t size) noexcept {
    return size > 0 ? epoll_create1(self, 0) : fail(Errc::invalid_argument);
}

namespace {

/// struct epoll_event on i386.
struct EventRecord {
    std::uint32_t events;
    std::uint64_t data;
};
static_assert(sizeof(EventRecord) == 12);

constexpr std::uint32_t exclusive = EPOLLEXCLUSIVE;
constexpr std::uint32_t edge = EPOLLET;
constexpr std::uint32_t one_shot = EPOLLONESHOT;
constexpr std::uint32_t wake_up = EPOLLWAKEUP;  // keeps nothing from sleeping here
constexpr std::uint32_t always = EPOLLERR | EPOLLHUP;

fs::EventInterest interest_of(const EventRecord& record) noexcept {
    return {.events = (record.events & ~(exclusive | edge | one_shot | wake_up)) | always,
            .data = record.data,
            .edge = (record.events & edge) != 0,
            .one_shot = (record.events & one_shot) != 0,
            .exclusive = (record.events & exclusive) != 0};
}

/// Of sets that share the work. Error: invalid_argument.
Status check_exclusive(std::uint32_t operation, fs::File& file, std::uint32_t events) noexcept {
    constexpr std::uint32_t known = EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLERR |
                                    EPOLLHUP | wake_up | edge | exclusive;
    if ((events & exclusive) == 0) {
        return {};
    }
    const bool is_good =
        operation == EPOLL_CTL_ADD && file.event_set() == nullptr && (events & ~known) == 0;
    return is_good ? Status() : Status(fail(Errc::invalid_argument));
}

}  // namespace

Reply epoll_ctl(Process& self, Fd set, std::uint32_t operation, Fd fd, VirtAddr event) noexcept {
    EventRecord record{};
    if (operation != EPOLL_CTL_DEL) {
        record = TRY(get_user(UserPtr<const EventRecord>(event)));
    }
    const OpenFile set_file = TRY(self.files.get(set));
    const OpenFile file = TRY(self.files.get(fd));
    if (!file->is_pollable()) {
        return fail(Errc::not_permitted);
    }
    auto* const events = EventFiles::set_of(*set_file);
    if (events == nullptr || &*file == &*set_file) {
        return fail(Errc::invalid_argument);
    }
    TRY(check_exclusive(operation, *file, record.events));
    switch (operation) {
        case EPOLL_CTL_ADD:
            TRY(events->add(*file, fd.value(), interest_of(record)));
            return 0U;
        case EPOLL_CTL_MOD:
            TRY(events->change(*file, fd.value(), interest_of(record)));
            return 0U;
        case EPOLL_CTL_DEL:
            TRY(events->remove(*file, fd.value()));
            return 0U;
        default:
            return fail(Errc::invalid_argument);
    }
}

namespace {

/// `timeout`: zero: does not wait; negative: for ever. A signal ends the wait for good.
Reply wait_for_events(Process& self, Fd set, VirtAddr to, std::int32_t most,
                      Duration timeout) noexcept {
    constexpr std::int32_t limit =
        std::numeric_limits<std::int32_t>::max() / static_cast<std::int32_t>(sizeof(EventRecord));
    if (most <= 0 || most > limit) {
        return fail(Errc::invalid_argument);
    }
    const auto count = static_cast<std::uint32_t>(most);
    TRY(check_user_range(to, count * static_cast<std::uint32_t>(sizeof(EventRecord))));
    const OpenFile file = TRY(self.files.get(set));
    auto* const events = EventFiles::set_of(*file);
    if (events == nullptr) {
        return fail(Errc::invalid_argument);
    }
    const Instant deadline = timeout < Duration() ? Instant::never() : Clock::now() + timeout;
    UserPtr<EventRecord> next(to);
    return static_cast<std::uint32_t>(
        TRY(events->wait(count, timeout != Duration(), deadline,
                         [&next](std::uint32_t found, std::uint64_t data) noexcept -> Status {
                             TRY(put_user(next, {found, data}));
                             next = next + 1;
                             return {};
                         })));
}

constexpr Duration for_ever = Duration::nanoseconds(-1);
Duration timeout_of(std::int32_t milliseconds) noexcept {
    return milliseconds < 0 ? for_ever : Duration::milliseconds(milliseconds);
}

Reply wait_with_mask(Process& self, Fd set, VirtAddr events, std::int32_t most, Duration timeout,
                     UserPtr<const std::uint64_t> mask, std::uint32_t set_size) noexcept {
    TRY(use_mask(self, mask, set_size));
    return end_masked_wait(self, wait_for_events(self, set, events, most, timeout));
}

}  // namespace

Reply epoll_wait(Process& self, Fd set, VirtAddr events, std::int32_t most,
                 std::int32_t milliseconds) noexcept {
    return wait_for_events(self, set, events, most, timeout_of(milliseconds));
}

Reply epoll_pwait(Process& self, Fd set, VirtAddr events, std::int32_t most,
                  std::int32_t milliseconds, UserPtr<const std::uint64_t> mask,
                  std::uint32_t set_size) noexcept {
    return wait_with_mask(self, set, events, most, timeout_of(milliseconds), mask, set_size);
}

Reply epoll_pwait2(Process& self, Fd set, VirtAddr events, std::int32_t most, VirtAddr timeout,
                   UserPtr<const std::uint64_t> mask, std::uint32_t set_size) noexcept {
    const Duration length =
        timeout == VirtAddr(0) ? for_ever : TRY(get_timespec<Timespec64>(timeout));
    return wait_with_mask(self, set, events, most, length, mask, set_size);
}

}  // namespace kidney::kernel::calls
