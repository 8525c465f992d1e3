#include "kernel/storage/disks.hpp"

#include "arch/i686/cpu/port_io.hpp"
#include "drivers/block/ata_pio.hpp"
#include "drivers/block/ram_disk.hpp"
#include "drivers/block/virtio_blk.hpp"
#include "drivers/pci.hpp"
#include "fs/block/immediate_requests.hpp"
#include "fs/block/partition_slice.hpp"
#include "fs/block/request_queue.hpp"
#include "fs/block/waiting_device.hpp"
#include "fs/partitions/read_partitions.hpp"
#include "kernel/interrupts.hpp"
#include "kernel/kernel.hpp"
#include "kidney/core/log.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <optional>

namespace kidney::kernel {
namespace {

constexpr std::size_t max_modules = 2;
constexpr std::uint32_t ram_disk_block = 512;

constinit std::array<BootObject<Disk>, max_disks> storage;
constinit std::array<Disk*, max_disks> known_disks{};
constinit std::size_t disk_count = 0;

constinit std::string_view hint;

constinit std::array<BootObject<drivers::RamDisk>, max_modules> ram_disks;

/// The names and numbers that Linux gives to disks of one kind. virtio has no fixed major number
/// there; 254 is what its first dynamic one is.
struct DiskKind {
    std::string_view prefix;
    char first;
    std::uint32_t major;
    std::uint32_t minors;  ///< from one disk to the next: the others would be its partitions
};
constexpr DiskKind ram_kind{"ram", '0', 1, 1};
constexpr DiskKind virtio_kind{"vd", 'a', 254, 16};
constexpr DiskKind ata_primary_kind{"hd", 'a', 3, 64};
constexpr DiskKind ata_secondary_kind{"hd", 'c', 22, 64};

void add_named(const BoundedText<8>& name, fs::DeviceNumber number,
               fs::AnyBlockDevice device) noexcept {
    if (disk_count == max_disks) {
        log::warning<"disk">("more than {} disks; the others are ignored", max_disks);
        return;
    }
    const std::uint64_t kib = device.block_count() * device.block_size() / 1024;
    log::info<"disk">("{}: {} KiB, blocks of {} bytes", name.view(), kib, device.block_size());
    known_disks[disk_count] = &storage[disk_count].create(name, number, device);
    ++disk_count;
}

void add_disk(const DiskKind& kind, std::uint32_t n, fs::AnyBlockDevice device) noexcept {
    BoundedText<8> name;
    const auto letter = static_cast<char>(kind.first + static_cast<char>(n));
    name.assign(kind.prefix);
    name.append(std::string_view(&letter, 1));
    add_named(name, fs::DeviceNumber{kind.major, n * kind.minors}, device);
}

/// A module lies where the boot loader put it; the frames stay reserved.
void find_modules(const BootInfo& info) noexcept {
    std::uint32_t n = 0;
    for (const BootModule& module : info.modules.view()) {
        const FrameNumber last = FrameNumber::containing(module.start + (module.size - 1));
        if (module.size < ram_disk_block || n == max_modules || !phys_map().is_direct(last)) {
            log::warning<"disk">("boot module {} cannot be used as a disk", module.name.view());
            continue;
        }
        std::byte* const bytes =
            direct_pointer(FrameNumber::containing(module.start)) + module.start.page_offset();
        auto& disk = ram_disks[n].create(std::span(bytes, module.size), ram_disk_block);
        add_disk(ram_kind, n, fs::AnyBlockDevice(disk));
        ++n;
    }
}

/// Devices reach RAM by physical address; only the direct map has a fixed one.
struct DirectDma {
    [[nodiscard]] std::optional<PhysAddr> physical(const std::byte* p) const noexcept {
        const auto address = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(p));
        const std::uint32_t offset = address - layout::kernel_base.value();
        return offset < layout::direct_map_size ? std::optional(PhysAddr(offset)) : std::nullopt;
    }
};
using DiskLock = Mutex<ranks::block_device>;
using Pci = drivers::Pci<arch::PortIo, NullLock>;  // only this thread looks at PCI

/// A virtio disk with all it needs; lives on the heap for ever.
struct VirtioDisk {
    using Driver = drivers::VirtioBlk<arch::PortIo, DirectDma, Clock, SpinLock<ranks::disk>>;
    explicit VirtioDisk(drivers::DmaMemory memory) noexcept : driver(io, dma, memory) {}

    arch::PortIo io;
    DirectDma dma;
    Driver driver;
    using Queue = fs::RequestQueue<Driver, DiskPolicy, Clock, SpinLock<ranks::disk_queue>>;
    Queue queue{driver};
    fs::WaitingDevice<Queue, fs::SleepingWait<Event, Clock>> device{queue};
};

Result<VirtioDisk*> start_virtio(Pci& pci, const drivers::PciFunction& function) noexcept {
    const auto port = pci.port_base(function.address, 0);
    if (!port) {
        return fail(Errc::no_device);
    }
    constexpr std::uint32_t count = VirtioDisk::Driver::memory_frames;
    const FrameNumber first =
        TRY(frames().allocate_range(mm::FrameZone::direct, count, FrameOrder(0)));
    const std::span bytes(direct_pointer(first), count * std::size_t{page_size});
    auto disk = TRY(mm::make_box<VirtioDisk>(heap(), drivers::DmaMemory{bytes, first.address()}));
    pci.enable(function.address);
    TRY(disk->driver.start(*port));
    const auto on_interrupt = [](void* d) noexcept {
        return static_cast<VirtioDisk*>(d)->driver.on_interrupt();
    };
    TRY(handle_interrupts(function.line, hal::Trigger::level, on_interrupt, disk.get(),
                          "virtio_blk"));
    return disk.release();
}

void find_virtio() noexcept {
    arch::PortIo io;
    Pci pci(io);
    std::uint32_t n = 0;
    pci.for_each([&](const drivers::PciFunction& function) noexcept {
        if (function.vendor != drivers::virtio::vendor) {
            return true;
        }
        if (function.device == drivers::virtio::modern_only_block) {
            hint =
                "; a virtio disk without the legacy interface was passed over (QEMU: "
                "disable-legacy=off)";
            log::warning<"disk">("a virtio disk without the legacy interface is passed over");
        } else if (function.device == drivers::virtio::transitional_block) {
            if (const Result<VirtioDisk*> disk = start_virtio(pci, function)) {
                add_disk(virtio_kind, n++, fs::AnyBlockDevice((*disk)->device));
            } else {
                log::warning<"disk">("a virtio disk does not start: {}", disk.error());
            }
        }
        return true;
    });
}

struct AtaDisk {
    explicit AtaDisk(drivers::ata::Channel channel) noexcept
        : driver(io, channel, drivers::ata::Unit::master) {}
    arch::PortIo io;
    drivers::AtaPio<arch::PortIo, Clock, DiskLock> driver;
};

/// The master of each channel; hdb and hdd would be the slaves.
void find_ata() noexcept {
    const auto look = [](const DiskKind& kind, const drivers::ata::Channel& channel) noexcept {
        auto disk = mm::make_box<AtaDisk>(heap(), channel);
        if (disk && (*disk)->driver.start()) {
            add_disk(kind, 0, fs::AnyBlockDevice(disk->release()->driver));
        }
    };
    look(ata_primary_kind, drivers::ata::primary);
    look(ata_secondary_kind, drivers::ata::secondary);
}

/// A part of a disk as a device; lives on the heap for ever.
struct DiskPart {
    DiskPart(fs::AnyBlockDevice its_disk, const fs::BlockRun& run) noexcept
        : disk(its_disk), slice(asked, run) {}

    fs::AnyBlockDevice disk;
    fs::ImmediateRequests<fs::AnyBlockDevice> asked{disk};
    fs::PartitionSlice<fs::ImmediateRequests<fs::AnyBlockDevice>> slice;
    // The disk waits, so that there is nothing left to wait for.
    fs::WaitingDevice<decltype(slice), fs::RunningWait> device{slice};
};

void report_doubts(const Disk& disk, const fs::PartitionTable& table) noexcept {
    using Kind = fs::PartitionDoubt::Kind;
    const std::string_view name = disk.name.view();
    for (const fs::PartitionDoubt& doubt : table.doubts.view()) {
        if (doubt.kind == Kind::first_header) {
            log::warning<"disk">("{}: its first GPT is damaged; the second one is used", name);
        } else if (doubt.kind == Kind::second_header) {
            log::warning<"disk">("{}: its second GPT is damaged", name);
        } else {
            log::warning<"disk">("{}: partition {} at block {} is ignored: it {}", name,
                                 doubt.number, doubt.first, fs::to_string(doubt.kind));
        }
    }
}

void add_partition(Disk& disk, const fs::Partition& partition) noexcept {
    auto part = mm::make_box<DiskPart>(heap(), disk.device, partition.run);
    if (!part) {
        log::warning<"disk">("{}: no memory for partition {}", disk.name.view(), partition.number);
        return;
    }
    BoundedText<8> name = disk.name;
    if (partition.number >= 10) {
        const auto tens = static_cast<char>('0' + partition.number / 10);
        name.append(std::string_view(&tens, 1));
    }
    const auto ones = static_cast<char>('0' + partition.number % 10);
    name.append(std::string_view(&ones, 1));
    add_named(name, {disk.number.major, disk.number.minor + partition.number},
              fs::AnyBlockDevice(part->release()->device));
}

/// How many numbers there are for the partitions of a disk, and one more.
[[nodiscard]] std::uint32_t minors_of(const Disk& disk) noexcept {
    for (const DiskKind& kind : {virtio_kind, ata_primary_kind, ata_secondary_kind}) {
        if (kind.major == disk.number.major) {
            return kind.minors;
        }
    }
    return 1;
}

void find_partitions() noexcept {
    struct Work {
        std::array<std::byte, page_size> block;
        fs::PartitionTable table;
    };
    auto work = mm::make_box<Work>(heap());
    const std::size_t found = disk_count;
    for (std::size_t n = 0; work && n < found; ++n) {
        Disk& disk = *known_disks[n];
        fs::PartitionTable& table = (*work)->table;
        const Status read = fs::read_partition_table(disk.device, (*work)->block, table);
        if (!read) {
            log::warning<"disk">("{}: its partition table cannot be read: {}", disk.name.view(),
                                 read.error());
            continue;
        }
        report_doubts(disk, table);
        for (const fs::Partition& partition : table.partitions.view()) {
            if (partition.number < minors_of(disk)) {
                add_partition(disk, partition);
            }
        }
    }
}

}  // namespace

void find_disks(const BootInfo& info) noexcept {
    find_modules(info);
    find_virtio();
    find_ata();
    find_partitions();
}

std::string_view disk_hint() noexcept {
    return hint;
}

std::span<Disk* const> disks() noexcept {
    return {known_disks.data(), disk_count};
}

Disk* find_disk(std::string_view name) noexcept {
    constexpr std::string_view directory = "/dev/";
    if (name.starts_with(directory)) {
        name.remove_prefix(directory.size());
    }
    for (Disk* disk : disks()) {
        if (disk->name.view() == name) {
            return disk;
        }
    }
    return nullptr;
}
Disk* find_disk(fs::DeviceNumber number) noexcept {
    for (Disk* disk : disks()) {
        if (disk->number == number) {
            return disk;
        }
    }
    return nullptr;
}

void Disk::FailureLog::failed(const fs::BlockFailure& failure) noexcept {
    constexpr std::uint32_t most = 8;
    constexpr std::string_view names[] = {"read", "write", "flush"};
    const std::uint32_t before =
        failures_.fetch_add(1, std::memory_order_relaxed);  // only a number
    if (before < most) {
        log::error<"disk">("{}: {} of {} bytes at block {}: {}{}", disk_.name.view(),
                           names[static_cast<std::size_t>(failure.kind)], failure.bytes,
                           failure.first.value(), failure.error,
                           before + 1 == most ? " (what follows is not told)" : "");
    }
}

}  // namespace kidney::kernel
