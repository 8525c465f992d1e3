/// The PCI functions of this machine.
#pragma once

#include "arch/i686/cpu/port_io.hpp"
#include "drivers/pci.hpp"
#include "kernel/config.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <span>

namespace kidney::kernel {

using Pci = drivers::Pci<arch::PortIo, SpinLock<ranks::pci>>;

struct PciDevice {
    drivers::PciFunction function;
    std::array<drivers::PciRange, 6> ranges{};
    std::atomic<const char*> driver{nullptr};  ///< who has it; null: nobody
};
inline constexpr std::size_t max_pci_devices = 64;

/// Looks for them. Once, before any driver starts.
void find_pci_devices() noexcept;
/// In the order found. They stay.
[[nodiscard]] std::span<PciDevice> pci_devices() noexcept;
/// Their configuration space.
[[nodiscard]] Pci& pci() noexcept;

}  // namespace kidney::kernel
