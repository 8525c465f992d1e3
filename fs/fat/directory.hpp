/// The names in a directory: walked over, found, put in and taken out.
///
/// A name takes a slot for its short form and one for each 13 letters of a long one. One write of a
/// sector makes a name appear or go, because that is what a disk does wholly or not at all: all
/// slots of a name are put into one sector, if they fit there.
#pragma once

#include "fs/fat/clusters.hpp"
#include "fs/fat/inode.hpp"
#include "fs/fat/name_places.hpp"
#include "fs/fat/place.hpp"
#include "fs/fat/slots.hpp"
#include "fs/fat/text/name.hpp"
#include "fs/fat/volume.hpp"
#include "kidney/fs/vnode.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace kidney::fs::fat {

/// Works on `Node`s that are directories. Concurrency: the file system's lock. Errors of all:
/// io_error, no_memory, corrupted, and as said.
template <class Fs>
class Directory {
    using Node = typename Fs::Node;
    using Block = typename Volume<typename Fs::CacheType>::Block;

public:
    explicit Directory(Fs& fs) noexcept : fs_(fs) {}

    using Place = fat::Place<Fs>;

    /// What is known after a search: the entry, and where a new one can go.
    struct Search {
        std::optional<FoundEntry> found;
        std::optional<std::uint32_t> gap;       ///< free slots in one sector
        std::optional<std::uint32_t> long_gap;  ///< free slots that cross sectors
        std::uint32_t end = 0;                  ///< the first slot that was never used
        std::uint32_t tail = 0;                 ///< a number for the short name that nobody has
        ShortForm form;
        std::uint32_t slots = 0;  ///< that the name needs
    };

    /// Calls visit(Slot) for each slot from `from` on until it returns false, or after the first
    /// that means the end.
    template <class Visit>
    [[nodiscard]] Status walk(Node& directory, std::uint32_t from, Visit&& visit) noexcept {
        TRY(fs_.clusters().load(directory.chain()));
        const std::uint32_t per_sector = geometry().slots_per_sector();
        const std::uint32_t end = capacity(directory);
        LongNameReader reader;
        Slot slot;
        for (std::uint32_t at = from; at < end;) {
            const std::uint64_t sector = sector_of(directory, at / per_sector);
            const Block block = TRY(fs_.volume().read(sector));
            for (std::uint32_t n = at % per_sector; n < per_sector; ++n, ++at) {
                slot.number = at;
                slot.place = {sector, n};
                read_slot(block.bytes().subspan(n * slot_size, slot_size), slot, reader);
                if (!visit(std::as_const(slot)) || slot.kind == Slot::Kind::end) {
                    return {};
                }
            }
        }
        return {};
    }
    [[nodiscard]] Result<std::optional<FoundEntry>> find(Node& directory,
                                                         const Name& name) noexcept {
        if (has_index(directory)) {
            return look_up(directory, name);
        }
        std::optional<FoundEntry> found;
        TRY(walk(directory, 0, [&](const Slot& slot) {
            if (slot.kind == Slot::Kind::entry && slot.is_called(name.wide)) {
                found = slot.found();
            }
            return !found;
        }));
        return found;
    }
    [[nodiscard]] Result<bool> is_empty(Node& directory) noexcept {
        bool empty = true;
        TRY(walk(directory, 0, [&](const Slot& slot) {
            empty = slot.kind != Slot::Kind::entry;
            return empty;
        }));
        return empty;
    }
    [[nodiscard]] Result<std::uint32_t> count_directories(Node& directory) noexcept {
        std::uint32_t count = 0;
        TRY(walk(directory, 0, [&](const Slot& slot) {
            count += slot.kind == Slot::Kind::entry && slot.type() == NodeType::directory ? 1 : 0;
            return true;
        }));
        return count;
    }
    /// Looks for `name`, and for room for it, also if it is there.
    [[nodiscard]] Result<Search> search(Node& directory, const Name& name) noexcept {
        Search search;
        search.form = shorten(name.wide.view());
        search.slots = search.form.is_exact ? 1 : name.pieces() + 1;
        const bool is_usual =
            search.slots <= geometry().slots_per_sector() && !directory.is_fixed_root();
        TRY(is_usual && has_index(directory) ? search_by_index(directory, name, search)
                                             : scan(directory, name, search));
        return search;
    }
    /// Where the entry is, to change it.
    [[nodiscard]] Result<Place> take(Node& directory, const FoundEntry& found) noexcept {
        return hold(directory, found.first, found.last - found.first + 1);
    }
    /// Room for the name of a search that has not found it; the directory grows if there is none.
    /// Whatever fails later, it keeps what it has got. Error: no_space.
    [[nodiscard]] Result<Place> make_place(Node& directory, const Search& search) noexcept {
        const std::uint32_t per_sector = geometry().slots_per_sector();
        const bool fits = search.slots <= per_sector;
        std::optional<std::uint32_t> gap = fits ? search.gap : search.long_gap;
        if (!gap && directory.is_fixed_root()) {
            gap = search.long_gap;
            if (!gap) {
                return fail(Errc::no_space);
            }
        }
        if (!gap) {
            const std::uint32_t before = capacity(directory);
            const std::uint32_t begin = fits ? before : search.end;
            while (capacity(directory) - begin < search.slots) {
                TRY(grow(directory));
            }
            gap = begin;
        }
        Place place = TRY(hold(directory, *gap, search.slots));
        TRY(move_end(directory, place, search.end, *gap));
        return place;
    }
    /// The clusters of a directory that has none yet.
    [[nodiscard]] Status make_first_cluster(Node& directory, const RawEntry& entry,
                                            std::uint32_t parent_cluster) noexcept {
        return fs_.clusters().add(directory.chain(), [&](std::uint32_t cluster) noexcept {
            const std::span<std::byte> first = std::span(scratch_).first(geometry().sector_size);
            std::ranges::fill(first, std::byte{});
            RawEntry dot = entry;
            dot.letters = 0;
            dot.name.fill(std::byte{' '});
            dot.name[0] = std::byte{'.'};
            set_first_cluster(dot, cluster);
            save(first, 0, dot);
            dot.name[1] = std::byte{'.'};
            set_first_cluster(dot, parent_cluster);
            save(first, slot_size, dot);
            return fs_.volume().make_directory_cluster(cluster, first);
        });
    }
    /// The sector with the ".." of a directory.
    [[nodiscard]] Result<Block> parent_entry(Node& directory) noexcept {
        TRY(fs_.clusters().load(directory.chain()));
        return fs_.volume().read(geometry().sector_of(directory.chain().first()));
    }
    static void set_parent(Block& block, std::uint32_t cluster, Phase phase) noexcept {
        auto raw = fs::load<RawEntry>(block.bytes(), slot_size);
        set_first_cluster(raw, cluster);
        save(block.change(phase, slot_size, slot_size), slot_size, raw);
    }
    /// Bytes; its chain is in memory.
    [[nodiscard]] std::uint64_t size_of(const Node& directory) const noexcept {
        return std::uint64_t{capacity(directory)} * slot_size;
    }

private:
    static constexpr std::uint32_t small_sectors = 4;  ///< so many are searched as they lie

    /// Looks at all slots; for small directories, and where memory is short.
    [[nodiscard]] Status scan(Node& directory, const Name& name, Search& search) noexcept {
        Gaps gaps{search.slots, geometry().slots_per_sector()};
        std::array<bool, 512> tails{};
        std::uint32_t largest_tail = 0;
        search.end = ~0U;
        TRY(walk(directory, 0, [&](const Slot& slot) {
            if (slot.kind == Slot::Kind::entry) {
                if (slot.is_called(name.wide)) {
                    search.found = slot.found();
                }
                if (const auto tail = tail_in(search.form, slot.raw.name)) {
                    largest_tail = std::max(largest_tail, *tail);
                    if (*tail < tails.size()) {
                        tails[*tail] = true;
                    }
                }
            }
            if (slot.kind == Slot::Kind::end) {
                search.end = slot.number;
            }
            gaps.note(slot);
            return true;
        }));
        const std::uint32_t capacity = this->capacity(directory);
        search.end = std::min(search.end, capacity);
        gaps.finish(search.end, capacity);
        search.gap = gaps.in_sector;
        search.long_gap = gaps.anywhere;
        for (search.tail = 1; search.tail < tails.size() && tails[search.tail];) {
            ++search.tail;
        }
        search.tail = search.tail == tails.size() ? largest_tail + 1 : search.tail;
        return {};
    }
    /// Its index is built. Reads the sectors where the name may be, and those that may have room.
    [[nodiscard]] Status search_by_index(Node& directory, const Name& name,
                                         Search& search) noexcept {
        search.found = TRY(look_up(directory, name));
        if (!search.form.is_exact) {
            const auto tail = directory.names_.free_tail(search.form);
            if (!tail) {
                return scan(directory, name, search);
            }
            search.tail = *tail;
        }
        search.end = directory.names_.end();
        const std::uint32_t per_sector = geometry().slots_per_sector();
        const std::uint32_t sectors = search.end / per_sector;
        for (std::uint32_t n = 0; !search.gap; ++n) {
            n = directory.names_.next_room(n, search.slots, sectors);
            if (n == sectors) {
                break;
            }
            Gaps gaps{search.slots, per_sector};
            TRY(walk(directory, n * per_sector, [&](const Slot& slot) {
                gaps.note(slot);
                return slot.number + 1 < (n + 1) * per_sector;
            }));
            search.gap = gaps.in_sector;
            if (!search.gap) {
                directory.names_.note_full(n, search.slots);
            }
        }
        if (!search.gap) {  // where the end is, and behind it
            Gaps gaps{search.slots, per_sector};
            TRY(walk(directory, sectors * per_sector, [&](const Slot& slot) {
                gaps.note(slot);
                return true;
            }));
            gaps.finish(search.end, capacity(directory));
            search.gap = gaps.in_sector;
        }
        return {};
    }
    /// Its index is built.
    [[nodiscard]] Result<std::optional<FoundEntry>> look_up(Node& directory,
                                                            const Name& name) noexcept {
        std::optional<FoundEntry> found;
        const auto look = [&](std::uint32_t first) noexcept -> Result<bool> {
            TRY(walk(directory, first, [&](const Slot& slot) {
                if (slot.kind == Slot::Kind::entry && slot.is_called(name.wide)) {
                    found = slot.found();
                }
                return slot.kind == Slot::Kind::other;
            }));
            return !found;
        };
        TRY(directory.names_.for_each(name.wide, look));
        return found;
    }
    /// False: the directory is small, or its index cannot be built.
    [[nodiscard]] bool has_index(Node& directory) noexcept {
        auto& names = directory.names_;
        if (names.is_built() || !fs_.clusters().load(directory.chain()) ||
            capacity(directory) <= small_sectors * geometry().slots_per_sector() ||
            !names.begin()) {
            return names.is_built();
        }
        const Status read = walk(directory, 0, [&](const Slot& slot) {
            if (slot.kind == Slot::Kind::entry) {
                names.add(slot.raw, slot.long_name, slot.first);
            }
            if (slot.kind != Slot::Kind::end) {
                names.note_end(slot.number + 1);
            }
            return names.is_built();
        });
        if (!read) {
            names.drop();
        }
        return names.is_built();
    }
    [[nodiscard]] const Geometry& geometry() const noexcept { return fs_.volume().geometry(); }
    /// Slots.
    [[nodiscard]] std::uint32_t capacity(const Node& directory) const noexcept {
        const std::uint32_t sectors =
            directory.is_fixed_root() ? geometry().root_sectors
                                      : directory.chain().size() * geometry().sectors_per_cluster;
        return sectors * geometry().slots_per_sector();
    }
    [[nodiscard]] std::uint64_t sector_of(Node& directory, std::uint32_t n) const noexcept {
        const std::uint32_t per_cluster = geometry().sectors_per_cluster;
        return directory.is_fixed_root()
                   ? std::uint64_t{geometry().root_first} + n
                   : geometry().sector_of(directory.chain().at(n / per_cluster)) + n % per_cluster;
    }
    [[nodiscard]] Result<Place> hold(Node& directory, std::uint32_t first,
                                     std::uint32_t count) noexcept {
        Place place;
        place.directory_ = &directory;
        place.first_ = first;
        place.slots_per_sector_ = geometry().slots_per_sector();
        place.first_in_sector_ = first % place.slots_per_sector_;
        place.count_ = count;
        const std::uint32_t begin = first / place.slots_per_sector_;
        const std::uint32_t end = (first + count - 1) / place.slots_per_sector_;
        for (std::uint32_t n = begin; n <= end; ++n) {
            place.sectors_[n - begin].emplace(TRY(fs_.volume().read(sector_of(directory, n))));
        }
        place.entry_ = {sector_of(directory, end), (first + count - 1) % place.slots_per_sector_};
        return place;
    }
    /// A name that is put behind the end of the directory moves it: slots that it leaves in front
    /// become unused ones, and the slot behind it the end.
    [[nodiscard]] Status move_end(Node& directory, Place& place, std::uint32_t end,
                                  std::uint32_t gap) noexcept {
        const std::uint32_t per_sector = geometry().slots_per_sector();
        const std::uint32_t behind = gap + place.count_;
        if (behind <= end) {
            return {};
        }
        if (end < gap) {
            place.filled_.emplace(TRY(fs_.volume().read(sector_of(directory, end / per_sector))));
            place.fill_from_ = end % per_sector;
        }
        if (behind % per_sector != 0) {
            place.ends_here_ = true;
            return {};
        }
        if (behind >= capacity(directory)) {
            return {};
        }
        // A sector that was never used, which should hold zeros and need not.
        const std::uint64_t sector = sector_of(directory, behind / per_sector);
        Block next = TRY(fs_.volume().read(sector));
        if (next.bytes()[0] != std::byte{slot_end}) {
            std::ranges::fill(next.refresh(), std::byte{});
            return fs_.volume().write_at_once(sector, next.bytes());
        }
        return {};
    }
    [[nodiscard]] Status grow(Node& directory) noexcept {
        const std::uint64_t bytes =
            std::uint64_t{directory.chain().size() + 1} * geometry().cluster_size;
        if (bytes > most_directory_bytes) {
            return fail(Errc::no_space);
        }
        TRY(fs_.clusters().add(directory.chain(), [&](std::uint32_t cluster) noexcept {
            return fs_.volume().make_directory_cluster(cluster, {});
        }));
        fs_.note_change(directory);
        return {};
    }

    Fs& fs_;
    std::array<std::byte, page_size> scratch_;
};

}  // namespace kidney::fs::fat
