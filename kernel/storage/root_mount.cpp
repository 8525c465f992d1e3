#include "kernel/storage/root_mount.hpp"

#include "fs/borrowed_page.hpp"
#include "fs/disk_format.hpp"
#include "fs/vfs/tree_copy.hpp"
#include "kernel/kernel.hpp"
#include "kernel/panic.hpp"
#include "kernel/storage/disks.hpp"
#include "kernel/storage/file_systems.hpp"
#include "kidney/core/log.hpp"

namespace kidney::kernel {
namespace {

Disk& root_disk(const BootOptions& options) noexcept {
    if (!options.root.view().empty()) {
        if (Disk* const disk = find_disk(options.root.view()); disk != nullptr) {
            return *disk;
        }
        panic("there is no disk {} to mount as root", options.root.view());
    }
    for (Disk* const disk : disks()) {
        if (disk->medium == nullptr) {
            return *disk;
        }
    }
    panic("there is no disk to mount as root{}", disk_hint());
}

std::string_view type_of(fs::DiskFormat format) noexcept {
    constexpr std::array<std::string_view, 5> by_format{"", "kfs", "vsfs", "ext2", "vfat"};
    return by_format[static_cast<std::size_t>(format)];
}

/// The disk is copied, and let go.
bool is_in_memory(const BootOptions& options) noexcept {
    return options.root_type.view() == "tmpfs";
}

/// As the disk begins.
std::string_view probed_type(Disk& disk) noexcept {
    const auto head =
        fs::BorrowedPage<PageCache>::get(kernel_objects.page_cache.get(), disk.pages, 0);
    if (!head) {
        panic("cannot mount {} as root: its first {} bytes cannot be read: {}", disk.name.view(),
              page_size, head.error());
    }
    const fs::DiskHead bytes = head->bytes();
    const fs::DiskFormat format = fs::disk_format(bytes);
    if (format == fs::DiskFormat::unknown) {
        constexpr std::size_t ext2_magic = fs::ext2::superblock_offset + 56;
        panic(
            "cannot mount {} as root: its 32-bit number at byte 0, 0x{:08x}, is that of no kfs or "
            "vsfs and of no FAT's boot sector, and its 16-bit number at byte {}, 0x{:04x}, that of "
            "no ext2; a partition of it may be meant, or rootfstype= say what it is",
            disk.name.view(), std::uint32_t{fs::load<fs::Le32>(bytes, 0)}, ext2_magic,
            std::uint16_t{fs::load<fs::Le16>(bytes, ext2_magic)});
    }
    return type_of(format);
}

std::string_view root_type(Disk& disk, const BootOptions& options) noexcept {
    const std::string_view wanted = options.root_type.view();
    if (wanted.empty() || is_in_memory(options)) {
        return probed_type(disk);
    }
    if (const Result<bool> lives_on_disks = type_needs_device(wanted);
        !lives_on_disks || !*lives_on_disks) {
        panic("cannot mount {} as root: rootfstype={} is none of {}", disk.name.view(), wanted,
              disk_types().view());
    }
    return wanted;
}

/// Of one that cannot say what is wrong: it cannot be read, or nothing is.
std::string_view in_words(Errc error) noexcept {
    return error == Errc::invalid_argument ? "rootflags= has an option that it does not know"
           : error == Errc::no_memory      ? "there is no memory for it"
                                           : "it cannot be read";
}

/// A new tmpfs with all that `from` holds, which goes.
fs::FileSystem& copy_in_memory(fs::FileSystem& from, std::string_view disk,
                               std::string_view options) noexcept {
    const Result<fs::FileSystem*> made = make_tmpfs(options);
    if (!made) {
        panic("cannot make a tmpfs for the root: {}", made.error() == Errc::invalid_argument
                                                          ? "rootflags= has an option that it "
                                                            "does not know"
                                                          : "there is no memory for it");
    }
    const Result<fs::TreeCopy<Heap>*> copy = mm::make<fs::TreeCopy<Heap>>(heap(), heap());
    const Status copied = copy ? (*copy)->copy(from.root(), (*made)->root()) : fail(copy.error());
    if (!copied) {
        panic("cannot copy {} into memory as root, from {} on: {}", disk,
              copy ? (*copy)->name() : "the beginning", copied.error());
    }
    mm::destroy(heap(), *copy);
    give_back(from);
    return **made;
}

}  // namespace

void mount_root(const BootOptions& options) noexcept {
    Disk& disk = root_disk(options);
    const std::string_view name = disk.name.view();
    const bool in_memory = is_in_memory(options);
    BoundedText<160> why;
    MountRequest request{.type = root_type(disk, options),
                         .disk = &disk,
                         .options = in_memory ? std::string_view() : options.root_options.view(),
                         .read_only = in_memory || !options.root_writable,
                         .why = &why};
    Result<fs::FileSystem*> root = file_system_for(request);
    if (!root && root.error() == Errc::read_only) {
        log::warning<"mount">("{} cannot be written", name);
        request.read_only = true;
        root = file_system_for(request);
    }
    if (!root) {
        panic("cannot mount {} as root, as {} ({}): {}", name, request.type, root.error(),
              why.view().empty() ? in_words(root.error()) : why.view());
    }
    if (in_memory) {
        root = &copy_in_memory(**root, name, options.root_options.view());
        request.read_only = !options.root_writable;
        MUST(vfs().mount_root(**root, "tmpfs", {.read_only = request.read_only}));
        log::info<"mount">("a copy of {} in memory is the root file system{}", name,
                           request.read_only ? ", read-only" : "");
        return;
    }
    MUST(vfs().mount_root(**root, "/dev/root", {.read_only = request.read_only}));
    log::info<"mount">("{} is the root file system, {}{}", name,
                       request.read_only ? "read-only " : "", request.type);
}

}  // namespace kidney::kernel
