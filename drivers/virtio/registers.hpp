/// What is behind the ports of every legacy virtio device. virtio 1.0, section 4.1.4.8.
#pragma once

#include "kidney/hal/register.hpp"

#include <cstdint>

namespace kidney::drivers::virtio {

inline constexpr std::uint16_t vendor = 0x1AF4;

// The legacy register block, at the ports of BAR 0.
template <class Raw>
struct Number : hal::Register<Number<Raw>, Raw> {};
using DeviceFeatures = hal::At<Number<std::uint32_t>, 0x00, hal::ReadOnly>;
using DriverFeatures = hal::At<Number<std::uint32_t>, 0x04, hal::WriteOnly>;
using QueueFrame = hal::At<Number<std::uint32_t>, 0x08, hal::ReadWrite>;
using QueueSize = hal::At<Number<std::uint16_t>, 0x0C, hal::ReadOnly>;
using QueueSelect = hal::At<Number<std::uint16_t>, 0x0E, hal::WriteOnly>;
using QueueNotify = hal::At<Number<std::uint16_t>, 0x10, hal::WriteOnly>;

struct StatusBits : hal::Register<StatusBits, std::uint8_t> {
    using Acknowledged = hal::Field<StatusBits, 0, 0, bool>;
    using HasDriver = hal::Field<StatusBits, 1, 1, bool>;
    using DriverReady = hal::Field<StatusBits, 2, 2, bool>;
    using Failed = hal::Field<StatusBits, 7, 7, bool>;
};
using DeviceStatus = hal::At<StatusBits, 0x12, hal::ReadWrite>;

struct InterruptBits : hal::Register<InterruptBits, std::uint8_t> {
    using Queue = hal::Field<InterruptBits, 0, 0, bool>;
};
using InterruptStatus = hal::At<InterruptBits, 0x13, hal::ReadOnly>;  // reading clears

/// From there on is what a device of its kind has.
inline constexpr std::uint16_t device_registers = 0x14;

}  // namespace kidney::drivers::virtio
