/// How our requests look to a virtio-blk device: their types, and what of a discard goes at once.
#pragma once

#include "drivers/block/virtio_blk_registers.hpp"
#include "kidney/fs/block_request.hpp"
#include "kidney/hal/port_io.hpp"

#include <algorithm>
#include <cstdint>

namespace kidney::drivers::virtio {

[[nodiscard]] constexpr RequestType type_of(const fs::BlockRequest& request) noexcept {
    switch (request.operation) {
        case fs::BlockOperation::read:
            return RequestType::read;
        case fs::BlockOperation::write:
            return RequestType::write;
        case fs::BlockOperation::discard:
            return request.discarded_to == fs::Discarded::zeros ? RequestType::zero
                                                                : RequestType::discard;
        case fs::BlockOperation::flush:
            break;
    }
    return RequestType::flush;
}

/// What a device can discard; nothing, before it was asked. Concurrency: none while it is.
class DiscardLimits {
public:
    /// Of the device at `port`, with which these features were agreed on.
    template <hal::PortIo Io>
    void ask(Io& io, std::uint16_t port, const BlockFeatures& has) noexcept {
        anything_ = has.get<BlockFeatures::CanDiscard>() ? MostDiscarded::read(io, port).raw : 0;
        zeros_ = has.get<BlockFeatures::CanZero>() ? MostZeroed::read(io, port).raw : 0;
        const bool may_be_hole = zeros_ != 0 && ZeroedMayBeHole::read(io, port).raw != 0;
        zeroing_flags_ = may_be_hole ? DiscardedSectors::may_be_hole : 0;
    }
    /// Law Q4. Error: not_supported (a discard, and the device has none of this kind).
    [[nodiscard]] Status check(const fs::BlockRequest& request) const noexcept {
        const bool is_discard = request.operation == fs::BlockOperation::discard;
        return is_discard && most(request) == 0 ? Status(fail(Errc::not_supported)) : Status();
    }
    /// From sector `at` of a discard on, as many as the device takes at once. Of other requests:
    /// none.
    [[nodiscard]] DiscardedSectors next(const fs::BlockRequest& request,
                                        fs::BlockIndex at) const noexcept {
        if (request.operation != fs::BlockOperation::discard) {
            return {};
        }
        const std::uint64_t rest = request.first.value() + request.discarded - at.value();
        const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(rest, most(request)));
        const bool zeros = request.discarded_to == fs::Discarded::zeros;
        return {at.value(), count, zeros ? zeroing_flags_ : 0};
    }

private:
    [[nodiscard]] std::uint32_t most(const fs::BlockRequest& request) const noexcept {
        return request.discarded_to == fs::Discarded::zeros ? zeros_ : anything_;
    }

    std::uint32_t anything_ = 0, zeros_ = 0;  ///< sectors at once; 0: it cannot
    std::uint32_t zeroing_flags_ = 0;
};

}  // namespace kidney::drivers::virtio
