/// Which clusters are in use, and by whom: chains loaded, made longer, freed.
#pragma once

#include "fs/fat/chain.hpp"
#include "fs/fat/cluster_set.hpp"
#include "fs/fat/table.hpp"
#include "fs/fat/volume.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace kidney::fs::fat {

/// Concurrency: the file system's lock; but what is claimed is guarded by the lock of `Nodes`, a
/// NodeTable, because a node that goes gives up its claims at any time. Errors of all: io_error,
/// no_memory, corrupted, and as said.
template <mm::ObjectAllocator Heap, class Cache, class Nodes>
class Clusters {
public:
    using Chain = fat::Chain<Heap>;

    Clusters(Heap& heap, Volume<Cache>& volume, Nodes& nodes) noexcept
        : volume_(volume), table_(volume), nodes_(nodes), used_(heap), claimed_(heap) {}

    /// Reads the whole table.
    [[nodiscard]] Status load() noexcept {
        const Geometry& g = volume_.geometry();
        TRY(used_.create(g.end_cluster()));
        TRY(claimed_.create(g.end_cluster()));
        used_.add(0);
        used_.add(1);
        std::uint32_t free = 0;
        for (std::uint32_t n = first_cluster; n < g.end_cluster(); ++n) {
            if (TRY(table_.value(n)) == 0) {
                ++free;
            } else {
                used_.add(n);
            }
        }
        volume_.set_free_clusters(free);
        const std::uint32_t hint = volume_.last_cluster();
        hint_ = g.is_cluster(hint) ? hint : first_cluster;
        if (g.bits != 12 && (TRY(table_.value(1)) & clean_bits()) != clean_bits()) {
            volume_.note_not_clean();
        }
        table_.let_go();
        return {};
    }
    void clear() noexcept {
        table_.let_go();
        used_.clear();
        claimed_.clear();
    }
    /// Where new files begin.
    [[nodiscard]] std::uint32_t hint() const noexcept { return hint_; }

    /// Walks along a chain once. A chain that leads out of the disk, to a free cluster, in a circle
    /// or into another file, or that ends before it should, is corrupted.
    [[nodiscard]] Status load(Chain& chain) noexcept {
        if (chain.is_loaded) {
            return {};
        }
        const Geometry& g = volume_.geometry();
        const bool is_directory = chain.start.clusters == ChainStart::to_the_end;
        const std::uint32_t most =
            is_directory ? std::max(most_directory_bytes / g.cluster_size, std::uint32_t{1})
                         : chain.start.clusters;
        Status status = walk(chain, most, is_directory);
        table_.let_go();
        if (!status) {
            nodes_.hold([&]() noexcept { give_up(chain); });
            chain.clear();
            return status;
        }
        chain.is_loaded = true;
        chain.on_disk = chain.size();
        return {};
    }
    /// One cluster more of a directory. `make(cluster)` writes what must be there before anything
    /// leads to it. Error: no_space.
    template <class Make>
    [[nodiscard]] Status add(Chain& chain, Make&& make) noexcept {
        return add(chain, 1, true, make);
    }
    /// Some clusters more of a file, at least one and `most` at most.
    [[nodiscard]] Status add(Chain& chain, std::uint32_t most) noexcept {
        return add(chain, most, false, [](std::uint32_t) noexcept { return Status(); });
    }
    /// The link to the first of the new clusters, which are on the disk now. True: it was missing.
    [[nodiscard]] Result<bool> finish_links(Chain& chain) noexcept {
        if (chain.deferred == 0) {
            return false;
        }
        auto link = TRY(table_.entry(chain.at(chain.deferred - 1)));
        link.put(chain.at(chain.deferred));
        chain.deferred = 0;
        return true;
    }
    /// Marks the end of what shall be left, `size` clusters, of a chain that entries lead to. True:
    /// that must be on the disk before what is behind it is freed.
    [[nodiscard]] Result<bool> mark_end(Chain& chain, std::uint32_t size) noexcept {
        if (size == 0) {
            return false;
        }
        auto end = TRY(table_.entry(chain.at(size - 1)));
        const auto next = TRY(table_.entry(chain.at(size)));
        end.put(volume_.geometry().end_mark());
        return !end.shares_sector_with(next);
    }
    /// Frees all but the first `size` clusters, from the end on, as far as it comes.
    [[nodiscard]] Status free(Chain& chain, std::uint32_t size, bool is_directory) noexcept {
        while (chain.size() > size) {
            const std::uint32_t cluster = chain.last();
            auto entry = TRY(table_.entry(cluster));
            entry.put(0);
            if (is_directory) {
                volume_.forget_cluster(cluster);
            }
            used_.remove(cluster);
            disclaim(cluster);
            chain.cut(chain.size() - 1);
            volume_.add_free_clusters(1);
        }
        chain.on_disk = std::min(chain.on_disk, chain.size());
        return {};
    }
    /// The node of the chain goes from memory. Under the lock of `Nodes`.
    void give_up(const Chain& chain) noexcept {
        for (std::uint32_t n = 0; n < chain.size(); ++n) {
            claimed_.remove(chain.at(n));
        }
    }

    /// Says in the table whether the file system is in use (FAT16 and 32).
    [[nodiscard]] Status mark_in_use(bool in_use) noexcept {
        if (volume_.geometry().bits == 12) {
            return {};
        }
        auto entry = TRY(table_.entry(1));
        const std::uint32_t clean = clean_bits();
        const bool is_clean = !in_use && volume_.was_clean();
        entry.put(is_clean ? entry.get() | clean : entry.get() & ~clean);
        return {};
    }

private:
    /// A new run begins where so many are free, if it can.
    static constexpr std::uint32_t good_run = 16;

    [[nodiscard]] std::uint32_t clean_bits() const noexcept {
        return volume_.geometry().bits == 32 ? 0x0800'0000 : 0x8000;
    }
    [[nodiscard]] Status walk(Chain& chain, std::uint32_t most, bool is_directory) noexcept {
        const Geometry& g = volume_.geometry();
        Link link{Link::Kind::next, chain.start.first};
        while (chain.size() < most) {
            const std::uint32_t cluster = link.next;
            if (link.kind != Link::Kind::next || !g.is_cluster(cluster) || !used_.has(cluster)) {
                return fail(Errc::corrupted);
            }
            TRY(chain.reserve());
            if (!claim(cluster)) {
                return fail(Errc::corrupted);
            }
            chain.push({cluster, 1});
            link = TRY(table_.link(cluster));
            if (is_directory && link.kind == Link::Kind::end) {
                return {};
            }
        }
        return is_directory ? Status(fail(Errc::corrupted)) : Status();
    }
    template <class Make>
    [[nodiscard]] Status add(Chain& chain, std::uint32_t most, bool is_directory,
                             Make&& make) noexcept {
        const Geometry& g = volume_.geometry();
        TRY(load(chain));
        TRY(chain.reserve());
        const std::uint32_t before = chain.last();
        ClusterRun run{TRY(find(before + 1, is_directory)), 1};
        auto fresh = TRY(table_.entry(run.first));
        std::optional<typename Table<Cache>::Entry> link;
        if (before != 0) {
            link.emplace(TRY(table_.entry(before)));
        }
        TRY(make(run.first));
        most = std::min({most, fresh.row(), g.end_cluster() - run.first});
        while (run.count < most && !used_.has(run.first + run.count)) {
            ++run.count;
        }
        fresh.put_row(run.first, run.count, g.end_mark());
        if (link && chain.on_disk > 0 && chain.deferred == 0 && !link->shares_sector_with(fresh)) {
            chain.deferred = chain.size();  // finish_links()
        } else if (link) {
            link->put(run.first);
        }
        nodes_.hold([&]() noexcept {
            for (std::uint32_t n = 0; n < run.count; ++n) {
                used_.add(run.first + n);
                claimed_.add(run.first + n);
            }
        });
        chain.push(run);
        volume_.add_free_clusters(-static_cast<std::int32_t>(run.count));
        hint_ = run.first + run.count;
        return {};
    }
    /// Near `goal`, or in a good run. Of directories, an entry of the table that lies in two
    /// sectors could be torn, and lead anywhere.
    [[nodiscard]] Result<std::uint32_t> find(std::uint32_t goal, bool is_directory) const noexcept {
        const Geometry& g = volume_.geometry();
        const std::uint32_t end = g.end_cluster();
        if (volume_.free_clusters() == 0) {
            return fail(Errc::no_space);
        }
        if (goal > first_cluster && goal < end && !used_.has(goal) &&
            !(is_directory && crosses(goal))) {
            return goal;
        }
        std::optional<std::uint32_t> second_best;
        const std::uint32_t hint = g.is_cluster(hint_) ? hint_ : first_cluster;
        const std::uint32_t parts[][2] = {{hint, end}, {first_cluster, hint}};
        for (const auto& part : parts) {
            std::uint32_t from = part[0];
            while (const auto found = used_.find_missing(from, part[1], good_run)) {
                if (!is_directory || !crosses(*found)) {
                    return *found;
                }
                second_best = found;
                from = *found + 1;
            }
        }
        return second_best ? Result<std::uint32_t>(*second_best) : fail(Errc::no_space);
    }
    [[nodiscard]] bool crosses(std::uint32_t cluster) const noexcept {
        const Geometry& g = volume_.geometry();
        return g.bits == 12 && cluster * 12ULL / 8 % g.sector_size == g.sector_size - 1;
    }
    /// False: some file in memory has it.
    bool claim(std::uint32_t cluster) noexcept {
        return nodes_.hold([&]() noexcept {
            const bool is_free = !claimed_.has(cluster);
            claimed_.add(cluster);
            return is_free;
        });
    }
    void disclaim(std::uint32_t cluster) noexcept {
        nodes_.hold([&]() noexcept { claimed_.remove(cluster); });
    }

    Volume<Cache>& volume_;
    Table<Cache> table_;
    Nodes& nodes_;
    ClusterSet<Heap> used_;
    ClusterSet<Heap> claimed_;  ///< by chains that are in memory
    std::uint32_t hint_ = first_cluster;
};

}  // namespace kidney::fs::fat
