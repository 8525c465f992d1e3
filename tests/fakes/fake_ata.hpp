/// The primary ATA channel with one disk as master.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/hal/port_io.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kidney::fakes {

/// Models PortIo. The drive is busy for a few looks at its status after each command and sector.
class FakeAta {
public:
    explicit FakeAta(std::size_t sectors) : disk_(sectors * 512) {}

    // Knobs.
    bool is_present = true;
    bool is_stuck = false;  ///< stays busy for ever
    bool has_lba48 = true;
    unsigned late_looks = 0;  ///< after a command or sector, so many looks show the old status
    unsigned failing_commands = 0;
    std::uint64_t first_sector = 0;  ///< address of the first byte kept, to try large addresses
    // What it saw.
    std::uint64_t commands = 0;
    std::uint64_t flushes = 0;

    [[nodiscard]] std::uint8_t read8(std::uint16_t port) noexcept {
        if (!is_present) {
            return 0xFF;
        }
        switch (port) {
            case 0x1F4:
            case 0x1F5:
                return 0;
            case 0x1F7:
            case 0x3F6:
                return selected_ ? status() : std::uint8_t{0};
            default:
                return 0xFF;
        }
    }
    [[nodiscard]] std::uint16_t read16(std::uint16_t port) noexcept {
        KIDNEY_INVARIANT(port == 0x1F0 && phase_ == Phase::to_host && busy_ == 0, "ata: no data");
        const std::uint16_t word = identifying_ ? identify_[at_ / 2] : disk_word(at_);
        advance();
        return word;
    }
    [[nodiscard]] std::uint32_t read32(std::uint16_t) noexcept { return 0xFFFF'FFFF; }
    void write8(std::uint16_t port, std::uint8_t value) noexcept {
        switch (port) {
            case 0x1F2:
                count_ = static_cast<std::uint16_t>(count_ << 8 | value);
                break;
            case 0x1F3:
            case 0x1F4:
            case 0x1F5: {
                std::uint16_t& pair = lba_[port - 0x1F3U];
                pair = static_cast<std::uint16_t>(pair << 8 | value);
                break;
            }
            case 0x1F6:
                selected_ = (value & 0x10U) == 0;
                lba_top_ = value & 0xFU;
                break;
            case 0x1F7:
                if (selected_) {
                    start(value);
                }
                break;
            default:
                break;
        }
    }
    void write16(std::uint16_t port, std::uint16_t value) noexcept {
        KIDNEY_INVARIANT(port == 0x1F0 && phase_ == Phase::from_host && busy_ == 0,
                         "ata: data not wanted");
        const std::size_t offset = static_cast<std::size_t>(position_) * 512 + at_;
        disk_[offset] = static_cast<std::byte>(value);
        disk_[offset + 1] = static_cast<std::byte>(value >> 8);
        advance();
    }
    void write32(std::uint16_t, std::uint32_t) noexcept {}

private:
    enum class Phase : std::uint8_t { idle, to_host, from_host };

    [[nodiscard]] std::uint8_t status() noexcept {
        if (is_stuck) {
            return 0x80;
        }
        if (late_ > 0) {
            --late_;
            return old_status_;
        }
        if (busy_ > 0) {
            --busy_;
            return 0x80;
        }
        return present_status();
    }
    [[nodiscard]] std::uint8_t present_status() const noexcept {
        return static_cast<std::uint8_t>(0x40U | (phase_ == Phase::idle ? 0U : 8U) |
                                         (error_ ? 1U : 0U));
    }
    [[nodiscard]] std::uint16_t disk_word(std::size_t at) const noexcept {
        const std::size_t offset = static_cast<std::size_t>(position_) * 512 + at;
        return static_cast<std::uint16_t>(std::to_integer<unsigned>(disk_[offset]) |
                                          std::to_integer<unsigned>(disk_[offset + 1]) << 8);
    }
    void become_busy(unsigned looks) noexcept {
        old_status_ = present_status();
        late_ = late_looks;
        busy_ = looks;
    }
    void start(std::uint8_t command) noexcept {
        ++commands;
        become_busy(3);
        at_ = 0;
        error_ = false;
        identifying_ = command == 0xEC;
        phase_ = Phase::idle;
        if (failing_commands > 0 && !identifying_) {
            --failing_commands;
            error_ = true;
            return;
        }
        if (identifying_) {
            describe();
            left_ = 1;
            phase_ = Phase::to_host;
            return;
        }
        if (command == 0xE7 || command == 0xEA) {
            ++flushes;
            return;
        }
        const bool is_long = command == 0x24 || command == 0x34;
        KIDNEY_INVARIANT(is_long || command == 0x20 || command == 0x30, "ata: unknown command");
        KIDNEY_INVARIANT(!is_long || has_lba48, "ata: 48-bit command to a 28-bit drive");
        std::uint64_t lba = (lba_[0] & 0xFFU) | (lba_[1] & 0xFFU) << 8 | (lba_[2] & 0xFFU) << 16;
        left_ = count_ & 0xFFU;
        if (is_long) {
            lba |= std::uint64_t{lba_[0] & 0xFF00U} << 16 | std::uint64_t{lba_[1] & 0xFF00U} << 24 |
                   std::uint64_t{lba_[2] & 0xFF00U} << 32;
            left_ = count_;
        } else {
            lba |= std::uint64_t{lba_top_} << 24;
        }
        left_ = left_ == 0 ? (is_long ? 65536U : 256U) : left_;
        KIDNEY_INVARIANT(lba >= first_sector && lba - first_sector + left_ <= disk_.size() / 512,
                         "ata: address outside of the disk");
        position_ = lba - first_sector;
        phase_ = command == 0x20 || command == 0x24 ? Phase::to_host : Phase::from_host;
    }
    void advance() noexcept {
        at_ += 2;
        if (at_ == 512) {
            at_ = 0;
            ++position_;
            become_busy(2);
            if (--left_ == 0) {
                phase_ = Phase::idle;
            }
        }
    }
    void describe() noexcept {
        const std::uint64_t sectors = first_sector + disk_.size() / 512;
        identify_ = {};
        identify_[49] = 0x0200;
        const std::uint64_t small = sectors < 0x0FFF'FFFF ? sectors : 0x0FFF'FFFF;
        identify_[60] = static_cast<std::uint16_t>(small);
        identify_[61] = static_cast<std::uint16_t>(small >> 16);
        if (has_lba48) {
            identify_[83] = 0x0400;
            identify_[100] = static_cast<std::uint16_t>(sectors);
            identify_[101] = static_cast<std::uint16_t>(sectors >> 16);
            identify_[102] = static_cast<std::uint16_t>(sectors >> 32);
        }
    }

    std::vector<std::byte> disk_;
    std::array<std::uint16_t, 256> identify_{};
    std::array<std::uint16_t, 3> lba_{};
    std::uint16_t count_ = 0;
    std::uint8_t lba_top_ = 0;
    bool selected_ = true;
    bool identifying_ = false;
    bool error_ = false;
    Phase phase_ = Phase::idle;
    unsigned busy_ = 0;
    unsigned late_ = 0;
    std::uint8_t old_status_ = 0;
    std::uint32_t left_ = 0;
    std::uint64_t position_ = 0;
    std::size_t at_ = 0;
};

static_assert(hal::PortIo<FakeAta>);

}  // namespace kidney::fakes
