#include "kernel/storage/disk_mounts.hpp"

#include "kernel/storage/partitions.hpp"
#include "kidney/core/log.hpp"

#include <utility>

namespace kidney::kernel {
namespace {

// Those who mount take turns (mount_calls.cpp), so nothing guards the list.
constinit DiskMount* disk_mounts = nullptr;

void finish(DiskMount& mount) noexcept {
    if (const Status status = mount.finish(); !status) {
        log::error<"mount">("{} cannot be unmounted cleanly: {}", mount.disk.name.view(),
                            status.error());
    }
}

void give_up(DiskMount& mount) noexcept {
    Disk& disk = mount.disk;
    mount.dispose();
    disk.bytes->disclaim();
}

class DiskOwner final : public fs::FileSystemOwner {
public:
    void unmounted(fs::FileSystem& file_system) noexcept override {
        DiskMount** at = &disk_mounts;
        while (&(*at)->file_system() != &file_system) {
            at = &(*at)->next;
        }
        DiskMount* const gone = *at;
        *at = gone->next;
        finish(*gone);
        Disk& disk = gone->disk;
        gone->dispose();
        // File data went past the pages of the disk: /dev must not show what was there before. And
        // what could not be written is lost now, not written into the next file system.
        kernel_objects.page_cache.get().forget(disk.pages);
        disk.bytes->disclaim();
    }
    void became_read_only(fs::FileSystem& file_system) noexcept override {
        log::error<"mount">("a disk fails: its {} is read-only from now on",
                            file_system.type_name());
    }
};
constinit DiskOwner disk_owner;

}  // namespace

Result<Disk*> disk_of(const fs::Place& source) noexcept {
    const fs::Attributes node = TRY(source.node->attributes());
    if (node.type != fs::NodeType::block) {
        return fail(Errc::not_block_device);
    }
    Disk* const disk = find_disk(node.rdev);
    if (disk == nullptr) {
        return fail(Errc::no_device);
    }
    LockGuard guard(partition_lock());
    TRY(disk->look_at_medium());
    return disk;
}

fs::FileSystem* mounted_on(const Disk& disk, std::string_view type) noexcept {
    for (DiskMount* at = disk_mounts; at != nullptr; at = at->next) {
        if (&at->disk == &disk && (type.empty() || at->file_system().type_name() == type)) {
            return &at->file_system();
        }
    }
    return nullptr;
}

Result<fs::FileSystem*> mount_fresh(DiskMount& fresh, const MountRequest& request) noexcept {
    const BoundedText<8> name = fresh.disk.name;
    if (const Status read = fresh.mount(); !read) {
        const DiskMount::Reason why = fresh.explain_refusal();
        if (request.why != nullptr) {
            *request.why = why;
        } else {
            log::error<"mount">("{} cannot be mounted as {} ({}): {}", name.view(), request.type,
                                read.error(), why.view());
        }
        give_up(fresh);
        return fail(read.error() == Errc::corrupted ? Errc::invalid_argument : read.error());
    }
    fs::FileSystem& system = fresh.file_system();
    if (!request.read_only && system.is_read_only()) {
        give_up(fresh);
        return fail(Errc::read_only);  // mount(8) tries again with -r
    }
    if (const std::string_view checker = fresh.wants_checker();
        !request.read_only && !checker.empty()) {
        log::warning<"mount">("{} was not unmounted; {} should look at it", name.view(), checker);
    }
    fresh.next = std::exchange(disk_mounts, &fresh);
    system.owner = &disk_owner;
    return &system;
}

void finish_mounted_disks() noexcept {
    for (DiskMount* at = disk_mounts; at != nullptr; at = at->next) {
        finish(*at);
    }
}

}  // namespace kidney::kernel
