/// A CD drive on an ATA channel: packets that are SCSI commands. ATA/ATAPI-6, section 9.7; SPC-3
/// and MMC-4 for the commands.
///
///     AtapiDrive cd(channel, ata::Unit::master);
///     const auto changed = cd.look();       // before it is used, and whenever nobody does
///     then it is a RequestDevice that cannot be written
#pragma once

#include "drivers/block/ata_transfer.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/block_request.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace kidney::drivers {

/// Models `RequestDevice`. Concurrency: as the channel; look() sleeps as `Wait` does, its callers
/// take turns, and nobody uses the drive meanwhile.
template <class Channel, class Wait, BasicLockable Lock>
class AtapiDrive {
public:
    AtapiDrive(Channel& channel, ata::Unit unit) noexcept : channel_(channel), unit_(unit) {}

    /// Is there a medium, and how large? True: it is another one than at the last look. Errors:
    /// no_device (there is none), io_error, timed_out.
    [[nodiscard]] Result<bool> look() noexcept {
        constexpr unsigned most_attempts = 8;
        bool has_changed = false;
        for (unsigned n = 0; n < most_attempts; ++n) {
            if (ask(command(test_unit_ready), {})) {
                const bool is_other = TRY(measure());
                return has_changed || is_other;
            }
            std::array<std::byte, 18> sense{};
            TRY(ask(command(request_sense, sense.size()), sense));
            const auto key = std::to_integer<std::uint8_t>(sense[2]) & 0xFU;
            if (key == not_ready && std::to_integer<std::uint8_t>(sense[12]) == medium_missing) {
                blocks_ = 0;
                return fail(Errc::no_device);
            }
            has_changed = has_changed || key == unit_attention;
        }
        blocks_ = 0;
        return fail(Errc::io_error);
    }

    void submit(fs::BlockRequest& request) noexcept EXCLUDES(lock_) {
        const Status allowed = check_request(*this, request);
        if (!allowed || request.operation != fs::BlockOperation::read || request.bytes() == 0) {
            request.complete(allowed);
            return;
        }
        {
            LockGuard guard(lock_);
            waiting_.push_back(request);
        }
        go_on();
    }
    void poll() noexcept { channel_.poll(); }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return cd_block; }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return blocks_; }
    [[nodiscard]] bool is_read_only() const noexcept { return true; }

private:
    using Packet = std::array<std::byte, 12>;
    static constexpr std::uint32_t cd_block = 2048;
    static constexpr std::uint8_t test_unit_ready = 0x00, request_sense = 0x03,
                                  read_capacity = 0x25, read_12 = 0xA8;
    static constexpr std::uint8_t not_ready = 2, unit_attention = 6, medium_missing = 0x3A;

    [[nodiscard]] static Packet command(std::uint8_t code, std::size_t length = 0) noexcept {
        Packet packet{};
        packet[0] = static_cast<std::byte>(code);
        packet[4] = static_cast<std::byte>(length);
        return packet;
    }
    /// Numbers of SCSI begin with their upper byte.
    static void put_number(std::span<std::byte, 4> to, std::uint32_t value) noexcept {
        for (std::size_t n = 0; n < 4; ++n) {
            to[n] = static_cast<std::byte>(value >> (24 - 8 * n));
        }
    }
    [[nodiscard]] static std::uint32_t number_at(std::span<const std::byte, 4> from) noexcept {
        std::uint32_t value = 0;
        for (const std::byte byte : from) {
            value = value << 8 | std::to_integer<std::uint32_t>(byte);
        }
        return value;
    }

    /// True: it has another size. Errors: io_error (also blocks that are not 2048 bytes).
    [[nodiscard]] Result<bool> measure() noexcept {
        std::array<std::byte, 8> answer{};
        TRY(ask(command(read_capacity), answer));
        const std::span<const std::byte, 8> numbers(answer);
        if (number_at(numbers.template subspan<4, 4>()) != cd_block) {
            return fail(Errc::io_error);
        }
        const std::uint64_t blocks = std::uint64_t{number_at(numbers.template first<4>())} + 1;
        return blocks_.exchange(blocks) != blocks;
    }
    /// One command that answers with `to`, or with less.
    [[nodiscard]] Status ask(const Packet& packet, std::span<std::byte> to) noexcept {
        struct Call {
            Wait wait;
            Status outcome;
        } call;
        AtaPacket request;
        request.command = packet;
        request.may_be_short = true;
        request.to = std::span(&to, 1);
        request.on_completion(
            [](void* who, fs::BlockRequest&, Status outcome) noexcept {
                auto& waiting = *static_cast<Call*>(who);
                waiting.outcome = outcome;
                waiting.wait.notify();  // `waiting` may be gone now
            },
            &call);
        channel_.submit(unit_, request);
        call.wait.wait([this]() noexcept { channel_.poll(); });
        return call.outcome;
    }

    /// One read at a time has our packet.
    void go_on() noexcept EXCLUDES(lock_) {
        {
            LockGuard guard(lock_);
            if (reading_ != nullptr || waiting_.empty()) {
                return;
            }
            reading_ = &waiting_.front();
            waiting_.pop_front();
            packet_.command = command(read_12);
            const std::span<std::byte, 12> bytes(packet_.command);
            put_number(bytes.template subspan<2, 4>(),
                       static_cast<std::uint32_t>(reading_->first.value()));
            put_number(bytes.template subspan<6, 4>(),
                       static_cast<std::uint32_t>(reading_->bytes() / cd_block));
            packet_.to = reading_->to;
            packet_.on_completion(&was_read, this);
        }
        channel_.submit(unit_, packet_);
    }
    static void was_read(void* who, fs::BlockRequest&, Status outcome) noexcept {
        auto& self = *static_cast<AtapiDrive*>(who);
        fs::BlockRequest* read = nullptr;
        {
            LockGuard guard(self.lock_);
            read = std::exchange(self.reading_, nullptr);
        }
        read->complete(outcome);
        self.go_on();
    }

    Channel& channel_;
    const ata::Unit unit_;
    std::atomic<std::uint64_t> blocks_{0};
    Lock lock_;
    AtaPacket packet_;  ///< that of `reading_`
    fs::BlockRequest* reading_ GUARDED_BY(lock_) = nullptr;
    fs::RequestList waiting_ GUARDED_BY(lock_);
};

}  // namespace kidney::drivers
