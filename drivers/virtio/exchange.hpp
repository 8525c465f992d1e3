/// A legacy virtio device that answers: a request goes out, a reply comes back, one at a time.
///
///     VirtioExchange channel(io, memory, {most_asked, most_answered});
///     on its start, between accept() and be_ready():  TRY(channel.attach(port));
///     on its interrupt:                               channel.on_interrupt();
///
/// What a reply says is not looked at here; a device that says to have written more than there was
/// room for, or that says nothing for too long, is reset and not asked again. virtio 1.2, section
/// 2.7.
#pragma once

#include "drivers/virtio/handshake.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "kidney/hal/clock.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

namespace kidney::drivers {

/// `Wait` is where the caller waits, as fs::CompletionWait. Concurrency: callers of exchange() take
/// turns; the interrupt handler comes at any time; `Lock` is one that both may take.
template <hal::PortIo Io, hal::Clock Clock, BasicLockable Lock, class Wait>
class VirtioExchange {
public:
    /// Bytes of the longest request, which may be none, and of the longest reply.
    struct Sizes {
        std::size_t request, reply;
    };
    /// Frames that it needs: the queue, a request, a reply.
    [[nodiscard]] static constexpr std::size_t memory_frames(Sizes most) noexcept {
        return (Virtqueue::bytes_needed(Virtqueue::max_size) + page_mask) / page_size +
               frames_of(most.request) + frames_of(most.reply);
    }

    VirtioExchange(Io& io, DmaMemory memory, Sizes most) noexcept
        : io_(io), memory_(memory), most_(most) {
        KIDNEY_ASSERT(memory.bytes.size() >= memory_frames(most) * page_size);
    }

    /// The device at `port` gets its queue, and is asked from now on. Errors: no_device,
    /// not_supported.
    [[nodiscard]] Status attach(std::uint16_t port) noexcept EXCLUDES(lock_) {
        constexpr std::uint16_t least = 2;  // request, reply
        LockGuard guard(lock_);
        port_ = port;
        TRY(virtio::attach_queue(io_, port_, queue_, memory_, least));
        is_working_ = true;
        return {};
    }
    /// Bytes of the reply, which are in `reply`. `request` may be empty. Errors: timed_out,
    /// io_error (it lies), invalid_argument (a request that is too long, no room for a reply); once
    /// it was given up, always that error.
    [[nodiscard]] Result<std::size_t> exchange(std::span<const std::byte> request,
                                               std::span<std::byte> reply) noexcept
        EXCLUDES(lock_) {
        if (request.size() > most_.request || reply.empty()) {
            return fail(Errc::invalid_argument);
        }
        Wait wait;
        {
            LockGuard guard(lock_);
            if (!is_working_) {
                return fail(why_);
            }
            room_ = std::min(reply.size(), most_.reply);
            if (!request.empty()) {
                std::memcpy(request_place().data(), request.data(), request.size());
                queue_.add(address_of(request_place()), static_cast<std::uint32_t>(request.size()),
                           false);
            }
            queue_.add(address_of(reply_place()), static_cast<std::uint32_t>(room_), true);
            static_cast<void>(queue_.offer());  // there is no other
            waiting_ = &wait;
            since_ = Clock::now();
        }
        virtio::notify(io_, port_);
        wait.wait([this]() noexcept { poll(); });
        LockGuard guard(lock_);
        const std::size_t written = TRY(outcome_);
        std::memcpy(reply.data(), reply_place().data(), written);
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
    static constexpr Duration patience = Duration::seconds(10);

    [[nodiscard]] static constexpr std::size_t frames_of(std::size_t bytes) noexcept {
        return (bytes + page_mask) / page_size;
    }
    // The last pages of the memory; the queue has the first.
    [[nodiscard]] std::span<std::byte> reply_place() const noexcept {
        return memory_.bytes.last(frames_of(most_.reply) * page_size);
    }
    [[nodiscard]] std::span<std::byte> request_place() const noexcept {
        return memory_.bytes.last((frames_of(most_.request) + frames_of(most_.reply)) * page_size);
    }
    [[nodiscard]] PhysAddr address_of(std::span<const std::byte> place) const noexcept {
        return memory_.address + static_cast<std::uint32_t>(place.data() - memory_.bytes.data());
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
    const Sizes most_;
    std::uint16_t port_ = 0;
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
