/// The primary ATA channel with two drives, and a bus master at ports 0xC000 on.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/hal/port_io.hpp"
#include "sim/ram_arena.hpp"
#include "tests/fakes/fake_cd.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace kidney::fakes {

/// Models PortIo. A drive is busy for a few looks at its status after each command and sector; the
/// bus master moves everything when a few looks at its own status have passed. What an interrupt
/// would say is in `interrupts`.
class FakeAta {
public:
    struct Drive : FakeCd::Knobs {
        explicit Drive(std::size_t sectors = 0) : disk(sectors * 512) {}
        std::vector<std::byte> disk;  ///< empty: there is none
        bool has_lba48 = true;
        bool has_dma = true;
        bool is_stuck = false;           ///< stays busy for ever, after the next command
        std::uint64_t first_sector = 0;  ///< address of the first byte kept, to try large ones
        std::uint64_t commands = 0, flushes = 0, by_master = 0;
    };

    explicit FakeAta(std::size_t sectors, std::size_t of_slave = 0, sim::RamArena* memory = nullptr)
        : drives{Drive(sectors), Drive(of_slave)}, memory_(memory) {}

    // Knobs.
    std::array<Drive, 2> drives;   ///< master and slave
    bool is_floating = false;      ///< nothing is connected
    bool master_is_stuck = false;  ///< the bus master never ends
    bool master_fails = false;     ///< ... with an error, after one region
    unsigned late_looks = 0;       ///< after a command or sector, so many looks show the old status
    unsigned failing_commands = 0;
    // What it saw.
    std::uint64_t interrupts = 0;  ///< that are not taken back
    std::uint64_t resets = 0;

    static constexpr std::uint16_t bus_master = 0xC000;

    [[nodiscard]] std::uint8_t read8(std::uint16_t port) noexcept {
        if (is_floating) {
            return 0xFF;
        }
        switch (port) {
            case 0x1F4:
                return static_cast<std::uint8_t>(signature_);
            case 0x1F5:
                return static_cast<std::uint8_t>(signature_ >> 8);
            case 0x1F7:
                interrupts = 0;
                [[fallthrough]];
            case 0x3F6:
                return selected().disk.empty() ? std::uint8_t{0} : status();
            case bus_master + 2:
                return master_status();
            default:
                return 0xFF;
        }
    }
    [[nodiscard]] std::uint16_t read16(std::uint16_t port) noexcept {
        KIDNEY_INVARIANT(port == 0x1F0 && phase_ == Phase::to_host && busy_ == 0, "ata: no data");
        if (chunk_ > 0) {
            return answer_word();
        }
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
                KIDNEY_INVARIANT(phase_ == Phase::idle, "ata: selected amidst a command");
                selected_ = (value & 0x10U) != 0 ? 1 : 0;
                lba_top_ = value & 0xFU;
                break;
            case 0x1F7:
                if (!selected().disk.empty()) {
                    start(value);
                }
                break;
            case 0x3F6:
                if ((value & 4U) != 0) {
                    ++resets;
                    phase_ = Phase::idle;
                    error_ = false;
                    become_busy(5);
                }
                break;
            case bus_master:
                master_ = value;
                master_looks_ = 2;
                break;
            case bus_master + 2:
                master_state_ &= static_cast<std::uint8_t>(~(value & 6U));
                break;
            default:
                break;
        }
    }
    void write16(std::uint16_t port, std::uint16_t value) noexcept {
        KIDNEY_INVARIANT(port == 0x1F0 && phase_ == Phase::from_host && busy_ == 0,
                         "ata: data not wanted");
        if (selected().is_packet) {
            packet_[at_] = static_cast<std::uint8_t>(value);
            packet_[at_ + 1] = static_cast<std::uint8_t>(value >> 8);
            at_ += 2;
            if (at_ == packet_.size()) {
                become_busy(2);
                run_packet();
            }
            return;
        }
        std::byte* const to = place(at_);
        to[0] = static_cast<std::byte>(value);
        to[1] = static_cast<std::byte>(value >> 8);
        advance();
    }
    void write32(std::uint16_t port, std::uint32_t value) noexcept {
        if (port == bus_master + 4) {
            table_ = value;
        }
    }

private:
    enum class Phase : std::uint8_t { idle, to_host, from_host, by_master };

    [[nodiscard]] Drive& selected() noexcept { return drives[selected_]; }
    [[nodiscard]] std::byte* place(std::size_t at) noexcept {
        return selected().disk.data() + static_cast<std::size_t>(position_) * 512 + at;
    }
    [[nodiscard]] std::uint8_t status() noexcept {
        if (selected().is_stuck) {
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
        return phase_ == Phase::by_master ? std::uint8_t{0x80} : present_status();
    }
    [[nodiscard]] std::uint8_t present_status() const noexcept {
        return static_cast<std::uint8_t>(0x40U | (phase_ == Phase::idle ? 0U : 8U) |
                                         (error_ ? 1U : 0U));
    }
    [[nodiscard]] std::uint16_t disk_word(std::size_t at) noexcept {
        const std::byte* const from = place(at);
        return static_cast<std::uint16_t>(std::to_integer<unsigned>(from[0]) |
                                          std::to_integer<unsigned>(from[1]) << 8);
    }
    void become_busy(unsigned looks) noexcept {
        old_status_ = present_status();
        late_ = late_looks;
        busy_ = looks;
    }
    void start(std::uint8_t command) noexcept {
        Drive& drive = selected();
        KIDNEY_INVARIANT(phase_ == Phase::idle, "ata: a command amidst another");
        ++drive.commands;
        become_busy(3);
        at_ = 0;
        error_ = false;
        identifying_ = command == 0xEC || command == 0xA1;
        signature_ = drive.is_packet ? 0xEB14 : 0;
        if (drive.is_packet && command == 0xEC) {
            error_ = true;
            return;
        }
        if (command == 0xA0) {
            phase_ = Phase::from_host;
            limit_ = (lba_[1] & 0xFFU) | (lba_[2] & 0xFFU) << 8;
            return;
        }
        if (failing_commands > 0 && !identifying_) {
            --failing_commands;
            error_ = true;
            interrupt();
            return;
        }
        if (identifying_) {
            describe();
            left_ = 1;
            phase_ = Phase::to_host;
            return;
        }
        if (command == 0xE7 || command == 0xEA) {
            ++drive.flushes;
            interrupt();
            return;
        }
        start_transfer(command);
    }
    void run_packet() noexcept {
        Drive& drive = selected();
        error_ = !cd_.answer(packet_, drive, drive.disk, failing_commands);
        answered_ = 0;
        next_chunk();
    }
    void next_chunk() noexcept {
        chunk_ = std::min({limit_, selected().at_a_time, cd_.bytes().size() - answered_});
        signature_ = static_cast<std::uint16_t>(chunk_);
        phase_ = chunk_ > 0 ? Phase::to_host : Phase::idle;
        interrupt();
    }
    [[nodiscard]] std::uint16_t answer_word() noexcept {
        const auto word =
            static_cast<std::uint16_t>(std::to_integer<unsigned>(cd_.bytes()[answered_]) |
                                       std::to_integer<unsigned>(cd_.bytes()[answered_ + 1]) << 8);
        answered_ += 2;
        chunk_ -= 2;
        if (chunk_ == 0) {
            become_busy(2);
            next_chunk();
        }
        return word;
    }
    void start_transfer(std::uint8_t command) noexcept {
        Drive& drive = selected();
        const bool is_long =
            command == 0x24 || command == 0x34 || command == 0x25 || command == 0x35;
        const bool is_read =
            command == 0x20 || command == 0x24 || command == 0xC8 || command == 0x25;
        const bool by_master =
            command == 0xC8 || command == 0xCA || command == 0x25 || command == 0x35;
        KIDNEY_INVARIANT(is_long || is_read || command == 0x30 || command == 0xCA, "ata: unknown");
        KIDNEY_INVARIANT(!is_long || drive.has_lba48, "ata: 48-bit command to a 28-bit drive");
        KIDNEY_INVARIANT(!by_master || drive.has_dma, "ata: DMA of a drive without");
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
        KIDNEY_INVARIANT(lba >= drive.first_sector &&
                             lba - drive.first_sector + left_ <= drive.disk.size() / 512,
                         "ata: address outside of the disk");
        position_ = lba - drive.first_sector;
        phase_ = by_master ? Phase::by_master : is_read ? Phase::to_host : Phase::from_host;
        to_memory_ = is_read;
        if (phase_ == Phase::to_host) {
            interrupt();
        }
    }
    void interrupt() noexcept { ++interrupts; }
    void advance() noexcept {
        at_ += 2;
        if (at_ == 512) {
            at_ = 0;
            ++position_;
            become_busy(2);
            --left_;
            const bool was_written = phase_ == Phase::from_host;
            if (left_ == 0) {
                phase_ = Phase::idle;
            }
            if (left_ > 0 || was_written) {
                interrupt();
            }
        }
    }

    [[nodiscard]] std::uint8_t master_status() noexcept {
        const bool runs = (master_ & 1U) != 0 && phase_ == Phase::by_master && !master_is_stuck &&
                          !selected().is_stuck;
        if (runs && master_looks_ > 0) {
            --master_looks_;
        } else if (runs) {
            run_master();
        } else if (error_ || (phase_ == Phase::idle && (master_ & 1U) != 0)) {
            master_state_ |= interrupts > 0 ? 4U : 0U;
        }
        return master_state_;
    }
    /// Follows the table to its end, which must be that of the command.
    void run_master() noexcept {
        KIDNEY_INVARIANT(memory_ != nullptr && ((master_ & 8U) != 0) == to_memory_,
                         "ata: the master runs the other way");
        std::size_t left = std::size_t{left_} * 512;
        std::byte* disk = place(0);
        for (std::uint32_t at = table_;; at += 8) {
            std::uint32_t address = 0;
            std::array<std::uint16_t, 2> words{};
            std::memcpy(&address, reach(at), 4);
            std::memcpy(words.data(), reach(at + 4), 4);
            const std::uint32_t bytes = words[0] == 0 ? 0x1'0000U : words[0];
            KIDNEY_INVARIANT((address & 0xFFFFU) + bytes <= 0x1'0000U && bytes <= left,
                             "ata: a region that crosses a border, or is too long");
            std::memcpy(to_memory_ ? reach(address) : disk, to_memory_ ? disk : reach(address),
                        bytes);
            disk += bytes;
            left -= bytes;
            if ((words[1] & 0x8000U) != 0 || master_fails) {
                break;
            }
        }
        KIDNEY_INVARIANT(left == 0 || master_fails, "ata: the table ends before the command");
        ++selected().by_master;
        phase_ = Phase::idle;
        master_state_ |= master_fails ? 6U : 4U;
        interrupt();
    }
    [[nodiscard]] std::byte* reach(std::uint32_t address) noexcept {
        return memory_->direct(FrameNumber(address >> page_shift)).data() + (address & page_mask);
    }
    void describe() noexcept {
        const Drive& drive = selected();
        const std::uint64_t sectors = drive.first_sector + drive.disk.size() / 512;
        identify_ = {};
        if (drive.is_packet) {
            identify_[0] = 0x8580;
            return;
        }
        identify_[49] = drive.has_dma ? 0x0300 : 0x0200;
        const std::uint64_t small = sectors < 0x0FFF'FFFF ? sectors : 0x0FFF'FFFF;
        identify_[60] = static_cast<std::uint16_t>(small);
        identify_[61] = static_cast<std::uint16_t>(small >> 16);
        if (drive.has_lba48) {
            identify_[83] = 0x0400;
            identify_[100] = static_cast<std::uint16_t>(sectors);
            identify_[101] = static_cast<std::uint16_t>(sectors >> 16);
            identify_[102] = static_cast<std::uint16_t>(sectors >> 32);
        }
    }

    sim::RamArena* memory_;
    std::array<std::uint16_t, 256> identify_{};
    std::array<std::uint16_t, 3> lba_{};
    std::uint16_t count_ = 0;
    std::uint8_t lba_top_ = 0;
    std::size_t selected_ = 0;
    std::array<std::uint8_t, 12> packet_{};
    FakeCd cd_;
    std::size_t answered_ = 0, chunk_ = 0, limit_ = 0;
    std::uint16_t signature_ = 0;
    bool identifying_ = false;
    bool error_ = false;
    bool to_memory_ = false;
    Phase phase_ = Phase::idle;
    unsigned busy_ = 0;
    unsigned late_ = 0;
    std::uint8_t old_status_ = 0;
    std::uint32_t left_ = 0;
    std::uint64_t position_ = 0;
    std::size_t at_ = 0;
    std::uint8_t master_ = 0, master_state_ = 0;
    unsigned master_looks_ = 0;
    std::uint32_t table_ = 0;
};

static_assert(hal::PortIo<FakeAta>);

}  // namespace kidney::fakes
