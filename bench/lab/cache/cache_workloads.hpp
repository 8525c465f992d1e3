/// What programs ask of a page cache. Everything that is drawn comes from the seed, in whole
/// numbers, so that a workload is the same on every machine.
#pragma once

#include "kidney/fs/cache_replacement.hpp"
#include "tests/laws/report.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace kidney::lab {

using Accesses = std::vector<fs::PageName>;

inline constexpr std::size_t cache_accesses = 24'000;  ///< of a workload, about

/// Page n of [0, pages) with a probability in proportion to 1 / (n + 1): Zipf's law.
class Zipf {
public:
    explicit Zipf(std::uint32_t pages) {
        std::uint64_t sum = 0;
        for (std::uint32_t n = 0; n < pages; ++n) {
            sum += (std::uint64_t{1} << 24) / (n + 1);
            sums_.push_back(sum);
        }
    }
    [[nodiscard]] std::uint32_t draw(laws::Random& random) const {
        const std::uint64_t high = random.next();
        const std::uint64_t at = (high << 32 | random.next()) % sums_.back();
        return static_cast<std::uint32_t>(std::upper_bound(sums_.begin(), sums_.end(), at) -
                                          sums_.begin());
    }

private:
    std::vector<std::uint64_t> sums_;
};

/// The numbers [0, count) in an order by chance.
inline std::vector<std::uint32_t> shuffled(std::uint32_t count, laws::Random& random) {
    std::vector<std::uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0U);
    for (std::uint32_t n = count; n > 1; --n) {
        std::swap(order[n - 1], order[random.below(n)]);
    }
    return order;
}

/// Pages with very different odds, each access by itself.
struct ZipfPages {
    static constexpr const char* name = "zipf";
    static Accesses accesses(laws::Random& random) {
        constexpr std::uint32_t pages = 1024;
        const Zipf zipf(pages);
        const auto places = shuffled(pages, random);
        Accesses all;
        while (all.size() < cache_accesses) {
            all.push_back({1, places[zipf.draw(random)]});
        }
        return all;
    }
};

/// Whole files from the beginning to the end, some of them far more often than others.
struct WholeFiles {
    static constexpr const char* name = "files";
    static Accesses accesses(laws::Random& random) {
        constexpr std::uint32_t files = 64;
        const Zipf zipf(files);
        std::vector<std::uint32_t> pages(files);
        for (std::uint32_t& n : pages) {
            n = 1U << random.below(7);  // up to 64 pages
        }
        Accesses all;
        while (all.size() < cache_accesses) {
            const std::uint32_t file = zipf.draw(random);
            for (std::uint32_t page = 0; page < pages[file]; ++page) {
                all.push_back({file + 1, page});
            }
        }
        return all;
    }
};

/// One file, over and over, larger than each cache but the largest.
struct Loop {
    static constexpr const char* name = "loop";
    static Accesses accesses(laws::Random&) {
        constexpr std::uint32_t pages = 1024;
        Accesses all;
        while (all.size() < cache_accesses) {
            all.push_back({1, static_cast<std::uint32_t>(all.size() % pages)});
        }
        return all;
    }
};

/// Pages that are in use, and now and then a file that is read once: a search, a backup.
struct ScanInHotSet {
    static constexpr const char* name = "scan";
    static Accesses accesses(laws::Random& random) {
        constexpr std::uint32_t hot = 256;
        Accesses all;
        for (std::uint32_t scan = 0; all.size() < cache_accesses; ++scan) {
            for (std::uint32_t n = 1000 + random.below(1000); n > 0; --n) {
                all.push_back({1, random.below(hot)});
            }
            for (std::uint32_t page = 0; page < 512; ++page) {
                all.push_back({2 + scan % 4, page});
            }
        }
        return all;
    }
};

/// What is in use changes: recency is all there is to go by.
struct Shift {
    static constexpr const char* name = "shift";
    static Accesses accesses(laws::Random& random) {
        constexpr std::uint32_t pages = 1024;
        constexpr std::uint32_t hot = 160;
        const Zipf zipf(hot);
        Accesses all;
        for (std::uint32_t base = 0; all.size() < cache_accesses; base += 1 + random.below(3)) {
            for (int n = 0; n < 64; ++n) {
                all.push_back({1, (base + zipf.draw(random)) % pages});
            }
        }
        return all;
    }
};

/// Each page a few times within a moment, and then for long not: who counts to two keeps it.
struct Bursts {
    static constexpr const char* name = "bursts";
    static Accesses accesses(laws::Random& random) {
        constexpr std::uint32_t pages = 1024;
        const Zipf zipf(pages);
        const auto places = shuffled(pages, random);
        Accesses all;
        while (all.size() < cache_accesses) {
            // Half of the bursts in one of those that come once, half by Zipf.
            const bool is_fresh = random.below(2) == 0;
            const fs::PageName page{is_fresh ? 2U : 1U,
                                    is_fresh ? random.below(pages) : places[zipf.draw(random)]};
            for (std::uint32_t n = 1 + random.below(4); n > 0; --n) {
                all.push_back(page);
            }
        }
        return all;
    }
};

/// A database: the upper levels of an index each time, a leaf and a record by Zipf; now and then a
/// table as a whole.
struct Database {
    static constexpr const char* name = "database";
    static Accesses accesses(laws::Random& random) {
        constexpr std::uint32_t leaves = 256;
        constexpr std::uint32_t records = 1024;
        const Zipf zipf(records);
        const auto places = shuffled(records, random);
        Accesses all;
        while (all.size() < cache_accesses) {
            if (random.below(600) == 0) {
                for (std::uint32_t page = 0; page < records / 2; ++page) {
                    all.push_back({3, page});
                }
            }
            const std::uint32_t record = places[zipf.draw(random)];
            all.push_back({1, 0});
            all.push_back({1, 1 + record / 64});
            all.push_back({2, record / (records / leaves)});
            all.push_back({3, record});
        }
        return all;
    }
};

/// Everything at once, in turns by chance.
struct Mixed {
    static constexpr const char* name = "mixed";
    static Accesses accesses(laws::Random& random) {
        const std::vector<Accesses> parts{ZipfPages::accesses(random), WholeFiles::accesses(random),
                                          Loop::accesses(random), Shift::accesses(random),
                                          Bursts::accesses(random)};
        std::vector<std::size_t> at(parts.size());
        Accesses all;
        while (all.size() < cache_accesses) {
            const std::uint32_t which = random.below(static_cast<std::uint32_t>(parts.size()));
            for (std::uint32_t n = 32 + random.below(200); n > 0; --n) {
                fs::PageName page = parts[which][at[which]++ % parts[which].size()];
                page.object += 100 * which;
                all.push_back(page);
            }
        }
        return all;
    }
};

}  // namespace kidney::lab
