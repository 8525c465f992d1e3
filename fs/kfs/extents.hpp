/// Which block of the disk holds which block of a file: extents in the inode, and when those are
/// used up, in blocks of their own.
#pragma once

#include "fs/disk/file_run.hpp"
#include "fs/kfs/extent_list.hpp"
#include "fs/kfs/volume.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace kidney::fs::kfs {

/// A block of the disk, checked.
struct BlockNumber {
    std::uint32_t value = 0;
};

/// Works on the caller's copy of an inode, which he stores. Each function that changes something
/// does it or does nothing. Concurrency: the file system's lock. Errors of all: io_error,
/// no_memory, corrupted, and as said.
template <class Cache, mm::ObjectAllocator Heap>
class Extents {
    using Disk = Volume<Cache, Heap>;
    using Step = typename Disk::Step;

public:
    explicit Extents(Disk& volume) noexcept : volume_(volume) {}

    /// Where block `index` of a file is; nullopt is a hole.
    [[nodiscard]] Result<std::optional<BlockNumber>> locate(const Inode& inode,
                                                            std::uint64_t index) noexcept {
        const FileRun found = TRY(run(inode, index, 1));
        return found.is_hole() ? std::optional<BlockNumber>()
                               : std::optional(BlockNumber{found.first});
    }
    [[nodiscard]] Result<FileRun> run(const Inode& inode, std::uint64_t index,
                                      std::uint32_t most) noexcept {
        const std::optional<Extent> e = TRY(find(inode, index));
        if (!e) {
            return FileRun{0, most};
        }
        const std::uint64_t left = e->index > index ? e->index - index : e->end() - index;
        const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(most, left));
        if (e->index > index) {
            return FileRun{0, count};
        }
        const std::uint64_t block = std::uint64_t{e->first} + (index - e->index);
        if (block + count > volume_.geometry().block_count) {
            return volume_.wrong("extent.length", e->length);
        }
        return FileRun{TRY(volume_.checked(static_cast<std::uint32_t>(block), "extent.first")),
                       count};
    }
    /// The first block in [index, end) that has a place (`present`) or has none; `end`: there is
    /// none.
    [[nodiscard]] Result<std::uint64_t> next(const Inode& inode, std::uint64_t index,
                                             std::uint64_t end, bool present) noexcept {
        while (index < end) {
            const std::optional<Extent> e = TRY(find(inode, index));
            if (!e) {
                return present ? end : index;
            }
            if (e->index > index) {
                return present ? std::min<std::uint64_t>(e->index, end) : index;
            }
            if (present) {
                return index;
            }
            index = e->end();
        }
        return end;
    }
    /// Errors: no_space, file_too_big (it is in too many pieces).
    [[nodiscard]] Result<FileRun> add(Inode& inode, std::uint64_t index, std::uint32_t most,
                                      std::uint32_t goal) noexcept {
        if (!volume_.has_spare_room()) {
            return fail(Errc::no_space);  // whoever could make room has not asked for it
        }
        Step step(volume_);
        Inode changed = inode;
        const FileRun added = TRY(volume_.take_run(goal, most));
        changed.count_blocks(static_cast<std::int32_t>(added.count));
        TRY(insert(changed, {static_cast<std::uint32_t>(index), added.first, added.count}));
        inode = changed;
        step.keep();
        return added;
    }
    /// One block.
    [[nodiscard]] Result<BlockNumber> add(Inode& inode, std::uint64_t index,
                                          std::uint32_t goal) noexcept {
        return BlockNumber{TRY(add(inode, index, 1, goal)).first};
    }
    /// Behind the last block that has a place.
    [[nodiscard]] Result<std::uint64_t> end(const Inode& inode) noexcept {
        if (inode.slots == 0) {
            return 0U;
        }
        const Extent last = inode.extents[inode.slots - 1U];
        if (inode.depth == 0) {
            return last.end();
        }
        ExtentList list;
        TRY(read(inode, last.first, list));
        return list.extents().back().end();
    }
    /// Makes a hole of blocks [first, end), from the end on. Error also: restart (not all of it was
    /// done: a checkpoint must come first).
    [[nodiscard]] Status remove(Inode& inode, std::uint64_t first, std::uint64_t end) noexcept {
        while (first < end) {
            if (!volume_.has_log_room()) {
                return fail(Errc::restart);
            }
            Step step(volume_);
            Inode changed = inode;
            const bool goes_on = TRY(remove_last(changed, first, end));
            inode = changed;
            step.keep();
            if (!goes_on) {
                break;
            }
        }
        return {};
    }

private:
    /// Blocks that one step gives back, at most: it must fit in the log.
    static constexpr std::uint32_t most_at_once = 1U << 15;

    [[nodiscard]] static std::span<const Extent> slots(const Inode& inode) noexcept {
        return std::span(inode.extents).first(inode.slots);
    }
    /// The slot for `index`: the last one that begins at or before it, or the first.
    [[nodiscard]] static std::size_t slot_for(const Inode& inode, std::uint64_t index) noexcept {
        std::size_t slot = 0;
        while (slot + 1 < inode.slots && inode.extents[slot + 1].index <= index) {
            ++slot;
        }
        return slot;
    }
    /// The extent with `index` in it, or the next one behind.
    [[nodiscard]] Result<std::optional<Extent>> find(const Inode& inode,
                                                     std::uint64_t index) noexcept {
        if (inode.depth == 0) {
            return find_in(std::as_bytes(slots(inode)), inode.slots, index);
        }
        for (std::size_t slot = slot_for(inode, index); slot < inode.slots; ++slot) {
            const std::uint32_t number = inode.extents[slot].first;
            const auto block =
                TRY(volume_.changes().read(TRY(volume_.checked(number, "extent block"))));
            const std::size_t count = ExtentList::count_in(block.bytes(), inode.number);
            if (count == 0) {
                return volume_.wrong("extent block", number);
            }
            if (const auto found =
                    find_in(block.bytes().subspan(ExtentList::offset_of(0)), count, index)) {
                return found;
            }
        }
        return std::optional<Extent>();
    }
    /// Copies nothing but what is in use.
    [[nodiscard]] Status read(const Inode& inode, std::uint32_t block, ExtentList& to) noexcept {
        const auto bytes = TRY(volume_.changes().read(TRY(volume_.checked(block, "extent block"))));
        return to.load(bytes.bytes(), inode.number) ? Status()
                                                    : Status(volume_.wrong("extent block", block));
    }
    /// `length` of the first extents in the block have to be written from `from` on.
    [[nodiscard]] Status write(std::uint32_t block, const ExtentList& list,
                               std::size_t from) noexcept {
        const std::span<const Extent> extents = list.extents();
        TRY(volume_.changes().put(block, offsetof(ExtentBlock, count), list.count()));
        if (from >= extents.size()) {
            return {};
        }
        const std::span<const std::byte> bytes = std::as_bytes(extents.subspan(from));
        const std::span<std::byte> to =
            TRY(volume_.changes().change(block, ExtentList::offset_of(from), bytes.size()));
        std::memcpy(to.data(), bytes.data(), bytes.size());
        return {};
    }
    /// A new block of extents. Error: no_space.
    [[nodiscard]] Result<std::uint32_t> make(Inode& inode, std::uint32_t near,
                                             const ExtentList& list) noexcept {
        const std::uint32_t block = TRY(volume_.take_run(near, 1)).first;
        inode.count_blocks(1);
        TRY(volume_.changes().make_fresh(block));
        TRY(volume_.changes().put(block, offsetof(ExtentBlock, magic), ExtentBlock::right_magic));
        TRY(volume_.changes().put(block, offsetof(ExtentBlock, inode), inode.number));
        TRY(write(block, list, 0));
        return block;
    }

    [[nodiscard]] Status insert(Inode& inode, const Extent& added) noexcept {
        if (inode.depth == 0) {
            ExtentList list;
            list.assign(slots(inode));
            list.insert(added);
            if (list.count() <= inline_extents) {
                store_slots(inode, list);
                return {};
            }
            const std::uint32_t block = TRY(make(inode, added.first + 1, list));
            inode.depth = 1;
            inode.slots = 1;
            inode.extents = {};
            inode.extents[0] = {0, block, 1};
            return {};
        }
        const std::size_t slot = slot_for(inode, added.index);
        const std::uint32_t block = inode.extents[slot].first;
        ExtentList list;
        TRY(read(inode, block, list));
        const std::size_t from = list.insert(added);
        if (list.count() <= ExtentBlock::capacity) {
            return write(block, list, from);
        }
        return split(inode, slot, list);
    }
    /// The list has become too long for its block: the upper half gets one of its own. At the end
    /// of a file only the last extent does: most files grow there.
    [[nodiscard]] Status split(Inode& inode, std::size_t slot, ExtentList& list) noexcept {
        if (inode.slots == inline_extents) {
            return fail(Errc::file_too_big);
        }
        const bool at_end = slot + 1 == inode.slots;
        const std::size_t keep = at_end ? ExtentBlock::capacity : ExtentBlock::capacity / 2;
        ExtentList upper;
        upper.assign(list.extents().subspan(keep));
        list.truncate(keep);
        TRY(write(inode.extents[slot].first, list, 0));
        const std::uint32_t block = TRY(make(inode, inode.extents[slot].first + 1, upper));
        const Extent entry{upper.extents()[0].index, block, 1};
        for (std::size_t at = inode.slots; at > slot + 1; --at) {
            inode.extents[at] = inode.extents[at - 1];
        }
        inode.extents[slot + 1] = entry;
        ++inode.slots;
        return {};
    }
    static void store_slots(Inode& inode, const ExtentList& list) noexcept {
        inode.extents = {};
        std::ranges::copy(list.extents(), inode.extents.begin());
        inode.slots = static_cast<std::uint8_t>(list.count());
    }

    /// Takes what it can of the last extent in [first, end). False: there is none.
    [[nodiscard]] Result<bool> remove_last(Inode& inode, std::uint64_t first,
                                           std::uint64_t end) noexcept {
        if (inode.slots == 0) {
            return false;
        }
        if (inode.depth == 0) {
            ExtentList list;
            list.assign(slots(inode));
            std::size_t from = 0;
            const std::uint32_t freed = TRY(cut(list, first, end, from));
            inode.count_blocks(-static_cast<std::int32_t>(freed));
            if (list.count() > inline_extents) {  // a hole in the middle of the last slot
                const std::uint32_t block = TRY(make(inode, 0, list));
                inode.depth = 1;
                inode.slots = 1;
                inode.extents = {};
                inode.extents[0] = {0, block, 1};
            } else {
                store_slots(inode, list);
            }
            return freed != 0;
        }
        for (std::size_t slot = slot_for(inode, end == 0 ? 0 : end - 1) + 1; slot-- > 0;) {
            if (slot + 1 < inode.slots && inode.extents[slot + 1].index <= first) {
                return false;
            }
            if (TRY(remove_in_block(inode, slot, first, end))) {
                return true;
            }
        }
        return false;
    }
    [[nodiscard]] Result<bool> remove_in_block(Inode& inode, std::size_t slot, std::uint64_t first,
                                               std::uint64_t end) noexcept {
        const std::uint32_t block = inode.extents[slot].first;
        ExtentList list;
        TRY(read(inode, block, list));
        std::size_t from = 0;
        // A whole block of extents at once where that is possible: each pass reads and writes it.
        std::uint32_t freed = 0;
        for (std::uint32_t part = 1; part != 0 && freed < most_at_once &&
                                     volume_.withheld().has_room(2) &&
                                     list.count() <= ExtentBlock::capacity;) {
            std::size_t changed = 0;
            part = TRY(cut(list, first, end, changed));
            from = freed == 0 || changed < from ? changed : from;
            freed += part;
        }
        if (freed == 0) {
            // Full of runs that wait: the caller must hear of it.
            return volume_.withheld().has_room(2) ? Result<bool>(false) : fail(Errc::restart);
        }
        inode.count_blocks(-static_cast<std::int32_t>(freed));
        if (list.count() > ExtentBlock::capacity) {
            TRY(split(inode, slot, list));
        } else if (list.count() > 0) {
            TRY(write(block, list, from));
        } else {
            TRY(drop_slot(inode, slot));
        }
        return true;
    }
    [[nodiscard]] Status drop_slot(Inode& inode, std::size_t slot) noexcept {
        TRY(volume_.give_blocks(inode.extents[slot].first, 1));
        inode.count_blocks(-1);
        for (std::size_t at = slot; at + 1 < inode.slots; ++at) {
            inode.extents[at] = inode.extents[at + 1];
        }
        --inode.slots;
        inode.extents[inode.slots] = {};
        if (inode.slots == 0) {
            inode.depth = 0;
        } else if (slot == 0) {
            inode.extents[0].index = 0;
        }
        return {};
    }
    /// Takes from the last extent in the range what lies in it, at most most_at_once blocks; how
    /// many that were. `from` is the first extent that has changed.
    [[nodiscard]] Result<std::uint32_t> cut(ExtentList& list, std::uint64_t first,
                                            std::uint64_t end, std::size_t& from) noexcept {
        std::size_t at = list.count();
        while (at > 0 && list.extents()[at - 1].index >= end) {
            --at;
        }
        if (at == 0 || list.extents()[at - 1].end() <= first) {
            return 0U;
        }
        const Extent old = list.extents()[--at];
        const std::uint64_t behind = std::min(old.end(), end);
        const std::uint64_t wanted = std::max<std::uint64_t>(first, old.index);
        const std::uint64_t begin = behind - wanted > most_at_once ? behind - most_at_once : wanted;
        const auto length = static_cast<std::uint32_t>(behind - begin);
        if (length == 0) {
            return volume_.wrong("extent.length", old.length);
        }
        TRY(volume_.give_blocks(old.first + static_cast<std::uint32_t>(begin - old.index), length));
        list.cut(at, begin, behind);
        from = at;
        return length;
    }

    Disk& volume_;
};

/// The target of a symbolic link, as much of it as fits. Errors: io_error, no_memory, corrupted.
template <class Cache, mm::ObjectAllocator Heap>
[[nodiscard]] Result<std::size_t> read_target(Volume<Cache, Heap>& volume,
                                              Extents<Cache, Heap>& extents, const Inode& link,
                                              std::span<char> to) noexcept {
    const std::size_t length = std::min(to.size(), static_cast<std::size_t>(link.size));
    if (link.has_inline_target()) {
        std::memcpy(to.data(), link.inline_target().data(), length);
        return length;
    }
    const auto place = TRY(extents.locate(link, 0));
    if (!place) {
        return volume.wrong("inode.size", link.size);
    }
    const auto block = TRY(volume.changes().read(place->value));
    std::memcpy(to.data(), block.bytes().data(), length);
    return length;
}

}  // namespace kidney::fs::kfs
