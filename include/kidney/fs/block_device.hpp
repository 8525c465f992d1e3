/// The `BlockDevice` contract: numbered blocks of bytes, with an explicit flush.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/result.hpp"

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// Number of a block on a device; 0 is the first.
class BlockIndex {
public:
    constexpr BlockIndex() noexcept = default;
    explicit constexpr BlockIndex(std::uint64_t value) noexcept : value_(value) {}
    [[nodiscard]] constexpr std::uint64_t value() const noexcept { return value_; }
    friend constexpr BlockIndex operator+(BlockIndex a, std::uint64_t n) noexcept {
        return BlockIndex(a.value_ + n);
    }
    friend constexpr auto operator<=>(BlockIndex, BlockIndex) noexcept = default;

private:
    std::uint64_t value_ = 0;
};

/// Random access storage.
///   B1 read() returns what the last successful write() of that block stored
///   B2 buffers are whole blocks: size % block_size() == 0, one call may cover many neighbours
///   B3 a range outside the device fails with out_of_range and transfers nothing
///   B4 after flush() returns success, every earlier successful write survives loss of power;
///      before that, any subset of the writes since the last flush may be lost
///   B5 a failed write leaves each of its blocks either old or new; other blocks never change
/// block_size() is a power of two, 512 .. 4096 bytes, constant. May sleep. Errors: io_error,
/// out_of_range, read_only. Concurrency: stated by each model.
template <class D>
concept BlockDevice = requires(D& device, const D& cdevice, BlockIndex first,
                               std::span<std::byte> to, std::span<const std::byte> from) {
    { device.read(first, to) } noexcept -> std::same_as<Status>;
    { device.write(first, from) } noexcept -> std::same_as<Status>;
    { device.flush() } noexcept -> std::same_as<Status>;
    { cdevice.block_size() } noexcept -> std::same_as<std::uint32_t>;
    { cdevice.block_count() } noexcept -> std::same_as<std::uint64_t>;
};

/// A device that can move one run of consecutive blocks from or to scattered buffers in one
/// command: the page cache reads ahead into frames that are not adjacent, and writes such frames
/// back. Each buffer is whole blocks; the laws hold as for one buffer.
template <class D>
concept ScatterBlockDevice =
    BlockDevice<D> &&
    requires(D& device, BlockIndex first, std::span<const std::span<std::byte>> to,
             std::span<const std::span<const std::byte>> from) {
        { device.read_scattered(first, to) } noexcept -> std::same_as<Status>;
        { device.write_scattered(first, from) } noexcept -> std::same_as<Status>;
    };

/// How much all of the buffers hold.
template <class Byte>
[[nodiscard]] constexpr std::size_t total_bytes(std::span<const std::span<Byte>> buffers) noexcept {
    std::size_t bytes = 0;
    for (const std::span<Byte> buffer : buffers) {
        bytes += buffer.size();
    }
    return bytes;
}

/// Law B3 for the models: are there these blocks?
template <class D>
[[nodiscard]] constexpr Status check_blocks(const D& device, BlockIndex first,
                                            std::uint64_t count) noexcept {
    if (first.value() > device.block_count() || count > device.block_count() - first.value()) {
        return fail(Errc::out_of_range);
    }
    return {};
}
/// The same: may `bytes` bytes be moved at `first`? Whole blocks are the caller's duty.
template <class D>
[[nodiscard]] constexpr Status check_range(const D& device, BlockIndex first,
                                           std::size_t bytes) noexcept {
    KIDNEY_ASSERT(bytes % device.block_size() == 0);
    return check_blocks(device, first, bytes / device.block_size());
}

/// What blocks hold that were given away: anything, perhaps something else at each read, or zeros.
enum class Discarded : std::uint8_t { anything, zeros };

/// A device that can be told which blocks nobody needs: an SSD, an image file with holes.
///   B6 after discard() returns success the blocks hold what was asked for; others never change. To
///      a loss of power it is a write
/// Errors besides: not_supported (this device cannot, or not to zeros), and nothing has changed.
template <class D>
concept DiscardingBlockDevice =
    BlockDevice<D> && requires(D& device, BlockIndex first, std::uint64_t count, Discarded to) {
        { device.discard(first, count, to) } noexcept -> std::same_as<Status>;
    };

/// Law B6 for any device: not_supported from those that do not discard. Errors: as theirs.
template <BlockDevice D>
[[nodiscard]] Status discard(D& device, BlockIndex first, std::uint64_t count,
                             Discarded to) noexcept {
    if constexpr (DiscardingBlockDevice<D>) {
        return device.discard(first, count, to);
    } else {
        TRY(check_blocks(device, first, count));
        return fail(Errc::not_supported);
    }
}

}  // namespace kidney::fs
