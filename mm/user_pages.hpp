/// The pages of one address space: entries, the frames behind them, and the TLBs that may remember
/// them.
///
/// Every present user entry owns one reference to its frame. Invariant: no frame is released, and
/// no right withdrawn, before every CPU that uses this space has forgotten the translation. Regions
/// and rules are the business of address_space.hpp. Concurrency: as PageMapper, but the activation
/// set is atomic.
#pragma once

#include "kidney/hal/mmu.hpp"
#include "kidney/mm/page_source.hpp"
#include "mm/page_mapper.hpp"
#include "mm/resident_pages.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::mm {

template <hal::PageTableFormat Format, CountedFrames Frames, hal::PhysMap Phys, hal::Mmu Mmu>
class UserPages {
public:
    using Entry = typename Format::Entry;

    UserPages(Frames& frames, Phys& phys) noexcept
        : frames_(frames), phys_(phys), mapper_(frames, phys) {}

    [[nodiscard]] Status create(FrameNumber kernel_root) noexcept {
        return mapper_.create(kernel_root);
    }
    [[nodiscard]] FrameNumber root() const noexcept { return mapper_.root(); }
    [[nodiscard]] const ResidentCounter& resident() const noexcept { return resident_; }
    [[nodiscard]] std::uint32_t table_count() const noexcept { return mapper_.table_count(); }

    /// This CPU translates through these tables from now on.
    void activate(CpuId cpu) noexcept {
        // seq_cst, and before the tables are loaded: whoever changes an entry after this sees us.
        active_.fetch_or(1U << cpu.value());
        Mmu::activate(root().address());
    }
    /// `cpu` has loaded other tables already.
    void deactivate(CpuId cpu) noexcept { active_.fetch_and(~(1U << cpu.value())); }
    [[nodiscard]] CpuSet active() const noexcept { return CpuSet(active_.load()); }

    /// The present entry of a page, or zero.
    [[nodiscard]] Entry entry(VirtAddr page) noexcept {
        const Entry* const found = mapper_.find(page);
        return found == nullptr ? Entry{0} : *found;
    }

    /// Those of a range; its peak is not known. Cost: a look at each entry of the tables there.
    [[nodiscard]] ResidentPages resident_in(VirtRange range) noexcept {
        ResidentCounter count;
        mapper_.for_each_run(range, [&](VirtAddr, std::span<Entry> entries) {
            for (const Entry entry : entries) {
                if (Format::is_present(entry)) {
                    count.add(Format::flags_of(entry).kind);
                }
            }
        });
        return count.read();
    }

    /// Maps a fresh frame of zeros. Errors of all three: no_memory, changing nothing.
    [[nodiscard]] Status map_zeros(VirtAddr page, hal::PageFlags flags) noexcept {
        Entry* const entry = TRY(mapper_.make(page));
        const FrameNumber frame = TRY(frames_.allocate(FrameZone::any));
        {
            const auto window = phys_.window(frame);
            hal::clear_page(phys_, window.bytes());
        }
        replace(page, *entry, Format::leaf(frame, flags));
        return {};
    }
    /// Maps a frame; takes over the caller's reference to it, also on failure.
    [[nodiscard]] Status map_frame(VirtAddr page, FrameNumber frame,
                                   hal::PageFlags flags) noexcept {
        const Result<Entry*> entry = mapper_.make(page);
        if (!entry) {
            frames_.release(frame);
            return fail(entry.error());
        }
        replace(page, **entry, Format::leaf(frame, flags));
        return {};
    }
    /// Maps a fresh copy of `source`, which somebody keeps alive meanwhile.
    [[nodiscard]] Status map_copy(VirtAddr page, FrameNumber source,
                                  hal::PageFlags flags) noexcept {
        Entry* const entry = TRY(mapper_.make(page));
        const FrameNumber frame = TRY(frames_.allocate(FrameZone::any));
        {
            const auto from = phys_.window(source);
            const auto to = phys_.window(frame);
            hal::copy_page(phys_, to.bytes(), from.bytes());
        }
        replace(page, *entry, Format::leaf(frame, flags));
        return {};
    }
    /// Gives a present page more rights. No TLB needs to hear of it: a CPU that remembers fewer
    /// rights faults, and finds the new ones when it tries again.
    void widen(VirtAddr page, hal::PageFlags flags) noexcept {
        give_rights(*mapper_.find(page), flags);
    }

    [[nodiscard]] bool is_present(VirtAddr page) noexcept {
        return Format::is_present(entry(page));
    }

    /// Unmaps the range and releases its frames; private copies stay if they are to be kept.
    void drop(VirtRange range, PrivateCopies copies = PrivateCopies::take) noexcept {
        resident_.note_peak();
        Batch batch(*this);
        mapper_.for_each_run(range, [&](VirtAddr at, std::span<Entry> entries) {
            for (Entry& entry : entries) {
                if (Format::is_present(entry) &&
                    (copies == PrivateCopies::take ||
                     Format::flags_of(entry).kind != hal::PageKind::anonymous)) {
                    const FrameNumber frame = Format::frame_of(entry);
                    resident_.remove(Format::flags_of(entry).kind);
                    mapper_.write(entry, 0);
                    batch.add(at, frame);
                }
                at += page_size;
            }
        });
    }

    /// The end of the space, which no CPU uses any more: releases the frames of the range and
    /// leaves the entries behind.
    void abandon(VirtRange range) noexcept {
        mapper_.for_each_run(range, [&](VirtAddr, std::span<Entry> entries) {
            for (const Entry entry : entries) {
                if (Format::is_present(entry)) {
                    frames_.release(Format::frame_of(entry));
                }
            }
        });
    }

    /// Gives all present pages of the range these rights, which must not exceed theirs.
    void narrow(VirtRange range, hal::PageFlags flags) noexcept {
        bool changed = false;
        mapper_.for_each_run(range, [&](VirtAddr, std::span<Entry> entries) {
            for (Entry& entry : entries) {
                if (Format::is_present(entry)) {
                    give_rights(entry, flags);
                    changed = true;
                }
            }
        });
        if (changed) {
            flush(range);
        }
    }

    /// Lets `child` see the same frames. Unless `shared`, writable pages lose that right on both
    /// sides: the first to write gets a copy. The caller flushes this space's TLBs once it has
    /// shared everything. Errors: no_memory, with part of the range shared.
    [[nodiscard]] Status share_with(UserPages& child, VirtRange range, bool shared) noexcept {
        Status status;
        mapper_.for_each_run(range, [&](VirtAddr at, std::span<Entry> entries) {
            if (!status) {
                return;
            }
            Entry* copy = nullptr;
            for (std::size_t i = 0; i < entries.size(); ++i) {
                if (!Format::is_present(entries[i])) {
                    continue;
                }
                if (copy == nullptr) {
                    const Result<Entry*> made = child.mapper_.make(at);
                    if (!made) {
                        status = fail(made.error());
                        return;
                    }
                    copy = *made;
                }
                const FrameNumber frame = Format::frame_of(entries[i]);
                if (const Status retained = frames_.retain(frame); !retained) [[unlikely]] {
                    status = retained;
                    return;
                }
                hal::PageFlags flags = Format::flags_of(entries[i]);
                if (flags.writable && !shared) {
                    flags.writable = false;
                    mapper_.write(entries[i], Format::leaf(frame, flags));
                }
                mapper_.write(copy[i], entries[i]);
            }
        });
        return status;
    }

    /// `child` has everything now: it counts what we count.
    void count_as_shared_with(UserPages& child) const noexcept { child.resident_.copy(resident_); }

    /// ... but for the pages of a range, which it has not got.
    void count_as_kept_from(UserPages& child, VirtRange range) noexcept {
        mapper_.for_each_run(range, [&](VirtAddr, std::span<Entry> entries) {
            for (const Entry entry : entries) {
                if (Format::is_present(entry)) {
                    child.resident_.remove(Format::flags_of(entry).kind);
                }
            }
        });
    }

    /// Makes the tables of a range. Errors: no_memory.
    [[nodiscard]] Status prepare(VirtRange range) noexcept {
        for (VirtAddr at = range.start; at != range.end();) {
            TRY(mapper_.make(at));
            at += mapper_.run_size(at, range.end());
        }
        return {};
    }
    /// Moves the pages of a range to `to`, which is prepared and has none.
    void move(VirtRange from, VirtAddr to) noexcept {
        mapper_.for_each_run(from, [&](VirtAddr at, std::span<Entry> entries) {
            for (Entry& entry : entries) {
                if (Format::is_present(entry)) {
                    mapper_.write(*mapper_.find(to + (at - from.start)), entry);
                    mapper_.write(entry, 0);
                }
                at += page_size;
            }
        });
        flush(from);
    }

    /// No CPU remembers a translation of the range when this returns.
    void flush(VirtRange range) noexcept {
        // The entries were changed before the look at who is active: x86 lets a load overtake a
        // store, and a CPU that came in between would read the old entries unseen.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (const CpuSet cpus = active(); !cpus.is_empty()) {
            Mmu::shoot_down(cpus, range);
        }
    }

private:
    /// Frames that wait for the TLBs before they may be released: one shoot-down for many.
    class Batch {
    public:
        explicit Batch(UserPages& pages) noexcept : pages_(pages) {}
        Batch(const Batch&) = delete;
        Batch& operator=(const Batch&) = delete;
        ~Batch() { release(); }

        void add(VirtAddr page, FrameNumber frame) noexcept {
            if (count_ == frames_.size()) {
                release();
            }
            if (count_ == 0) {
                first_ = page;
            }
            last_ = page;
            frames_[count_++] = frame.value();
        }

    private:
        void release() noexcept {
            if (count_ != 0) {
                pages_.flush({first_, last_ + page_size - first_});
                for (std::size_t i = 0; i < count_; ++i) {
                    pages_.frames_.release(FrameNumber(frames_[i]));
                }
                count_ = 0;
            }
        }
        UserPages& pages_;
        std::array<std::uint32_t, 64> frames_;  ///< not cleared: most unmapped ranges are small
        std::size_t count_ = 0;
        VirtAddr first_;
        VirtAddr last_;
    };

    /// Same frame, same kind, other rights.
    void give_rights(Entry& entry, hal::PageFlags flags) noexcept {
        flags.kind = Format::flags_of(entry).kind;
        mapper_.write(entry, Format::leaf(Format::frame_of(entry), flags));
    }
    void replace(VirtAddr page, Entry& entry, Entry value) noexcept {
        const Entry before = entry;
        mapper_.write(entry, value);
        resident_.add(Format::flags_of(value).kind);
        // An entry that was not present is in no TLB.
        if (Format::is_present(before)) {
            resident_.remove(Format::flags_of(before).kind);
            flush({page, page_size});
            frames_.release(Format::frame_of(before));
        }
    }

    Frames& frames_;
    Phys& phys_;
    PageMapper<Format, Frames, Phys> mapper_;
    ResidentCounter resident_;
    std::atomic<std::uint32_t> active_{0};  ///< CPUs whose TLBs may know our translations
};

}  // namespace kidney::mm
