/// What a virtio-blk device has of its own behind its ports, and what its requests look like.
/// virtio 1.0, section 5.2.
#pragma once

#include "drivers/virtio/registers.hpp"
#include "kidney/hal/register.hpp"

#include <cstdint>

namespace kidney::drivers {

namespace virtio {

inline constexpr std::uint16_t transitional_block = 0x1001;
/// The same device without the legacy interface that this driver speaks (virtio 1.2, 4.1.2.1).
inline constexpr std::uint16_t modern_only_block = 0x1042;

using CapacityLow = hal::At<Number<std::uint32_t>, 0x14, hal::ReadOnly>;
using CapacityHigh = hal::At<Number<std::uint32_t>, 0x18, hal::ReadOnly>;
using SegmentsMax = hal::At<Number<std::uint32_t>, 0x20, hal::ReadOnly>;
using MostDiscarded = hal::At<Number<std::uint32_t>, 0x38, hal::ReadOnly>;  ///< sectors at once
using MostZeroed = hal::At<Number<std::uint32_t>, 0x44, hal::ReadOnly>;     ///< the same
using ZeroedMayBeHole = hal::At<Number<std::uint8_t>, 0x4C, hal::ReadOnly>;

struct BlockFeatures : hal::Register<BlockFeatures, std::uint32_t> {
    using SegmentsLimited = hal::Field<BlockFeatures, 2, 2, bool>;
    using IsReadOnly = hal::Field<BlockFeatures, 5, 5, bool>;
    using CanFlush = hal::Field<BlockFeatures, 9, 9, bool>;
    using CanDiscard = hal::Field<BlockFeatures, 13, 13, bool>;
    using CanZero = hal::Field<BlockFeatures, 14, 14, bool>;
};

enum class RequestStatus : std::uint8_t {
    done = 0,
    failed = 1,
    unknown_type = 2,
    unwritten = 0xFF
};
enum class RequestType : std::uint32_t { read = 0, write = 1, flush = 4, discard = 11, zero = 13 };
struct RequestHeader {
    RequestType type;
    std::uint32_t reserved;
    std::uint64_t sector;
};
static_assert(sizeof(RequestHeader) == 16);
/// The data of a discard and of a zeroing (virtio 1.1, section 5.2.6).
struct DiscardedSectors {
    static constexpr std::uint32_t may_be_hole = 1;  ///< a flag, of a zeroing only
    std::uint64_t first;
    std::uint32_t count;
    std::uint32_t flags;
};
static_assert(sizeof(DiscardedSectors) == 16);

}  // namespace virtio

}  // namespace kidney::drivers
