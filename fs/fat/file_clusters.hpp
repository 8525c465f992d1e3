/// The clusters of files as FileBytes asks for them: by blocks.
#pragma once

#include "fs/fat/geometry.hpp"
#include "kidney/core/result.hpp"

#include <cstdint>
#include <optional>

namespace kidney::fs::fat {

/// A block of the disk, counted in units of Geometry::block_size.
struct BlockNumber {
    std::uint32_t value = 0;
};

/// Concurrency: the file system's lock. Errors of all: io_error, no_memory, corrupted.
template <class Fs>
class FileClusters {
public:
    explicit FileClusters(Fs& fs) noexcept : fs_(fs) {}

    /// Nothing: the file has no cluster there.
    template <class Inode>
    [[nodiscard]] Result<std::optional<BlockNumber>> locate(const Inode& inode,
                                                            std::uint64_t index) noexcept {
        TRY(fs_.clusters().load(*inode.chain));
        const std::uint32_t per_cluster = geometry().blocks_per_cluster();
        const std::uint64_t n = index / per_cluster;
        return n < inode.chain->size()
                   ? std::optional(block_of(inode.chain->at(static_cast<std::uint32_t>(n)),
                                            static_cast<std::uint32_t>(index % per_cluster)))
                   : std::nullopt;
    }
    /// As many clusters as it takes to have block `index`. Error: no_space.
    template <class Inode>
    [[nodiscard]] Result<BlockNumber> add(Inode& inode, std::uint64_t index,
                                          std::uint32_t /*goal*/) noexcept {
        for (;;) {
            if (const auto there = TRY(locate(inode, index))) {
                return *there;
            }
            TRY(fs_.clusters().add(*inode.chain));
        }
    }
    /// There are no holes.
    template <class Inode>
    [[nodiscard]] Result<std::uint64_t> next(const Inode&, std::uint64_t from, std::uint64_t end,
                                             bool data) const noexcept {
        return data ? from : end;
    }

private:
    [[nodiscard]] const Geometry& geometry() const noexcept { return fs_.volume().geometry(); }
    [[nodiscard]] BlockNumber block_of(std::uint32_t cluster, std::uint32_t n) const noexcept {
        const Geometry& g = geometry();
        const std::uint64_t at =
            g.sector_of(cluster) * (g.sector_size / 512) / (g.block_size / 512);
        return {static_cast<std::uint32_t>(at) + n};
    }

    Fs& fs_;
};

}  // namespace kidney::fs::fat
