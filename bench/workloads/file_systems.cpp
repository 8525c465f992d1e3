#include "bench/workloads/file_systems.hpp"

#include "bench/workloads/disk_image.hpp"
#include "bench/workloads/vnode_store.hpp"
#include "fs/ext2/ext2.hpp"
#include "fs/fat/fat_nodes.hpp"
#include "fs/kfs/kfs.hpp"
#include "fs/kfs/make.hpp"
#include "fs/page_cache.hpp"
#include "fs/tmpfs/tmpfs.hpp"
#include "fs/vsfs/make.hpp"
#include "fs/vsfs/vsfs.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/type_list.hpp"
#include "tests/fakes/counting_disk.hpp"
#include "tests/support/plain_world.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace kidney::bench {
namespace {

using fakes::CountingDisk;

/// What a file system stands on.
struct FileMachine {
    explicit FileMachine(std::uint32_t cache_pages) : arena(cache_pages) {}

    test::PlainHeap heap;
    sim::RamArena arena;
    test::PlainFrames frames{arena};
    test::StillClock clock;
};

/// Those with a page cache. `Kind` says what they are and how an empty one is made.
template <class Kind>
class CachedFileSystem final : public VnodeStore {
public:
    static constexpr const char* type_name = Kind::name;

    explicit CachedFileSystem(std::uint32_t cache_pages) : machine_(cache_pages) {}
    ~CachedFileSystem() override { stop(); }
    CachedFileSystem(const CachedFileSystem&) = delete;
    CachedFileSystem& operator=(const CachedFileSystem&) = delete;

    [[nodiscard]] const char* name() const noexcept override { return type_name; }
    [[nodiscard]] Status start() override {
        stop();
        disk_.clear();
        TRY(Kind::make(disk_));
        mounted_.emplace(machine_, disk_);
        return mounted_->system.mount();
    }
    [[nodiscard]] CountingDisk* disk() noexcept override { return &disk_; }

private:
    [[nodiscard]] fs::FileSystem& system() noexcept override { return mounted_->system; }
    [[nodiscard]] Status mount_again() override {
        TRY(mounted_->system.unmount());
        mounted_.reset();
        mounted_.emplace(machine_, disk_);
        return mounted_->system.mount();
    }
    void unmount() noexcept override {
        if (mounted_) {
            ignore_error(mounted_->system.unmount(), "nobody wants what is on the disk");
            mounted_.reset();
        }
    }
    [[nodiscard]] bool is_too_dirty() noexcept override {
        return mounted_->cache.counts().dirty > machine_.arena.frames() / 4;
    }

    using Cache = fs::PageCache<test::PlainHeap, test::PlainFrames, sim::RamArena, NullLock,
                                fs_test::NullQueue>;
    struct Mounted {
        Mounted(FileMachine& machine, CountingDisk& disk)
            : cache(machine.heap, machine.frames, machine.arena, leave_free),
              system(machine.heap, cache, fs::AnyBlockDevice(disk), machine.clock,
                     {.device_number = 1}) {}
        static constexpr std::size_t leave_free = 0;  ///< there is nobody else
        Cache cache;
        typename Kind::template System<test::PlainHeap, Cache, test::StillClock> system;
    };

    FileMachine machine_;
    CountingDisk disk_{Kind::mib * 2048};
    std::optional<Mounted> mounted_;
};

struct Kfs {
    static constexpr const char* name = "kfs";
    static constexpr std::uint32_t mib = 256;
    template <class Heap, class Cache, class Clock>
    using System =
        fs::Kfs<Heap, Cache, fs::DiskLocks<NullLock, NullLock, NullLock, NullLock>, Clock>;
    static Status make(CountingDisk& disk) {
        fs::kfs::Block scratch;
        return fs::kfs::make(disk, {.uuid = {1}, .inodes = 16'384}, scratch);
    }
};
template <unsigned block_size>
struct Ext2 {
    static constexpr const char* name = block_size == 4096 ? "ext2" : "ext2_1k";
    static constexpr std::uint32_t mib = 256;
    template <class Heap, class Cache, class Clock>
    using System =
        fs::Ext2<Heap, Cache, fs::DiskLocks<NullLock, NullLock, NullLock, NullLock>, Clock>;
    static Status make(CountingDisk& disk) {
        static const Result<DiskImage> empty =
            DiskImage::make("mke2fs -q -t ext2 -b " + std::to_string(block_size) +
                                " -I 128 -N 16384 -m 0 -O ^resize_inode,^dir_index,^ext_attr"
                                " -U 6b69646e-6579-4f53-8000-000000000001"
                                " -E hash_seed=6b69646e-6579-4f53-8000-000000000001",
                            mib);
        if (!empty) {
            return fail(empty.error());
        }
        empty->put(disk);
        return {};
    }
};
/// Clusters of 4 KiB in a FAT32, of 2 KiB in a FAT16.
template <unsigned bits>
struct Fat {
    static constexpr const char* name = bits == 32 ? "fat32" : "fat16";
    static constexpr std::uint32_t mib = bits == 32 ? 288 : 64;
    template <class Heap, class Cache, class Clock>
    using System =
        fs::Fat<Heap, Cache, fs::DiskLocks<NullLock, NullLock, NullLock, NullLock>, Clock>;
    static Status make(CountingDisk& disk) {
        static const Result<DiskImage> empty =
            DiskImage::make("mkfs.fat --invariant -F " + std::to_string(bits) + " -s " +
                                std::to_string(bits == 32 ? 8 : 4),
                            mib);
        if (!empty) {
            return fail(empty.error());
        }
        empty->put(disk);
        return {};
    }
};

/// Without a cache: every operation goes to the disk.
template <std::uint32_t log_blocks>
class VsfsOnDisk final : public VnodeStore {
public:
    static constexpr const char* type_name = log_blocks > 0 ? "vsfs_log" : "vsfs";
    static constexpr std::uint32_t mib = 64;

    explicit VsfsOnDisk(std::uint32_t) {}
    ~VsfsOnDisk() override { stop(); }
    VsfsOnDisk(const VsfsOnDisk&) = delete;
    VsfsOnDisk& operator=(const VsfsOnDisk&) = delete;

    [[nodiscard]] const char* name() const noexcept override { return type_name; }
    [[nodiscard]] std::uint32_t most_kib() const noexcept override { return 4096; }
    [[nodiscard]] std::uint32_t most_files() const noexcept override { return 1000; }
    [[nodiscard]] Status start() override {
        stop();
        disk_.clear();
        fs::vsfs::Block scratch;
        TRY(fs::vsfs::make(disk_, {.inodes = 12'288, .log_blocks = log_blocks}, scratch));
        return mount();
    }
    [[nodiscard]] CountingDisk* disk() noexcept override { return &disk_; }

private:
    [[nodiscard]] fs::FileSystem& system() noexcept override { return *system_; }
    [[nodiscard]] Status mount_again() override {
        TRY(system_->unmount());
        system_.reset();
        return mount();
    }
    void unmount() noexcept override {
        if (system_) {
            ignore_error(system_->unmount(), "nobody wants what is on the disk");
            system_.reset();
        }
    }
    [[nodiscard]] Status mount() {
        system_.emplace(heap_, disk_, clock_, 1U);
        return system_->mount();
    }
    test::PlainHeap heap_;
    test::StillClock clock_;
    CountingDisk disk_{mib * 2048};
    std::optional<fs::Vsfs<test::PlainHeap, CountingDisk, NullLock, NullLock, test::StillClock>>
        system_;
};

/// Nothing of it is on a disk.
class TmpfsInMemory final : public VnodeStore {
public:
    static constexpr const char* type_name = "tmpfs";

    explicit TmpfsInMemory(std::uint32_t) {}
    ~TmpfsInMemory() override { stop(); }
    TmpfsInMemory(const TmpfsInMemory&) = delete;
    TmpfsInMemory& operator=(const TmpfsInMemory&) = delete;

    [[nodiscard]] const char* name() const noexcept override { return type_name; }
    [[nodiscard]] Status start() override {
        stop();
        system_.emplace(machine_.heap, machine_.frames, machine_.arena, machine_.clock, 1U,
                        fs::TmpfsLimits{});
        return system_->start(fs::Permissions(0755));
    }
    [[nodiscard]] CountingDisk* disk() noexcept override { return nullptr; }

private:
    [[nodiscard]] fs::FileSystem& system() noexcept override { return *system_; }
    [[nodiscard]] Status mount_again() override { return {}; }
    void unmount() noexcept override { system_.reset(); }

    FileMachine machine_{48 * 256};  // 48 MiB
    std::optional<
        fs::Tmpfs<test::PlainHeap, test::PlainFrames, sim::RamArena, NullLock, test::StillClock>>
        system_;
};

using FileSystems =
    TypeList<TmpfsInMemory, CachedFileSystem<Kfs>, CachedFileSystem<Ext2<4096>>,
             CachedFileSystem<Ext2<1024>>, CachedFileSystem<Fat<32>>, CachedFileSystem<Fat<16>>,
             VsfsOnDisk<fs::vsfs::LogHeader::max_blocks + 1>, VsfsOnDisk<0>>;

}  // namespace

std::vector<const char*> file_systems() {
    std::vector<const char*> names;
    FileSystems::for_each([&]<class System>() { names.push_back(System::type_name); });
    return names;
}
std::unique_ptr<FileStore> make_file_system(std::string_view name, std::uint32_t cache_pages) {
    std::unique_ptr<FileStore> store;
    FileSystems::for_each([&]<class System>() {
        if (name == System::type_name) {
            store = std::make_unique<System>(cache_pages);
        }
    });
    return store;
}

}  // namespace kidney::bench
