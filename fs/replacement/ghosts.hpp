/// Names of pages that are gone, in two rows by age: so that a policy knows a page that comes back.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/fs/cache_replacement.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>

namespace kidney::fs {

/// As many as the memory has room for; then the oldest of the row makes room, or of the other row
/// if that one has none. Cost: O(1), by a hash table in the same memory, 28 bytes for each.
/// Concurrency: none.
class Ghosts {
public:
    enum class Row : std::uint8_t { first, second };

    [[nodiscard]] static constexpr std::size_t bytes(std::size_t ghosts) noexcept {
        return ghosts * sizeof(Ghost);
    }
    /// Aligned to 8. Once, while there are none.
    void use(std::span<std::byte> memory) noexcept {
        KIDNEY_ASSERT(ghosts_.empty());
        auto* const at = reinterpret_cast<Ghost*>(memory.data());
        ghosts_ = {at, memory.size() / sizeof(Ghost)};
        for (std::uint32_t n = 0; n < ghosts_.size(); ++n) {
            (::new (&at[n]) Ghost())->younger = free_;
            free_ = n;
        }
    }

    [[nodiscard]] std::size_t size(Row row) const noexcept { return of(row).size; }
    [[nodiscard]] std::optional<Row> find(PageName name) const noexcept {
        const std::uint32_t at = place_of(name);
        return at == none ? std::nullopt : std::optional(ghosts_[at].row);
    }
    /// It is the youngest of its row now. Not one that is here.
    void add(Row row, PageName name) noexcept {
        if (ghosts_.empty()) {
            return;
        }
        if (free_ == none) {
            drop_oldest(size(row) > 0 ? row : other(row));
        }
        const std::uint32_t at = free_;
        Ghost& ghost = ghosts_[at];
        free_ = ghost.younger;
        std::uint32_t& bucket = bucket_of(name);
        ghost.name = name;
        ghost.row = row;
        ghost.next_in_bucket = bucket;
        bucket = at;
        Ends& ends = of(row);
        ghost.older = ends.youngest;
        ghost.younger = none;
        (ends.youngest == none ? ends.oldest : ghosts_[ends.youngest].younger) = at;
        ends.youngest = at;
        ++ends.size;
    }
    /// Nothing, if it is not here.
    void remove(PageName name) noexcept {
        if (const std::uint32_t at = place_of(name); at != none) {
            remove_at(at);
        }
    }
    /// There is one.
    void drop_oldest(Row row) noexcept { remove_at(of(row).oldest); }

private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    struct Ghost {
        PageName name;
        std::uint32_t bucket = none;  ///< the first of this bucket; nothing to do with the rest
        std::uint32_t next_in_bucket = none;
        std::uint32_t older = none, younger = none;
        Row row = Row::first;
    };
    struct Ends {
        std::uint32_t oldest = none, youngest = none;
        std::size_t size = 0;
    };

    [[nodiscard]] static constexpr Row other(Row row) noexcept {
        return row == Row::first ? Row::second : Row::first;
    }
    [[nodiscard]] Ends& of(Row row) noexcept { return rows_[static_cast<std::size_t>(row)]; }
    [[nodiscard]] const Ends& of(Row row) const noexcept {
        return rows_[static_cast<std::size_t>(row)];
    }
    [[nodiscard]] std::uint32_t& bucket_of(PageName name) const noexcept {
        return ghosts_[(name.object * 2654435761U + name.page) % ghosts_.size()].bucket;
    }
    [[nodiscard]] std::uint32_t place_of(PageName name) const noexcept {
        if (ghosts_.empty()) {
            return none;
        }
        std::uint32_t at = bucket_of(name);
        while (at != none && ghosts_[at].name != name) {
            at = ghosts_[at].next_in_bucket;
        }
        return at;
    }
    void remove_at(std::uint32_t at) noexcept {
        Ghost& ghost = ghosts_[at];
        std::uint32_t* link = &bucket_of(ghost.name);
        while (*link != at) {
            link = &ghosts_[*link].next_in_bucket;
        }
        *link = ghost.next_in_bucket;
        Ends& ends = of(ghost.row);
        (ghost.older == none ? ends.oldest : ghosts_[ghost.older].younger) = ghost.younger;
        (ghost.younger == none ? ends.youngest : ghosts_[ghost.younger].older) = ghost.older;
        --ends.size;
        ghost.younger = free_;
        free_ = at;
    }

    std::span<Ghost> ghosts_;
    std::uint32_t free_ = none;  ///< those that are free, by `younger`
    std::array<Ends, 2> rows_;
};

/// A page that somebody asks for and that was known when room was made for it; its ghost may have
/// gone meanwhile.
struct ExpectedPage {
    PageName name;
    Ghosts::Row row = Ghosts::Row::first;
};

}  // namespace kidney::fs
