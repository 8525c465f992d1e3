/// The disks of this machine, by name.
#pragma once

#include "fs/block/any_block_device.hpp"
#include "fs/block/counting_block_device.hpp"
#include "fs/cached_device.hpp"
#include "kernel/boot/boot_info.hpp"
#include "kernel/config.hpp"
#include "kidney/core/bounded.hpp"
#include "kidney/fs/vnode.hpp"

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::kernel {

/// A disk as /dev and `root=` know it: `vda` (virtio), `hda` (ATA), `ram0` (a boot module); or a
/// partition: `vda1`.
struct Disk {
    Disk(const BoundedText<8>& its_name, fs::DeviceNumber its_number,
         fs::AnyBlockDevice driver) noexcept
        : name(its_name),
          number(its_number),
          counted(driver, &failure_log),
          device(counted),
          pages(device) {}

    /// Tells the log of failures, the first few times: a disk that fails mostly goes on failing.
    class FailureLog final : public fs::BlockFailureListener {
    public:
        explicit FailureLog(const Disk& disk) noexcept : disk_(disk) {}
        void failed(const fs::BlockFailure& failure) noexcept override;

    private:
        const Disk& disk_;
        std::atomic<std::uint32_t> failures_{0};
    };

    BoundedText<8> name;
    fs::DeviceNumber number;
    FailureLog failure_log{*this};
    fs::CountingBlockDevice<fs::AnyBlockDevice, Clock> counted;
    fs::AnyBlockDevice device;  ///< what everybody uses: it counts
    fs::CachedDevice pages;     ///< of it, in the page cache: one for /dev and its file system
    bool is_root = false;       ///< the root file system lives there: nobody may write past it
};

inline constexpr std::size_t max_disks = 32;

/// Looks for disks: boot modules, virtio-blk on PCI, ATA. Starts their drivers, and reads their
/// partition tables. Once, on a thread.
void find_disks(const BootInfo& info) noexcept;

/// In the order found, partitions at the end: the first one is the default root.
[[nodiscard]] std::span<Disk* const> disks() noexcept;

/// What find_disks() passed over: empty, or a remark to follow "there is no disk".
[[nodiscard]] std::string_view disk_hint() noexcept;

/// By name, with or without "/dev/". Null if there is none.
[[nodiscard]] Disk* find_disk(std::string_view name) noexcept;
/// By the number of its node in /dev. Null if there is none.
[[nodiscard]] Disk* find_disk(fs::DeviceNumber number) noexcept;

}  // namespace kidney::kernel
