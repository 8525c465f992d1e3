/// virtio-9p over the legacy PCI interface: how a message of 9P gets to QEMU, and its reply back.
/// virtio 1.2, section 5.9 has the queue and the tag.
///
///     Virtio9p channel(io, memory);
///     TRY(channel.start(port_base));         // then it is a MessageChannel
///     on its interrupt: channel.on_interrupt();
#pragma once

#include "drivers/virtio/exchange.hpp"
#include "kidney/core/bounded.hpp"
#include "kidney/fs/message_channel.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::drivers {

namespace virtio {

inline constexpr std::uint16_t transitional_9p = 0x1009;
inline constexpr std::uint16_t modern_only_9p = 0x1049;

struct ShareFeatures : hal::Register<ShareFeatures, std::uint32_t> {
    using HasTag = hal::Field<ShareFeatures, 0, 0, bool>;
};
using TagLength = hal::At<Number<std::uint16_t>, device_registers, hal::ReadOnly>;
inline constexpr std::uint16_t tag_bytes = device_registers + 2;  ///< the first of them

}  // namespace virtio

/// Models `MessageChannel`; parameters and concurrency as VirtioExchange.
template <hal::PortIo Io, hal::Clock Clock, BasicLockable Lock, class Wait>
class Virtio9p {
    using Exchange = VirtioExchange<Io, Clock, Lock, Wait>;

public:
    static constexpr std::size_t longest_tag = 32;
    static constexpr std::size_t most_bytes = std::size_t{32} << 10;  ///< of a message
    static constexpr std::size_t memory_frames = Exchange::memory_frames({most_bytes, most_bytes});

    Virtio9p(Io& io, DmaMemory memory) noexcept
        : io_(io), exchange_(io, memory, {most_bytes, most_bytes}) {}

    /// Resets and sets up the device at `port`. Errors: no_device, not_supported (also: it has no
    /// tag, or one that is too long).
    [[nodiscard]] Status start(std::uint16_t port) noexcept {
        using namespace virtio;
        const ShareFeatures offered = ShareFeatures::from(begin(io_, port));
        const std::uint16_t length = TagLength::read(io_, port).raw;
        if (!offered.get<ShareFeatures::HasTag>() || length == 0 || length > longest_tag) {
            return fail(Errc::not_supported);
        }
        accept(io_, port, ShareFeatures{}.with<ShareFeatures::HasTag>(true).raw);
        TRY(exchange_.attach(port));
        for (std::uint16_t n = 0; n < length; ++n) {
            const auto letter =
                static_cast<char>(io_.read8(static_cast<std::uint16_t>(port + tag_bytes + n)));
            tag_.append({&letter, 1});
        }
        be_ready(io_, port);
        return {};
    }
    /// What the folder is called outside.
    [[nodiscard]] std::string_view tag() const noexcept { return tag_.view(); }

    [[nodiscard]] std::size_t max_message() const noexcept { return most_bytes; }
    /// Errors: as VirtioExchange, and invalid_argument (no request).
    [[nodiscard]] Result<std::size_t> exchange(std::span<const std::byte> request,
                                               std::span<std::byte> reply) noexcept {
        return request.empty() ? Result<std::size_t>(fail(Errc::invalid_argument))
                               : exchange_.exchange(request, reply);
    }
    bool on_interrupt() noexcept { return exchange_.on_interrupt(); }

private:
    Io& io_;
    Exchange exchange_;
    BoundedText<longest_tag> tag_;
};

}  // namespace kidney::drivers
