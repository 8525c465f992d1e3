/// A legacy virtio-blk PCI function: its ports, and a device behind them that works through guest
/// memory. It trusts nothing: a malformed chain is a test failure.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/hal/port_io.hpp"
#include "sim/ram_arena.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

namespace kidney::fakes {

/// Also models PortIo: its register block at `port_base`, configuration space of 00:03.0 at 0xCF8.
class FakeVirtioBlk {
public:
    static constexpr std::uint16_t port_base = 0xC000;
    static constexpr std::uint8_t irq = 11;

    FakeVirtioBlk(sim::RamArena& ram, std::size_t sectors) : ram_(ram), disk_(sectors * 512) {}

    // Knobs.
    std::uint16_t queue_size = 128;
    std::uint32_t features = 1U << 9 | 1U << 2;  ///< flush, limited segments
    std::uint32_t segments_max = 126;
    static constexpr std::uint32_t can_discard = 1U << 13, can_zero = 1U << 14;  ///< features
    std::uint32_t most_discarded = 3, most_zeroed = 2;                           ///< sectors
    bool zeroed_may_be_hole = true;
    bool answers = true;              ///< false: takes requests and never completes them
    unsigned failing_requests = 0;    ///< so many come back with an error
    std::function<void()> interrupt;  ///< called when a request completes
    /// If set, gets the work instead of it being done at once: a disk that takes its time.
    std::function<void(std::function<void()>)> defer;

    std::uint8_t failure = 1;  ///< the status of those
    bool holds = false;        ///< takes requests; end() ends one of them
    bool loses_interrupts = false;

    /// Ends the n-th of the requests that it holds.
    void end(std::size_t n) noexcept {
        const std::uint16_t head = held_.at(n);
        held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(n));
        process(std::uint64_t{queue_frame_} << page_shift, head);
        say_used(head);
    }
    /// Puts any number into the used ring, and moves its index by `step`.
    void say_used(std::uint32_t head, std::uint16_t step = 1) noexcept {
        const std::uint64_t available =
            (std::uint64_t{queue_frame_} << page_shift) + 16ULL * queue_size;
        const std::uint64_t used =
            (available + 6 + 2ULL * queue_size + page_mask) & ~std::uint64_t{page_mask};
        auto* const index = at<std::uint16_t>(used + 2);
        *at<std::uint32_t>(used + 4 + 8ULL * (*index % queue_size)) = head;
        *index = static_cast<std::uint16_t>(*index + step);
        isr_ = 1;
        if (interrupt && !loses_interrupts) {
            interrupt();
        }
    }
    /// Chains that it was given and has not ended, by their first descriptor.
    [[nodiscard]] const std::vector<std::uint16_t>& held() const noexcept { return held_; }

    // What it saw.
    std::size_t most_held = 0;
    std::uint64_t requests = 0;
    std::uint64_t flushes = 0;
    std::uint64_t discards = 0;  ///< and zeroings
    [[nodiscard]] std::vector<std::byte>& disk() noexcept { return disk_; }
    [[nodiscard]] bool is_reset() const noexcept { return status_ == 0; }

    [[nodiscard]] std::uint8_t read8(std::uint16_t port) noexcept {
        switch (port - port_base) {
            case 0x12:
                return status_;
            case 0x13: {
                const std::uint8_t isr = isr_;
                isr_ = 0;
                return isr;
            }
            case 0x4C:
                return zeroed_may_be_hole ? 1 : 0;
            default:
                return 0xFF;
        }
    }
    [[nodiscard]] std::uint16_t read16(std::uint16_t port) noexcept {
        return port == port_base + 0x0C ? (selected_ == 0 ? queue_size : std::uint16_t{0})
                                        : std::uint16_t{0xFFFF};
    }
    [[nodiscard]] std::uint32_t read32(std::uint16_t port) noexcept {
        const std::uint64_t sectors = disk_.size() / 512;
        switch (port) {
            case 0xCFC:
                return configuration();
            case port_base + 0x00:
                return features;
            case port_base + 0x14:
                return static_cast<std::uint32_t>(sectors);
            case port_base + 0x18:
                return static_cast<std::uint32_t>(sectors >> 32);
            case port_base + 0x20:
                return segments_max;
            case port_base + 0x38:
                return most_discarded;
            case port_base + 0x44:
                return most_zeroed;
            default:
                return 0xFFFF'FFFF;
        }
    }
    void write8(std::uint16_t port, std::uint8_t value) noexcept {
        if (port == port_base + 0x12) {
            status_ = value;
            if (value == 0) {
                queue_frame_ = 0;
                seen_ = 0;
                isr_ = 0;
                held_.clear();
            }
        }
    }
    void write16(std::uint16_t port, std::uint16_t value) noexcept {
        if (port == port_base + 0x0E) {
            selected_ = value;
        } else if (port == port_base + 0x10) {
            KIDNEY_INVARIANT((status_ & 4U) != 0 && command_ == 7, "notified before it was ready");
            if (defer) {
                defer([this] { work(); });
            } else {
                work();
            }
        }
    }
    void write32(std::uint16_t port, std::uint32_t value) noexcept {
        if (port == 0xCF8) {
            config_address_ = value;
        } else if (port == 0xCFC && (config_address_ & 0xFCU) == 0x04) {
            command_ = value & 0xFFFFU;
        } else if (port == port_base + 0x04) {
            KIDNEY_INVARIANT((value & ~features) == 0, "accepted a feature that was not offered");
        } else if (port == port_base + 0x08) {
            queue_frame_ = value;
        }
    }

private:
    struct Descriptor {
        std::uint64_t address;
        std::uint32_t length;
        std::uint16_t flags, next;
    };

    [[nodiscard]] std::uint32_t configuration() const noexcept {
        if ((config_address_ & 0xFFFF'FF00U) != 0x8000'1800U) {  // 00:03.0
            return 0xFFFF'FFFF;
        }
        switch (config_address_ & 0xFCU) {
            case 0x00:
                return 0x1001'1AF4;
            case 0x04:
                return command_;
            case 0x08:
                return 0x0100'0000;  // mass storage
            case 0x10:
                return port_base | 1U;
            case 0x3C:
                return irq;
            default:
                return 0;
        }
    }
    template <class T>
    [[nodiscard]] T* at(std::uint64_t address) noexcept {
        const auto frame = FrameNumber(static_cast<std::uint32_t>(address >> page_shift));
        return reinterpret_cast<T*>(ram_.direct(frame).data() + (address & page_mask));
    }
    void work() noexcept {
        const std::uint64_t base = std::uint64_t{queue_frame_} << page_shift;
        const std::uint64_t available = base + 16ULL * queue_size;
        while (seen_ != *at<std::uint16_t>(available + 2)) {
            if (!answers) {
                return;
            }
            const std::uint16_t head =
                *at<std::uint16_t>(available + 4 + 2ULL * (seen_ % queue_size));
            ++seen_;
            held_.push_back(head);
            most_held = held_.size() > most_held ? held_.size() : most_held;
            if (!holds) {
                end(held_.size() - 1);
            }
        }
    }
    void process(std::uint64_t base, std::uint16_t head) noexcept {
        ++requests;
        std::vector<Descriptor> chain;
        for (std::uint16_t n = head;;) {
            KIDNEY_INVARIANT(n < queue_size && chain.size() < queue_size, "virtio: bad chain");
            chain.push_back(*at<Descriptor>(base + 16ULL * n));
            if ((chain.back().flags & 1U) == 0) {
                break;
            }
            n = chain.back().next;
        }
        KIDNEY_INVARIANT(chain.size() >= 2 && chain.size() <= segments_max + 2U, "virtio: length");
        KIDNEY_INVARIANT(chain.front().length == 16 && (chain.front().flags & 2U) == 0,
                         "virtio: header");
        KIDNEY_INVARIANT(chain.back().length == 1 && (chain.back().flags & 2U) != 0,
                         "virtio: status");
        const auto type = *at<std::uint32_t>(chain.front().address);
        std::uint64_t offset = *at<std::uint64_t>(chain.front().address + 8) * 512;
        auto* const status = at<std::uint8_t>(chain.back().address);
        if (failing_requests > 0) {
            --failing_requests;
            *status = failure;
            return;
        }
        flushes += type == 4 ? 1 : 0;
        if (type == 11 || type == 13) {
            KIDNEY_INVARIANT(chain.size() == 3, "virtio: discard");
            discard(chain[1], type == 13);
            *status = 0;
            return;
        }
        for (std::size_t i = 1; i + 1 < chain.size(); ++i) {
            const Descriptor& d = chain[i];
            KIDNEY_INVARIANT(d.length % 512 == 0 && offset + d.length <= disk_.size(),
                             "virtio: data outside of the disk");
            KIDNEY_INVARIANT(((d.flags & 2U) != 0) == (type == 0), "virtio: direction");
            std::byte* const memory = at<std::byte>(d.address);
            if (type == 0) {
                std::memcpy(memory, disk_.data() + offset, d.length);
            } else {
                std::memcpy(disk_.data() + offset, memory, d.length);
            }
            offset += d.length;
        }
        *status = 0;
    }

    void discard(const Descriptor& d, bool zeros) noexcept {
        ++discards;
        KIDNEY_INVARIANT((features & (zeros ? can_zero : can_discard)) != 0, "virtio: not offered");
        KIDNEY_INVARIANT(d.length == 16 && (d.flags & 2U) == 0, "virtio: segment");
        const std::uint64_t first = *at<std::uint64_t>(d.address);
        const std::uint64_t count = *at<std::uint32_t>(d.address + 8);
        const auto flags = *at<std::uint32_t>(d.address + 12);
        KIDNEY_INVARIANT(flags == (zeros && zeroed_may_be_hole ? 1U : 0U), "virtio: flags");
        KIDNEY_INVARIANT(count <= (zeros ? most_zeroed : most_discarded), "virtio: too much");
        KIDNEY_INVARIANT((first + count) * 512 <= disk_.size(), "virtio: outside of the disk");
        std::memset(disk_.data() + first * 512, zeros ? 0 : 0xDC,
                    static_cast<std::size_t>(count) * 512);
    }

    sim::RamArena& ram_;
    std::vector<std::byte> disk_;
    std::vector<std::uint16_t> held_;
    std::uint32_t config_address_ = 0;
    std::uint32_t command_ = 0;
    std::uint32_t queue_frame_ = 0;
    std::uint16_t selected_ = 0;
    std::uint16_t seen_ = 0;
    std::uint8_t status_ = 0;
    std::uint8_t isr_ = 0;
};

static_assert(hal::PortIo<FakeVirtioBlk>);

}  // namespace kidney::fakes
