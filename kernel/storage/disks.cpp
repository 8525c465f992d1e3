#include "kernel/storage/disks.hpp"

#include "arch/i686/cpu/port_io.hpp"
#include "drivers/block/ata_channel.hpp"
#include "drivers/block/ata_drive.hpp"
#include "drivers/block/atapi_drive.hpp"
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
constexpr DiskKind cd_kind{"sr", '0', 11, 1};
constinit std::uint32_t cd_count = 0;
constexpr DiskKind ata_primary_kind{"hd", 'a', 3, 64};
constexpr DiskKind ata_secondary_kind{"hd", 'c', 22, 64};

void add_whole(const DiskKind& kind, std::uint32_t n, fs::AnyBlockDevice device,
               Medium* medium = nullptr) noexcept {
    BoundedText<8> name;
    const auto letter = static_cast<char>(kind.first + static_cast<char>(n));
    name.assign(kind.prefix);
    name.append(std::string_view(&letter, 1));
    if (has_room_for(name.view())) {
        add_disk({.name = name,
                  .number = {kind.major, n * kind.minors},
                  .minors = kind.minors,
                  .medium = medium},
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

/// A channel with its drives; lives on the heap for ever.
struct AtaChannelDisks {
    using Channel = drivers::AtaChannel<arch::PortIo, DirectDma, Clock, SpinLock<ranks::disk>>;
    using Drive = drivers::AtaDrive<Channel>;
    using Queue = fs::RequestQueue<Drive, DiskPolicy, Clock, SpinLock<ranks::disk_queue>>;
    struct Disk {
        Disk(Channel& channel, drivers::ata::Unit unit) noexcept : drive(channel, unit) {}
        Drive drive;
        Queue queue{drive};
        fs::WaitingDevice<Queue, fs::SleepingWait<Event, Clock>> device{queue};
    };
    AtaChannelDisks(const drivers::ata::Ports& ports, drivers::DmaMemory memory) noexcept
        : channel(io, dma, ports, memory) {}

    struct Cd final : Medium {
        using Drive =
            drivers::AtapiDrive<Channel, fs::SleepingWait<Event, Clock>, SpinLock<ranks::disk>>;
        Cd(Channel& channel, drivers::ata::Unit unit) noexcept : drive(channel, unit) {}
        Result<bool> look() noexcept override { return drive.look(); }
        Drive drive;
        fs::WaitingDevice<Drive, fs::SleepingWait<Event, Clock>> device{drive};
    };

    arch::PortIo io;
    DirectDma dma;
    Channel channel;
    std::array<std::optional<Disk>, 2> disks;
    std::array<std::optional<Cd>, 2> cds;
};

/// Where a channel is, and which line is its own.
struct AtaPlace {
    drivers::ata::Ports ports;
    hal::IrqLine line;
    hal::Trigger trigger = hal::Trigger::edge;
};

/// The places of old, or those that a PCI function names, with its bus master.
void ask_pci(AtaPlace& place, const PciDevice& found, std::uint8_t channel) noexcept {
    const drivers::PciAddress at = found.function.address;
    constexpr std::uint8_t has_master = 0x80;
    const bool is_native = (found.function.interface >> 2 * channel & 1U) != 0;
    if (is_native) {
        const auto command = pci().port_base(at, 2U * channel);
        const auto control = pci().port_base(at, 2U * channel + 1);
        if (command && control) {
            place.ports.command = *command;
            place.ports.control = static_cast<std::uint16_t>(*control + 2);
            place.line = found.function.line;
            place.trigger = hal::Trigger::level;
        }
    }
    const auto master = pci().port_base(at, 4);
    if ((found.function.interface & has_master) != 0 && master) {
        place.ports.bus_master = static_cast<std::uint16_t>(*master + 8 * channel);
    }
}

/// Error: no_memory; without a drive the channel is left alone.
Status start_ata(const AtaPlace& place, const DiskKind& kind) noexcept {
    using Channel = AtaChannelDisks::Channel;
    constexpr std::uint32_t count = Channel::memory_frames;
    const FrameNumber first =
        TRY(frames().allocate_range(mm::FrameZone::direct, count, FrameOrder(0)));
    const std::span bytes(direct_pointer(first), count * std::size_t{page_size});
    auto made = TRY(mm::make_box<AtaChannelDisks>(heap(), place.ports,
                                                  drivers::DmaMemory{bytes, first.address()}));
    made->channel.start();
    bool has_drive = false;
    for (const auto unit : {drivers::ata::Unit::master, drivers::ata::Unit::slave}) {
        if (made->channel.drive(unit).is_working) {
            has_drive = true;
            const auto n = static_cast<std::size_t>(unit);
            if (made->channel.drive(unit).is_packet) {
                made->cds[n].emplace(made->channel, unit);
            } else {
                made->disks[n].emplace(made->channel, unit);
            }
        }
    }
    if (!has_drive) {
        frames().free_range({first, count}, FrameOrder(0));
        return {};
    }
    AtaChannelDisks& channel = *made.release();
    const auto on_interrupt = [](void* c) noexcept {
        return static_cast<AtaChannelDisks*>(c)->channel.on_interrupt();
    };
    if (const Status heard =
            handle_interrupts(place.line, place.trigger, on_interrupt, &channel, "ata");
        !heard) {
        log::warning<"disk">("no interrupt of an ATA channel: {}; it is polled", heard.error());
    }
    for (std::uint32_t n = 0; n < channel.disks.size(); ++n) {
        if (auto& disk = channel.disks[n]) {
            add_whole(kind, n, fs::AnyBlockDevice(disk->device));
        }
    }
    for (auto& cd : channel.cds) {
        if (cd) {
            ignore_error(cd->look(), "who opens it looks again");
            add_whole(cd_kind, cd_count++, fs::AnyBlockDevice(cd->device), &*cd);
        }
    }
    return {};
}

void find_ata() noexcept {
    constexpr std::array<DiskKind, 2> kinds{ata_primary_kind, ata_secondary_kind};
    std::array<AtaPlace, 2> places{AtaPlace{drivers::ata::primary, hal::IrqLine(14)},
                                   AtaPlace{drivers::ata::secondary, hal::IrqLine(15)}};
    for (PciDevice& found : pci_devices()) {
        if (found.function.class_code == 1 && found.function.subclass == 1) {
            ask_pci(places[0], found, 0);
            ask_pci(places[1], found, 1);
            pci().enable(found.function.address);
            found.driver = "ata";
            break;  // others would need names of their own
        }
    }
    for (std::size_t n = 0; n < places.size(); ++n) {
        if (const Status started = start_ata(places[n], kinds[n]); !started) {
            log::warning<"disk">("an ATA channel does not start: {}", started.error());
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

void cache_disks() noexcept {
    for (Disk* const disk : disks()) {
        disk->bytes.emplace(heap(), kernel_objects.page_cache.get(), disk->pages);
    }
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

Status Disk::look_at_medium() noexcept {
    if (medium == nullptr || bytes->is_in_use()) {
        return {};
    }
    if (TRY(medium->look())) {
        TRY(bytes->take_away());
        bytes->put_back([]() noexcept {});
    }
    return {};
}

void Disk::FailureLog::failed(const fs::BlockFailure& failure) noexcept {
    constexpr std::uint32_t most = 8;
    constexpr std::string_view names[] = {"read", "write", "flush", "discard"};
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
