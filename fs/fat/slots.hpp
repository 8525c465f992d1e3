/// The slots of a directory one by one: what each is, and where there is room.
#pragma once

#include "fs/fat/inode.hpp"
#include "fs/fat/text/name.hpp"
#include "fs/fat/text/short_name.hpp"
#include "kidney/fs/attributes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace kidney::fs::fat {

/// An entry that was found.
struct FoundEntry {
    EntryPlace place;
    RawEntry raw;
    std::uint32_t first = 0, last = 0;  ///< its slots; the last one is the entry itself
    NodeType type = NodeType::regular;
};

/// What a walk over a directory comes to.
struct Slot {
    enum class Kind : std::uint8_t { free, end, entry, other };
    Kind kind = Kind::free;
    std::uint32_t number = 0;  ///< counted from the directory's beginning
    // Of an entry:
    EntryPlace place;
    RawEntry raw;
    std::uint32_t first = 0;              ///< number of the slot where its name begins
    const WideName* long_name = nullptr;  ///< null: it has none

    [[nodiscard]] bool is_called(const WideName& name) const noexcept {
        WideName shown;
        show(raw.name, raw.letters, shown);
        return is_same_name(name.view(), shown.view()) ||
               (long_name != nullptr && is_same_name(name.view(), long_name->view()));
    }
    [[nodiscard]] FoundEntry found() const noexcept { return {place, raw, first, number, type()}; }
    [[nodiscard]] NodeType type() const noexcept {
        return (raw.attributes & attribute_directory) != 0 ? NodeType::directory
                                                           : NodeType::regular;
    }
};

/// What the 32 bytes of a slot are. `slot` has its number and place already; `reader` has seen
/// those in front of it.
inline void read_slot(std::span<const std::byte> bytes, Slot& slot,
                      LongNameReader& reader) noexcept {
    slot.raw = fs::load<RawEntry>(bytes, 0);
    const auto first = std::to_integer<std::uint8_t>(bytes[0]);
    const std::uint8_t attributes = slot.raw.attributes & attributes_mask;
    slot.kind = Slot::Kind::other;
    if (first == slot_end || first == slot_free) {
        slot.kind = first == slot_end ? Slot::Kind::end : Slot::Kind::free;
        reader.reset();
    } else if (attributes == attributes_piece) {
        reader.take(fs::load<RawPiece>(bytes, 0), slot.number);
    } else if ((attributes & attribute_label) != 0 || bytes[0] == std::byte{'.'}) {
        reader.reset();  // "." and "..", which say nothing that we do not know
    } else {
        slot.kind = Slot::Kind::entry;
        slot.long_name = reader.finish(slot.raw.name);
        slot.first = slot.long_name != nullptr ? reader.start_slot() : slot.number;
    }
}
/// Looks for free slots in a row while a directory is walked over.
struct Gaps {
    std::uint32_t wanted, per_sector;
    std::uint32_t run_begin = 0, run = 0;        ///< free slots until here
    std::uint32_t sector_begin = 0, sector = 0;  ///< of them, those in this sector
    std::optional<std::uint32_t> in_sector{}, anywhere{};

    void note(const Slot& slot) noexcept {
        if (slot.number % per_sector == 0) {
            sector = 0;
        }
        if (slot.kind == Slot::Kind::free) {
            add(slot.number);
        } else if (slot.kind != Slot::Kind::end) {
            run = sector = 0;
        }
    }
    /// All slots from `end` on are free.
    void finish(std::uint32_t end, std::uint32_t capacity) noexcept {
        for (std::uint32_t at = end; at < capacity && (!in_sector || !anywhere); ++at) {
            if (at % per_sector == 0) {
                sector = 0;
            }
            add(at);
            if (at > end + wanted + per_sector) {
                break;
            }
        }
    }

private:
    void add(std::uint32_t at) noexcept {
        run_begin = run == 0 ? at : run_begin;
        sector_begin = sector == 0 ? at : sector_begin;
        ++run;
        ++sector;
        if (!in_sector && sector >= wanted) {
            in_sector = sector_begin;
        }
        if (!anywhere && run >= wanted) {
            anywhere = run_begin;
        }
    }
};

}  // namespace kidney::fs::fat
