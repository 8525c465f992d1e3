#include "kernel/storage/disk_files.hpp"

#include "fs/devfs/block_devices.hpp"
#include "fs/procfs/standard_files.hpp"
#include "kernel/kernel.hpp"
#include "kernel/storage/disks.hpp"
#include "kidney/core/log.hpp"

#include <array>

namespace kidney::kernel {
namespace {

using Bytes = fs::DeviceBytes<Heap, PageCache, Mutex<ranks::file_system>>;
using Opener = fs::BlockDeviceOpener<Heap, Bytes, UserMemory, Mutex<ranks::file>>;

constinit std::array<BootObject<Bytes>, max_disks> whole_disks;
constinit std::array<BootObject<Opener>, max_disks> openers;
constinit std::array<fs::DeviceRange, max_disks> ranges{};

}  // namespace

std::span<const fs::DeviceRange> start_disk_files() noexcept {
    std::size_t n = 0;
    for (Disk* const disk : disks()) {
        Bytes& whole = whole_disks[n].create(heap(), kernel_objects.page_cache.get(), disk->pages);
        if (disk->is_root) {
            MUST(whole.claim());  // it is new, nobody has it open
        }
        ranges[n] = {fs::NodeType::block, disk->number, 1, &openers[n].create(heap(), whole)};
        ++n;
    }
    return std::span(ranges).first(n);
}

namespace {
Bytes& bytes_of(const Disk& disk) noexcept {
    std::size_t n = 0;
    while (disks()[n] != &disk) {
        ++n;
    }
    return whole_disks[n].get();
}
}  // namespace

Status claim_disk(Disk& disk) noexcept {
    return bytes_of(disk).claim();
}
void disclaim_disk(Disk& disk) noexcept {
    bytes_of(disk).disclaim();
}

Status add_disk_nodes(fs::Vnode& dev) noexcept {
    for (Disk* const disk : disks()) {
        TRY(fs::add_device_node(dev, disk->name.view(), fs::NodeType::block, disk->number,
                                fs::Permissions(0660)));
    }
    return {};
}

Status write_back_disks() noexcept {
    Status outcome;
    for (std::size_t n = 0; n < disks().size(); ++n) {
        if (BootObject<Bytes>& whole = whole_disks[n]; whole.is_created()) {
            const Status status = whole.get().write_back();
            outcome = outcome ? status : outcome;
        }
    }
    return outcome;
}

void flush_disks() noexcept {
    std::size_t n = 0;
    for (Disk* const disk : disks()) {
        BootObject<Bytes>& whole = whole_disks[n++];
        const Status status = whole.is_created() ? whole.get().flush() : disk->device.flush();
        if (!status) {
            log::error<"disk">("{}: cannot be flushed: {}", disk->name.view(), status.error());
        }
    }
}

void write_disk_list(void*, fs::TextOutput& out) noexcept {
    out.write(fs::partitions_heading);
    for (Disk* const disk : disks()) {
        const std::uint64_t size = disk->device.block_count() * disk->device.block_size();
        fs::write_partition(disk->number, size, disk->name.view(), out);
    }
}

void write_disk_statistics(void*, fs::TextOutput& out) noexcept {
    for (Disk* const disk : disks()) {
        fs::write_disk_statistics(disk->number, disk->name.view(), disk->counted.statistics(), out);
    }
}

}  // namespace kidney::kernel
