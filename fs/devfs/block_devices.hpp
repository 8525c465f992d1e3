/// Block device files: /dev/vda and its like.
#pragma once

#include "fs/devfs/device_registry.hpp"
#include "fs/device_bytes.hpp"
#include "kidney/abi/block_ioctl.hpp"
#include "kidney/hal/user_memory.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

namespace kidney::fs {

/// An open block device. `Bytes` is a DeviceBytes, which outlives it; `Lock` guards the position
/// and ranks as PlainFile's. If `mode` has write, the caller has added a writer to `bytes`, who
/// leaves with this file.
template <mm::ObjectAllocator Heap, class Bytes, hal::UserMemory UserMemory, BasicLockable Lock>
class BlockDeviceFile final : public File {
public:
    BlockDeviceFile(Heap& heap, Bytes& bytes, Ref<Vnode> node, OpenMode mode) noexcept
        : File(mode), heap_(heap), bytes_(bytes), node_(std::move(node)) {
        skip_errors(bytes_.write_errors());
    }
    ~BlockDeviceFile() {
        if (is_writable()) {
            bytes_.remove_writer();
        }
    }

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
            default:
                return fail(Errc::not_a_terminal);
        }
    }

    [[nodiscard]] Vnode* vnode() noexcept override { return node_.get(); }
    [[nodiscard]] Result<Attributes> attributes() noexcept override { return node_->attributes(); }
    void dispose() noexcept override { mm::destroy(heap_, this); }

private:
    template <class T>
    [[nodiscard]] static Result<std::uint32_t> answer(VirtAddr to, T value) noexcept {
        const auto bytes = std::as_bytes(std::span(&value, 1));
        return UserMemory::copy_out(to, bytes) == bytes.size() ? Result<std::uint32_t>(0U)
                                                               : fail(Errc::bad_address);
    }

    Heap& heap_;
    Bytes& bytes_;
    const Ref<Vnode> node_;
    Lock lock_;
    std::uint64_t position_ GUARDED_BY(lock_) = 0;
};

/// Opens one disk, whatever its number. Register one for each.
template <mm::ObjectAllocator Heap, class Bytes, hal::UserMemory UserMemory, BasicLockable Lock>
class BlockDeviceOpener final : public DeviceOpener {
public:
    BlockDeviceOpener(Heap& heap, Bytes& bytes) noexcept : heap_(heap), bytes_(bytes) {}

    /// Errors: no_memory; for writers busy and read_only.
    [[nodiscard]] Result<Ref<File>> open_device(DeviceNumber, Vnode& node,
                                                OpenMode mode) noexcept override {
        using ThisFile = BlockDeviceFile<Heap, Bytes, UserMemory, Lock>;
        if (mode.write) {
            TRY(bytes_.add_writer());
        }
        auto file = mm::make_ref<ThisFile>(heap_, heap_, bytes_, Ref<Vnode>::share(node), mode);
        if (!file) {
            if (mode.write) {
                bytes_.remove_writer();
            }
            return fail(file.error());
        }
        return Ref<File>(std::move(*file));
    }

private:
    Heap& heap_;
    Bytes& bytes_;
};

}  // namespace kidney::fs
