#include "kernel/event/change_files.hpp"

#include "kernel/boot_object.hpp"

#include <algorithm>
#include <linux/inotify.h>
#include <span>

namespace kidney::kernel {
namespace {

constexpr bool is_linux(fs::Change change, std::uint32_t bit) noexcept {
    return static_cast<std::uint32_t>(change) == bit;
}
static_assert(
    is_linux(fs::Change::accessed, IN_ACCESS) && is_linux(fs::Change::modified, IN_MODIFY) &&
    is_linux(fs::Change::attributes, IN_ATTRIB) &&
    is_linux(fs::Change::closed_writable, IN_CLOSE_WRITE) &&
    is_linux(fs::Change::closed, IN_CLOSE_NOWRITE) && is_linux(fs::Change::opened, IN_OPEN) &&
    is_linux(fs::Change::moved_from, IN_MOVED_FROM) &&
    is_linux(fs::Change::moved_to, IN_MOVED_TO) && is_linux(fs::Change::made, IN_CREATE) &&
    is_linux(fs::Change::removed, IN_DELETE) &&
    is_linux(fs::Change::self_removed, IN_DELETE_SELF) &&
    is_linux(fs::Change::self_moved, IN_MOVE_SELF) && is_linux(fs::Change::unmounted, IN_UNMOUNT) &&
    is_linux(fs::Change::lost, IN_Q_OVERFLOW) && is_linux(fs::Change::forgotten, IN_IGNORED) &&
    is_linux(fs::Change::directory, IN_ISDIR));

constinit BootObject<ChangeFiles> all_changes;

/// As Linux, but that the records of a user are no more than a sixteenth of the memory.
fs::ChangeLimits change_limits() noexcept {
    constexpr std::size_t fewest = 8192, most = 1U << 20U;
    constexpr std::size_t part = 100;         // of the memory, for what is watched
    constexpr std::size_t watch_bytes = 512;  // with the node that it keeps
    const std::size_t bytes = std::min(frames().total_frames(), std::size_t{1} << 18U) * page_size;
    return {
        .records = 16384,
        .files = 128,
        .watches = static_cast<std::uint32_t>(std::clamp(bytes / part / watch_bytes, fewest, most)),
        .bytes = bytes / 16};
}

}  // namespace

Status ChangeFormat::put(fs::ReadBuffer& to, const fs::ChangeRecord& record) noexcept {
    static_assert(sizeof(inotify_event) == header);
    inotify_event event{};
    event.wd = record.watch;
    event.mask = static_cast<std::uint32_t>(record.what);
    event.cookie = record.cookie;
    event.len = static_cast<std::uint32_t>(padded(record.name.size()));
    TRY(to.put(std::as_bytes(std::span(&event, 1))));
    TRY(to.put(std::as_bytes(std::span(record.name))));
    return to.put_zeros(event.len - record.name.size());
}

void start_change_files() noexcept {
    vfs().set_listener(all_changes.create(heap(), vfs().tree().names, change_limits()));
}

ChangeFiles& change_files() noexcept {
    return all_changes.get();
}

}  // namespace kidney::kernel
