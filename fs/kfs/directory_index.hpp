/// Where the names of a large directory are: what is not on the disk, but built when it is first
/// needed.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace kidney::fs::kfs {

[[nodiscard]] inline std::uint32_t hash_of(std::string_view name) noexcept {
    std::uint32_t hash = 2166136261U;
    for (const char c : name) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    }
    return hash ^ hash >> 15;
}

/// Name hash -> position, open addressing; and in which blocks there may be room. Without memory it
/// is gone, and is built again when there is some. Concurrency: the file system's lock.
template <mm::ObjectAllocator Heap>
class DirectoryIndex {
public:
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
        std::memset(room_, 0, known_blocks);
        if (!resize(first_slots)) {
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
        count_ = used_ = 0;
    }
    /// Nothing, if it is not built.
    void add(std::uint32_t hash, std::uint64_t position) noexcept {
        if (!is_built()) {
            return;
        }
        if ((used_ + 1) * 4 > count_ * 3 && !resize(count_ * 2)) {
            drop();
            return;
        }
        insert(hash, static_cast<std::uint32_t>(position / unit) + 1);
    }
    void remove(std::uint32_t hash, std::uint64_t position) noexcept {
        note_gap(position / 4096, any_gap);
        if (!is_built()) {
            return;
        }
        const auto key = static_cast<std::uint32_t>(position / unit) + 1;
        for (std::size_t at = hash & (count_ - 1); slots_[at].key != empty;
             at = (at + 1) & (count_ - 1)) {
            if (slots_[at].key == key) {
                slots_[at].key = removed;
                return;
            }
        }
    }
    /// Gives `use(position)` each that may have the name, until it answers false or an error.
    template <class Use>
    [[nodiscard]] Status for_each(std::uint32_t hash, Use&& use) noexcept {
        for (std::size_t at = hash & (count_ - 1); slots_[at].key != empty;
             at = (at + 1) & (count_ - 1)) {
            const Slot& slot = slots_[at];
            if (slot.hash == hash && slot.key != removed &&
                !TRY(use(std::uint64_t{slot.key - 1} * unit))) {
                break;
            }
        }
        return {};
    }

    // Gaps: of the first blocks it is known how large they are at most; of others only that the
    // last one may have some.

    [[nodiscard]] std::uint64_t first_gap(std::uint32_t bytes,
                                          std::uint64_t blocks) const noexcept {
        return next_gap(0, bytes, blocks);
    }
    /// The first block from `from` on with such a gap, perhaps.
    [[nodiscard]] std::uint64_t next_gap(std::uint64_t from, std::uint32_t bytes,
                                         std::uint64_t blocks) const noexcept {
        for (; from < blocks; ++from) {
            if (from + 1 == blocks || (from < known_blocks && may_fit(from, bytes))) {
                return from;
            }
        }
        return blocks;
    }
    void note_gap(std::uint64_t block, std::uint32_t largest) noexcept {
        if (room_ != nullptr && block < known_blocks) {
            room_[static_cast<std::size_t>(block)] =
                static_cast<std::uint8_t>(largest >= any_gap ? 0 : largest / gap_unit + 1);
        }
    }

private:
    static constexpr std::uint32_t unit = 8;  ///< entries begin at multiples
    static constexpr std::uint32_t gap_unit = 16;
    static constexpr std::uint32_t any_gap = 4000;  ///< nobody knows
    static constexpr std::size_t known_blocks = 512;
    static constexpr std::size_t first_slots = 256;
    static constexpr std::uint32_t empty = 0, removed = ~std::uint32_t{0};
    struct Slot {
        std::uint32_t hash = 0;
        std::uint32_t key = empty;
    };

    [[nodiscard]] bool may_fit(std::uint64_t block, std::uint32_t bytes) const noexcept {
        const std::uint32_t room =
            room_ == nullptr ? 1 : std::uint32_t{room_[static_cast<std::size_t>(block)]};
        return room == 0 || room * gap_unit > bytes;
    }
    void insert(std::uint32_t hash, std::uint32_t key) noexcept {
        std::size_t at = hash & (count_ - 1);
        while (slots_[at].key != empty) {
            at = (at + 1) & (count_ - 1);
        }
        slots_[at] = {hash, key};
        ++used_;
    }
    [[nodiscard]] bool resize(std::size_t count) noexcept {
        Result<void*> memory = heap_.allocate(count * sizeof(Slot));
        if (!memory) {
            return false;
        }
        std::memset(*memory, 0, count * sizeof(Slot));
        Slot* const old = std::exchange(slots_, static_cast<Slot*>(*memory));
        const std::size_t old_count = std::exchange(count_, count);
        used_ = 0;
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
    std::size_t count_ = 0;         ///< a power of two
    std::size_t used_ = 0;          ///< removed ones as well
    std::uint8_t* room_ = nullptr;  ///< by block: 0: nobody knows; n: less than 16 n bytes
};

}  // namespace kidney::fs::kfs
