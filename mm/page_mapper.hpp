/// The page tables of one address space: finds, makes and frees tables. What the leaves mean is the
/// business of user_pages.hpp.
///
/// Kernel entries of the root are copied once from the kernel's own root and never change (see
/// kernel/memory/layout.hpp), so the tables behind them are shared. Tables are direct frames;
/// pointers to entries stay good as long as the mapper exists. Walks go table by table, not page by
/// page. Concurrency: none, the address space's lock serialises; the hardware walks along.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"
#include "kidney/hal/page_table_format.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/hal/user_memory.hpp"
#include "kidney/mm/frame_service.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::mm {

template <hal::PageTableFormat Format, CountedFrames Frames, hal::PhysMap Phys>
class PageMapper {
public:
    using Entry = typename Format::Entry;

    PageMapper(Frames& frames, Phys& phys) noexcept : frames_(frames), phys_(phys) {}
    PageMapper(const PageMapper&) = delete;
    PageMapper& operator=(const PageMapper&) = delete;
    ~PageMapper() { destroy(); }

    /// An empty user half beside the kernel half of `kernel_root`. Errors: no_memory.
    [[nodiscard]] Status create(FrameNumber kernel_root) noexcept {
        root_ = TRY(frames_.allocate(FrameZone::direct));
        Entry* const entries = table_at(root_);
        std::memset(entries, 0, user_root_entries * sizeof(Entry));
        std::memcpy(entries + user_root_entries, table_at(kernel_root) + user_root_entries,
                    (Format::entries(top) - user_root_entries) * sizeof(Entry));
        exists_ = true;
        if constexpr (Format::entries(top) <= 4) {
            // PAE: the processor reads the root only when it is loaded, so it must be complete.
            for (std::uint32_t i = 0; i < user_root_entries; ++i) {
                write(entries[i], Format::table(top, TRY(new_table())));
            }
        }
        return {};
    }

    [[nodiscard]] FrameNumber root() const noexcept { return root_; }
    /// Tables below the root. Anybody may ask.
    [[nodiscard]] std::uint32_t table_count() const noexcept {
        return table_count_.load(std::memory_order_relaxed);  // a number, about which is no haste
    }

    /// The leaf entry of a page, or nullptr if it has no table.
    [[nodiscard]] Entry* find(VirtAddr page) noexcept {
        Entry* const table = leaf_table(page);
        return table == nullptr ? nullptr : table + Format::index(0, page);
    }

    /// The leaf entry of a user page, with the tables above it. Errors: no_memory; tables made
    /// until then stay for the next one.
    [[nodiscard]] Result<Entry*> make(VirtAddr page) noexcept {
        Entry* table = table_at(root_);
        for (unsigned level = top; level > 0; --level) {
            Entry& entry = table[Format::index(level, page)];
            if (!Format::is_present(entry)) {
                write(entry, Format::table(level, TRY(new_table())));
            }
            table = table_at(Format::frame_of(entry));
        }
        return table + Format::index(0, page);
    }

    /// Calls f(first page, entries) for each existing table's share of a page-aligned range.
    template <class F>
    void for_each_run(VirtRange range, F&& f) noexcept {
        for (VirtAddr at = range.start; at != range.end();) {
            const std::uint32_t size = run_size(at, range.end());
            if (Entry* const table = leaf_table(at); table != nullptr) {
                f(at, std::span(table + Format::index(0, at), size >> page_shift));
            }
            at += size;
        }
    }

    /// Bytes from `at` to the end of its leaf table, or to `end`.
    [[nodiscard]] static constexpr std::uint32_t run_size(VirtAddr at, VirtAddr end) noexcept {
        const std::uint32_t to_table_end = leaf_span - (at.value() & (leaf_span - 1));
        return end - at < to_table_end ? end - at : to_table_end;
    }

    /// Changes an entry that the hardware may be reading.
    static void write(Entry& entry, Entry value) noexcept {
        if constexpr (sizeof(Entry) == sizeof(std::uint32_t)) {
            *const_cast<volatile Entry*>(&entry) = value;
        } else {
            // Two stores on a 32-bit CPU: not present first, present last, so that no walk sees
            // half an entry. x86 keeps stores in order; volatile makes the compiler do so.
            using Half [[gnu::may_alias]] = std::uint32_t;
            auto* const halves = reinterpret_cast<volatile Half*>(&entry);
            halves[0] = 0;
            halves[1] = static_cast<std::uint32_t>(value >> 32);
            halves[0] = static_cast<std::uint32_t>(value);
        }
    }

private:
    static constexpr unsigned top = Format::levels - 1;
    static constexpr std::uint32_t user_root_entries = Format::index(top, hal::user_end - 1) + 1;
    static constexpr std::uint32_t leaf_span = Format::entries(0) * page_size;

    [[nodiscard]] Entry* table_at(FrameNumber frame) noexcept {
        return reinterpret_cast<Entry*>(phys_.direct(frame).data());
    }
    [[nodiscard]] Entry* leaf_table(VirtAddr page) noexcept {
        Entry* table = table_at(root_);
        for (unsigned level = top; level > 0; --level) {
            const Entry entry = table[Format::index(level, page)];
            if (!Format::is_present(entry)) {
                return nullptr;
            }
            table = table_at(Format::frame_of(entry));
        }
        return table;
    }
    [[nodiscard]] Result<FrameNumber> new_table() noexcept {
        const FrameNumber frame = TRY(frames_.allocate(FrameZone::direct));
        hal::clear_page(phys_, phys_.direct(frame));
        table_count_.store(table_count() + 1, std::memory_order_relaxed);  // we have the lock
        return frame;
    }
    /// Frees the tables below the first `count` entries of a table of `level`.
    void release_below(FrameNumber table, unsigned level, std::uint32_t count) noexcept {
        const std::span entries(table_at(table), count);
        for (const Entry entry : entries) {
            if (Format::is_present(entry)) {
                const FrameNumber next = Format::frame_of(entry);
                if (level > 1) {
                    release_below(next, level - 1, Format::entries(level - 1));
                }
                frames_.release(next);
            }
        }
    }
    /// The user pages themselves have been released before.
    void destroy() noexcept {
        if (exists_) {
            release_below(root_, top, user_root_entries);
            frames_.release(root_);
        }
    }

    Frames& frames_;
    Phys& phys_;
    FrameNumber root_;
    bool exists_ = false;
    std::atomic<std::uint32_t> table_count_{0};
};

}  // namespace kidney::mm
