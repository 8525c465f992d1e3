/// kfs for the crash machine.
#pragma once

#include "fs/kfs/check.hpp"
#include "fs/kfs/kfs.hpp"
#include "fs/kfs/make.hpp"
#include "kidney/core/lock.hpp"
#include "tests/crash/power_disk.hpp"
#include "tests/crash/promise.hpp"
#include "tests/crash/subjects/world.hpp"

#include <cstdint>
#include <string>

namespace kidney::crash {

/// `homeward`: every sync is a checkpoint, and the bytes of files never go through the log if they
/// need not.
class KfsSubject {
public:
    using Promise = WholeTrees;
    static constexpr std::uint32_t log_blocks = fs::kfs::Geometry::min_log_blocks;
    static constexpr std::uint32_t inodes = 32;

    explicit KfsSubject(bool homeward) : homeward_(homeward), checker_(world_.heap) {}

    [[nodiscard]] std::uint32_t sectors() const noexcept { return blocks * per_block; }
    [[nodiscard]] Status make(PowerDisk& disk) {
        fs::kfs::Block scratch;
        return fs::kfs::make(disk, {.uuid = {1}, .inodes = inodes, .log_blocks = log_blocks},
                             scratch);
    }
    /// As VsfsSubject.
    template <class Use>
    [[nodiscard]] Status mounted(PowerDisk& disk, Use&& use) {
        System system(world_.heap, cache_, fs::AnyBlockDevice(disk), world_.clock,
                      {.device_number = 1, .few_sectors = homeward_ ? 0U : 16U});
        TRY(system.mount());
        if (homeward_) {
            Homeward facade(system);
            return use(static_cast<fs::FileSystem&>(facade));
        }
        return use(static_cast<fs::FileSystem&>(system));
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return world_.frames.free_frames(); }
    [[nodiscard]] const char* unsound(PowerDisk& disk) {
        const char* what = nullptr;
        const Status checked = checker_.check(disk, [&](const fs::kfs::Finding& finding) {
            what = what == nullptr ? finding.what : what;
        });
        return what == nullptr && !checked ? "it cannot be read" : what;
    }
    [[nodiscard]] std::string place(std::uint32_t sector) const {
        const fs::kfs::Geometry g{blocks, inodes, log_blocks};
        const std::uint32_t block = sector / per_block;
        if (block < g.block_bitmap()) {
            return block == 0 ? "superblock"
                   : block == g.anchor
                       ? "anchor of the log"
                       : "log sector " + std::to_string(sector - g.log_start * per_block);
        }
        return block < g.inode_bitmap()    ? "block bitmap"
               : block < g.orphan_bitmap() ? "inode bitmap"
               : block < g.inode_table()   ? "orphan bitmap"
               : block < g.data_start()    ? "inode table"
                                           : "data block " + std::to_string(block);
    }

private:
    static constexpr std::uint32_t per_block = fs::kfs::block_size / sector_size;
    static constexpr std::uint32_t blocks = log_blocks + 64;
    using Cache = CachedWorld::Cache;
    using Locks = fs::DiskLocks<NullLock, NullLock, NullLock, NullLock>;
    using System = fs::Kfs<PlainHeap, Cache, Locks, StillClock>;
    using Checker = fs::kfs::Checker<PowerDisk, PlainHeap>;

    /// The nodes are those of the file system itself.
    class Homeward final : public fs::FileSystem {
    public:
        explicit Homeward(System& system) : system_(system) {}
        [[nodiscard]] Ref<fs::Vnode> root() noexcept override { return system_.root(); }
        [[nodiscard]] Status sync() noexcept override { return system_.unmount(); }
        [[nodiscard]] const char* type_name() const noexcept override { return "kfs"; }

    private:
        System& system_;
    };

    const bool homeward_;
    CachedWorld world_;
    Cache cache_{world_.heap, world_.frames, world_.arena};
    Checker checker_;
};

}  // namespace kidney::crash
