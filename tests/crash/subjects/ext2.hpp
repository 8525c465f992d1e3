/// ext2 for the crash machine. mke2fs makes it.
#pragma once

#include "fs/ext2/ext2.hpp"
#include "tests/crash/power_disk.hpp"
#include "tests/crash/promise.hpp"
#include "tests/crash/subjects/ext2_leaks.hpp"
#include "tests/crash/subjects/world.hpp"
#include "tests/unit/fs/ext2_image.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace kidney::crash {

class Ext2Subject {
public:
    using Promise = OrderedTrees;

    explicit Ext2Subject(std::uint32_t block_size) : block_size_(block_size) {}

    [[nodiscard]] std::uint32_t sectors() const noexcept { return blocks * block_size_ / 512; }
    /// Error: not_supported (there is no mke2fs).
    [[nodiscard]] Status make(PowerDisk& disk) {
        const fs_test::TemporaryDirectory nothing;
        std::filesystem::permissions(nothing.path(), std::filesystem::perms(0755));
        // The same image whenever it is made.
        const std::vector<std::byte> image =
            fs_test::make_image(nothing.path(), block_size_,
                                std::to_string(std::uint64_t{blocks} * block_size_ / 1024) + "k",
                                "-I 128 -N 32 -m 0 -O ^resize_inode,^dir_index,^ext_attr "
                                "-U 6b69646e-6579-4f53-8000-000000000001");
        if (image.size() != std::size_t{sectors()} * 512) {
            return fail(Errc::not_supported);
        }
        TRY(disk.write(fs::BlockIndex(0), image));
        return mounted(disk, [](fs::FileSystem& system) -> Status {
            TRY(system.root()->unlink("lost+found", *TRY(system.root()->lookup("lost+found"))));
            return system.sync();
        });
    }
    template <class Use>
    [[nodiscard]] Status mounted(PowerDisk& disk, Use&& use) {
        CachedWorld::Cache cache(world_.heap, world_.frames, world_.arena);
        System system(world_.heap, cache, fs::AnyBlockDevice(disk), world_.clock,
                      {.device_number = 1});
        TRY(system.mount());
        return use(static_cast<fs::FileSystem&>(system));
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return world_.frames.free_frames(); }
    [[nodiscard]] const char* unsound(PowerDisk& disk) { return leaks_.look(disk); }
    [[nodiscard]] std::string place(std::uint32_t sector) const { return leaks_.place(sector); }

private:
    using Locks = fs::DiskLocks<NullLock, NullLock, NullLock, NullLock>;
    using System = fs::Ext2<PlainHeap, CachedWorld::Cache, Locks, StillClock>;
    static constexpr std::uint32_t blocks = 192;

    const std::uint32_t block_size_;
    CachedWorld world_;
    Ext2Leaks leaks_{block_size_, blocks};
};

}  // namespace kidney::crash
