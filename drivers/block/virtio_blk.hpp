/// virtio-blk over the legacy PCI interface: the disk of QEMU. virtio 1.0, sections 4.1.4.8
/// and 5.2.
///
///     VirtioBlk disk(io, dma_map, memory);
///     TRY(disk.start(port_base));            // then it is a RequestDevice
///     on its interrupt: disk.on_interrupt();
///
/// Several requests at once, each of any number of blocks and buffers. Buffers outside the direct
/// map (a kernel stack) go through a bounce buffer. What the device says is not believed: a number
/// that it cannot have been given ends this disk, and so does silence.
#pragma once

#include "drivers/block/virtio_blk_registers.hpp"
#include "drivers/block/virtio_blk_requests.hpp"
#include "drivers/virtio/dma.hpp"
#include "drivers/virtio/handshake.hpp"
#include "drivers/virtio/virtqueue.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/block_request.hpp"
#include "kidney/hal/clock.hpp"
#include "kidney/hal/port_io.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

namespace kidney::drivers {

/// Models `RequestDevice`. Concurrency: any thread and the interrupt handler; `Lock` is one that
/// both may take, and no lock is held while a request completes.
template <hal::PortIo Io, DmaMap Dma, hal::Clock Clock, BasicLockable Lock>
class VirtioBlk {
public:
    static constexpr std::uint16_t min_queue = 4;  ///< header, data, status: the next power of two
    static constexpr std::uint16_t max_queue = Virtqueue::max_size;
    /// Requests that the device has at once; others wait for one to end.
    static constexpr std::size_t slots = 16;
    /// Memory that the driver needs: the queue, a page of headers, a page for each slot to bounce.
    /// WHY a power of two: a trace of the frames has blocks only (mm/trace/recorded_frames.hpp),
    /// and what is taken in one piece should be repeated as one.
    static constexpr std::size_t memory_frames =
        std::bit_ceil((Virtqueue::bytes_needed(max_queue) + page_mask) / page_size + 1 + slots);

    VirtioBlk(Io& io, Dma& dma, DmaMemory memory) noexcept : io_(io), dma_(dma), memory_(memory) {
        KIDNEY_ASSERT(memory.bytes.size() >= memory_frames * page_size);
    }

    /// Resets and sets up the device at `port`. Nothing is in flight. Errors: no_device,
    /// not_supported.
    [[nodiscard]] Status start(std::uint16_t port) noexcept EXCLUDES(lock_) {
        using namespace virtio;
        LockGuard guard(lock_);
        port_ = port;
        const BlockFeatures offered = BlockFeatures::from(begin(io_, port_));
        has_flush_ = offered.get<BlockFeatures::CanFlush>();
        is_read_only_ = offered.get<BlockFeatures::IsReadOnly>();
        const auto accepted =
            BlockFeatures{}
                .with<BlockFeatures::CanFlush>(has_flush_)
                .template with<BlockFeatures::IsReadOnly>(is_read_only_)
                .template with<BlockFeatures::CanDiscard>(offered.get<BlockFeatures::CanDiscard>())
                .template with<BlockFeatures::CanZero>(offered.get<BlockFeatures::CanZero>())
                .template with<BlockFeatures::SegmentsLimited>(
                    offered.get<BlockFeatures::SegmentsLimited>());
        accept(io_, port_, accepted.raw);
        const std::uint16_t size = TRY(attach_queue(io_, port_, queue_, memory_, min_queue));
        segments_ = std::min<std::uint32_t>(max_segments, size - 2U);
        if (offered.get<BlockFeatures::SegmentsLimited>()) {
            segments_ = std::max(1U, std::min(segments_, SegmentsMax::read(io_, port_).raw));
        }
        sectors_ = CapacityLow::read(io_, port_).raw |
                   std::uint64_t{CapacityHigh::read(io_, port_).raw} << 32;
        discards_.ask(io_, port_, accepted);
        be_ready(io_, port_);
        is_working_ = true;
        return {};
    }

    /// From the interrupt handler. True if the interrupt was ours; reading the register also takes
    /// the level-triggered line down.
    bool on_interrupt() noexcept EXCLUDES(lock_) {
        using namespace virtio;
        if (!InterruptStatus::read(io_, port_).template get<InterruptBits::Queue>()) {
            return false;
        }
        complete_ended();
        return true;
    }

    void submit(fs::BlockRequest& request) noexcept EXCLUDES(lock_) {
        Status allowed = check_request(*this, request);
        if (allowed) {
            allowed = discards_.check(request);
        }
        if (!allowed || is_nothing_to_do(request)) {
            request.complete(allowed);
            return;
        }
        {
            LockGuard guard(lock_);
            waiting_.push_back(request);
            issue_waiting();
        }
        complete_ended();
    }
    /// Finds what has ended without an interrupt, and gives the device up that does not answer.
    void poll() noexcept EXCLUDES(lock_) {
        complete_ended();
        {
            LockGuard guard(lock_);
            if (is_working_ && is_overdue()) {
                give_up(Errc::timed_out);
            }
        }
        complete_ended();
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return sector_size; }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return sectors_; }
    [[nodiscard]] bool is_read_only() const noexcept { return is_read_only_; }

private:
    static constexpr std::uint32_t sector_size = 512;
    static constexpr std::uint32_t max_segments = 64;
    static constexpr Duration patience = Duration::seconds(10);

    /// What the device reads and writes beside the data: one for each slot, in one page.
    struct Exchange {
        virtio::RequestHeader header;
        virtio::DiscardedSectors discarded;
        std::uint8_t status;
        std::array<std::uint8_t, 15> unused;
    };
    static_assert(sizeof(Exchange) * slots <= page_size);
    static constexpr std::size_t exchange_offset = (memory_frames - 1 - slots) * page_size;
    static constexpr std::size_t bounce_offset = exchange_offset + page_size;

    /// A request that the device has, or a part of it: one chain at a time.
    struct Slot {
        fs::BlockRequest* request = nullptr;  ///< null: free
        std::size_t buffer = 0;               ///< the chain begins there ...
        std::size_t offset = 0;               ///< ... in this byte of it ...
        fs::BlockIndex block;                 ///< ... and in this block of the disk
        std::size_t moving = 0;               ///< bytes of the chain
        std::uint32_t discarding = 0;         ///< blocks of the chain
        bool is_bounced = false;
        bool is_flushing = false;  ///< the request is a flush, or a durable write has come so far
        Instant since;
    };
    struct Ended {
        fs::BlockRequest* request;
        Status outcome;
    };

    [[nodiscard]] bool is_nothing_to_do(const fs::BlockRequest& request) const noexcept {
        return request.operation == fs::BlockOperation::flush
                   ? !has_flush_  // then the device writes through
               : request.moves_data() ? request.bytes() == 0
                                      : request.discarded == 0;
    }
    [[nodiscard]] std::size_t exchange_at(std::size_t slot) const noexcept {
        return exchange_offset + slot * sizeof(Exchange);
    }
    [[nodiscard]] PhysAddr address_of(std::size_t offset) const noexcept {
        return memory_.address + static_cast<std::uint32_t>(offset);
    }
    [[nodiscard]] std::byte* bounce(std::size_t slot) const noexcept {
        return memory_.bytes.data() + bounce_offset + slot * page_size;
    }

    void issue_waiting() noexcept REQUIRES(lock_) {
        for (std::size_t n = 0; n < slots && is_working_ && !waiting_.empty(); ++n) {
            if (queue_.free() < 3) {
                return;  // a chain that ends makes room
            }
            if (slots_[n].request == nullptr) {
                fs::BlockRequest& request = waiting_.front();
                waiting_.pop_front();
                slots_[n] = {};
                slots_[n].request = &request;
                slots_[n].block = request.first;
                slots_[n].is_flushing = request.operation == fs::BlockOperation::flush;
                issue(n);
            }
        }
    }
    /// Offers the next chain of a slot: header, data, status. Three descriptors are free.
    void issue(std::size_t n) noexcept REQUIRES(lock_) {
        Slot& slot = slots_[n];
        const bool moves = !slot.is_flushing && slot.request->moves_data();
        const auto type =
            slot.is_flushing ? virtio::RequestType::flush : virtio::type_of(*slot.request);
        const auto discarded = discards_.next(*slot.request, slot.block);
        slot.discarding = discarded.count;
        const Exchange exchange{{type, 0, moves ? slot.block.value() : 0},
                                discarded,
                                static_cast<std::uint8_t>(virtio::RequestStatus::unwritten),
                                {}};
        std::memcpy(memory_.bytes.data() + exchange_at(n), &exchange, sizeof(exchange));
        const PhysAddr place = address_of(exchange_at(n));
        queue_.add(place + offsetof(Exchange, header), sizeof(exchange.header), false);
        slot.moving = 0;
        slot.is_bounced = false;
        if (slot.discarding > 0) {
            queue_.add(place + offsetof(Exchange, discarded), sizeof(exchange.discarded), false);
        } else if (moves) {
            add_data(n, std::min<std::uint32_t>(segments_, queue_.free() - 1U));
        }
        queue_.add(place + offsetof(Exchange, status), 1, true);
        slot_of_chain_[queue_.offer()] = static_cast<std::uint8_t>(n);
        slot.since = Clock::now();
        has_news_ = true;
    }
    /// As many buffers as the device takes at once, or a page of one that it does not reach.
    void add_data(std::size_t n, std::uint32_t most) noexcept REQUIRES(lock_) {
        Slot& slot = slots_[n];
        const bool device_writes = slot.request->operation == fs::BlockOperation::read;
        std::size_t offset = slot.offset;
        for (std::size_t b = slot.buffer; b < slot.request->buffers() && most > 0; ++b) {
            const auto rest = slot.request->buffer(b).subspan(offset);
            offset = 0;
            if (rest.empty()) {
                continue;
            }
            const auto address = dma_.physical(rest.data());
            if (address) {
                queue_.add(*address, static_cast<std::uint32_t>(rest.size()), device_writes);
                slot.moving += rest.size();
                --most;
                continue;
            }
            if (slot.moving == 0) {
                const std::size_t length = std::min<std::size_t>(rest.size(), page_size);
                if (!device_writes) {
                    std::memcpy(bounce(n), rest.data(), length);
                }
                queue_.add(address_of(bounce_offset + n * page_size),
                           static_cast<std::uint32_t>(length), device_writes);
                slot.moving = length;
                slot.is_bounced = true;
            }
            return;
        }
    }

    /// Behind a chain that went well. False when there is no other one to follow.
    [[nodiscard]] bool advance(Slot& slot, std::size_t n) noexcept REQUIRES(lock_) {
        if (slot.is_flushing) {
            return false;
        }
        const fs::BlockRequest& request = *slot.request;
        if (slot.discarding > 0) {
            slot.block = slot.block + slot.discarding;
            return slot.block < request.first + request.discarded;
        }
        std::size_t moved = slot.moving;
        slot.block = slot.block + moved / sector_size;
        bool copies = slot.is_bounced && request.operation == fs::BlockOperation::read;
        while (slot.buffer < request.buffers()) {
            const std::size_t rest = request.buffer(slot.buffer).size() - slot.offset;
            const std::size_t part = std::min(rest, moved);
            if (copies && part > 0) {
                std::memcpy(request.to[slot.buffer].data() + slot.offset, bounce(n), part);
                copies = false;  // a bounced chain is a part of one buffer
            }
            moved -= part;
            if (part < rest) {
                slot.offset += part;
                return true;
            }
            ++slot.buffer;
            slot.offset = 0;
        }
        slot.is_flushing =
            request.is_durable && has_flush_ && request.operation == fs::BlockOperation::write;
        return slot.is_flushing;
    }

    /// A request that has ended, if any has.
    [[nodiscard]] std::optional<Ended> next_ended() noexcept REQUIRES(lock_) {
        while (is_working_) {
            const Result<std::optional<Virtqueue::Used>> used = queue_.take_used();
            if (!used) {
                give_up(Errc::io_error);
                break;
            }
            if (!*used) {
                return std::nullopt;
            }
            const std::size_t n = slot_of_chain_[(*used)->chain];
            Slot& slot = slots_[n];
            const Status outcome = outcome_of(n);
            if (outcome && advance(slot, n)) {
                issue(n);
                continue;
            }
            fs::BlockRequest* const request = std::exchange(slot.request, nullptr);
            issue_waiting();
            return Ended{request, outcome};
        }
        return next_given_up();
    }
    [[nodiscard]] Status outcome_of(std::size_t n) const noexcept {
        std::uint8_t status = 0;
        std::memcpy(&status, memory_.bytes.data() + exchange_at(n) + offsetof(Exchange, status),
                    sizeof(status));
        switch (virtio::RequestStatus{status}) {
            case virtio::RequestStatus::done:
                return {};
            case virtio::RequestStatus::unknown_type:
                return fail(Errc::not_supported);
            case virtio::RequestStatus::failed:
            case virtio::RequestStatus::unwritten:
                break;
        }
        return fail(Errc::io_error);
    }

    [[nodiscard]] bool is_overdue() const noexcept REQUIRES(lock_) {
        const Instant now = Clock::now();
        return std::ranges::any_of(slots_, [now](const Slot& slot) noexcept {
            return slot.request != nullptr && now - slot.since > patience;
        });
    }
    /// The device may still write into our buffers: only a reset stops it, and ends this disk.
    void give_up(Errc why) noexcept REQUIRES(lock_) {
        virtio::reset(io_, port_);
        is_working_ = false;
        why_ = why;
    }
    /// What a device leaves behind that does not work any more.
    [[nodiscard]] std::optional<Ended> next_given_up() noexcept REQUIRES(lock_) {
        for (Slot& slot : slots_) {
            if (slot.request != nullptr) {
                return Ended{std::exchange(slot.request, nullptr), fail(why_)};
            }
        }
        if (!waiting_.empty()) {
            fs::BlockRequest& request = waiting_.front();
            waiting_.pop_front();
            return Ended{&request, fail(why_)};
        }
        why_ = Errc::io_error;  // what comes from now on is not late
        return std::nullopt;
    }

    void complete_ended() noexcept EXCLUDES(lock_) {
        for (;;) {
            std::optional<Ended> ended;
            bool has_news = false;
            {
                LockGuard guard(lock_);
                ended = next_ended();
                has_news = std::exchange(has_news_, false) && is_working_;
            }
            if (has_news) {
                virtio::notify(io_, port_);
            }
            if (ended) {
                ended->request->complete(ended->outcome);
            } else if (!has_news) {
                return;
            }
        }
    }

    Io& io_;
    Dma& dma_;
    const DmaMemory memory_;
    std::uint16_t port_ = 0;
    std::uint64_t sectors_ = 0;
    bool has_flush_ = false;
    bool is_read_only_ = false;
    virtio::DiscardLimits discards_;
    Lock lock_;
    Virtqueue queue_ GUARDED_BY(lock_);
    std::array<Slot, slots> slots_ GUARDED_BY(lock_){};
    std::array<std::uint8_t, max_queue> slot_of_chain_ GUARDED_BY(lock_){};
    fs::RequestList waiting_ GUARDED_BY(lock_);  ///< for a slot, or descriptors
    std::uint32_t segments_ GUARDED_BY(lock_) = 1;
    bool has_news_ GUARDED_BY(lock_) = false;  ///< the device is to be told to look
    bool is_working_ GUARDED_BY(lock_) = false;
    Errc why_ GUARDED_BY(lock_) = Errc::io_error;  ///< it does not
};

}  // namespace kidney::drivers
