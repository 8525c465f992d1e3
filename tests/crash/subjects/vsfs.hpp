/// vsfs for the crash machine, with its log or without.
#pragma once

#include "fs/vsfs/check.hpp"
#include "fs/vsfs/make.hpp"
#include "fs/vsfs/vsfs.hpp"
#include "tests/crash/power_disk.hpp"
#include "tests/crash/promise.hpp"
#include "tests/crash/subjects/world.hpp"

#include <memory>
#include <string>

namespace kidney::crash {

class VsfsSubject {
public:
    using Promise = WholeTrees;

    explicit VsfsSubject(std::uint32_t log_blocks)
        : log_blocks_(log_blocks), checker_(std::make_unique<Checker>()) {}

    [[nodiscard]] std::uint32_t sectors() const noexcept { return (log_blocks_ + 28) * per_block; }
    [[nodiscard]] Status make(PowerDisk& disk) {
        fs::vsfs::Block scratch;
        return fs::vsfs::make(disk, {.inodes = 32, .log_blocks = log_blocks_}, scratch);
    }
    /// Mounts, which ends what a crash has interrupted, calls `use(file system)` and is gone, as if
    /// the machine had been switched off. With `orderly`, unmounts. Errors: those of mount(),
    /// use().
    template <class Use>
    [[nodiscard]] Status mounted(PowerDisk& disk, Use&& use) {
        fs::Vsfs<PlainHeap, PowerDisk, NullLock, NullLock, StillClock> system(heap_, disk, clock_,
                                                                              1);
        TRY(system.mount());
        return use(static_cast<fs::FileSystem&>(system));
    }
    /// What is wrong with the disk of a file system that was mounted since the crash; nullptr:
    /// nothing.
    [[nodiscard]] const char* unsound(PowerDisk& disk) {
        const char* what = nullptr;
        const Status checked = checker_->check(disk, [&](const fs::vsfs::Finding& finding) {
            what = what == nullptr ? finding.what : what;
        });
        return what == nullptr && !checked ? "it cannot be read" : what;
    }
    /// What a sector holds, for people.
    [[nodiscard]] std::string place(std::uint32_t sector) const {
        const fs::vsfs::Geometry g{sectors() / per_block, 32, log_blocks_};
        const std::uint32_t block = sector / per_block;
        if (block == 0) {
            return "superblock";
        }
        if (block < g.inode_bitmap()) {
            return block == 1 ? "log header" : "log block " + std::to_string(block - 2);
        }
        return block == g.inode_bitmap()  ? "inode bitmap"
               : block == g.data_bitmap() ? "data bitmap"
               : block < g.data_start()   ? "inode table"
                                          : "data block " + std::to_string(block);
    }

private:
    static constexpr std::uint32_t per_block = fs::vsfs::block_size / sector_size;
    using Checker = fs::vsfs::Checker<PowerDisk>;

    const std::uint32_t log_blocks_;
    PlainHeap heap_;
    StillClock clock_;
    std::unique_ptr<Checker> checker_;
};

}  // namespace kidney::crash
