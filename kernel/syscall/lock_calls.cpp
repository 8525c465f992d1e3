#include "kernel/syscall/lock_calls.hpp"

#include "kernel/process/file_locks.hpp"
#include "kernel/syscall/file_calls.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <cstdint>
#include <limits>
#include <linux/fcntl.h>

namespace kidney::kernel {
namespace {

/// Linux's struct flock64, of which struct flock is the 32-bit form.
struct Record {
    std::int16_t type;
    std::int16_t whence;
    std::int64_t start;
    std::int64_t length;
    std::int32_t pid;
};
template <class Offset>
struct __attribute__((packed, aligned(4))) UserRecord {
    std::int16_t type;
    std::int16_t whence;
    Offset start;
    Offset length;
    std::int32_t pid;
};
static_assert(sizeof(UserRecord<std::int32_t>) == 16 && sizeof(UserRecord<std::int64_t>) == 24);

template <class Offset>
Result<Record> get_record_as(VirtAddr from) noexcept {
    const auto r = TRY(get_user(UserPtr<const UserRecord<Offset>>(from)));
    return Record{r.type, r.whence, r.start, r.length, r.pid};
}
template <class Offset>
Status put_record_as(VirtAddr to, const Record& r) noexcept {
    constexpr std::int64_t most = std::numeric_limits<Offset>::max();
    if (r.start > most || r.length > most) {
        return fail(Errc::value_overflow);
    }
    return put_user(
        UserPtr<UserRecord<Offset>>(to),
        {r.type, r.whence, static_cast<Offset>(r.start), static_cast<Offset>(r.length), r.pid});
}

/// What a command number means.
struct Command {
    enum class Action : std::uint8_t { get, set, set_or_wait };
    Action action = Action::get;
    bool is_wide = true;       ///< struct flock64
    bool of_the_file = false;  ///< the open file owns the lock, not the process
};
std::optional<Command> parse(std::uint32_t command) noexcept {
    using enum Command::Action;
    switch (command) {
        case F_GETLK:
            return Command{get, false, false};
        case F_SETLK:
            return Command{set, false, false};
        case F_SETLKW:
            return Command{set_or_wait, false, false};
        case F_GETLK64:
            return Command{get, true, false};
        case F_SETLK64:
            return Command{set, true, false};
        case F_SETLKW64:
            return Command{set_or_wait, true, false};
        case F_OFD_GETLK:
            return Command{get, true, true};
        case F_OFD_SETLK:
            return Command{set, true, true};
        case F_OFD_SETLKW:
            return Command{set_or_wait, true, true};
        default:
            return std::nullopt;
    }
}

/// The bytes that are meant, counted from the beginning of the file.
Result<fs::LockRange> range_of(const Record& r, fs::File& file) noexcept {
    std::int64_t base = 0;
    switch (r.whence) {
        case SEEK_SET:
            break;
        case SEEK_CUR:
            base = static_cast<std::int64_t>(file.seek(0, fs::Whence::current).value_or(0));
            break;
        case SEEK_END:
            base = static_cast<std::int64_t>(TRY(file.attributes()).size);
            break;
        default:
            return fail(Errc::invalid_argument);
    }
    std::int64_t first = 0;
    if (__builtin_add_overflow(base, r.start, &first)) {
        return fail(Errc::value_overflow);
    }
    std::int64_t last = std::numeric_limits<std::int64_t>::max();
    if (r.length > 0 && __builtin_add_overflow(first, r.length - 1, &last)) {
        return fail(Errc::value_overflow);
    }
    if (r.length < 0) {  // the bytes in front of the start
        last = first - 1;
        if (__builtin_add_overflow(first, r.length, &first)) {
            return fail(Errc::invalid_argument);
        }
    }
    if (first < 0 || last < first) {
        return fail(Errc::invalid_argument);
    }
    return fs::LockRange{static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(last)};
}

/// F_GETLK: the lock in the way, or the question with F_UNLCK.
Record answer(const Record& asked, const std::optional<fs::LockRequest>& found) noexcept {
    Record r = asked;
    if (!found) {
        r.type = F_UNLCK;
        return r;
    }
    const fs::LockRange range = found->range;
    r.type = found->kind == fs::LockKind::shared ? F_RDLCK : F_WRLCK;
    r.whence = SEEK_SET;
    r.start = static_cast<std::int64_t>(range.first);
    r.length = range.last == fs::LockRange::end_of_all
                   ? 0
                   : static_cast<std::int64_t>(range.last - range.first + 1);
    r.pid = found->owner.pid();
    return r;
}

Reply change(Process& self, Fd fd, fs::File& file, fs::Vnode& node, const Command& command,
             const Record& record, const fs::LockRequest& wanted) noexcept {
    if (record.type == F_UNLCK) {
        TRY(record_locks().clear(node, wanted.owner, wanted.range));
        return 0U;
    }
    const bool is_shared = wanted.kind == fs::LockKind::shared;
    if (is_shared ? !file.is_readable() : !file.is_writable()) {
        return fail(Errc::bad_descriptor);
    }
    if (command.of_the_file) {
        give_up_locks_at_end(file);
    } else {
        give_up_locks_at_close(self);
    }
    const Status set =
        record_locks().set(node, wanted, command.action == Command::Action::set_or_wait);
    if (!set) {
        return fail(set.error() == Errc::interrupted ? Errc::restart : set.error());
    }
    if (!command.of_the_file && !self.files.names(fd, file)) {
        // Another thread has closed it, perhaps before there was this lock to end.
        record_locks().release(wanted.owner, &node);
        return fail(Errc::bad_descriptor);
    }
    return 0U;
}

}  // namespace

bool is_lock_command(std::uint32_t command) noexcept {
    return parse(command).has_value();
}

Reply control_locks(Process& self, Fd fd, fs::File& file, std::uint32_t command,
                    VirtAddr argument) noexcept {
    const std::optional<Command> meant = parse(command);
    fs::Vnode* const node = file.vnode();
    if (!meant || node == nullptr) {  // an unnamed pipe: nobody locks it
        return fail(Errc::invalid_argument);
    }
    const Record record = TRY(meant->is_wide ? get_record_as<std::int64_t>(argument)
                                             : get_record_as<std::int32_t>(argument));
    const bool is_get = meant->action == Command::Action::get;
    if ((record.type != F_RDLCK && record.type != F_WRLCK && (is_get || record.type != F_UNLCK)) ||
        (meant->of_the_file && record.pid != 0)) {
        return fail(Errc::invalid_argument);
    }
    const fs::LockRequest wanted{
        .owner = meant->of_the_file ? fs::LockOwner::open_file(&file)
                                    : fs::LockOwner::process(self.pid.value()),
        .kind = record.type == F_RDLCK ? fs::LockKind::shared : fs::LockKind::exclusive,
        .range = TRY(range_of(record, file))};
    if (!is_get) {
        return change(self, fd, file, *node, *meant, record, wanted);
    }
    const Record found = answer(record, record_locks().find_conflict(*node, wanted));
    TRY(meant->is_wide ? put_record_as<std::int64_t>(argument, found)
                       : put_record_as<std::int32_t>(argument, found));
    return 0U;
}

namespace calls {

Reply flock(Process& self, Fd fd, std::uint32_t operation) noexcept {
    constexpr std::uint32_t mandatory = LOCK_MAND;  // never worked, and Linux takes it for done
    const bool wait = (operation & LOCK_NB) == 0;
    const std::uint32_t kind = operation & ~std::uint32_t{LOCK_NB};
    if ((operation & mandatory) != 0) {
        return 0U;
    }
    if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN) {
        return fail(Errc::invalid_argument);
    }
    const OpenFile file = TRY(self.files.get(fd));
    fs::Vnode* const node = file->vnode();
    if (node == nullptr) {
        return fail(Errc::invalid_argument);
    }
    const fs::LockOwner owner = fs::LockOwner::open_file(file.get());
    if (kind == LOCK_UN) {
        TRY(whole_file_locks().clear(*node, owner, {}));
        return 0U;
    }
    give_up_locks_at_end(*file);
    const Status set = whole_file_locks().set(
        *node, {owner, kind == LOCK_SH ? fs::LockKind::shared : fs::LockKind::exclusive, {}}, wait);
    if (!set) {
        return fail(set.error() == Errc::interrupted ? Errc::restart : set.error());
    }
    return 0U;
}

}  // namespace calls
}  // namespace kidney::kernel
