#include "kernel/hardware/pci.hpp"

#include "kernel/boot_object.hpp"
#include "kidney/core/log.hpp"

namespace kidney::kernel {
namespace {

constinit arch::PortIo pci_ports;
constinit BootObject<Pci> pci_space;
constinit std::array<PciDevice, max_pci_devices> found_devices;
constinit std::size_t found_count = 0;

}  // namespace

void find_pci_devices() noexcept {
    Pci& all = pci_space.create(pci_ports);
    all.for_each([&](const drivers::PciFunction& function) noexcept {
        if (found_count == found_devices.size()) {
            log::warning<"pci">("more than {} functions; the others are ignored",
                                found_devices.size());
            return false;
        }
        found_devices[found_count].function = function;
        found_devices[found_count].ranges = all.ranges(function);
        ++found_count;
        return true;
    });
}
std::span<PciDevice> pci_devices() noexcept {
    return std::span(found_devices).first(found_count);
}
Pci& pci() noexcept {
    return pci_space.get();
}

}  // namespace kidney::kernel
