#include "kernel/storage/mounts.hpp"

#include "kernel/devices.hpp"
#include "kernel/kernel.hpp"
#include "kernel/panic.hpp"
#include "kernel/process/proc_files.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/storage/disks.hpp"
#include "kidney/core/log.hpp"

namespace kidney::kernel {
namespace {

// st_dev of each file system.
enum DeviceNumbers : std::uint32_t {
    root_device = 1,
    tmp_device = 2,
    dev_device = 3,
    proc_device = 4,
    shm_device = 5,
    unnamed_device = 6
};

constinit WallFileClock file_clock;
constinit BootObject<fs::TmpfsBudget> memory_files;
constinit BootObject<RootFileSystem> root_file_system;
constinit BootObject<Tmpfs> tmp_file_system;
constinit BootObject<Tmpfs> dev_file_system;
constinit BootObject<Tmpfs> shm_file_system;
constinit BootObject<Tmpfs> unnamed_file_system;  // mounted nowhere

Disk& root_disk(const BootOptions& options) noexcept {
    if (!options.root.view().empty()) {
        if (Disk* const disk = find_disk(options.root.view()); disk != nullptr) {
            return *disk;
        }
        panic("there is no disk {} to mount as root", options.root.view());
    }
    if (disks().empty()) {
        panic("there is no disk to mount as root{}", disk_hint());
    }
    return *disks().front();
}

/// A mount that the system can do without, but should not.
void mount_or_warn(std::string_view path, Status started, fs::FileSystem& file_system,
                   const char* source) noexcept {
    const fs::PathContext context{*vfs().root(), *vfs().root(), fs::Credentials{}};
    const Status status = started ? vfs().mount(context, path, file_system, source) : started;
    if (!status) {
        log::error<"mount">("{} on {}: {}", source, path, status.error());
    }
}

}  // namespace

void mount_file_systems(const BootOptions& options) noexcept {
    Kernel& k = kernel_objects;
    // It leaves more free than any of those may take who cannot ask it to shrink.
    reclaiming_frames().add_reclaimer(k.page_cache.create(
        heap(), frames(), phys_map(), frames().reserve().highest() + PageCache::keep_free));
    reclaiming_frames().add_reclaimer(stacks());
    reclaiming_frames().add_reclaimer(heap());
    heap().set_reclaimer(reclaiming_frames());
    k.vfs.create(heap());

    Disk& disk = root_disk(options);
    RootFileSystem& root =
        root_file_system.create(heap(), k.page_cache.get(), disk.pages, root_device);
    if (const Status status = root.mount(); !status) {
        const fs::ext2::RefusalText why = root.explain_refusal();
        panic("cannot mount {} as root ({}): {}", disk.name.view(), status.error(), why.view());
    }
    disk.is_root = true;
    MUST(vfs().mount_root(root, "/dev/root"));
    log::info<"mount">("{} is the root file system, read-only ext2", disk.name.view());

    constexpr fs::Permissions everybody_sticky{01777};
    // Half of the memory for all of them together: programs must find some, too.
    const auto half = static_cast<std::uint32_t>(frames().total_frames() / 2);
    const fs::TmpfsLimits limits{.nodes = half,
                                 .budget = &memory_files.create(std::size_t{half} << page_shift)};
    Tmpfs& tmp = tmp_file_system.create(heap(), reclaiming_frames(), phys_map(), file_clock,
                                        tmp_device, limits);
    mount_or_warn("/tmp", tmp.start(everybody_sticky), tmp, "tmpfs");

    Tmpfs& dev = dev_file_system.create(heap(), reclaiming_frames(), phys_map(), file_clock,
                                        dev_device, limits);
    Status nodes = dev.start(fs::Permissions(0755));
    if (nodes) {
        nodes = add_device_nodes(*dev.root());
    }
    mount_or_warn("/dev", nodes, dev, "devtmpfs");
    start_devices();
    // Where shm_open and sem_open keep their files.
    Tmpfs& shm = shm_file_system.create(heap(), reclaiming_frames(), phys_map(), file_clock,
                                        shm_device, limits);
    mount_or_warn("/dev/shm", shm.start(everybody_sticky), shm, "tmpfs");

    unnamed_file_system.create(heap(), reclaiming_frames(), phys_map(), file_clock, unnamed_device,
                               fs::TmpfsLimits{});

    const Result<fs::FileSystem*> proc = create_proc_files(proc_device);
    if (proc) {
        mount_or_warn("/proc", {}, **proc, "proc");
    }
}

void discard_memory_files() noexcept {
    vfs().unmount_all();
    tmp_file_system.get().discard();
    shm_file_system.get().discard();
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
    return create_file(shm_file_system.get(), node, size);
}

std::size_t memory_file_pages() noexcept {
    std::size_t pages = 0;
    for (BootObject<Tmpfs>* const each :
         {&tmp_file_system, &dev_file_system, &shm_file_system, &unnamed_file_system}) {
        pages += each->is_created() ? each->get().data_pages() : 0;
    }
    return pages;
}

}  // namespace kidney::kernel
