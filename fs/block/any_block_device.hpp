/// A handle to some block device: what code holds that must work with several kinds at once.
#pragma once

#include "kidney/fs/block_device.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// Two words, copied freely, itself a model of `BlockDevice`. The device must outlive it. A mount
/// chooses its disk at run time, so the file systems are compiled once, over this.
class AnyBlockDevice {
public:
    template <BlockDevice Device>
        requires(!std::same_as<Device, AnyBlockDevice>)  // that is a copy
    explicit AnyBlockDevice(Device& device) noexcept
        : device_(&device), calls_(&calls_of<Device>) {}

    [[nodiscard]] Status read(BlockIndex first, std::span<std::byte> to) noexcept {
        return calls_->read(device_, first, to);
    }
    [[nodiscard]] Status read_scattered(BlockIndex first,
                                        std::span<const std::span<std::byte>> to) noexcept {
        return calls_->read_scattered(device_, first, to);
    }
    [[nodiscard]] Status write(BlockIndex first, std::span<const std::byte> from) noexcept {
        return calls_->write(device_, first, from);
    }
    [[nodiscard]] Status write_scattered(
        BlockIndex first, std::span<const std::span<const std::byte>> from) noexcept {
        return calls_->write_scattered(device_, first, from);
    }
    [[nodiscard]] Status flush() noexcept { return calls_->flush(device_); }
    /// not_supported from a device that cannot.
    [[nodiscard]] Status discard(BlockIndex first, std::uint64_t count, Discarded to) noexcept {
        return calls_->discard(device_, first, count, to);
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return calls_->block_size(device_); }
    [[nodiscard]] std::uint64_t block_count() const noexcept {
        return calls_->block_count(device_);
    }
    /// Every write would fail with read_only. Devices that do not say can be written.
    [[nodiscard]] bool is_read_only() const noexcept { return calls_->is_read_only(device_); }

private:
    struct Calls {
        Status (*read)(void*, BlockIndex, std::span<std::byte>) noexcept;
        Status (*read_scattered)(void*, BlockIndex, std::span<const std::span<std::byte>>) noexcept;
        Status (*write)(void*, BlockIndex, std::span<const std::byte>) noexcept;
        Status (*write_scattered)(void*, BlockIndex,
                                  std::span<const std::span<const std::byte>>) noexcept;
        Status (*flush)(void*) noexcept;
        Status (*discard)(void*, BlockIndex, std::uint64_t, Discarded) noexcept;
        std::uint32_t (*block_size)(const void*) noexcept;
        std::uint64_t (*block_count)(const void*) noexcept;
        bool (*is_read_only)(const void*) noexcept;
    };

    // One command where the device can scatter, one per buffer where it cannot.
    template <BlockDevice Device>
    [[nodiscard]] static Status scatter(void* device, BlockIndex first,
                                        std::span<const std::span<std::byte>> to) noexcept {
        auto& target = *static_cast<Device*>(device);
        if constexpr (ScatterBlockDevice<Device>) {
            return target.read_scattered(first, to);
        } else {
            for (const std::span<std::byte> buffer : to) {
                TRY(target.read(first, buffer));
                first = first + buffer.size() / target.block_size();
            }
            return {};
        }
    }
    template <BlockDevice Device>
    [[nodiscard]] static Status gather(void* device, BlockIndex first,
                                       std::span<const std::span<const std::byte>> from) noexcept {
        auto& target = *static_cast<Device*>(device);
        if constexpr (ScatterBlockDevice<Device>) {
            return target.write_scattered(first, from);
        } else {
            TRY(check_range(target, first, total_bytes(from)));  // law B3: all or nothing
            for (const std::span<const std::byte> buffer : from) {
                TRY(target.write(first, buffer));
                first = first + buffer.size() / target.block_size();
            }
            return {};
        }
    }

    template <BlockDevice Device>
    static constexpr Calls calls_of{
        [](void* d, BlockIndex first, std::span<std::byte> to) noexcept {
            return static_cast<Device*>(d)->read(first, to);
        },
        &scatter<Device>,
        [](void* d, BlockIndex first, std::span<const std::byte> from) noexcept {
            return static_cast<Device*>(d)->write(first, from);
        },
        &gather<Device>,
        [](void* d) noexcept { return static_cast<Device*>(d)->flush(); },
        [](void* d, BlockIndex first, std::uint64_t count, Discarded to) noexcept {
            return fs::discard(*static_cast<Device*>(d), first, count, to);
        },
        [](const void* d) noexcept { return static_cast<const Device*>(d)->block_size(); },
        [](const void* d) noexcept { return static_cast<const Device*>(d)->block_count(); },
        [](const void* d) noexcept {
            if constexpr (requires(const Device& device) { device.is_read_only(); }) {
                return bool{static_cast<const Device*>(d)->is_read_only()};
            } else {
                return false;
            }
        },
    };

    void* device_;
    const Calls* calls_;
};

static_assert(ScatterBlockDevice<AnyBlockDevice> && DiscardingBlockDevice<AnyBlockDevice>);

}  // namespace kidney::fs
