/// How large a cache is that nobody has given a size.
#pragma once

#include <algorithm>
#include <cstddef>

namespace kidney::fs {

/// The books say "c pages" and mean a cache of a fixed size. Ours grows until memory runs short: it
/// has the size that it had when somebody had to go, or its own if it has grown since. Concurrency:
/// none.
class CacheExtent {
public:
    /// A victim is asked for, and there are `pages`. One of several that go together is no smaller
    /// cache.
    void shrink_to(std::size_t pages) noexcept {
        pages_ = is_evicting_ ? pages_ : pages;
        is_evicting_ = true;
    }
    void end_evicting() noexcept { is_evicting_ = false; }
    [[nodiscard]] std::size_t pages(std::size_t now) const noexcept {
        return std::max(pages_, now);
    }

private:
    std::size_t pages_ = 0;
    bool is_evicting_ = false;
};

}  // namespace kidney::fs
