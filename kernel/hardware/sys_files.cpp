#include "kernel/hardware/sys_files.hpp"

#include "fs/procfs/standard_files.hpp"
#include "fs/sysfs/sysfs.hpp"
#include "kernel/hardware/pci.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/storage/disks.hpp"
#include "kernel/storage/file_systems.hpp"
#include "kernel/storage/partitions.hpp"
#include "kidney/core/log.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

namespace kidney::kernel {
namespace {

using Sys = fs::Sysfs<Heap, Mutex<ranks::file_system>, Mutex<ranks::file>, WallFileClock>;
using Directory = Sys::Node;
using fs::SysAttribute;
using fs::TextOutput;

constinit BootObject<Sys> sys_file_system;
constinit Directory* block_directory = nullptr;
constinit Directory* class_directory = nullptr;
constinit Directory* number_directory = nullptr;

// --- PCI functions, as Linux's drivers/pci writes them. ---

[[nodiscard]] const PciDevice& device_of(const void* context) noexcept {
    return *static_cast<const PciDevice*>(context);
}
[[nodiscard]] std::uint32_t config_of(const void* context, std::uint8_t offset) noexcept {
    return pci().read32(device_of(context).function.address, offset);
}
[[nodiscard]] std::uint32_t class_of(const PciDevice& device) noexcept {
    const drivers::PciFunction& f = device.function;
    return std::uint32_t{f.class_code} << 16 | std::uint32_t{f.subclass} << 8 | f.interface;
}
[[nodiscard]] TextBuffer<16> slot_of(const PciDevice& device) noexcept {
    const drivers::PciAddress& at = device.function.address;
    TextBuffer<16> slot;
    format_to(slot, "0000:{:02x}:{:02x}.{}", at.bus, at.device, at.function);
    return slot;
}
/// Bridges have none there.
[[nodiscard]] std::uint32_t subsystem_of(const void* context) noexcept {
    return device_of(context).function.header_type == 0 ? config_of(context, 0x2C) : 0;
}

void write_pci_events(const void* context, TextOutput& out) noexcept {
    const PciDevice& d = device_of(context);
    const std::uint32_t subsystem = subsystem_of(context);
    if (const char* const driver = d.driver.load(std::memory_order_relaxed)) {
        format_to(out, "DRIVER={}\n", driver);
    }
    TextBuffer<64> numbers;
    format_to(numbers, "PCI_CLASS={:x}\nPCI_ID={:04x}:{:04x}\nPCI_SUBSYS_ID={:04x}:{:04x}\n",
              class_of(d), d.function.vendor, d.function.device, subsystem & 0xFFFFU,
              subsystem >> 16);
    for (const char c : numbers.view()) {
        const char capital = c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
        out.write({&capital, 1});
    }
    format_to(out, "PCI_SLOT_NAME={}\n", slot_of(d).view());
}
void write_pci_config(const void* context, TextOutput& out) noexcept {
    for (std::uint32_t offset = 0; offset < 256; offset += 4) {
        const std::uint32_t word = config_of(context, static_cast<std::uint8_t>(offset));
        std::array<char, 4> bytes;
        std::memcpy(bytes.data(), &word, sizeof(word));  // little-endian, as the space is
        out.write({bytes.data(), bytes.size()});
    }
}
/// First, last and flags of each range (include/linux/ioport.h), then the ROM, which nobody maps.
void write_pci_resources(const void* context, TextOutput& out) noexcept {
    constexpr std::uint32_t ports = 0x0100, memory = 0x0200, prefetched = 0x2000, sized = 0x4'0000,
                            wide = 0x10'0000;
    for (const drivers::PciRange& range : device_of(context).ranges) {
        std::uint32_t flags = 0;
        if (range.size != 0) {
            flags = sized | (range.is_ports ? ports | 1U : memory) |
                    (range.is_wide ? wide | 4U : 0) | (range.is_prefetched ? prefetched | 8U : 0);
        }
        const bool is_used = range.size != 0 && range.first != 0;
        format_to(out, "0x{:016x} 0x{:016x} 0x{:016x}\n", is_used ? range.first : 0,
                  is_used ? range.first + range.size - 1 : 0, is_used ? flags : 0);
    }
    format_to(out, "0x{:016x} 0x{:016x} 0x{:016x}\n", 0, 0, 0);
}

constexpr SysAttribute pci_attributes[] = {
    {"uevent", &write_pci_events},
    {"config", &write_pci_config, 256},
    {"resource", &write_pci_resources},
    {"vendor",
     [](const void* c, TextOutput& out) noexcept {
         format_to(out, "0x{:04x}\n", device_of(c).function.vendor);
     }},
    {"device",
     [](const void* c, TextOutput& out) noexcept {
         format_to(out, "0x{:04x}\n", device_of(c).function.device);
     }},
    {"subsystem_vendor",
     [](const void* c, TextOutput& out) noexcept {
         format_to(out, "0x{:04x}\n", subsystem_of(c) & 0xFFFFU);
     }},
    {"subsystem_device",
     [](const void* c, TextOutput& out) noexcept {
         format_to(out, "0x{:04x}\n", subsystem_of(c) >> 16);
     }},
    {"class",
     [](const void* c, TextOutput& out) noexcept {
         format_to(out, "0x{:06x}\n", class_of(device_of(c)));
     }},
    {"revision",
     [](const void* c, TextOutput& out) noexcept {
         format_to(out, "0x{:02x}\n", device_of(c).function.revision);
     }},
    {"irq",
     [](const void* c, TextOutput& out) noexcept {
         format_to(out, "{}\n", device_of(c).function.line.value());
     }},
    {"enable",
     [](const void* c, TextOutput& out) noexcept {
         format_to(out, "{}\n", (config_of(c, 0x04) & 3U) != 0 ? 1 : 0);
     }},
};

Status add_pci(Sys& sys) noexcept {
    Directory& bus = *TRY(sys.add_directory(*TRY(sys.add_directory(sys.top(), "bus")), "pci"));
    Directory& list = *TRY(sys.add_directory(bus, "devices"));
    Directory& drivers_there = *TRY(sys.add_directory(bus, "drivers"));
    Directory& all =
        *TRY(sys.add_directory(*TRY(sys.add_directory(sys.top(), "devices")), "pci0000:00"));
    for (const PciDevice& device : pci_devices()) {
        const TextBuffer<16> slot = slot_of(device);
        Directory& place = *TRY(sys.add_directory(all, slot.view(), pci_attributes, &device));
        TextBuffer<64> target;
        format_to(target, "../../../devices/pci0000:00/{}", slot.view());
        TRY(sys.add_link(list, slot.view(), target.view()));
        if (const char* const driver = device.driver.load(std::memory_order_relaxed)) {
            TextBuffer<64> of_driver;
            format_to(of_driver, "../../../bus/pci/drivers/{}", driver);
            TRY(sys.add_link(place, "driver", of_driver.view()));
            TextBuffer<64> of_device;
            format_to(of_device, "../../../../devices/pci0000:00/{}", slot.view());
            TRY(sys.add_link(*TRY(sys.have_directory(drivers_there, driver)), slot.view(),
                             of_device.view()));
        }
    }
    return {};
}

// --- Disks, as Linux's block/genhd.c writes them. ---

[[nodiscard]] Disk& disk_of(const void* context) noexcept {
    return *static_cast<Disk*>(const_cast<void*>(context));  // it was one when it came here
}
[[nodiscard]] std::uint64_t sectors_of(Disk& disk) noexcept {
    return disk.bytes->size_if_there().value_or(0) / 512;
}
void write_disk_events(const void* context, TextOutput& out) noexcept {
    const Disk& disk = disk_of(context);
    format_to(out, "MAJOR={}\nMINOR={}\nDEVNAME={}\nDEVTYPE={}\n", disk.number.major,
              disk.number.minor, disk.name.view(), disk.whole == nullptr ? "disk" : "partition");
    if (disk.whole != nullptr) {
        format_to(out, "PARTN={}\n", disk.number.minor - disk.whole->number.minor);
    }
}
constexpr SysAttribute of_all[] = {
    {"uevent", &write_disk_events},
    {"dev",
     [](const void* c, TextOutput& out) noexcept {
         format_to(out, "{}:{}\n", disk_of(c).number.major, disk_of(c).number.minor);
     }},
    {"size", [](const void* c,
                TextOutput& out) noexcept { format_to(out, "{}\n", sectors_of(disk_of(c))); }},
    {"ro",
     [](const void* c, TextOutput& out) noexcept {
         format_to(out, "{}\n", disk_of(c).device.is_read_only() ? 1 : 0);
     }},
    {"stat",
     [](const void* c, TextOutput& out) noexcept {
         fs::write_disk_numbers(disk_of(c).counted.statistics(), out);
     }},
    // Of a partition only.
    {"partition",
     [](const void* c, TextOutput& out) noexcept {
         const Disk& disk = disk_of(c);
         format_to(out, "{}\n", disk.number.minor - disk.whole->number.minor);
     }},
    {"start",
     [](const void* c, TextOutput& out) noexcept {
         format_to(out, "{}\n", partition_start(disk_of(c)) / 512);
     }},
};
constexpr std::span<const SysAttribute> part_attributes = of_all;
constexpr std::span<const SysAttribute> disk_attributes = part_attributes.first(5);

constexpr auto write_block_size = [](const void* c, TextOutput& out) noexcept {
    format_to(out, "{}\n", disk_of(c).device.block_size());
};
constexpr SysAttribute queue_attributes[] = {{"logical_block_size", write_block_size},
                                             {"physical_block_size", write_block_size},
                                             {"hw_sector_size", write_block_size}};

Status add_disk_directory(Sys& sys, Disk& disk) noexcept {
    const std::string_view name = disk.name.view();
    TextBuffer<24> path;  // below /sys/block
    Directory* parent = block_directory;
    if (disk.whole != nullptr) {
        format_to(path, "{}/", disk.whole->name.view());
        parent = sys.find(*block_directory, disk.whole->name.view());
    }
    path.write(name);
    if (parent == nullptr) {
        return fail(Errc::not_found);
    }
    Directory& made = *TRY(sys.add_directory(
        *parent, name, disk.whole == nullptr ? disk_attributes : part_attributes, &disk));
    if (disk.whole == nullptr) {
        TRY(sys.add_directory(made, "queue", queue_attributes, &disk));
    }
    TextBuffer<64> target;
    format_to(target, "../../block/{}", path.view());
    TRY(sys.add_link(*class_directory, name, target.view()));
    TextBuffer<24> number;
    format_to(number, "{}:{}", disk.number.major, disk.number.minor);
    return sys.add_link(*number_directory, number.view(), target.view());
}
void remove_disk_directory(Sys& sys, const Disk& disk) noexcept {
    if (Directory* const whole = sys.find(*block_directory, disk.whole->name.view())) {
        sys.remove(*whole, disk.name.view());
    }
    sys.remove(*class_directory, disk.name.view());
    TextBuffer<24> number;
    format_to(number, "{}:{}", disk.number.major, disk.number.minor);
    sys.remove(*number_directory, number.view());
}

Status add_disks(Sys& sys) noexcept {
    block_directory = TRY(sys.add_directory(sys.top(), "block"));
    class_directory = TRY(sys.add_directory(*TRY(sys.add_directory(sys.top(), "class")), "block"));
    number_directory = TRY(sys.add_directory(*TRY(sys.add_directory(sys.top(), "dev")), "block"));
    for (Disk* const disk : disks()) {
        TRY(add_disk_directory(sys, *disk));
    }
    return {};
}

}  // namespace

Result<fs::FileSystem*> create_sys_files(std::uint32_t device) noexcept {
    Sys& sys = sys_file_system.create(heap(), file_clock(), device);
    TRY(sys.start());
    TRY(add_pci(sys));
    TRY(add_disks(sys));
    return &sys;
}
fs::FileSystem* sys_files() noexcept {
    return sys_file_system.is_created() ? &sys_file_system.get() : nullptr;
}

void show_disk_in_sys(Disk& disk) noexcept {
    if (number_directory == nullptr) {
        return;
    }
    Sys& sys = sys_file_system.get();
    if (!disk.is_there()) {
        remove_disk_directory(sys, disk);
    } else if (const Status added = add_disk_directory(sys, disk);
               !added && added.error() != Errc::exists) {
        log::warning<"disk">("{}: it is not in /sys: {}", disk.name.view(), added.error());
    }
}

}  // namespace kidney::kernel
