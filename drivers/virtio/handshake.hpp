/// How a driver and a legacy virtio device come to an agreement. virtio 1.0, sections 3.1 and
/// 4.1.4.8: begin(), accept(), the queue, what else there is to set up, be_ready().
#pragma once

#include "drivers/virtio/dma.hpp"
#include "drivers/virtio/registers.hpp"
#include "drivers/virtio/virtqueue.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"
#include "kidney/hal/port_io.hpp"

#include <cstdint>

namespace kidney::drivers::virtio {

inline constexpr StatusBits acknowledged =
    StatusBits{}.with<StatusBits::Acknowledged>(true).with<StatusBits::HasDriver>(true);

/// Ends whatever the device is at: it reaches no memory of ours after this.
template <hal::PortIo Io>
void reset(Io& io, std::uint16_t port) noexcept {
    DeviceStatus::write(io, port, StatusBits{});
}
/// After a reset; the features that the device offers.
template <hal::PortIo Io>
[[nodiscard]] std::uint32_t begin(Io& io, std::uint16_t port) noexcept {
    reset(io, port);
    DeviceStatus::write(io, port, acknowledged);
    return DeviceFeatures::read(io, port).raw;
}
/// Those of them that the driver wants.
template <hal::PortIo Io>
void accept(Io& io, std::uint16_t port, std::uint32_t features) noexcept {
    DriverFeatures::write(io, port, Number<std::uint32_t>::from(features));
}
/// Gives the device its first queue, at the beginning of `memory`; the size of it. Errors:
/// no_device (it has none), not_supported (fewer than `least` entries, or more than we have).
template <hal::PortIo Io>
[[nodiscard]] Result<std::uint16_t> attach_queue(Io& io, std::uint16_t port, Virtqueue& queue,
                                                 DmaMemory memory, std::uint16_t least) noexcept {
    QueueSelect::write(io, port, Number<std::uint16_t>::from(0));
    const std::uint16_t size = QueueSize::read(io, port).raw;
    if (size == 0) {
        return fail(Errc::no_device);
    }
    if (size < least || size > Virtqueue::max_size || (size & (size - 1)) != 0) {
        return fail(Errc::not_supported);
    }
    queue.attach(memory, size);
    QueueFrame::write(io, port,
                      Number<std::uint32_t>::from(FrameNumber::containing(memory.address).value()));
    return size;
}
template <hal::PortIo Io>
void be_ready(Io& io, std::uint16_t port) noexcept {
    DeviceStatus::write(io, port, acknowledged.with<StatusBits::DriverReady>(true));
}
/// Chains were offered.
template <hal::PortIo Io>
void notify(Io& io, std::uint16_t port) noexcept {
    QueueNotify::write(io, port, Number<std::uint16_t>::from(0));
}

}  // namespace kidney::drivers::virtio
