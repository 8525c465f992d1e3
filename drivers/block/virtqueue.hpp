/// The split virtqueue of virtio 1.0 section 2.4, in the legacy layout (section 2.4.2): a table of
/// buffer descriptors, a ring of chains offered to the device, a ring of chains it has used.
///
/// One chain is in flight at a time, always beginning at descriptor 0: the driver above serialises.
#pragma once

#include "drivers/block/dma.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kidney::drivers {

class Virtqueue {
public:
    /// Bytes for a queue of `size` entries, in page-aligned contiguous memory.
    [[nodiscard]] static constexpr std::size_t bytes_needed(std::uint32_t size) noexcept {
        return used_offset(size) + 6 + std::size_t{8} * size;
    }

    /// `memory` is zeroed and becomes the queue; `size` is a power of two.
    void attach(DmaMemory memory, std::uint16_t size) noexcept {
        KIDNEY_ASSERT(memory.address.is_page_aligned() &&
                      memory.bytes.size() >= bytes_needed(size));
        std::memset(memory.bytes.data(), 0, bytes_needed(size));
        base_ = memory.bytes.data();
        size_ = size;
        chained_ = 0;
        used_seen_ = 0;
    }
    [[nodiscard]] std::uint16_t size() const noexcept { return size_; }

    /// Appends a buffer to the chain. `device_writes`: the device fills it.
    void add(PhysAddr address, std::uint32_t bytes, bool device_writes) noexcept {
        KIDNEY_INVARIANT(chained_ < size_, "virtqueue: chain longer than the queue");
        if (chained_ > 0) {
            Descriptor& before = descriptor(chained_ - 1U);
            before.flags = static_cast<std::uint16_t>(before.flags | flag_next);
            before.next = chained_;
        }
        descriptor(chained_) = {address.value(), bytes,
                                device_writes ? flag_write : std::uint16_t{0}, 0};
        ++chained_;
    }
    /// Offers the chain; the caller notifies the device afterwards.
    void offer() noexcept {
        auto* const available = reinterpret_cast<std::uint16_t*>(base_ + available_offset(size_));
        const std::uint16_t index = available[1];
        available[2 + index % size_] = 0;  // the chain begins at descriptor 0
        // release: the device must see the chain before the index that offers it.
        std::atomic_ref(available[1])
            .store(static_cast<std::uint16_t>(index + 1), std::memory_order_release);
        // The index must be out before the device is told to look: a full fence.
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    /// Has the device finished with the chain?
    [[nodiscard]] bool is_done() noexcept {
        auto* const used = reinterpret_cast<std::uint16_t*>(base_ + used_offset(size_));
        // acquire: its buffers are read after this.
        return std::atomic_ref(used[1]).load(std::memory_order_acquire) !=
               static_cast<std::uint16_t>(used_seen_);
    }
    /// Makes room for the next chain; call it when is_done().
    void retire() noexcept {
        ++used_seen_;
        chained_ = 0;
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

    std::byte* base_ = nullptr;
    std::uint16_t size_ = 0;
    std::uint16_t chained_ = 0;  ///< descriptors in the chain being built or in flight
    std::uint16_t used_seen_ = 0;
};

}  // namespace kidney::drivers
