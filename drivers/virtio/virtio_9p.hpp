/// virtio-9p over the legacy PCI interface: how a message of 9P gets to QEMU, and its reply back.
/// virtio 1.2, section 5.9 has the queue and the tag.
///
///     Virtio9p channel(io, memory);
///     TRY(channel.start(port_base));         // then it is a MessageChannel
///     on its interrupt: channel.on_interrupt();
///
/// One message at a time. What it brings is not looked at here; a device that says to have written
/// more than there was room for, or that says nothing for too long, is reset and not asked again.
#pragma once

#include "drivers/virtio/handshake.hpp"
#include "kidney/core/bounded.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "kidney/fs/message_channel.hpp"
#include "kidney/hal/clock.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::drivers {

namespace virtio {

inline constexpr std::uint16_t transitional_9p = 0x1009;
inline constexpr std::uint16_t modern_only_9p = 0x1049;

struct ShareFeatures : hal::Register<ShareFeatures, std::uint32_t> {
    using HasTag = hal::Field<ShareFeatures, 0, 0, bool>;
};
using TagLength = hal::At<Number<std::uint16_t>, device_registers, hal::ReadOnly>;
inline constexpr std::uint16_t tag_bytes = device_registers + 2;  ///< the first of them

}  // namespace virtio

/// Models `MessageChannel`. `Wait` is where the caller waits, as fs::CompletionWait. Concurrency:
/// as the contract says, and the interrupt handler; `Lock` is one that both may take.
template <hal::PortIo Io, hal::Clock Clock, BasicLockable Lock, class Wait>
class Virtio9p {
public:
    static constexpr std::size_t longest_tag = 32;
    static constexpr std::size_t most_bytes = std::size_t{32} << 10;  ///< of a message
    /// Memory that the driver needs: the queue, a request, a reply.
    static constexpr std::size_t memory_frames =
        (Virtqueue::bytes_needed(Virtqueue::max_size) + page_mask) / page_size +
        2 * most_bytes / page_size;

    Virtio9p(Io& io, DmaMemory memory) noexcept : io_(io), memory_(memory) {
        KIDNEY_ASSERT(memory.bytes.size() >= memory_frames * page_size);
    }

    /// Resets and sets up the device at `port`. Errors: no_device, not_supported (also: it has no
    /// tag, or one that is too long).
    [[nodiscard]] Status start(std::uint16_t port) noexcept EXCLUDES(lock_) {
        using namespace virtio;
        LockGuard guard(lock_);
        port_ = port;
        const ShareFeatures offered = ShareFeatures::from(begin(io_, port_));
        const std::uint16_t length = TagLength::read(io_, port_).raw;
        if (!offered.get<ShareFeatures::HasTag>() || length == 0 || length > longest_tag) {
            return fail(Errc::not_supported);
        }
        accept(io_, port_, ShareFeatures{}.with<ShareFeatures::HasTag>(true).raw);
        TRY(attach_queue(io_, port_, queue_, memory_, min_queue));
        for (std::uint16_t n = 0; n < length; ++n) {
            const auto letter =
                static_cast<char>(io_.read8(static_cast<std::uint16_t>(port_ + tag_bytes + n)));
            tag_.append({&letter, 1});
        }
        be_ready(io_, port_);
        is_working_ = true;
        return {};
    }
    /// What the folder is called outside.
    [[nodiscard]] std::string_view tag() const noexcept { return tag_.view(); }

    [[nodiscard]] std::size_t max_message() const noexcept { return most_bytes; }
    /// Errors: timed_out, io_error (it lies), invalid_argument (the request is too long); once it
    /// was given up, always that error.
    [[nodiscard]] Result<std::size_t> exchange(std::span<const std::byte> request,
                                               std::span<std::byte> reply) noexcept
        EXCLUDES(lock_) {
        if (request.empty() || request.size() > most_bytes || reply.empty()) {
            return fail(Errc::invalid_argument);
        }
        Wait wait;
        {
            LockGuard guard(lock_);
            if (!is_working_) {
                return fail(why_);
            }
            room_ = std::min(reply.size(), most_bytes);
            std::memcpy(memory_.bytes.data() + request_offset, request.data(), request.size());
            queue_.add(address_of(request_offset), static_cast<std::uint32_t>(request.size()),
                       false);
            queue_.add(address_of(reply_offset), static_cast<std::uint32_t>(room_), true);
            static_cast<void>(queue_.offer());  // there is no other
            waiting_ = &wait;
            since_ = Clock::now();
        }
        virtio::notify(io_, port_);
        wait.wait([this]() noexcept { poll(); });
        LockGuard guard(lock_);
        const std::size_t written = TRY(outcome_);
        std::memcpy(reply.data(), memory_.bytes.data() + reply_offset, written);
        return written;
    }
    /// From the interrupt handler. True if the interrupt was ours.
    bool on_interrupt() noexcept EXCLUDES(lock_) {
        using namespace virtio;
        if (!InterruptStatus::read(io_, port_).template get<InterruptBits::Queue>()) {
            return false;
        }
        look();
        return true;
    }

private:
    static constexpr std::uint16_t min_queue = 2;  ///< request, reply
    static constexpr Duration patience = Duration::seconds(10);
    static constexpr std::size_t reply_offset = memory_frames * page_size - most_bytes;
    static constexpr std::size_t request_offset = reply_offset - most_bytes;

    [[nodiscard]] PhysAddr address_of(std::size_t offset) const noexcept {
        return memory_.address + static_cast<std::uint32_t>(offset);
    }
    /// Without an interrupt; and gives up the device that does not answer.
    void poll() noexcept EXCLUDES(lock_) {
        look();
        Wait* ended = nullptr;
        {
            LockGuard guard(lock_);
            if (waiting_ != nullptr && Clock::now() - since_ > patience) {
                ended = give_up(Errc::timed_out);
            }
        }
        tell(ended);
    }
    /// Has the message ended?
    void look() noexcept EXCLUDES(lock_) {
        Wait* ended = nullptr;
        {
            LockGuard guard(lock_);
            if (!is_working_) {
                return;
            }
            const Result<std::optional<Virtqueue::Used>> used = queue_.take_used();
            if (!used || (*used && (*used)->written > room_)) {
                ended = give_up(Errc::io_error);
            } else if (*used) {
                outcome_ = std::size_t{(*used)->written};
                ended = std::exchange(waiting_, nullptr);
            }
        }
        tell(ended);
    }
    /// The device may still write into our memory: only a reset stops it.
    [[nodiscard]] Wait* give_up(Errc why) noexcept REQUIRES(lock_) {
        virtio::reset(io_, port_);
        is_working_ = false;
        why_ = why;
        outcome_ = fail(why);
        return std::exchange(waiting_, nullptr);
    }
    static void tell(Wait* ended) noexcept {
        if (ended != nullptr) {
            ended->notify();  // it may be gone now
        }
    }

    Io& io_;
    const DmaMemory memory_;
    std::uint16_t port_ = 0;
    BoundedText<longest_tag> tag_;
    Lock lock_;
    Virtqueue queue_ GUARDED_BY(lock_);
    bool is_working_ GUARDED_BY(lock_) = false;
    Errc why_ GUARDED_BY(lock_) = Errc::no_device;
    Wait* waiting_ GUARDED_BY(lock_) = nullptr;
    Instant since_ GUARDED_BY(lock_);
    std::size_t room_ GUARDED_BY(lock_) = 0;
    Result<std::size_t> outcome_ GUARDED_BY(lock_) = std::size_t{0};
};

}  // namespace kidney::drivers
