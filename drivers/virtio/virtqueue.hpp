/// The split virtqueue of virtio 1.0 section 2.4, in the legacy layout (section 2.4.2): a table of
/// buffer descriptors, a ring of chains offered to the device, a ring of chains it has used.
///
/// Any number of chains are in flight; the device uses them in an order of its own. It is not
/// trusted: which descriptors belong to which chain is written down where it cannot reach, and a
/// number in the used ring is looked up there before it is believed.
#pragma once

#include "drivers/virtio/dma.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/core/result.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace kidney::drivers {

/// Concurrency: none, callers serialise.
class Virtqueue {
public:
    static constexpr std::uint16_t max_size = 256;

    /// Bytes for a queue of `size` entries, in page-aligned contiguous memory.
    [[nodiscard]] static constexpr std::size_t bytes_needed(std::uint32_t size) noexcept {
        return used_offset(size) + 6 + std::size_t{8} * size;
    }

    /// `memory` is zeroed and becomes the queue; `size` is a power of two.
    void attach(DmaMemory memory, std::uint16_t size) noexcept {
        KIDNEY_ASSERT(size <= max_size && memory.address.is_page_aligned() &&
                      memory.bytes.size() >= bytes_needed(size));
        std::memset(memory.bytes.data(), 0, bytes_needed(size));
        base_ = memory.bytes.data();
        size_ = size;
        offered_ = 0;
        used_seen_ = 0;
        length_.fill(0);
        for (std::uint16_t n = 0; n < size; ++n) {
            next_[n] = static_cast<std::uint16_t>(n + 1);
        }
        free_head_ = 0;
        free_ = size;
        building_ = 0;
    }
    [[nodiscard]] std::uint16_t size() const noexcept { return size_; }
    /// Descriptors that no chain has.
    [[nodiscard]] std::uint16_t free() const noexcept { return free_; }

    /// Appends a buffer to the chain that is being built; there is a free descriptor.
    /// `device_writes`: the device fills it.
    void add(PhysAddr address, std::uint32_t bytes, bool device_writes) noexcept {
        KIDNEY_INVARIANT(free_ > 0, "virtqueue: no descriptor is free");
        const std::uint16_t n = free_head_;
        free_head_ = next_[n];
        --free_;
        descriptor(n) = {address.value(), bytes, device_writes ? flag_write : std::uint16_t{0}, 0};
        if (building_ == 0) {
            head_ = n;
        } else {
            Descriptor& before = descriptor(last_);
            before.flags = static_cast<std::uint16_t>(before.flags | flag_next);
            before.next = n;
            next_[last_] = n;
        }
        last_ = n;
        ++building_;
    }
    /// Offers the chain; the caller notifies the device afterwards. The answer is the chain's name
    /// until the device has used it.
    [[nodiscard]] std::uint16_t offer() noexcept {
        KIDNEY_ASSERT(building_ > 0);
        length_[head_] = building_;
        building_ = 0;
        auto* const available = reinterpret_cast<std::uint16_t*>(base_ + available_offset(size_));
        available[2 + offered_ % size_] = head_;
        ++offered_;
        // release: the device must see the chain before the index that offers it.
        std::atomic_ref(available[1]).store(offered_, std::memory_order_release);
        // The index must be out before the device is told to look: a full fence.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return head_;
    }
    /// A chain that the device has used, and how many bytes it says that it has written.
    struct Used {
        std::uint16_t chain;
        std::uint32_t written;
    };
    /// One, whose descriptors are free again, or nothing. Error: corrupted (the device names what
    /// it was not given; believe nothing from it any more).
    [[nodiscard]] Result<std::optional<Used>> take_used() noexcept {
        std::byte* const used = base_ + used_offset(size_);
        // acquire: the entry, and the buffers of the chain, are read after this.
        const std::uint16_t index = std::atomic_ref(reinterpret_cast<std::uint16_t*>(used)[1])
                                        .load(std::memory_order_acquire);
        const auto ahead = static_cast<std::uint16_t>(index - used_seen_);
        if (ahead == 0) {
            return std::optional<Used>();
        }
        std::uint32_t head = 0, written = 0;
        const std::byte* const entry = used + 4 + std::size_t{8} * (used_seen_ % size_);
        std::memcpy(&head, entry, sizeof(head));
        std::memcpy(&written, entry + sizeof(head), sizeof(written));
        if (ahead > size_ || head >= size_ || length_[head] == 0) {
            return fail(Errc::corrupted);
        }
        ++used_seen_;
        const Used answer{static_cast<std::uint16_t>(head), written};
        release(answer.chain);
        return std::optional(answer);
    }

private:
    struct Descriptor {
        std::uint64_t address;
        std::uint32_t length;
        std::uint16_t flags;
        std::uint16_t next;
    };
    static_assert(sizeof(Descriptor) == 16);
    static constexpr std::uint16_t flag_next = 1;
    static constexpr std::uint16_t flag_write = 2;

    [[nodiscard]] static constexpr std::size_t available_offset(std::uint32_t size) noexcept {
        return sizeof(Descriptor) * size;
    }
    /// The used ring begins on the next page.
    [[nodiscard]] static constexpr std::size_t used_offset(std::uint32_t size) noexcept {
        return (available_offset(size) + 6 + 2 * size + page_mask) & ~std::size_t{page_mask};
    }
    [[nodiscard]] Descriptor& descriptor(std::uint32_t n) noexcept {
        return reinterpret_cast<Descriptor*>(base_)[n];
    }
    void release(std::uint16_t head) noexcept {
        std::uint16_t last = head;
        for (std::uint16_t n = 1; n < length_[head]; ++n) {
            last = next_[last];
        }
        next_[last] = free_head_;
        free_head_ = head;
        free_ = static_cast<std::uint16_t>(free_ + length_[head]);
        length_[head] = 0;
    }

    std::byte* base_ = nullptr;
    std::uint16_t size_ = 0;
    std::uint16_t offered_ = 0;    ///< chains, ever
    std::uint16_t used_seen_ = 0;  ///< chains, ever
    std::uint16_t free_head_ = 0;
    std::uint16_t free_ = 0;
    std::uint16_t head_ = 0;      ///< of the chain being built
    std::uint16_t last_ = 0;      ///< its last descriptor
    std::uint16_t building_ = 0;  ///< its descriptors
    /// Of a free descriptor and of one in a chain: the one behind it.
    std::array<std::uint16_t, max_size> next_{};
    /// Descriptors of the chain in flight that begins here; 0: none does.
    std::array<std::uint16_t, max_size> length_{};
};

}  // namespace kidney::drivers
