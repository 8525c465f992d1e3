/// The disks of this machine, by name.
#pragma once

#include "fs/block/any_block_device.hpp"
#include "fs/block/counting_block_device.hpp"
#include "fs/cached_device.hpp"
#include "fs/devfs/block_devices.hpp"
#include "fs/device_bytes.hpp"
#include "kernel/boot/boot_info.hpp"
#include "kernel/config.hpp"
#include "kidney/core/bounded.hpp"
#include "kidney/fs/vnode.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kidney::kernel {

class DiskPart;  // partitions.cpp

class Disk;

/// What can be taken out of a drive.
class Medium {
public:
    /// Nobody uses it. True: it is another one than before. Errors: no_device (there is none),
    /// io_error, timed_out.
    [[nodiscard]] virtual Result<bool> look() noexcept = 0;

protected:
    ~Medium() = default;
};

/// What a disk is and stays.
struct DiskIdentity {
    BoundedText<8> name;
    fs::DeviceNumber number;
    std::uint32_t minors = 1;  ///< device numbers of its own: itself and its partitions
    Disk* whole = nullptr;     ///< of a partition
    DiskPart* part = nullptr;  ///< of a partition: where it lies
    Medium* medium = nullptr;  ///< of a drive for such
};

/// A disk as /dev and `root=` know it: `vda` (virtio), `hda` (ATA), `ram0` (a boot module); or a
/// partition: `vda1`. It lives for ever; a partition may be away, and come back as another one.
class Disk : public DiskIdentity {
public:
    using Bytes = fs::DeviceBytes<Heap, PageCache, Mutex<ranks::file_system>>;

    Disk(const DiskIdentity& identity, fs::AnyBlockDevice driver) noexcept
        : DiskIdentity(identity), counted(driver, &failure_log), device(counted), pages(device) {}

    /// Tells the log of failures, the first few times: a disk that fails mostly goes on failing.
    class FailureLog final : public fs::BlockFailureListener {
    public:
        explicit FailureLog(const Disk& disk) noexcept : disk_(disk) {}
        void failed(const fs::BlockFailure& failure) noexcept override;

    private:
        const Disk& disk_;
        std::atomic<std::uint32_t> failures_{0};
    };

    /// For programs; in partitions.cpp. Those who change partitions and those who mount take turns.
    class Partitions final : public fs::PartitionedDisk {
    public:
        explicit Partitions(Disk& disk) noexcept : disk_(disk) {}
        [[nodiscard]] Status read_partitions() noexcept override;
        [[nodiscard]] Status add_partition(std::int32_t number, std::int64_t start,
                                           std::int64_t length) noexcept override;
        [[nodiscard]] Status remove_partition(std::int32_t number) noexcept override;

    private:
        Disk& disk_;
    };

    /// Before it is used, by those who change partitions: what is in the drive now? Errors: as
    /// Medium::look().
    [[nodiscard]] Status look_at_medium() noexcept;
    [[nodiscard]] bool is_there() noexcept { return !bytes || bytes->size_if_there().has_value(); }

    FailureLog failure_log{*this};
    Partitions partitions{*this};
    fs::CountingBlockDevice<fs::AnyBlockDevice, Clock> counted;
    fs::AnyBlockDevice device;   ///< what everybody uses: it counts
    fs::CachedDevice pages;      ///< of it, in the page cache: one for /dev and its file system
    std::optional<Bytes> bytes;  ///< of them, once there is a page cache
};

/// Disks and all partitions that they ever had at one time.
inline constexpr std::size_t max_disks = 64;

/// Looks for disks: boot modules, virtio-blk on PCI, ATA. Starts their drivers, and reads their
/// partition tables. Once, on a thread.
void find_disks(const BootInfo& info) noexcept;

/// There is a page cache: the disks that were found can be mounted and opened. Once.
void cache_disks() noexcept;

/// For those who find disks, who take turns. False, told: there are as many as can be.
[[nodiscard]] bool has_room_for(std::string_view name) noexcept;
/// One more in the list. There is room.
void add_disk(const DiskIdentity& identity, fs::AnyBlockDevice device) noexcept;

/// In the order found, partitions at the end: the first one is the default root. Partitions may be
/// away.
[[nodiscard]] std::span<Disk* const> disks() noexcept;

/// What find_disks() passed over: empty, or a remark to follow "there is no disk".
[[nodiscard]] std::string_view disk_hint() noexcept;

/// By name, with or without "/dev/". Null if there is none.
[[nodiscard]] Disk* find_disk(std::string_view name) noexcept;
/// By the number of its node in /dev. Null if there is none.
[[nodiscard]] Disk* find_disk(fs::DeviceNumber number) noexcept;

}  // namespace kidney::kernel
