#include "kernel/storage/disk_files.hpp"

#include "fs/devfs/block_devices.hpp"
#include "fs/procfs/standard_files.hpp"
#include "kernel/hardware/sys_files.hpp"
#include "kernel/kernel.hpp"
#include "kernel/storage/disks.hpp"
#include "kernel/storage/file_systems.hpp"
#include "kernel/storage/partitions.hpp"
#include "kidney/core/log.hpp"

#include <string_view>

namespace kidney::kernel {
namespace {

using Opener = fs::BlockDeviceOpener<Heap, Disk::Bytes, UserMemory, Mutex<ranks::file>>;

class DiskOpener final : public fs::DeviceOpener {
public:
    Result<Ref<fs::File>> open_device(fs::DeviceNumber number, fs::Vnode& node,
                                      fs::OpenMode mode) noexcept override {
        LockGuard guard(partition_lock());
        Disk* const disk = find_disk(number);
        TRY(disk == nullptr ? fail(Errc::no_device) : disk->look_at_medium());
        return Opener(heap(), *disk->bytes, &disk->partitions).open_device(number, node, mode);
    }
};
constinit DiskOpener opener;

}  // namespace

fs::DeviceOpener& disk_opener() noexcept {
    return opener;
}

Status add_disk_nodes(fs::Vnode& dev) noexcept {
    for (Disk* const disk : disks()) {
        TRY(fs::add_device_node(dev, disk->name.view(), fs::NodeType::block, disk->number,
                                fs::Permissions(0660)));
    }
    return {};
}

void show_disk(Disk& disk) noexcept {
    show_disk_in_sys(disk);
    if (device_files() == nullptr) {
        return;
    }
    const Ref<fs::Vnode> dev = device_files()->root();
    const std::string_view name = disk.name.view();
    Status done;
    if (disk.is_there()) {
        done = fs::add_device_node(*dev, name, fs::NodeType::block, disk.number,
                                   fs::Permissions(0660));
    } else if (const Result<Ref<fs::Vnode>> node = dev->lookup(name)) {
        const Result<fs::Attributes> attributes = (*node)->attributes();
        if (attributes && attributes->type == fs::NodeType::block &&
            attributes->rdev == disk.number) {
            done = dev->unlink(name, **node);
        }
    }
    vfs().tree().names.forget(*dev, name);
    if (!done && done.error() != Errc::exists) {
        log::warning<"disk">("{}: its node in /dev: {}", name, done.error());
    }
}

Status write_back_disks() noexcept {
    Status outcome;
    for (Disk* const disk : disks()) {
        if (disk->bytes) {
            const Status status = disk->bytes->write_back();
            outcome = outcome ? status : outcome;
        }
    }
    return outcome;
}

void flush_disks() noexcept {
    for (Disk* const disk : disks()) {
        if (!disk->is_there()) {
            continue;
        }
        const Status status = disk->bytes ? disk->bytes->flush() : disk->device.flush();
        if (!status) {
            log::error<"disk">("{}: cannot be flushed: {}", disk->name.view(), status.error());
        }
    }
}

void write_disk_list(void*, fs::TextOutput& out) noexcept {
    out.write(fs::partitions_heading);
    for (Disk* const disk : disks()) {
        if (const auto size = disk->bytes->size_if_there()) {
            fs::write_partition(disk->number, *size, disk->name.view(), out);
        }
    }
}

void write_disk_statistics(void*, fs::TextOutput& out) noexcept {
    for (Disk* const disk : disks()) {
        if (disk->is_there()) {
            fs::write_disk_statistics(disk->number, disk->name.view(), disk->counted.statistics(),
                                      out);
        }
    }
}

}  // namespace kidney::kernel
