/// What is behind the ports of an ATA channel, and of the bus master that moves its bytes.
/// ATA/ATAPI-6, chapters 7 and 8; Programming Interface for Bus Master IDE Controller 1.0.
#pragma once

#include "kidney/hal/register.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::drivers::ata {

/// A channel's port ranges; without a bus master the CPU moves the bytes.
struct Ports {
    std::uint16_t command = 0;
    std::uint16_t control = 0;
    std::uint16_t bus_master = 0;  ///< 0: none
};
inline constexpr Ports primary{0x1F0, 0x3F6};
inline constexpr Ports secondary{0x170, 0x376};
enum class Unit : std::uint8_t { master = 0, slave = 1 };

struct Byte : hal::Register<Byte, std::uint8_t> {};
struct Word : hal::Register<Word, std::uint16_t> {};
struct Address : hal::Register<Address, std::uint32_t> {};
struct StatusBits : hal::Register<StatusBits, std::uint8_t> {
    using Error = hal::Field<StatusBits, 0, 0, bool>;
    using DataRequest = hal::Field<StatusBits, 3, 3, bool>;
    using DeviceFault = hal::Field<StatusBits, 5, 5, bool>;
    using Busy = hal::Field<StatusBits, 7, 7, bool>;
};
struct ErrorBits : hal::Register<ErrorBits, std::uint8_t> {
    using SenseKey = hal::Field<ErrorBits, 7, 4, std::uint8_t>;  // of packet drives
};
struct DriveSelect : hal::Register<DriveSelect, std::uint8_t> {
    using LbaHigh = hal::Field<DriveSelect, 3, 0, std::uint8_t>;  // bits 27..24 of a 28-bit address
    using Slave = hal::Field<DriveSelect, 4, 4, bool>;
    using Obsolete = hal::Field<DriveSelect, 5, 5, bool>;  // set, for drives older than ATA-6
    using Lba = hal::Field<DriveSelect, 6, 6, bool>;
    using Obsolete2 = hal::Field<DriveSelect, 7, 7, bool>;
};
struct ControlBits : hal::Register<ControlBits, std::uint8_t> {
    using InterruptsOff = hal::Field<ControlBits, 1, 1, bool>;
    using Reset = hal::Field<ControlBits, 2, 2, bool>;
};
using Data = hal::At<Word, 0, hal::ReadWrite>;
using Errors = hal::At<ErrorBits, 1, hal::ReadOnly>;
using Features = hal::At<Byte, 1, hal::WriteOnly>;
using SectorCount = hal::At<Byte, 2, hal::WriteOnly>;
using LbaLow = hal::At<Byte, 3, hal::WriteOnly>;
using LbaMiddle = hal::At<Byte, 4, hal::ReadWrite>;  // of packet drives: the bytes of a block
using LbaHigh = hal::At<Byte, 5, hal::ReadWrite>;
using Drive = hal::At<DriveSelect, 6, hal::WriteOnly>;
using Status = hal::At<StatusBits, 7, hal::ReadOnly>;  // reading it takes the interrupt back
using Command = hal::At<Byte, 7, hal::WriteOnly>;
using AlternateStatus = hal::At<StatusBits, 0, hal::ReadOnly>;  // of the control port
using Control = hal::At<ControlBits, 0, hal::WriteOnly>;        // of the control port

struct MasterCommand : hal::Register<MasterCommand, std::uint8_t> {
    using Start = hal::Field<MasterCommand, 0, 0, bool>;
    using ToMemory = hal::Field<MasterCommand, 3, 3, bool>;
};
struct MasterStatus : hal::Register<MasterStatus, std::uint8_t> {
    using Error = hal::Field<MasterStatus, 1, 1, bool>;      // is cleared by writing one
    using Interrupt = hal::Field<MasterStatus, 2, 2, bool>;  // likewise
};
using BusCommand = hal::At<MasterCommand, 0, hal::ReadWrite>;
using BusStatus = hal::At<MasterStatus, 2, hal::ReadWrite>;
using BusTable = hal::At<Address, 4, hal::WriteOnly>;

/// A piece of memory for the bus master; it lies within 64 KiB.
struct Region {
    std::uint32_t address;
    std::uint16_t bytes;  ///< 0: 64 KiB
    std::uint16_t flags;
    static constexpr std::uint16_t last = 0x8000;
};
static_assert(sizeof(Region) == 8);

inline constexpr std::uint8_t identify = 0xEC, identify_packet = 0xA1, packet = 0xA0;
/// A command for addresses of 28 bits and one for 48.
struct Commands {
    std::uint8_t short_form, long_form;
};
inline constexpr Commands read_sectors{0x20, 0x24}, write_sectors{0x30, 0x34};
inline constexpr Commands read_dma{0xC8, 0x25}, write_dma{0xCA, 0x35};
inline constexpr Commands flush_cache{0xE7, 0xEA};

}  // namespace kidney::drivers::ata
