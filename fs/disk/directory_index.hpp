/// Where the names of a large directory are, and where there is room for more: what is not on the
/// disk, but built when it is first needed.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// Of a name's letters, in whichever form the file system compares them (FNV-1a).
class NameHash {
public:
    constexpr void add(std::uint32_t letter) noexcept { hash_ = (hash_ ^ letter) * 16777619U; }
    [[nodiscard]] constexpr std::uint32_t value() const noexcept { return hash_ ^ hash_ >> 15; }

private:
    std::uint32_t hash_ = 2166136261U;
};
[[nodiscard]] constexpr std::uint32_t hash_of(std::string_view name) noexcept {
    NameHash hash;
    for (const char c : name) {
        hash.add(static_cast<unsigned char>(c));
    }
    return hash.value();
}

/// Name hash -> place, open addressing; and hints about room, block by block. Without memory it is
/// gone, and is built again when there is some. A place is a number that its file system gives an
/// entry, below `most_places`; so is the unit of room. The caller compares names, so a hash that
/// two names share costs a look more. 11 to 22 bytes a name. Concurrency: the file system's lock.
template <mm::ObjectAllocator Heap>
class DirectoryIndex {
public:
    static constexpr std::uint32_t most_places = std::numeric_limits<std::uint32_t>::max() - 1;

    explicit DirectoryIndex(Heap& heap) noexcept : heap_(heap) {}
    ~DirectoryIndex() { drop(); }
    DirectoryIndex(const DirectoryIndex&) = delete;
    DirectoryIndex& operator=(const DirectoryIndex&) = delete;

    [[nodiscard]] bool is_built() const noexcept { return slots_ != nullptr; }
    /// Empty from now on. False: no memory.
    [[nodiscard]] bool begin() noexcept {
        drop();
        const Result<void*> memory = heap_.allocate(known_blocks);
        if (!memory) {
            return false;
        }
        room_ = static_cast<std::uint8_t*>(*memory);
        std::memset(room_, any_room, known_blocks);
        if (!resize(least_slots)) {
            drop();
            return false;
        }
        return true;
    }
    void drop() noexcept {
        if (room_ != nullptr) {
            heap_.free(std::exchange(room_, nullptr), known_blocks);
        }
        if (slots_ != nullptr) {
            heap_.free(slots_, count_ * sizeof(Slot));
        }
        slots_ = nullptr;
        count_ = used_ = names_ = 0;
    }
    /// Nothing, if it is not built. Cost: O(1), and now and then O(names).
    void add(std::uint32_t hash, std::uint32_t place) noexcept {
        if (!is_built()) {
            return;
        }
        // What was removed leaves a mark; many marks and few names need no larger table.
        if ((used_ + 1) * 4 > count_ * 3 && !resize(names_ * 2 < count_ ? count_ : count_ * 2)) {
            drop();
            return;
        }
        insert(hash, place + 1);
    }
    void remove(std::uint32_t hash, std::uint32_t place) noexcept {
        if (!is_built()) {
            return;
        }
        for (std::size_t at = hash & (count_ - 1); slots_[at].key != empty;
             at = (at + 1) & (count_ - 1)) {
            if (slots_[at].key == place + 1 && slots_[at].hash == hash) {
                slots_[at].key = removed;
                --names_;
                return;
            }
        }
    }
    /// It is built. Gives `use(place)` each that may have the name, until it answers false or an
    /// error.
    template <class Use>
    [[nodiscard]] Status for_each(std::uint32_t hash, Use&& use) noexcept {
        for (std::size_t at = hash & (count_ - 1); slots_[at].key != empty;
             at = (at + 1) & (count_ - 1)) {
            const Slot& slot = slots_[at];
            if (slot.hash == hash && slot.key != removed && !TRY(use(slot.key - 1))) {
                break;
            }
        }
        return {};
    }

    // Room: of the first blocks it is known what they have none for; of others only that the last
    // one may have some.

    /// The first of blocks [from, blocks) that may have `units` in a piece; `blocks`: none.
    [[nodiscard]] std::uint64_t next_room(std::uint64_t from, std::uint32_t units,
                                          std::uint64_t blocks) const noexcept {
        for (; from < blocks; ++from) {
            if (from < known_blocks ? units < room_in(from) : from + 1 == blocks) {
                return from;
            }
        }
        return blocks;
    }
    /// The block has no piece of `units`.
    void note_full(std::uint64_t block, std::uint32_t units) noexcept {
        if (room_ != nullptr && block < known_blocks) {
            std::uint8_t& room = room_[static_cast<std::size_t>(block)];
            room = static_cast<std::uint8_t>(std::min<std::uint32_t>(room, units));
        }
    }
    /// Something has gone from the block.
    void note_room(std::uint64_t block) noexcept {
        if (room_ != nullptr && block < known_blocks) {
            room_[static_cast<std::size_t>(block)] = any_room;
        }
    }

private:
    static constexpr std::size_t known_blocks = 512;
    static constexpr std::size_t least_slots = 256;
    static constexpr std::uint8_t any_room = 255;  ///< nobody knows
    static constexpr std::uint32_t empty = 0, removed = ~std::uint32_t{0};
    struct Slot {
        std::uint32_t hash = 0;
        std::uint32_t key = empty;  ///< the place and 1
    };

    /// There is no piece of so many units in the block.
    [[nodiscard]] std::uint32_t room_in(std::uint64_t block) const noexcept {
        return room_ == nullptr ? any_room : room_[static_cast<std::size_t>(block)];
    }
    void insert(std::uint32_t hash, std::uint32_t key) noexcept {
        std::size_t at = hash & (count_ - 1);
        while (slots_[at].key != empty && slots_[at].key != removed) {
            at = (at + 1) & (count_ - 1);
        }
        used_ += slots_[at].key == empty ? 1U : 0U;
        slots_[at] = {hash, key};
        ++names_;
    }
    [[nodiscard]] bool resize(std::size_t count) noexcept {
        Result<void*> memory = heap_.allocate(count * sizeof(Slot));
        if (!memory) {
            return false;
        }
        std::memset(*memory, 0, count * sizeof(Slot));
        Slot* const old = std::exchange(slots_, static_cast<Slot*>(*memory));
        const std::size_t old_count = std::exchange(count_, count);
        used_ = names_ = 0;
        for (std::size_t n = 0; n < old_count; ++n) {
            if (old[n].key != empty && old[n].key != removed) {
                insert(old[n].hash, old[n].key);
            }
        }
        if (old != nullptr) {
            heap_.free(old, old_count * sizeof(Slot));
        }
        return true;
    }

    Heap& heap_;
    Slot* slots_ = nullptr;
    std::size_t count_ = 0;  ///< of slots; a power of two
    std::size_t names_ = 0;
    std::size_t used_ = 0;          ///< slots of names, and of those that were removed
    std::uint8_t* room_ = nullptr;  ///< by block, as room_in() says
};

}  // namespace kidney::fs
