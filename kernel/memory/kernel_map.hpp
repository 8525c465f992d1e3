/// The kernel's own page tables: the direct map, and the vmap area with its tables allocated for
/// good.
///
/// Built once at boot from a page-table format and a source of zeroed frames; afterwards only leaf
/// entries of the vmap area change. Not for user mappings: those are mm/page_mapper.hpp's.
#pragma once

#include "kernel/memory/layout.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/hal/page_table_format.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kidney::kernel {

/// A source of zeroed, direct-mapped frames during boot; running out is fatal there.
template <class S>
concept BootFrames = requires(S& source) {
    { source.take_zeroed() } noexcept -> std::same_as<FrameNumber>;
};

/// Physical places of the kernel's code and constants, one behind the other; whole pages.
struct FixedParts {
    PhysAddr code, constants, end;

    [[nodiscard]] bool overlaps(PhysAddr at, std::uint32_t size) const noexcept {
        return code < at + size && at < end;
    }
    /// Code is executed and constants are read; neither is ever written.
    [[nodiscard]] hal::PageFlags flags_at(PhysAddr page) const noexcept {
        const bool is_fixed = page >= code && page < end;
        return {.writable = !is_fixed, .executable = is_fixed && page < constants, .global = true};
    }
};

/// Where the boot code has mapped a direct frame already (the trampoline maps them at kernel_base).
[[nodiscard]] inline std::byte* direct_pointer(FrameNumber frame) noexcept {
    return reinterpret_cast<std::byte*>(layout::kernel_base.value() + frame.address().value());
}

/// Invariants: every table below the vmap area exists after create(); entries of the direct map
/// never change. Concurrency: set() and clear() on one address are the owner's business (a stack
/// slot, a CPU's window); different addresses do not interfere. Cost: O(1), no TLB invalidation
/// (the caller knows who may have seen the address).
template <hal::PageTableFormat Format>
class KernelMap {
public:
    using Entry = typename Format::Entry;
    static constexpr std::uint32_t leaf_entries = Format::entries(0);
    static constexpr std::uint32_t leaf_span = leaf_entries * page_size;
    static constexpr std::uint32_t leaf_tables = (0U - layout::vmap_base.value()) / leaf_span;

    /// Maps the first `direct_frames` frames at kernel_base and prepares the vmap area. Large
    /// pages, but for the few that hold something of `fixed`: there every small page has its own
    /// rights.
    template <BootFrames S>
    void create(std::uint32_t direct_frames, const FixedParts& fixed, S& source) noexcept {
        root_ = source.take_zeroed();
        constexpr std::uint32_t large = 1U << Format::large_page_shift;
        const std::uint32_t direct_bytes = direct_frames << page_shift;
        for (std::uint32_t at = 0; at < layout::direct_map_size && at < direct_bytes; at += large) {
            Entry& entry = *upper_entry(1, layout::kernel_base + at, source);
            if (fixed.overlaps(PhysAddr(at), large)) {
                const FrameNumber table = source.take_zeroed();
                fill_small(table, PhysAddr(at), fixed);
                entry = Format::table(1, table);
            } else {
                entry = Format::large_leaf(FrameNumber::containing(PhysAddr(at)),
                                           fixed.flags_at(PhysAddr(at)));
            }
        }
        for (std::uint32_t i = 0; i < leaf_tables; ++i) {
            const FrameNumber table = source.take_zeroed();
            leaves_[i] = reinterpret_cast<Entry*>(direct_pointer(table));
            *upper_entry(1, layout::vmap_base + i * leaf_span, source) = Format::table(1, table);
        }
    }

    [[nodiscard]] FrameNumber root() const noexcept { return root_; }

    void set(VirtAddr page, FrameNumber frame, hal::PageFlags flags) noexcept {
        Entry& entry = leaf(page);
        KIDNEY_ASSERT(!Format::is_present(entry));
        entry = Format::leaf(frame, flags);
    }
    /// Gives back what was mapped there.
    FrameNumber clear(VirtAddr page) noexcept {
        Entry& entry = leaf(page);
        KIDNEY_ASSERT(Format::is_present(entry));
        const FrameNumber frame = Format::frame_of(entry);
        entry = 0;
        return frame;
    }
    [[nodiscard]] bool is_mapped(VirtAddr page) noexcept { return Format::is_present(leaf(page)); }

private:
    [[nodiscard]] Entry& leaf(VirtAddr page) noexcept {
        KIDNEY_ASSERT(page >= layout::vmap_base);
        const std::uint32_t offset = page - layout::vmap_base;
        return leaves_[offset / leaf_span][(offset >> page_shift) % leaf_entries];
    }

    static void fill_small(FrameNumber table, PhysAddr from, const FixedParts& fixed) noexcept {
        auto* const entries = reinterpret_cast<Entry*>(direct_pointer(table));
        for (std::uint32_t i = 0; i < leaf_entries; ++i) {
            const PhysAddr page = from + (i << page_shift);
            entries[i] = Format::leaf(FrameNumber::containing(page), fixed.flags_at(page));
        }
    }

    /// The entry of `level` that covers `address`, creating the tables above it.
    template <BootFrames S>
    Entry* upper_entry(unsigned level, VirtAddr address, S& source) noexcept {
        auto* table = reinterpret_cast<Entry*>(direct_pointer(root_));
        for (unsigned at = Format::levels - 1; at > level; --at) {
            Entry& entry = table[Format::index(at, address)];
            if (!Format::is_present(entry)) {
                entry = Format::table(at, source.take_zeroed());
            }
            table = reinterpret_cast<Entry*>(direct_pointer(Format::frame_of(entry)));
        }
        return &table[Format::index(level, address)];
    }

    FrameNumber root_;
    std::array<Entry*, leaf_tables> leaves_{};
};

}  // namespace kidney::kernel
