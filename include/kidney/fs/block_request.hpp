/// The `RequestDevice` contract: storage that is asked now and answers later.
///
/// What a disk really is: it has several requests at once, ends them in an order of its own, says
/// so by an interrupt, and sometimes says nothing. Drivers, queues and wrappers speak this; file
/// systems hold a `BlockDevice`, which `WaitingDevice` makes of it.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/block_device.hpp"

#include <boost/intrusive/list.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

enum class BlockOperation : std::uint8_t { read, write, flush, discard };

/// One wish, in memory of whoever has it. From submit() to its completion it, its lists of buffers
/// and the buffers belong to the device; afterwards it is as before and may be submitted again.
class BlockRequest {
public:
    /// How a request ended. May come from an interrupt: it does not sleep. No lock of the device is
    /// held.
    using Upcall = void (*)(void* who, BlockRequest& request, Status outcome) noexcept;

    BlockOperation operation = BlockOperation::read;
    /// Of a write: it survives loss of power once it is complete (FUA).
    bool is_durable = false;
    BlockIndex first;
    /// Where to, of a read: one run of blocks on the device, any number of buffers. Each is whole
    /// blocks.
    std::span<const std::span<std::byte>> to;
    std::span<const std::span<const std::byte>> from;  ///< of a write, the same
    std::uint64_t discarded = 0;                       ///< blocks, of a discard
    Discarded discarded_to = Discarded::anything;      ///< what they hold afterwards

    /// For whoever has the request at the moment.
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>
        hook;

    /// Who hears of the end. Each layer that wants to puts itself before those that it serves, so
    /// the last one to ask is the first one to hear.
    void on_completion(Upcall upcall, void* who) noexcept {
        KIDNEY_INVARIANT(waiting_ < max_layers, "block request: too many layers");
        listeners_[waiting_++] = {upcall, who};
    }
    /// The device is through with it. Nothing of the request may be touched afterwards.
    void complete(Status outcome) noexcept {
        KIDNEY_INVARIANT(waiting_ > 0, "block request: completed twice");
        const Listener next = listeners_[--waiting_];
        next.upcall(next.who, *this, outcome);
    }

    [[nodiscard]] bool moves_data() const noexcept {
        return operation == BlockOperation::read || operation == BlockOperation::write;
    }
    [[nodiscard]] std::size_t buffers() const noexcept {
        return operation == BlockOperation::read    ? to.size()
               : operation == BlockOperation::write ? from.size()
                                                    : 0;
    }
    [[nodiscard]] std::span<const std::byte> buffer(std::size_t n) const noexcept {
        return operation == BlockOperation::read ? std::span<const std::byte>(to[n]) : from[n];
    }
    /// Bytes to move.
    [[nodiscard]] std::uint64_t bytes() const noexcept {
        std::uint64_t sum = 0;
        for (std::size_t n = 0; n < buffers(); ++n) {
            sum += buffer(n).size();
        }
        return sum;
    }

private:
    static constexpr std::size_t max_layers = 6;
    struct Listener {
        Upcall upcall;
        void* who;
    };
    std::array<Listener, max_layers> listeners_{};
    std::size_t waiting_ = 0;
};

/// Requests in a row; linking cannot fail.
using RequestList = boost::intrusive::list<
    BlockRequest,
    boost::intrusive::member_hook<BlockRequest, decltype(BlockRequest::hook), &BlockRequest::hook>,
    boost::intrusive::constant_time_size<false>>;

/// Storage that works on several requests at once. No order is promised among those that are in
/// flight together.
///   Q1 each submitted request completes exactly once: inside submit() or poll(), or from an
///      interrupt. A completion may submit again, also the same request
///   Q2 a read sees every write that had completed before the read was submitted
///   Q3 one run of blocks, any number of buffers: the buffers' bytes are the blocks' in order; a
///      request of no blocks succeeds
///   Q4 a range outside the device fails with out_of_range, a write or discard to what cannot be
///      written with read_only, an operation that the device does not have with not_supported:
///      nothing is transferred
///   Q5 a flush covers every write that had completed before the flush was submitted, a durable
///      write itself: they survive loss of power
///   Q6 a failed write leaves each of its blocks old or new; other blocks never change
///   Q7 nothing is in flight for ever: whoever waits calls poll() now and then; it finds what has
///      ended without an interrupt, and ends with timed_out what the device does not answer, after
///      which the device does not touch the buffers any more
///   Q8 after a discard its blocks hold what it asked for, anything or zeros; others never change
/// block_size() and block_count() as for `BlockDevice`. Errors besides: io_error. Concurrency: any
/// thread and interrupt handlers; nothing sleeps.
template <class D>
concept RequestDevice = requires(D& device, const D& cdevice, BlockRequest& request) {
    { device.submit(request) } noexcept -> std::same_as<void>;
    { device.poll() } noexcept -> std::same_as<void>;
    { cdevice.block_size() } noexcept -> std::same_as<std::uint32_t>;
    { cdevice.block_count() } noexcept -> std::same_as<std::uint64_t>;
};

/// Every write would fail with read_only. Devices that do not say can be written.
template <class D>
[[nodiscard]] bool is_read_only(const D& device) noexcept {
    if constexpr (requires {
                      { device.is_read_only() } -> std::same_as<bool>;
                  }) {
        return device.is_read_only();
    } else {
        return false;
    }
}

/// Law Q4 for the models, as far as all devices agree; whether there is a discard is the device's
/// own affair.
template <class D>
[[nodiscard]] Status check_request(const D& device, const BlockRequest& request) noexcept {
    if (request.operation == BlockOperation::flush) {
        return {};
    }
    const bool is_discard = request.operation == BlockOperation::discard;
    const std::uint64_t bytes = request.bytes();
    KIDNEY_ASSERT(bytes % device.block_size() == 0);
    TRY(check_blocks(device, request.first,
                     is_discard ? request.discarded : bytes / device.block_size()));
    if (request.operation != BlockOperation::read && is_read_only(device)) {
        return fail(Errc::read_only);
    }
    return {};
}

}  // namespace kidney::fs
