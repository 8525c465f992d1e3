/// The registers of an ATA channel and of its bus master, by what one does with them. ATA/ATAPI-6,
/// chapters 7 to 9.
#pragma once

#include "drivers/block/ata_registers.hpp"
#include "drivers/block/ata_transfer.hpp"
#include "drivers/block/device_wait.hpp"
#include "kidney/core/result.hpp"
#include "kidney/hal/clock.hpp"
#include "kidney/hal/port_io.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::drivers {

/// Concurrency: none, the channel serialises.
template <hal::PortIo Io, hal::Clock Clock>
class AtaPorts {
public:
    /// A drive may have to spin up first.
    static constexpr Duration patience = Duration::seconds(10);

    AtaPorts(Io& io, const ata::Ports& ports) noexcept : io_(io), ports_(ports) {}

    [[nodiscard]] bool has_master() const noexcept { return ports_.bus_master != 0; }
    /// A bus to which nothing is connected reads as ones.
    [[nodiscard]] bool is_floating() noexcept {
        return ata::AlternateStatus::read(io_, ports_.control).raw == 0xFF;
    }
    void allow_interrupts(bool allowed) noexcept {
        ata::Control::write(io_, ports_.control,
                            ata::ControlBits{}.with<ata::ControlBits::InterruptsOff>(!allowed));
    }
    /// Both drives of the channel begin anew; they are busy for a while.
    void reset() noexcept {
        ata::Control::write(io_, ports_.control,
                            ata::ControlBits{}.with<ata::ControlBits::Reset>(true));
        for (int i = 0; i < 12; ++i) {
            settle();  // 5 us
        }
        ata::Control::write(io_, ports_.control, ata::ControlBits{});
    }

    void select(ata::Unit unit, std::uint8_t lba_high = 0) noexcept {
        using ata::DriveSelect;
        ata::Drive::write(io_, ports_.command,
                          DriveSelect{}
                              .with<DriveSelect::Lba>(true)
                              .template with<DriveSelect::Obsolete>(true)
                              .template with<DriveSelect::Obsolete2>(true)
                              .template with<DriveSelect::Slave>(unit == ata::Unit::slave)
                              .template with<DriveSelect::LbaHigh>(lba_high));
        settle();
    }
    void command(std::uint8_t number) noexcept {
        ata::Command::write(io_, ports_.command, ata::Byte::from(number));
        settle();
    }
    /// A command for `count` sectors, 1 to 256, of the selected drive.
    void transfer(ata::Unit unit, const ata::Commands& commands, std::uint64_t lba,
                  std::size_t count) noexcept {
        constexpr std::uint64_t short_addresses = std::uint64_t{1} << 28;
        const bool is_long = lba + count > short_addresses;
        if (is_long) {
            // Each register is two bytes deep: first the upper half of the address and the count.
            set_address(static_cast<std::uint32_t>(lba >> 24),
                        static_cast<std::uint8_t>(count >> 8));
        } else {
            select(unit, static_cast<std::uint8_t>(lba >> 24 & 0xFU));
        }
        set_address(static_cast<std::uint32_t>(lba & 0xFF'FFFFU),
                    static_cast<std::uint8_t>(count));  // 256 is a byte of 0
        command(is_long ? commands.long_form : commands.short_form);
    }

    /// The selected drive wants 12 bytes next, and then tells how many it has at a time.
    void packet() noexcept {
        constexpr std::uint32_t at_a_time = 0xF800;
        ata::Features::write(io_, ports_.command, ata::Byte::from(0));  // the CPU moves the bytes
        set_address(at_a_time << 8, 0);
        command(ata::packet);
    }
    /// Bytes that a packet drive has now; even.
    [[nodiscard]] std::size_t packet_bytes() noexcept {
        const std::size_t bytes = ata::LbaMiddle::read(io_, ports_.command).raw |
                                  std::size_t{ata::LbaHigh::read(io_, ports_.command).raw} << 8;
        return bytes + (bytes & 1U);
    }
    /// Bytes that nobody wants.
    void drop_data(std::size_t bytes) noexcept {
        for (std::size_t n = 0; n < bytes; n += 2) {
            static_cast<void>(ata::Data::read(io_, ports_.command));
        }
        settle();
    }

    [[nodiscard]] bool is_busy() noexcept {
        return ata::AlternateStatus::read(io_, ports_.control)
            .template get<ata::StatusBits::Busy>();
    }
    /// The same after a short look: some microseconds, for what follows at once.
    [[nodiscard]] bool stays_busy() noexcept {
        for (int look = 0; look < 100; ++look) {
            if (!is_busy()) {
                return false;
            }
        }
        return true;
    }
    [[nodiscard]] bool has_data() noexcept {
        return ata::AlternateStatus::read(io_, ports_.control)
            .template get<ata::StatusBits::DataRequest>();
    }
    /// Takes the interrupt back. Error: io_error.
    [[nodiscard]] Status check_outcome() noexcept {
        const auto now = ata::Status::read(io_, ports_.command);
        return now.template get<ata::StatusBits::Error>() ||
                       now.template get<ata::StatusBits::DeviceFault>()
                   ? Status(fail(Errc::io_error))
                   : Status();
    }
    /// Whole words.
    void read_data(std::span<std::byte> to) noexcept {
        for (std::size_t n = 0; n < to.size(); n += 2) {
            const std::uint16_t word = ata::Data::read(io_, ports_.command).raw;
            to[n] = static_cast<std::byte>(word);
            to[n + 1] = static_cast<std::byte>(word >> 8);
        }
        settle();
    }
    void write_data(std::span<const std::byte> from) noexcept {
        for (std::size_t n = 0; n < from.size(); n += 2) {
            const auto word = static_cast<std::uint16_t>(
                std::to_integer<unsigned>(from[n]) | std::to_integer<unsigned>(from[n + 1]) << 8);
            ata::Data::write(io_, ports_.command, ata::Word::from(word));
        }
        settle();
    }

    /// What the drive is. Polls, with the deadlines of a drive that spins up.
    [[nodiscard]] AtaFacts identify(ata::Unit unit) noexcept {
        select(unit);
        if (!await([this] { return !is_busy(); })) {
            return {};
        }
        set_address(0, 0);
        command(ata::identify);
        if (ata::AlternateStatus::read(io_, ports_.control).raw == 0 ||
            !await([this] { return !is_busy(); })) {
            return {};  // nobody there
        }
        // Others than disks refuse, and leave a signature.
        const std::uint8_t middle = ata::LbaMiddle::read(io_, ports_.command).raw;
        const std::uint8_t high = ata::LbaHigh::read(io_, ports_.command).raw;
        const bool is_packet = middle == 0x14 && high == 0xEB;
        if (is_packet) {
            command(ata::identify_packet);
        }
        if ((!is_packet && (middle != 0 || high != 0)) || !await([this] { return !is_busy(); }) ||
            !check_outcome() || !await([this] { return has_data(); })) {
            return {};
        }
        std::array<std::byte, ata_sector> words;
        read_data(words);
        static_cast<void>(check_outcome());
        return is_packet ? AtaFacts::of_packet_drive(words)
                         : AtaFacts::of_disk(words, has_master());
    }

    // The bus master.
    /// It has the table, and waits.
    void prepare_master(PhysAddr table, bool to_memory) noexcept {
        stop_master();
        ata::BusTable::write(io_, ports_.bus_master, ata::Address::from(table.value()));
        ata::BusCommand::write(io_, ports_.bus_master, direction(to_memory));
    }
    void start_master(bool to_memory) noexcept {
        ata::BusCommand::write(io_, ports_.bus_master,
                               direction(to_memory).template with<ata::MasterCommand::Start>(true));
    }
    /// It does not touch memory any more, and has forgotten what was.
    void stop_master() noexcept {
        using ata::MasterStatus;
        ata::BusCommand::write(io_, ports_.bus_master, ata::MasterCommand{});
        ata::BusStatus::write(io_, ports_.bus_master,
                              ata::BusStatus::read(io_, ports_.bus_master)
                                  .template with<MasterStatus::Error>(true)
                                  .template with<MasterStatus::Interrupt>(true));
    }
    [[nodiscard]] ata::MasterStatus master_status() noexcept {
        return ata::BusStatus::read(io_, ports_.bus_master);
    }

private:
    [[nodiscard]] static constexpr ata::MasterCommand direction(bool to_memory) noexcept {
        return ata::MasterCommand{}.with<ata::MasterCommand::ToMemory>(to_memory);
    }
    template <class IsDone>
    [[nodiscard]] static bool await(IsDone&& is_done) noexcept {
        return PolledWait<Clock>().wait(is_done, patience);
    }
    void set_address(std::uint32_t lba, std::uint8_t count) noexcept {
        const auto byte = [](std::uint32_t value) {
            return ata::Byte::from(static_cast<std::uint8_t>(value));
        };
        ata::SectorCount::write(io_, ports_.command, byte(count));
        ata::LbaLow::write(io_, ports_.command, byte(lba));
        ata::LbaMiddle::write(io_, ports_.command, byte(lba >> 8));
        ata::LbaHigh::write(io_, ports_.command, byte(lba >> 16));
    }
    /// The 400 ns that a drive has to become busy, after a selection, a command or a sector: until
    /// then the status is that of before. Four reads of it take as long.
    void settle() noexcept {
        for (int i = 0; i < 4; ++i) {
            static_cast<void>(ata::AlternateStatus::read(io_, ports_.control));
        }
    }

    Io& io_;
    const ata::Ports ports_;
};

}  // namespace kidney::drivers
