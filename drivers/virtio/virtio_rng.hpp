/// virtio-rng over the legacy PCI interface: random bytes of the machine outside. virtio 1.2,
/// section 5.4.
#pragma once

#include "drivers/virtio/exchange.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::drivers {

namespace virtio {

inline constexpr std::uint16_t transitional_rng = 0x1005;
inline constexpr std::uint16_t modern_only_rng = 0x1044;

}  // namespace virtio

/// Parameters and concurrency as VirtioExchange.
template <hal::PortIo Io, hal::Clock Clock, BasicLockable Lock, class Wait>
class VirtioRng {
    using Exchange = VirtioExchange<Io, Clock, Lock, Wait>;

public:
    static constexpr std::size_t most_bytes = 64;  ///< of one read()
    static constexpr std::size_t memory_frames = Exchange::memory_frames({0, most_bytes});

    VirtioRng(Io& io, DmaMemory memory) noexcept
        : io_(io), exchange_(io, memory, {0, most_bytes}) {}

    /// Resets and sets up the device at `port`. Errors: no_device, not_supported.
    [[nodiscard]] Status start(std::uint16_t port) noexcept {
        static_cast<void>(virtio::begin(io_, port));
        virtio::accept(io_, port, 0);
        TRY(exchange_.attach(port));
        virtio::be_ready(io_, port);
        return {};
    }
    /// Fills the beginning of `to`; how much of it. The device may give less than it is asked for,
    /// but not nothing. Errors: as VirtioExchange.
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> to) noexcept {
        return exchange_.exchange({}, to);
    }
    bool on_interrupt() noexcept { return exchange_.on_interrupt(); }

private:
    Io& io_;
    Exchange exchange_;
};

}  // namespace kidney::drivers
