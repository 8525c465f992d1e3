/// At which slots the names of a large directory begin, in memory.
#pragma once

#include "fs/disk/directory_index.hpp"
#include "fs/fat/format.hpp"
#include "fs/fat/text/letters.hpp"
#include "fs/fat/text/short_name.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace kidney::fs::fat {

/// Spellings of one name have one hash.
[[nodiscard]] constexpr std::uint32_t hash_of(const WideName& name) noexcept {
    NameHash hash;
    for (const char16_t unit : name.view()) {
        hash.add(capital(unit));
    }
    return hash.value();
}
[[nodiscard]] constexpr std::uint32_t hash_of(const ShortName& name,
                                              std::uint8_t letters = 0) noexcept {
    WideName shown;
    show(name, letters, shown);
    return hash_of(shown);
}

/// An index of both names that an entry may have. Concurrency: the file system's lock.
template <mm::ObjectAllocator Heap>
class NamePlaces {
public:
    explicit NamePlaces(Heap& heap) noexcept : index_(heap) {}

    [[nodiscard]] bool is_built() const noexcept { return index_.is_built(); }
    [[nodiscard]] bool begin() noexcept {
        end_ = 0;
        return index_.begin();
    }
    void drop() noexcept { index_.drop(); }
    /// `first` is the slot where the name begins; `name` is null if the short one is all.
    void add(const RawEntry& raw, const WideName* name, std::uint32_t first) noexcept {
        index_.add(hash_of(raw.name, raw.letters), first);
        if (name != nullptr) {
            index_.add(hash_of(*name), first);
        }
    }
    void remove(const RawEntry& raw, const WideName* name, std::uint32_t first) noexcept {
        index_.remove(hash_of(raw.name, raw.letters), first);
        if (name != nullptr) {
            index_.remove(hash_of(*name), first);
        }
    }
    template <class Use>
    [[nodiscard]] Status for_each(const WideName& name, Use&& use) noexcept {
        return index_.for_each(hash_of(name), use);
    }
    /// A number for a short name that nobody has: the least if those that are in use have no gaps.
    /// Nothing: none was found. Cost: O(log numbers).
    [[nodiscard]] std::optional<std::uint32_t> free_tail(const ShortForm& form) noexcept {
        std::uint32_t used = 0;
        std::uint32_t free = 1;
        while (is_used(with_tail(form, free))) {
            used = free;
            free *= 2;
            if (free > most_tail) {
                return std::nullopt;
            }
        }
        while (free - used > 1) {
            const std::uint32_t middle = used + (free - used) / 2;
            (is_used(with_tail(form, middle)) ? used : free) = middle;
        }
        return free;
    }
    /// The first slot that was never used.
    [[nodiscard]] std::uint32_t end() const noexcept { return end_; }
    void note_end(std::uint32_t end) noexcept { end_ = std::max(end_, end); }
    /// By sectors of the directory, in slots.
    [[nodiscard]] std::uint32_t next_room(std::uint32_t from, std::uint32_t slots,
                                          std::uint32_t sectors) const noexcept {
        return static_cast<std::uint32_t>(index_.next_room(from, slots, sectors));
    }
    void note_full(std::uint32_t sector, std::uint32_t slots) noexcept {
        index_.note_full(sector, slots);
    }
    void note_room(std::uint32_t sector) noexcept { index_.note_room(sector); }

private:
    static constexpr std::uint32_t most_tail = 999'999;  ///< as tail_in() has it

    /// Or seems to be: then another number is as good.
    [[nodiscard]] bool is_used(const ShortName& name) noexcept {
        bool used = false;
        ignore_error(index_.for_each(hash_of(name),
                                     [&](std::uint32_t) noexcept -> Result<bool> {
                                         used = true;
                                         return false;
                                     }),
                     "the function has none");
        return used;
    }

    DirectoryIndex<Heap> index_;
    std::uint32_t end_ = 0;
};

}  // namespace kidney::fs::fat
