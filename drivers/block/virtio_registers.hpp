/// What is behind the ports of a legacy virtio-blk device, and what its requests look like. virtio
/// 1.0, sections 4.1.4.8 and 5.2.
#pragma once

#include "kidney/hal/register.hpp"

#include <cstdint>

namespace kidney::drivers {

namespace virtio {

inline constexpr std::uint16_t vendor = 0x1AF4;
inline constexpr std::uint16_t transitional_block = 0x1001;
/// The same device without the legacy interface that this driver speaks (virtio 1.2, 4.1.2.1).
inline constexpr std::uint16_t modern_only_block = 0x1042;

// The legacy register block, at the ports of BAR 0.
template <class Raw>
struct Number : hal::Register<Number<Raw>, Raw> {};
using DeviceFeatures = hal::At<Number<std::uint32_t>, 0x00, hal::ReadOnly>;
using DriverFeatures = hal::At<Number<std::uint32_t>, 0x04, hal::WriteOnly>;
using QueueFrame = hal::At<Number<std::uint32_t>, 0x08, hal::ReadWrite>;
using QueueSize = hal::At<Number<std::uint16_t>, 0x0C, hal::ReadOnly>;
using QueueSelect = hal::At<Number<std::uint16_t>, 0x0E, hal::WriteOnly>;
using QueueNotify = hal::At<Number<std::uint16_t>, 0x10, hal::WriteOnly>;
using CapacityLow = hal::At<Number<std::uint32_t>, 0x14, hal::ReadOnly>;
using CapacityHigh = hal::At<Number<std::uint32_t>, 0x18, hal::ReadOnly>;
using SegmentsMax = hal::At<Number<std::uint32_t>, 0x20, hal::ReadOnly>;

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

struct BlockFeatures : hal::Register<BlockFeatures, std::uint32_t> {
    using SegmentsLimited = hal::Field<BlockFeatures, 2, 2, bool>;
    using IsReadOnly = hal::Field<BlockFeatures, 5, 5, bool>;
    using CanFlush = hal::Field<BlockFeatures, 9, 9, bool>;
};

enum class RequestStatus : std::uint8_t {
    done = 0,
    failed = 1,
    unknown_type = 2,
    unwritten = 0xFF
};
enum class RequestType : std::uint32_t { read = 0, write = 1, flush = 4 };
struct RequestHeader {
    RequestType type;
    std::uint32_t reserved;
    std::uint64_t sector;
};
static_assert(sizeof(RequestHeader) == 16);

}  // namespace virtio

}  // namespace kidney::drivers
