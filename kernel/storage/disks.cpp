#include "kernel/storage/disks.hpp"

#include "arch/i686/cpu/port_io.hpp"
#include "drivers/block/ata_pio.hpp"
#include "drivers/block/ram_disk.hpp"
#include "drivers/block/virtio_blk.hpp"
#include "fs/block/request_queue.hpp"
#include "fs/block/waiting_device.hpp"
#include "kernel/hardware/pci.hpp"
#include "kernel/interrupts.hpp"
#include "kernel/kernel.hpp"
#include "kernel/storage/partitions.hpp"
#include "kidney/core/log.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <atomic>
#include <optional>

namespace kidney::kernel {
namespace {

constexpr std::size_t max_modules = 2;
constexpr std::uint32_t ram_disk_block = 512;

constinit std::array<BootObject<Disk>, max_disks> storage;
constinit std::array<Disk*, max_disks> known_disks{};
constinit std::atomic<std::size_t> disk_count{0};  ///< release: what is counted is all there

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

void add_whole(const DiskKind& kind, std::uint32_t n, fs::AnyBlockDevice device) noexcept {
    BoundedText<8> name;
    const auto letter = static_cast<char>(kind.first + static_cast<char>(n));
    name.assign(kind.prefix);
    name.append(std::string_view(&letter, 1));
    if (has_room_for(name.view())) {
        add_disk({.name = name, .number = {kind.major, n * kind.minors}, .minors = kind.minors},
                 device);
    }
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
        add_whole(ram_kind, n, fs::AnyBlockDevice(disk));
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

Result<VirtioDisk*> start_virtio(PciDevice& found) noexcept {
    const drivers::PciFunction& function = found.function;
    const auto port = pci().port_base(function.address, 0);
    if (!port) {
        return fail(Errc::no_device);
    }
    constexpr std::uint32_t count = VirtioDisk::Driver::memory_frames;
    const FrameNumber first =
        TRY(frames().allocate_range(mm::FrameZone::direct, count, FrameOrder(0)));
    const std::span bytes(direct_pointer(first), count * std::size_t{page_size});
    auto disk = TRY(mm::make_box<VirtioDisk>(heap(), drivers::DmaMemory{bytes, first.address()}));
    pci().enable(function.address);
    TRY(disk->driver.start(*port));
    const auto on_interrupt = [](void* d) noexcept {
        return static_cast<VirtioDisk*>(d)->driver.on_interrupt();
    };
    TRY(handle_interrupts(function.line, hal::Trigger::level, on_interrupt, disk.get(),
                          "virtio_blk"));
    found.driver = "virtio_blk";
    return disk.release();
}

void find_virtio() noexcept {
    std::uint32_t n = 0;
    for (PciDevice& found : pci_devices()) {
        if (found.function.vendor != drivers::virtio::vendor) {
            continue;
        }
        if (found.function.device == drivers::virtio::modern_only_block) {
            hint =
                "; a virtio disk without the legacy interface was passed over (QEMU: "
                "disable-legacy=off)";
            log::warning<"disk">("a virtio disk without the legacy interface is passed over");
        } else if (found.function.device == drivers::virtio::transitional_block) {
            if (const Result<VirtioDisk*> disk = start_virtio(found)) {
                add_whole(virtio_kind, n++, fs::AnyBlockDevice((*disk)->device));
            } else {
                log::warning<"disk">("a virtio disk does not start: {}", disk.error());
            }
        }
    }
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
            add_whole(kind, 0, fs::AnyBlockDevice(disk->release()->driver));
        }
    };
    look(ata_primary_kind, drivers::ata::primary);
    look(ata_secondary_kind, drivers::ata::secondary);
}

}  // namespace

void find_disks(const BootInfo& info) noexcept {
    find_modules(info);
    find_virtio();
    find_ata();
    find_partitions();
}

bool has_room_for(std::string_view name) noexcept {
    if (disks().size() < max_disks) {
        return true;
    }
    log::warning<"disk">("more than {} disks; {} is ignored", max_disks, name);
    return false;
}
void add_disk(const DiskIdentity& identity, fs::AnyBlockDevice device) noexcept {
    const std::size_t count = disks().size();
    Disk& disk = storage[count].create(identity, device);
    if (BootObject<PageCache>& cache = kernel_objects.page_cache; cache.is_created()) {
        disk.bytes.emplace(heap(), cache.get(), disk.pages);
    }
    const std::uint64_t kib = device.block_count() * device.block_size() / 1024;
    log::info<"disk">("{}: {} KiB, blocks of {} bytes", disk.name.view(), kib, device.block_size());
    known_disks[count] = &disk;
    disk_count.store(count + 1, std::memory_order_release);
}

std::string_view disk_hint() noexcept {
    return hint;
}

std::span<Disk* const> disks() noexcept {
    return {known_disks.data(), disk_count.load(std::memory_order_acquire)};
}

Disk* find_disk(std::string_view name) noexcept {
    constexpr std::string_view directory = "/dev/";
    if (name.starts_with(directory)) {
        name.remove_prefix(directory.size());
    }
    for (Disk* disk : disks()) {
        if (disk->name.view() == name && disk->is_there()) {
            return disk;
        }
    }
    return nullptr;
}
Disk* find_disk(fs::DeviceNumber number) noexcept {
    for (Disk* disk : disks()) {
        if (disk->number == number && disk->is_there()) {
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
