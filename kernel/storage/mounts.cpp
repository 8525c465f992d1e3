#include "kernel/storage/mounts.hpp"

#include "kernel/devices.hpp"
#include "kernel/hardware/sys_files.hpp"
#include "kernel/kernel.hpp"
#include "kernel/panic.hpp"
#include "kernel/process/proc_files.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/storage/disk_mounts.hpp"
#include "kernel/storage/disks.hpp"
#include "kernel/storage/file_systems.hpp"
#include "kernel/storage/root_mount.hpp"
#include "kernel/storage/shares.hpp"
#include "kernel/tty/pseudo_terminals.hpp"
#include "kidney/core/log.hpp"

#include <algorithm>

namespace kidney::kernel {
namespace {

constinit BootObject<Tmpfs> dev_file_system;
constinit BootObject<Tmpfs> terminal_names;
// Mounted nowhere: what is behind shared memory, and of it that which no process need have mapped.
constinit BootObject<Tmpfs> unnamed_file_system;
constinit BootObject<Tmpfs> counted_file_system;
constinit BootObject<Mutex<ranks::mounting>> turn;

/// A mount that the system can do without, but should not.
void mount_or_warn(std::string_view path, Result<fs::FileSystem*> made,
                   const char* source) noexcept {
    const fs::Place root = vfs().root();
    const fs::PathContext context{root, root, fs::Credentials{}};
    const Status status =
        made ? vfs().mount(context, path, **made, source) : Status(fail(made.error()));
    if (!status) {
        log::error<"mount">("{} on {}: {}", source, path, status.error());
    }
}

Tmpfs& create_tmpfs(BootObject<Tmpfs>& place, const fs::TmpfsLimits& limits) noexcept {
    return place.create(heap(), reclaiming_frames(), phys_map(), file_clock(),
                        next_anonymous_device(), limits);
}

Result<fs::FileSystem*> make_device_files() noexcept {
    fs::TmpfsLimits limits = memory_file_limits();
    limits.type_name = "devtmpfs";
    Tmpfs& dev = create_tmpfs(dev_file_system, limits);
    TRY(dev.start(fs::Permissions(0755)));
    TRY(add_device_nodes(*dev.root()));
    set_device_files(dev);
    return &dev;
}

Result<fs::FileSystem*> make_terminal_names() noexcept {
    fs::TmpfsLimits limits = memory_file_limits();
    limits.type_name = "devpts";
    limits.magic = 0x1cd1;
    Tmpfs& names = create_tmpfs(terminal_names, limits);
    TRY(names.start(fs::Permissions(0755)));
    TRY(start_pseudo_terminals(*names.root()));
    set_terminal_names(names);
    return &names;
}

}  // namespace

Mutex<ranks::mounting>& mounting_lock() noexcept {
    return turn.get();
}

/// For as many pages as there are frames, up to 256 MiB of them, if the policy of the cache wants
/// to know what it evicted; a 150th of memory then.
[[nodiscard]] std::span<std::byte> memory_for_ghosts() noexcept {
    const std::size_t bytes = fs::or_default::ghost_bytes<CachePolicy>(
        std::min<std::size_t>(frames().total_frames(), std::size_t{1} << 16));
    if (bytes == 0) {
        return {};
    }
    const Result<void*> memory = heap().allocate(bytes);
    if (!memory) {
        log::warning<"mount">("no memory for what the page cache remembers: {} KiB", bytes / 1024);
        return {};
    }
    return {static_cast<std::byte*>(*memory), bytes};
}

void mount_file_systems(const BootOptions& options) noexcept {
    Kernel& k = kernel_objects;
    // It leaves more free than any of those may take who cannot ask it to shrink.
    reclaiming_frames().add_reclaimer(k.page_cache.create(
        heap(), frames(), phys_map(), frames().reserve().highest() + PageCache::keep_free,
        memory_for_ghosts()));
    reclaiming_frames().add_reclaimer(stacks());
    reclaiming_frames().add_reclaimer(heap());
    heap().set_reclaimer(reclaiming_frames());
    k.vfs.create(heap());
    turn.create();

    cache_disks();
    mount_root(options);
    mount_or_warn("/tmp", make_tmpfs(""), "tmpfs");
    mount_or_warn("/dev", make_device_files(), "devtmpfs");
    start_devices();
    mount_or_warn("/dev/pts", make_terminal_names(), "devpts");
    mount_or_warn("/sys", create_sys_files(next_anonymous_device()), "sysfs");
    // Where shm_open and sem_open keep their files.
    mount_or_warn("/dev/shm", make_tmpfs(""), "tmpfs");
    create_tmpfs(unnamed_file_system, {});
    create_tmpfs(counted_file_system, memory_file_limits());

    const Result<fs::FileSystem*> proc = create_proc_files(next_anonymous_device());
    if (proc) {
        set_proc_files(**proc);
        mount_or_warn("/proc", proc, "proc");
    }
    if (constexpr std::string_view tag = "host"; has_share(tag)) {
        mount_or_warn("/host", share_files({.type = "9p", .source_name = tag, .options = {}}),
                      "host");
    }
}

Status sync_file_systems() noexcept {
    LockGuard no_mounts(mounting_lock());
    return vfs().sync();
}

void finish_disks() noexcept {
    finish_mounted_disks();
}

void discard_memory_files() noexcept {
    vfs().unmount_all();
}

namespace {
Result<Ref<fs::Vnode>> create_file(Tmpfs& in, const fs::NewNode& node,
                                   std::uint64_t size) noexcept {
    Ref<fs::Vnode> file = TRY(in.create_unnamed(node, false));
    TRY(file->set_attributes({.size = size}));
    return file;
}
}  // namespace

Result<Ref<fs::Vnode>> create_memory_file(const fs::NewNode& node, std::uint64_t size) noexcept {
    return create_file(unnamed_file_system.get(), node, size);
}
Result<Ref<fs::Vnode>> create_counted_file(const fs::NewNode& node, std::uint64_t size) noexcept {
    return create_file(counted_file_system.get(), node, size);
}

std::size_t memory_file_pages() noexcept {
    const std::size_t unnamed =
        unnamed_file_system.is_created() ? unnamed_file_system.get().data_pages() : 0;
    return unnamed + memory_files().pages();
}

}  // namespace kidney::kernel
