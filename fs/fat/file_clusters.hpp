/// The clusters of files as FileBytes asks for them: by blocks.
#pragma once

#include "fs/disk/file_run.hpp"
#include "fs/fat/chain.hpp"
#include "fs/fat/geometry.hpp"
#include "kidney/core/result.hpp"

#include <algorithm>
#include <cstdint>

namespace kidney::fs::fat {

/// A block is Geometry::block_size. Concurrency: the file system's lock. Errors of all: io_error,
/// no_memory, corrupted.
template <class Fs>
class FileClusters {
public:
    explicit FileClusters(Fs& fs) noexcept : fs_(fs) {}

    template <class Inode>
    [[nodiscard]] Result<FileRun> run(const Inode& inode, std::uint64_t index,
                                      std::uint32_t most) noexcept {
        TRY(fs_.clusters().load(*inode.chain));
        const std::uint32_t per_cluster = geometry().blocks_per_cluster();
        const std::uint64_t n = index / per_cluster;
        if (n >= inode.chain->size()) {
            return FileRun{0, most};
        }
        const ClusterRun there = inode.chain->run(static_cast<std::uint32_t>(n));
        const auto before = static_cast<std::uint32_t>(index % per_cluster);
        const std::uint64_t left = std::uint64_t{there.count} * per_cluster - before;
        return FileRun{first_block_of(there.first) + before,
                       static_cast<std::uint32_t>(std::min<std::uint64_t>(most, left))};
    }
    /// As many clusters as it takes. Error: no_space.
    template <class Inode>
    [[nodiscard]] Result<FileRun> add(Inode& inode, std::uint64_t index, std::uint32_t most,
                                      std::uint32_t /*goal*/) noexcept {
        const std::uint32_t per_cluster = geometry().blocks_per_cluster();
        const std::uint64_t last = (index + most - 1) / per_cluster;
        while (inode.chain->size() <= last) {
            const auto missing = static_cast<std::uint32_t>(last + 1 - inode.chain->size());
            if (const Status added = fs_.clusters().add(*inode.chain, missing); !added) {
                if (inode.chain->size() <= index / per_cluster) {
                    return fail(added.error());
                }
                break;
            }
        }
        return run(inode, index, most);
    }
    /// There are no holes.
    template <class Inode>
    [[nodiscard]] Result<std::uint64_t> next(const Inode&, std::uint64_t from, std::uint64_t end,
                                             bool data) const noexcept {
        return data ? from : end;
    }

private:
    [[nodiscard]] const Geometry& geometry() const noexcept { return fs_.volume().geometry(); }
    [[nodiscard]] std::uint32_t first_block_of(std::uint32_t cluster) const noexcept {
        const Geometry& g = geometry();
        const std::uint64_t at =
            g.sector_of(cluster) * (g.sector_size / 512) / (g.block_size / 512);
        return static_cast<std::uint32_t>(at);
    }

    Fs& fs_;
};

}  // namespace kidney::fs::fat
