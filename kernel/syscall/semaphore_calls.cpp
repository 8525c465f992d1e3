#include "kernel/syscall/ipc_calls.hpp"
#include "kernel/syscall/ipc_values.hpp"
#include "kernel/syscall/time_values.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/system_v.hpp"

#include <array>
#include <utility>

namespace kidney::kernel::calls {
namespace {

/// Numbers on the heap, if there are too many for the stack.
template <class T>
class SomeNumbers {
public:
    SomeNumbers() noexcept = default;
    SomeNumbers(const SomeNumbers&) = delete;
    SomeNumbers& operator=(const SomeNumbers&) = delete;
    ~SomeNumbers() {
        if (!all_.empty() && all_.data() != few_.data()) {
            heap().free(all_.data(), all_.size_bytes());
        }
    }
    /// Error: no_memory.
    [[nodiscard]] Status resize(std::size_t count) noexcept {
        if (count <= few_.size()) {
            all_ = std::span(few_).first(count);
            return {};
        }
        all_ = {static_cast<T*>(TRY(heap().allocate(count * sizeof(T)))), count};
        return {};
    }
    [[nodiscard]] std::span<T> all() noexcept { return all_; }

private:
    std::array<T, 16> few_;
    std::span<T> all_;
};

Reply operate(Process& self, std::int32_t id, VirtAddr from, std::uint32_t count,
              const Result<Instant>& deadline) noexcept {
    if (count == 0 || id < 0) {
        return fail(Errc::invalid_argument);
    }
    if (count > ipc::most_operations) {
        return fail(Errc::argument_list_long);
    }
    SomeNumbers<UserSemaphoreOperation> given;
    SomeNumbers<ipc::SemaphoreOperation> operations;
    TRY(given.resize(count));
    TRY(copy_in(std::as_writable_bytes(given.all()), from));
    if (!deadline) {
        return fail(deadline.error());
    }
    TRY(operations.resize(count));
    bool undoes = false;
    for (std::size_t n = 0; n < count; ++n) {
        const auto [number, change, flag_word] = given.all()[n];
        const auto flags = static_cast<std::uint16_t>(flag_word);
        operations.all()[n] = {.number = number,
                               .change = change,
                               .no_wait = (flags & ipc_flags::no_wait) != 0,
                               .undo = (flags & ipc_flags::undo) != 0};
        undoes |= operations.all()[n].undo;
    }
    self.undoes_semaphores |= undoes;
    TRY(semaphores().operate(id, operations.all(), IpcCaller(self), *deadline));
    return 0U;
}

Result<Instant> deadline_after(Result<Duration> timeout) noexcept {
    return Clock::now() + TRY(std::move(timeout));
}

Reply put_facts(const ipc::SemaphoreSetFacts& f, VirtAddr to) noexcept {
    const UserSemaphoreSet set{.permission = user_permission(f.permission),
                               .operated = UserTime::of(f.operated),
                               .changed = UserTime::of(f.changed),
                               .count = f.count,
                               .unused = {}};
    TRY(put_user(UserPtr<UserSemaphoreSet>(to), set));
    return 0U;
}

Reply put_semaphore_info(bool of_usage, VirtAddr to) noexcept {
    const auto usage = semaphores().usage();
    constexpr auto sets = static_cast<std::int32_t>(Semaphores::capacity);
    constexpr auto in_set = static_cast<std::int32_t>(ipc::most_in_set);
    const UserSemaphoreInfo info{.map = sets * in_set,
                                 .sets = sets,
                                 .semaphores = sets * in_set,
                                 .undos = sets * in_set,
                                 .in_set = in_set,
                                 .operations = ipc::most_operations,
                                 .undo_entries = ipc::most_operations,
                                 .undo_size = of_usage ? static_cast<std::int32_t>(usage.sets) : 20,
                                 .highest_value = ipc::highest_semaphore,
                                 .highest_undo = of_usage
                                                     ? static_cast<std::int32_t>(usage.semaphores)
                                                     : ipc::highest_semaphore};
    TRY(put_user(UserPtr<UserSemaphoreInfo>(to), info));
    return static_cast<std::uint32_t>(usage.highest);
}

Reply get_all(std::int32_t id, VirtAddr to, const ipc::Caller& caller) noexcept {
    SomeNumbers<std::uint16_t> values;
    TRY(values.resize(TRY(semaphores().values(id, {}, caller))));
    if (TRY(semaphores().values(id, values.all(), caller)) != values.all().size()) {
        return fail(Errc::identifier_removed);  // another set by now
    }
    TRY(copy_out(to, std::as_bytes(values.all())));
    return 0U;
}
Reply set_all(std::int32_t id, VirtAddr from, const ipc::Caller& caller) noexcept {
    SomeNumbers<std::uint16_t> values;
    TRY(values.resize(TRY(semaphores().size_to_set(id, caller))));
    TRY(copy_in(std::as_writable_bytes(values.all()), from));
    TRY(semaphores().set_values(id, values.all(), caller));
    return 0U;
}

Reply ask_one(std::int32_t id, std::uint32_t number, std::uint32_t command,
              const ipc::Caller& caller) noexcept {
    const ipc::SemaphoreValue s = TRY(semaphores().value(id, number, caller));
    switch (command) {
        case sem_get_pid:
            return static_cast<std::uint32_t>(s.pid);
        case sem_get_value:
            return std::uint32_t{s.value};
        case sem_get_more:
            return s.waits_for_more;
        default:
            return s.waits_for_zero;
    }
}

}  // namespace

Reply semget(Process& self, std::int32_t key, std::uint32_t count, std::uint32_t flags) noexcept {
    return static_cast<std::uint32_t>(
        TRY(semaphores().get(ipc_request(key, flags), count, IpcCaller(self))));
}

Reply semtimedop(Process& self, std::int32_t id, VirtAddr operations, std::uint32_t count,
                 VirtAddr timeout) noexcept {
    return operate(
        self, id, operations, count,
        timeout == VirtAddr(0) ? Instant::never() : deadline_after(get_timespec32(timeout)));
}
Reply semtimedop64(Process& self, std::int32_t id, VirtAddr operations, std::uint32_t count,
                   VirtAddr timeout) noexcept {
    return operate(
        self, id, operations, count,
        timeout == VirtAddr(0) ? Instant::never() : deadline_after(get_timespec64(timeout)));
}

Reply semctl(Process& self, std::int32_t id, std::uint32_t number, std::uint32_t command,
             std::uint32_t argument) noexcept {
    if (id < 0) {
        return fail(Errc::invalid_argument);
    }
    const IpcCaller caller(self);
    const VirtAddr buffer(argument);
    switch (command) {
        case ipc_info:
        case sem_info:
            return put_semaphore_info(command == sem_info, buffer);
        case ipc_stat:
            return put_facts(TRY(semaphores().facts(id, caller)), buffer);
        case sem_stat:
        case sem_stat_any: {
            const auto facts = TRY(
                semaphores().facts_at(static_cast<std::uint32_t>(id), caller, command == sem_stat));
            TRY(put_facts(facts, buffer));
            return static_cast<std::uint32_t>(facts.id);
        }
        case sem_get_pid:
        case sem_get_value:
        case sem_get_more:
        case sem_get_zero:
            return ask_one(id, number, command, caller);
        case sem_get_all:
            return get_all(id, buffer, caller);
        case sem_set_value:
            TRY(semaphores().set_value(id, number, static_cast<std::int32_t>(argument), caller));
            return 0U;
        case sem_set_all:
            return set_all(id, buffer, caller);
        case ipc_set: {
            const auto set = TRY(get_user(UserPtr<const UserSemaphoreSet>(buffer)));
            TRY(semaphores().change(id, set.permission.uid, set.permission.gid, set.permission.mode,
                                    caller));
            return 0U;
        }
        case ipc_remove:
            TRY(semaphores().remove(id, caller));
            return 0U;
        default:
            return fail(Errc::invalid_argument);
    }
}

}  // namespace kidney::kernel::calls
