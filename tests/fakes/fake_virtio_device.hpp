/// A legacy virtio PCI function that answers: its ports, and a device behind them.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/hal/port_io.hpp"
#include "sim/ram_arena.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <utility>

namespace kidney::fakes {

/// Models PortIo: its register block is at `port_base`.
class FakeVirtioDevice {
public:
    static constexpr std::uint16_t port_base = 0xC100;
    /// What the device does: the length of its reply.
    using Serve = std::function<std::size_t(std::span<const std::byte>, std::span<std::byte>)>;

    FakeVirtioDevice(sim::RamArena& ram, Serve serve) : ram_(ram), serve_(std::move(serve)) {}

    // Knobs.
    std::uint16_t queue_size = 128;
    std::uint32_t features = 0;
    std::string device_bytes;  ///< its own registers
    bool answers = true;       ///< false: takes messages and never answers
    bool loses_interrupts = false;
    std::uint32_t more = 0;        ///< so many bytes more than it has written, it says
    std::uint32_t wrong_head = 0;  ///< added to the number of the chain that it has used
    std::function<void()> interrupt;

    [[nodiscard]] bool is_reset() const noexcept { return status_ == 0; }

    [[nodiscard]] std::uint8_t read8(std::uint16_t port) noexcept {
        const auto offset = static_cast<std::size_t>(port - port_base);
        if (offset == 0x12) {
            return status_;
        }
        if (offset == 0x13) {
            return std::exchange(isr_, std::uint8_t{0});
        }
        return byte_at(offset);
    }
    [[nodiscard]] std::uint16_t read16(std::uint16_t port) noexcept {
        const auto offset = static_cast<std::size_t>(port - port_base);
        return offset == 0x0C
                   ? queue_size
                   : static_cast<std::uint16_t>(byte_at(offset) | (byte_at(offset + 1) << 8U));
    }
    [[nodiscard]] std::uint32_t read32(std::uint16_t port) noexcept {
        return port == port_base ? features : 0xFFFF'FFFF;
    }
    void write8(std::uint16_t port, std::uint8_t value) noexcept {
        if (port == port_base + 0x12) {
            status_ = value;
            if (value == 0) {
                seen_ = 0;
                isr_ = 0;
            }
        }
    }
    void write16(std::uint16_t port, std::uint16_t) noexcept {
        if (port == port_base + 0x10) {
            KIDNEY_INVARIANT((status_ & 4U) != 0, "notified before it was ready");
            work();
        }
    }
    void write32(std::uint16_t port, std::uint32_t value) noexcept {
        if (port == port_base + 0x04) {
            KIDNEY_INVARIANT((value & ~features) == 0, "accepted a feature that was not offered");
        } else if (port == port_base + 0x08) {
            queue_ = std::uint64_t{value} << page_shift;
        }
    }

private:
    struct Descriptor {
        std::uint64_t address;
        std::uint32_t length;
        std::uint16_t flags, next;
    };

    [[nodiscard]] std::uint8_t byte_at(std::size_t offset) const noexcept {
        return offset >= 0x14 && offset - 0x14 < device_bytes.size()
                   ? static_cast<std::uint8_t>(device_bytes[offset - 0x14])
                   : std::uint8_t{0xFF};
    }
    template <class T>
    [[nodiscard]] T* at(std::uint64_t address) noexcept {
        const auto frame = FrameNumber(static_cast<std::uint32_t>(address >> page_shift));
        return reinterpret_cast<T*>(ram_.direct(frame).data() + (address & page_mask));
    }
    void work() noexcept {
        const std::uint64_t available = queue_ + 16ULL * queue_size;
        while (answers && seen_ != *at<std::uint16_t>(available + 2)) {
            const auto head = *at<std::uint16_t>(available + 4 + 2ULL * (seen_++ % queue_size));
            Descriptor d = *at<Descriptor>(queue_ + 16ULL * head);
            std::span<const std::byte> request;
            if (d.flags == 1) {
                request = {at<std::byte>(d.address), d.length};
                d = *at<Descriptor>(queue_ + 16ULL * d.next);
            }
            KIDNEY_INVARIANT(d.flags == 2, "virtio: a reply that can be written, and no more");
            const std::size_t length = serve_(request, {at<std::byte>(d.address), d.length});
            say_used(head + wrong_head, static_cast<std::uint32_t>(length) + more);
        }
    }
    void say_used(std::uint32_t head, std::uint32_t length) noexcept {
        const std::uint64_t available = queue_ + 16ULL * queue_size;
        const std::uint64_t used =
            (available + 6 + 2ULL * queue_size + page_mask) & ~std::uint64_t{page_mask};
        auto* const index = at<std::uint16_t>(used + 2);
        *at<std::uint32_t>(used + 4 + 8ULL * (*index % queue_size)) = head;
        *at<std::uint32_t>(used + 8 + 8ULL * (*index % queue_size)) = length;
        ++*index;
        isr_ = 1;
        if (interrupt && !loses_interrupts) {
            interrupt();
        }
    }

    sim::RamArena& ram_;
    const Serve serve_;
    std::uint64_t queue_ = 0;
    std::uint16_t seen_ = 0;
    std::uint8_t status_ = 0, isr_ = 0;
};

static_assert(hal::PortIo<FakeVirtioDevice>);

}  // namespace kidney::fakes
