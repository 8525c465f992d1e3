/// FAT for the crash machine and the fuzzers. mkfs.fat makes it.
#pragma once

#include "fs/fat/fat_nodes.hpp"
#include "kidney/core/lock.hpp"
#include "tests/crash/power_disk.hpp"
#include "tests/crash/promise.hpp"
#include "tests/crash/subjects/world.hpp"
#include "tests/crash/workload.hpp"
#include "tests/unit/fs/fat/fat_image.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace kidney::crash {

class FatSubject {
public:
    using Promise = PlainTrees;

    explicit FatSubject(const fs_test::FatFormat& format) : image_(fs_test::make_fat(format)) {}

    [[nodiscard]] std::uint32_t sectors() const noexcept {
        return static_cast<std::uint32_t>(image_.size() / sector_size);
    }
    /// Error: not_supported (there is no mkfs.fat).
    [[nodiscard]] Status make(PowerDisk& disk) {
        return image_.empty() ? Status(fail(Errc::not_supported))
                              : disk.write(fs::BlockIndex(0), image_);
    }
    template <class Use>
    [[nodiscard]] Status mounted(PowerDisk& disk, Use&& use) {
        CachedWorld::Cache cache(world_.heap, world_.frames, world_.arena);
        System system(world_.heap, cache, fs::AnyBlockDevice(disk), world_.clock,
                      {.device_number = 1});
        TRY(system.mount());
        return use(static_cast<fs::FileSystem&>(system));
    }
    /// Not here: fsck.fat takes milliseconds (power_cut.cpp and the tests of FAT ask it).
    [[nodiscard]] static const char* unsound(PowerDisk&) { return nullptr; }
    [[nodiscard]] static bool can(const Operation& step) {
        return step.kind != Kind::link && step.kind != Kind::symlink && step.kind != Kind::chmod;
    }
    [[nodiscard]] static std::string place(std::uint32_t sector) {
        return "sector " + std::to_string(sector);
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return world_.frames.free_frames(); }

private:
    using Locks = fs::DiskLocks<NullLock, NullLock, NullLock, NullLock>;
    using System = fs::Fat<PlainHeap, CachedWorld::Cache, Locks, StillClock>;

    const std::vector<std::byte> image_;
    CachedWorld world_;
};

}  // namespace kidney::crash
