/// virtio-blk over the legacy PCI interface: the disk of QEMU. virtio 1.0, sections 4.1.4.8
/// and 5.2.
///
///     VirtioBlk disk(io, dma_map, wait, memory);
///     TRY(disk.start(port_base));            // then it is a BlockDevice
///     on its interrupt: disk.on_interrupt();
///
/// One request at a time, of any number of blocks and buffers. Buffers outside the direct map (a
/// kernel stack) go through a bounce buffer.
#pragma once

#include "drivers/block/device_wait.hpp"
#include "drivers/block/dma.hpp"
#include "drivers/block/virtqueue.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/block_device.hpp"
#include "kidney/hal/port_io.hpp"
#include "kidney/hal/register.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::drivers {

namespace virtio {

inline constexpr std::uint16_t vendor = 0x1AF4;
inline constexpr std::uint16_t transitional_block = 0x1001;
/// The same device without the legacy interface that this driver speaks (virtio 1.2, 4.1.2.1).
inline constexpr std::uint16_t modern_only_block = 0x1042;

// The legacy register block, at the ports of BAR 0.
template <class Raw>
struct Number : hal::Register<Number<Raw>, Raw> {};
using DeviceFeatures = hal::At<Number<std::uint32_t>, 0x00, hal::ReadOnly>;
using DriverFeatures = hal::At<Number<std::uint32_t>, 0x04, hal::WriteOnly>;
using QueueFrame = hal::At<Number<std::uint32_t>, 0x08, hal::ReadWrite>;
using QueueSize = hal::At<Number<std::uint16_t>, 0x0C, hal::ReadOnly>;
using QueueSelect = hal::At<Number<std::uint16_t>, 0x0E, hal::WriteOnly>;
using QueueNotify = hal::At<Number<std::uint16_t>, 0x10, hal::WriteOnly>;
using CapacityLow = hal::At<Number<std::uint32_t>, 0x14, hal::ReadOnly>;
using CapacityHigh = hal::At<Number<std::uint32_t>, 0x18, hal::ReadOnly>;
using SegmentsMax = hal::At<Number<std::uint32_t>, 0x20, hal::ReadOnly>;

struct StatusBits : hal::Register<StatusBits, std::uint8_t> {
    using Acknowledged = hal::Field<StatusBits, 0, 0, bool>;
    using HasDriver = hal::Field<StatusBits, 1, 1, bool>;
    using DriverReady = hal::Field<StatusBits, 2, 2, bool>;
    using Failed = hal::Field<StatusBits, 7, 7, bool>;
};
using DeviceStatus = hal::At<StatusBits, 0x12, hal::ReadWrite>;

struct InterruptBits : hal::Register<InterruptBits, std::uint8_t> {
    using Queue = hal::Field<InterruptBits, 0, 0, bool>;
};
using InterruptStatus = hal::At<InterruptBits, 0x13, hal::ReadOnly>;  // reading clears

struct BlockFeatures : hal::Register<BlockFeatures, std::uint32_t> {
    using SegmentsLimited = hal::Field<BlockFeatures, 2, 2, bool>;
    using IsReadOnly = hal::Field<BlockFeatures, 5, 5, bool>;
    using CanFlush = hal::Field<BlockFeatures, 9, 9, bool>;
};

enum class RequestType : std::uint32_t { read = 0, write = 1, flush = 4 };
struct RequestHeader {
    RequestType type;
    std::uint32_t reserved;
    std::uint64_t sector;
};
static_assert(sizeof(RequestHeader) == 16);

}  // namespace virtio

/// Concurrency: any thread; requests queue up at `Lock`, which is held while the device works.
template <hal::PortIo Io, DmaMap Dma, class Wait, BasicLockable Lock>
class VirtioBlk {
public:
    /// Memory that the driver needs: queue, one page for the request, the rest for bouncing.
    static constexpr std::size_t memory_frames = 8;
    static constexpr std::uint16_t min_queue = 4;  ///< header, data, status: the next power of two
    static constexpr std::uint16_t max_queue = 256;

    VirtioBlk(Io& io, Dma& dma, Wait& wait, DmaMemory memory) noexcept
        : io_(io), dma_(dma), wait_(wait), memory_(memory) {
        KIDNEY_ASSERT(memory.bytes.size() >= memory_frames * page_size);
    }

    /// Resets and sets up the device at `port`. Errors: no_device, not_supported.
    [[nodiscard]] Status start(std::uint16_t port) noexcept EXCLUDES(lock_) {
        using namespace virtio;
        LockGuard guard(lock_);
        port_ = port;
        DeviceStatus::write(io_, port_, StatusBits{});
        const auto acknowledged =
            StatusBits{}.with<StatusBits::Acknowledged>(true).template with<StatusBits::HasDriver>(
                true);
        DeviceStatus::write(io_, port_, acknowledged);
        const BlockFeatures offered = BlockFeatures::from(DeviceFeatures::read(io_, port_).raw);
        has_flush_ = offered.get<BlockFeatures::CanFlush>();
        is_read_only_ = offered.get<BlockFeatures::IsReadOnly>();
        const auto accepted = BlockFeatures{}
                                  .with<BlockFeatures::CanFlush>(has_flush_)
                                  .template with<BlockFeatures::IsReadOnly>(is_read_only_)
                                  .template with<BlockFeatures::SegmentsLimited>(
                                      offered.get<BlockFeatures::SegmentsLimited>());
        DriverFeatures::write(io_, port_, Number<std::uint32_t>::from(accepted.raw));

        QueueSelect::write(io_, port_, Number<std::uint16_t>::from(0));
        const std::uint16_t size = QueueSize::read(io_, port_).raw;
        if (size == 0) {
            return fail(Errc::no_device);
        }
        if (size < min_queue || size > max_queue || (size & (size - 1)) != 0) {
            return fail(Errc::not_supported);
        }
        queue_.attach(memory_, size);
        QueueFrame::write(
            io_, port_,
            Number<std::uint32_t>::from(FrameNumber::containing(memory_.address).value()));
        segments_ = std::min<std::uint32_t>(max_segments, size - 2U);
        if (offered.get<BlockFeatures::SegmentsLimited>()) {
            segments_ = std::max(1U, std::min(segments_, SegmentsMax::read(io_, port_).raw));
        }
        sectors_ = CapacityLow::read(io_, port_).raw |
                   std::uint64_t{CapacityHigh::read(io_, port_).raw} << 32;
        DeviceStatus::write(io_, port_, acknowledged.template with<StatusBits::DriverReady>(true));
        is_working_ = true;
        return {};
    }

    /// From the interrupt handler. True if the interrupt was ours; reading the register also takes
    /// the level-triggered line down.
    bool on_interrupt() noexcept {
        using namespace virtio;
        if (!InterruptStatus::read(io_, port_).template get<InterruptBits::Queue>()) {
            return false;
        }
        wait_.notify();
        return true;
    }

    [[nodiscard]] Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept
        EXCLUDES(lock_) {
        return read_scattered(first, std::span(&to, 1));
    }
    [[nodiscard]] Status read_scattered(fs::BlockIndex first,
                                        std::span<const std::span<std::byte>> to) noexcept
        EXCLUDES(lock_) {
        const std::size_t bytes = fs::total_bytes(to);
        TRY(fs::check_range(*this, first, bytes));
        if (bytes == 0) {
            return {};
        }
        LockGuard guard(lock_);
        while (!to.empty()) {
            if (!dma_.physical(to.front().data())) {
                TRY(bounce_in(first, to.front()));
                first = first + to.front().size() / sector_size;
                to = to.subspan(1);
                continue;
            }
            TRY(begin(virtio::RequestType::read, first));
            std::uint32_t segments = 0;
            while (!to.empty() && segments < segments_) {
                const auto address = dma_.physical(to.front().data());
                if (!address) {
                    break;
                }
                add_data(*address, to.front().size(), true, segments);
                first = first + to.front().size() / sector_size;
                to = to.subspan(1);
            }
            TRY(finish());
        }
        return {};
    }
    [[nodiscard]] Status write(fs::BlockIndex first, std::span<const std::byte> from) noexcept
        EXCLUDES(lock_) {
        return write_scattered(first, std::span(&from, 1));
    }
    [[nodiscard]] Status write_scattered(fs::BlockIndex first,
                                         std::span<const std::span<const std::byte>> from) noexcept
        EXCLUDES(lock_) {
        const std::size_t bytes = fs::total_bytes(from);
        TRY(fs::check_range(*this, first, bytes));
        if (is_read_only_) {
            return fail(Errc::read_only);
        }
        if (bytes == 0) {
            return {};
        }
        LockGuard guard(lock_);
        while (!from.empty()) {
            if (!dma_.physical(from.front().data())) {
                TRY(bounce_out(first, from.front()));
                first = first + from.front().size() / sector_size;
                from = from.subspan(1);
                continue;
            }
            TRY(begin(virtio::RequestType::write, first));
            std::uint32_t segments = 0;
            while (!from.empty() && segments < segments_) {
                const auto address = dma_.physical(from.front().data());
                if (!address) {
                    break;
                }
                add_data(*address, from.front().size(), false, segments);
                first = first + from.front().size() / sector_size;
                from = from.subspan(1);
            }
            TRY(finish());
        }
        return {};
    }
    [[nodiscard]] Status flush() noexcept EXCLUDES(lock_) {
        if (!has_flush_) {
            return {};  // then the device writes through
        }
        LockGuard guard(lock_);
        TRY(begin(virtio::RequestType::flush, fs::BlockIndex(0)));
        return finish();
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return sector_size; }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return sectors_; }
    [[nodiscard]] bool is_read_only() const noexcept { return is_read_only_; }

private:
    static constexpr std::uint32_t sector_size = 512;
    static constexpr std::uint32_t max_segments = 64;
    static constexpr Duration patience = Duration::seconds(10);
    static constexpr std::size_t request_offset =
        (Virtqueue::bytes_needed(max_queue) + page_mask) & ~std::size_t{page_mask};
    static constexpr std::size_t status_offset = request_offset + sizeof(virtio::RequestHeader);
    static constexpr std::size_t bounce_offset = request_offset + page_size;
    static_assert(bounce_offset < memory_frames * page_size);

    [[nodiscard]] std::span<std::byte> bounce() const noexcept {
        return memory_.bytes.subspan(bounce_offset);
    }
    [[nodiscard]] PhysAddr bounce_address() const noexcept {
        return memory_.address + bounce_offset;
    }

    [[nodiscard]] Status bounce_in(fs::BlockIndex first, std::span<std::byte> to) noexcept
        REQUIRES(lock_) {
        while (!to.empty()) {
            const std::size_t length = std::min(to.size(), bounce().size());
            TRY(begin(virtio::RequestType::read, first));
            std::uint32_t segments = 0;
            add_data(bounce_address(), length, true, segments);
            TRY(finish());
            std::memcpy(to.data(), bounce().data(), length);
            to = to.subspan(length);
            first = first + length / sector_size;
        }
        return {};
    }

    [[nodiscard]] Status bounce_out(fs::BlockIndex first, std::span<const std::byte> from) noexcept
        REQUIRES(lock_) {
        while (!from.empty()) {
            const auto part = from.first(std::min(from.size(), bounce().size()));
            std::memcpy(bounce().data(), part.data(), part.size());
            TRY(begin(virtio::RequestType::write, first));
            std::uint32_t segments = 0;
            add_data(bounce_address(), part.size(), false, segments);
            TRY(finish());
            from = from.subspan(part.size());
            first = first + part.size() / sector_size;
        }
        return {};
    }

    /// A request is header, data, status: begin(), add_data() as often as needed, finish().
    [[nodiscard]] Status begin(virtio::RequestType type, fs::BlockIndex first) noexcept
        REQUIRES(lock_) {
        if (!is_working_) {
            return fail(Errc::io_error);
        }
        const virtio::RequestHeader header{type, 0, first.value()};
        std::memcpy(memory_.bytes.data() + request_offset, &header, sizeof(header));
        memory_.bytes[status_offset] = std::byte{0xFF};
        queue_.add(memory_.address + request_offset, sizeof(header), false);
        return {};
    }
    void add_data(PhysAddr address, std::size_t bytes, bool device_writes,
                  std::uint32_t& segments) noexcept REQUIRES(lock_) {
        if (bytes > 0) {
            queue_.add(address, static_cast<std::uint32_t>(bytes), device_writes);
            ++segments;
        }
    }
    [[nodiscard]] Status finish() noexcept REQUIRES(lock_) {
        queue_.add(memory_.address + status_offset, 1, true);
        queue_.offer();
        virtio::QueueNotify::write(io_, port_, virtio::Number<std::uint16_t>::from(0));
        if (!wait_.wait(
                [this]() KIDNEY_NO_TSA("wait() calls it, under lock_") { return queue_.is_done(); },
                patience)) {
            // It may still write into our buffers: only a reset stops it, and ends this disk.
            virtio::DeviceStatus::write(io_, port_, virtio::StatusBits{});
            is_working_ = false;
            return fail(Errc::io_error);
        }
        queue_.retire();
        return memory_.bytes[status_offset] == std::byte{0} ? Status()
                                                            : Status(fail(Errc::io_error));
    }

    Io& io_;
    Dma& dma_;
    Wait& wait_;
    const DmaMemory memory_;
    std::uint16_t port_ = 0;
    std::uint64_t sectors_ = 0;
    bool has_flush_ = false;
    bool is_read_only_ = false;
    Lock lock_;
    Virtqueue queue_ GUARDED_BY(lock_);
    std::uint32_t segments_ GUARDED_BY(lock_) = 1;
    bool is_working_ GUARDED_BY(lock_) = false;
};

}  // namespace kidney::drivers
