/// A legacy virtio-9p PCI function: its ports, a device behind them, and a server behind that.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/hal/port_io.hpp"
#include "sim/ram_arena.hpp"
#include "tests/fakes/fake_9p_server.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

namespace kidney::fakes {

/// Models PortIo: its register block is at `port_base`.
class FakeVirtio9p {
public:
    static constexpr std::uint16_t port_base = 0xC100;

    explicit FakeVirtio9p(sim::RamArena& ram) : ram_(ram) {}

    // Knobs.
    Fake9pServer server;
    std::uint16_t queue_size = 128;
    std::uint32_t features = 1;
    std::string tag = "host";
    bool answers = true;  ///< false: takes messages and never answers
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
        return offset >= 0x16 && offset - 0x16 < tag.size()
                   ? static_cast<std::uint8_t>(tag[offset - 0x16])
                   : std::uint8_t{0xFF};
    }
    [[nodiscard]] std::uint16_t read16(std::uint16_t port) noexcept {
        return port == port_base + 0x0C   ? queue_size
               : port == port_base + 0x14 ? static_cast<std::uint16_t>(tag.size())
                                          : std::uint16_t{0xFFFF};
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

    template <class T>
    [[nodiscard]] T* at(std::uint64_t address) noexcept {
        const auto frame = FrameNumber(static_cast<std::uint32_t>(address >> page_shift));
        return reinterpret_cast<T*>(ram_.direct(frame).data() + (address & page_mask));
    }
    void work() noexcept {
        const std::uint64_t available = queue_ + 16ULL * queue_size;
        while (answers && seen_ != *at<std::uint16_t>(available + 2)) {
            const auto head = *at<std::uint16_t>(available + 4 + 2ULL * (seen_++ % queue_size));
            const auto request = *at<Descriptor>(queue_ + 16ULL * head);
            KIDNEY_INVARIANT(request.flags == 1, "virtio: a request and a reply");
            const auto reply = *at<Descriptor>(queue_ + 16ULL * request.next);
            KIDNEY_INVARIANT(reply.flags == 2, "virtio: a reply that can be written");
            const Result<std::size_t> got =
                server.exchange({at<std::byte>(request.address), request.length},
                                {at<std::byte>(reply.address), reply.length});
            say_used(head + wrong_head, static_cast<std::uint32_t>(got.value_or(0)) + more);
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
    std::uint64_t queue_ = 0;
    std::uint16_t seen_ = 0;
    std::uint8_t status_ = 0, isr_ = 0;
};

static_assert(hal::PortIo<FakeVirtio9p>);

}  // namespace kidney::fakes
