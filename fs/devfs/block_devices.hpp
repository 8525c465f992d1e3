/// Block device files: /dev/vda and its like.
#pragma once

#include "fs/devfs/device_registry.hpp"
#include "fs/device_bytes.hpp"
#include "kidney/abi/block_ioctl.hpp"
#include "kidney/hal/user_memory.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

namespace kidney::fs {

/// What a disk knows beyond its bytes. Errors of all: permission_denied (the caller's process may
/// not), invalid_argument (it is a partition, or cannot have any).
class PartitionedDisk {
public:
    /// The partitions become what the table says. Errors besides: busy (one is in use; nothing has
    /// changed), io_error and corrupted (nothing has changed), no_memory, no_space.
    [[nodiscard]] virtual Status read_partitions() noexcept = 0;
    /// The bytes from `start` on become partition `number`. Errors besides: busy (there is one of
    /// this number, or over these bytes), no_memory, no_space.
    [[nodiscard]] virtual Status add_partition(std::int32_t number, std::int64_t start,
                                               std::int64_t length) noexcept = 0;
    /// Errors besides: no_device (there is none of this number), busy (it is in use).
    [[nodiscard]] virtual Status remove_partition(std::int32_t number) noexcept = 0;

protected:
    ~PartitionedDisk() = default;
};

/// An open block device. `Bytes` is a DeviceBytes, which outlives it; `Lock` guards the position
/// and ranks as PlainFile's. The caller has added a user to `bytes`, who leaves with this file.
template <mm::ObjectAllocator Heap, class Bytes, hal::UserMemory UserMemory, BasicLockable Lock>
class BlockDeviceFile final : public File {
public:
    BlockDeviceFile(Heap& heap, Bytes& bytes, PartitionedDisk* disk, Ref<Vnode> node,
                    OpenMode mode) noexcept
        : File(mode), heap_(heap), bytes_(bytes), disk_(disk), node_(std::move(node)) {
        skip_errors(bytes_.write_errors());
    }
    ~BlockDeviceFile() { bytes_.remove_user(is_writable()); }

    [[nodiscard]] Result<std::size_t> read(ReadBuffer& to) noexcept override EXCLUDES(lock_) {
        if (!is_readable()) {
            return fail(Errc::bad_descriptor);
        }
        LockGuard guard(lock_);
        const std::size_t count = TRY(bytes_.read(position_, to));
        position_ += count;
        return count;
    }
    [[nodiscard]] Result<std::size_t> write(WriteBuffer& from) noexcept override EXCLUDES(lock_) {
        if (!is_writable()) {
            return fail(Errc::bad_descriptor);
        }
        LockGuard guard(lock_);
        if (is_appending()) {
            position_ = bytes_.size();
        }
        const std::size_t count = TRY(bytes_.write(position_, from));
        position_ += count;
        return count;
    }
    [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset,
                                              ReadBuffer& to) noexcept override {
        return is_readable() ? bytes_.read(offset, to) : fail(Errc::bad_descriptor);
    }
    [[nodiscard]] Result<std::size_t> write_at(std::uint64_t offset,
                                               WriteBuffer& from) noexcept override {
        if (!is_writable()) {
            return fail(Errc::bad_descriptor);
        }
        return bytes_.write(is_appending() ? bytes_.size() : offset, from);
    }
    /// Not behind the end: there is nothing that could grow. Errors: invalid_argument.
    [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence) noexcept override
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const std::uint64_t base = whence == Whence::start     ? 0
                                   : whence == Whence::current ? position_
                                                               : bytes_.size();
        std::int64_t target = 0;
        if (__builtin_add_overflow(static_cast<std::int64_t>(base), offset, &target) ||
            target < 0 || whence > Whence::end ||
            static_cast<std::uint64_t>(target) > bytes_.size()) {
            return fail(Errc::invalid_argument);
        }
        position_ = static_cast<std::uint64_t>(target);
        return position_;
    }
    [[nodiscard]] bool is_seekable() const noexcept override { return true; }
    /// As far as there is a device; only if it can do that at once. Errors: bad_descriptor,
    /// invalid_argument (it begins behind the end, no whole blocks), not_supported, io_error.
    [[nodiscard]] Status punch_hole(std::uint64_t begin, std::uint64_t length) noexcept override {
        if (!is_writable()) {
            return fail(Errc::bad_descriptor);
        }
        if (begin >= bytes_.size()) {
            return fail(Errc::invalid_argument);
        }
        return bytes_.discard(begin, std::min(length, bytes_.size() - begin), Discarded::zeros);
    }
    [[nodiscard]] Status sync() noexcept override {
        const Status stored = bytes_.flush();
        return tell_errors(stored, bytes_.write_errors());
    }

    /// What blockdev(8), mke2fs and fdisk ask. Errors: bad_address, not_a_terminal (unknown).
    [[nodiscard]] Result<std::uint32_t> control(std::uint32_t request,
                                                std::uint32_t argument) noexcept override {
        constexpr std::uint32_t sector = 512;
        const VirtAddr to(argument);
        switch (request) {
            case abi::block_get_bytes:
                return answer<std::uint64_t>(to, bytes_.size());
            case abi::block_get_sectors:
                if (bytes_.size() / sector > std::numeric_limits<std::uint32_t>::max()) {
                    return fail(Errc::file_too_big);
                }
                return answer(to, static_cast<std::uint32_t>(bytes_.size() / sector));
            case abi::block_get_sector_size:
            case abi::block_get_physical_size:
            case abi::block_get_smallest_io:
                return answer(to, bytes_.block_size());
            case abi::block_get_block_size:
                return answer<std::uint32_t>(to, page_size);
            case abi::block_get_best_io:
            case abi::block_get_misalignment:
                return answer<std::uint32_t>(to, 0);
            case abi::block_get_read_ahead:
                return answer<std::uint32_t>(to, Bytes::read_ahead * page_size / sector);
            case abi::block_get_read_only:
                return answer<std::uint32_t>(to, bytes_.is_read_only() ? 1 : 0);
            case abi::block_set_read_only:
                return fail(Errc::permission_denied);
            case abi::block_flush_buffers:
                TRY(bytes_.flush());
                bytes_.drop_pages();
                return 0U;
            case abi::block_read_partitions:
                TRY(disk_ == nullptr ? fail(Errc::invalid_argument) : disk_->read_partitions());
                return 0U;
            case abi::block_change_partition:
                TRY(disk_ == nullptr ? fail(Errc::invalid_argument) : change_partition(to));
                return 0U;
            case abi::block_discards_to_zeros:
                return answer<std::uint32_t>(to, 0);
            case abi::block_discard:
            case abi::block_zero_out:
                TRY(forget(request, to));
                return 0U;
            default:
                return fail(Errc::not_a_terminal);
        }
    }

    [[nodiscard]] Vnode* vnode() noexcept override { return node_.get(); }
    [[nodiscard]] Result<Attributes> attributes() noexcept override { return node_->attributes(); }
    void dispose() noexcept override { mm::destroy(heap_, this); }

private:
    /// BLKDISCARD and BLKZEROOUT.
    [[nodiscard]] Status forget(std::uint32_t request, VirtAddr from) noexcept {
        if (!is_writable()) {
            return fail(Errc::bad_descriptor);
        }
        const auto range = TRY(ask<abi::DiscardRange>(from));
        return request == abi::block_zero_out
                   ? bytes_.zero(range.start, range.length)
                   : bytes_.discard(range.start, range.length, Discarded::anything);
    }
    [[nodiscard]] Status change_partition(VirtAddr from) noexcept {
        const auto change = TRY(ask<abi::PartitionChange>(from));
        const auto place = TRY(ask<abi::PartitionPlace>(VirtAddr(change.part)));
        switch (change.operation) {
            case abi::PartitionChange::add:
                return disk_->add_partition(place.number, place.start, place.length);
            case abi::PartitionChange::remove:
                return disk_->remove_partition(place.number);
            default:
                return fail(Errc::invalid_argument);
        }
    }
    template <class T>
    [[nodiscard]] static Result<T> ask(VirtAddr from) noexcept {
        T value{};
        const auto bytes = std::as_writable_bytes(std::span(&value, 1));
        return UserMemory::copy_in(bytes, from) == bytes.size() ? Result<T>(value)
                                                                : fail(Errc::bad_address);
    }
    template <class T>
    [[nodiscard]] static Result<std::uint32_t> answer(VirtAddr to, T value) noexcept {
        const auto bytes = std::as_bytes(std::span(&value, 1));
        return UserMemory::copy_out(to, bytes) == bytes.size() ? Result<std::uint32_t>(0U)
                                                               : fail(Errc::bad_address);
    }

    Heap& heap_;
    Bytes& bytes_;
    PartitionedDisk* const disk_;
    const Ref<Vnode> node_;
    Lock lock_;
    std::uint64_t position_ GUARDED_BY(lock_) = 0;
};

/// Opens one disk, whatever its number.
template <mm::ObjectAllocator Heap, class Bytes, hal::UserMemory UserMemory, BasicLockable Lock>
class BlockDeviceOpener final : public DeviceOpener {
public:
    /// `disk`: null if it has no partitions.
    BlockDeviceOpener(Heap& heap, Bytes& bytes, PartitionedDisk* disk = nullptr) noexcept
        : heap_(heap), bytes_(bytes), disk_(disk) {}

    /// Errors: no_memory, no_device (it was taken away); for writers busy and read_only.
    [[nodiscard]] Result<Ref<File>> open_device(DeviceNumber, Vnode& node,
                                                OpenMode mode) noexcept override {
        using ThisFile = BlockDeviceFile<Heap, Bytes, UserMemory, Lock>;
        TRY(bytes_.add_user(mode.write));
        auto file =
            mm::make_ref<ThisFile>(heap_, heap_, bytes_, disk_, Ref<Vnode>::share(node), mode);
        if (!file) {
            bytes_.remove_user(mode.write);
            return fail(file.error());
        }
        return Ref<File>(std::move(*file));
    }

private:
    Heap& heap_;
    Bytes& bytes_;
    PartitionedDisk* disk_;
};

}  // namespace kidney::fs
