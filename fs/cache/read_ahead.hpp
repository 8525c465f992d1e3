/// Which pages a miss reads along with the one that was asked for.
#pragma once

#include <algorithm>
#include <cstdint>

namespace kidney::fs {

enum class Neighbours : std::uint8_t {
    ahead,   ///< those that follow, for a reader that has been going straight on
    around,  ///< the rest of the aligned window: programs jump, but not far
};

/// Watches the misses of one object. Concurrency: none, the cache's lock.
class ReadAhead {
public:
    static constexpr std::uint32_t least = 8;  ///< pages, for a reader that begins
    static constexpr std::uint32_t most = 32;  ///< in one request, for one that goes on and on

    /// How many pages to read from `index` on, if there are `left`: one, or a window. What lies
    /// before `index` is left to a miss of its own: a request has one first page, the one that must
    /// come.
    [[nodiscard]] std::uint32_t window(std::uint32_t index, Neighbours neighbours,
                                       std::uint64_t left) noexcept {
        const bool sequential = index == next_expected_;
        const bool alone = next_expected_ == no_neighbours;
        next_expected_ = index + 1;
        std::uint32_t pages = 1;
        if (sequential) {
            pages = ahead_;
            ahead_ = std::min(2 * ahead_, most);
        } else {
            ahead_ = least;
            if (neighbours == Neighbours::around && !alone) {
                pages = least - index % least;
            }
        }
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(left, pages));
    }
    /// Pages up to `next` are here now.
    void has_read_to(std::uint32_t next) noexcept { next_expected_ = next; }
    /// The next miss reads one page alone: it may be a neighbour that cannot be read.
    void stop() noexcept { next_expected_ = no_neighbours; }

private:
    static constexpr std::uint32_t no_neighbours = ~std::uint32_t{0};

    std::uint32_t next_expected_ = 0;  ///< a miss there is a sequential reader
    std::uint32_t ahead_ = least;      ///< pages that it gets
};

}  // namespace kidney::fs
