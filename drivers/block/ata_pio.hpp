/// ATA disks by programmed input and output: the disk of Bochs and of old PCs. ATA/ATAPI-6,
/// chapters 5 and 8; addresses of 28 or 48 bits.
///
/// The CPU moves every word and polls for every sector, with a deadline on each poll and the
/// drive's interrupt turned off: slow, and it works on anything.
#pragma once

#include "drivers/block/device_wait.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/block_device.hpp"
#include "kidney/hal/port_io.hpp"
#include "kidney/hal/register.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::drivers {

namespace ata {

/// A channel's two port ranges.
struct Channel {
    std::uint16_t command = 0;
    std::uint16_t control = 0;
};
inline constexpr Channel primary{0x1F0, 0x3F6};
inline constexpr Channel secondary{0x170, 0x376};
enum class Unit : std::uint8_t { master = 0, slave = 1 };

struct Byte : hal::Register<Byte, std::uint8_t> {};
struct Word : hal::Register<Word, std::uint16_t> {};
struct StatusBits : hal::Register<StatusBits, std::uint8_t> {
    using Error = hal::Field<StatusBits, 0, 0, bool>;
    using DataRequest = hal::Field<StatusBits, 3, 3, bool>;
    using DeviceFault = hal::Field<StatusBits, 5, 5, bool>;
    using Busy = hal::Field<StatusBits, 7, 7, bool>;
};
struct DriveSelect : hal::Register<DriveSelect, std::uint8_t> {
    using LbaHigh = hal::Field<DriveSelect, 3, 0, std::uint8_t>;  // bits 27..24 of a 28-bit address
    using Slave = hal::Field<DriveSelect, 4, 4, bool>;
    using Obsolete = hal::Field<DriveSelect, 5, 5, bool>;  // set, for drives older than ATA-6
    using Lba = hal::Field<DriveSelect, 6, 6, bool>;
    using Obsolete2 = hal::Field<DriveSelect, 7, 7, bool>;
};
struct ControlBits : hal::Register<ControlBits, std::uint8_t> {
    using InterruptsOff = hal::Field<ControlBits, 1, 1, bool>;
};
using Data = hal::At<Word, 0, hal::ReadWrite>;
using SectorCount = hal::At<Byte, 2, hal::WriteOnly>;
using LbaLow = hal::At<Byte, 3, hal::WriteOnly>;
using LbaMiddle = hal::At<Byte, 4, hal::ReadWrite>;
using LbaHigh = hal::At<Byte, 5, hal::ReadWrite>;
using Drive = hal::At<DriveSelect, 6, hal::WriteOnly>;
using Status = hal::At<StatusBits, 7, hal::ReadOnly>;
using Command = hal::At<Byte, 7, hal::WriteOnly>;
using AlternateStatus = hal::At<StatusBits, 0, hal::ReadOnly>;  // of the control port
using Control = hal::At<ControlBits, 0, hal::WriteOnly>;        // of the control port

inline constexpr std::uint8_t identify = 0xEC;
inline constexpr std::uint8_t read_sectors = 0x20, read_sectors_ext = 0x24;
inline constexpr std::uint8_t write_sectors = 0x30, write_sectors_ext = 0x34;
inline constexpr std::uint8_t flush_cache = 0xE7, flush_cache_ext = 0xEA;

}  // namespace ata

/// Concurrency: any thread; one request at a time under `Lock`. Master and slave of one channel
/// share its registers, so use at most one of the two.
template <hal::PortIo Io, hal::Clock Clock, BasicLockable Lock>
class AtaPio {
public:
    AtaPio(Io& io, ata::Channel channel, ata::Unit unit) noexcept
        : io_(io), channel_(channel), unit_(unit) {}

    /// Asks the drive what it is. Errors: no_device (nothing there, or not a disk), not_supported
    /// (no block addresses), io_error.
    [[nodiscard]] kidney::Status start() noexcept EXCLUDES(lock_) {
        using namespace ata;
        LockGuard guard(lock_);
        if (AlternateStatus::read(io_, channel_.control).raw == 0xFF) {
            return fail(Errc::no_device);  // a floating bus
        }
        Control::write(io_, channel_.control, ControlBits{}.with<ControlBits::InterruptsOff>(true));
        TRY(select(0));
        set_address(0, 0);
        Command::write(io_, channel_.command, Byte::from(identify));
        settle();
        if (AlternateStatus::read(io_, channel_.control).raw == 0) {
            return fail(Errc::no_device);
        }
        if (!await_idle() || LbaMiddle::read(io_, channel_.command).raw != 0 ||
            LbaHigh::read(io_, channel_.command).raw != 0) {
            return fail(Errc::no_device);  // ATAPI drives answer with a signature there
        }
        TRY(await_data());
        std::array<std::uint16_t, 256> words;
        for (std::uint16_t& word : words) {
            word = Data::read(io_, channel_.command).raw;
        }
        return adopt(words);
    }

    [[nodiscard]] kidney::Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept
        EXCLUDES(lock_) {
        TRY(fs::check_range(*this, first, to.size()));
        LockGuard guard(lock_);
        while (!to.empty()) {
            const auto part = to.first(std::min(to.size(), max_sectors * sector_size));
            TRY(command(ata::read_sectors, ata::read_sectors_ext, first.value(),
                        part.size() / sector_size));
            for (std::size_t at = 0; at < part.size(); at += 2) {
                if (at % sector_size == 0) {
                    TRY(await_data());
                }
                const std::uint16_t word = ata::Data::read(io_, channel_.command).raw;
                part[at] = static_cast<std::byte>(word);
                part[at + 1] = static_cast<std::byte>(word >> 8);
            }
            to = to.subspan(part.size());
            first = first + part.size() / sector_size;
        }
        return {};
    }
    [[nodiscard]] kidney::Status write(fs::BlockIndex first,
                                       std::span<const std::byte> from) noexcept EXCLUDES(lock_) {
        TRY(fs::check_range(*this, first, from.size()));
        LockGuard guard(lock_);
        while (!from.empty()) {
            const auto part = from.first(std::min(from.size(), max_sectors * sector_size));
            TRY(command(ata::write_sectors, ata::write_sectors_ext, first.value(),
                        part.size() / sector_size));
            for (std::size_t at = 0; at < part.size(); at += 2) {
                if (at % sector_size == 0) {
                    TRY(await_data());
                }
                const auto word =
                    static_cast<std::uint16_t>(std::to_integer<unsigned>(part[at]) |
                                               std::to_integer<unsigned>(part[at + 1]) << 8);
                ata::Data::write(io_, channel_.command, ata::Word::from(word));
            }
            TRY(await_success());
            from = from.subspan(part.size());
            first = first + part.size() / sector_size;
        }
        return {};
    }
    [[nodiscard]] kidney::Status flush() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        TRY(select(0));
        ata::Command::write(
            io_, channel_.command,
            ata::Byte::from(has_long_addresses_ ? ata::flush_cache_ext : ata::flush_cache));
        return await_success();
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return sector_size; }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return sectors_; }

private:
    static constexpr std::uint32_t sector_size = 512;
    static constexpr std::size_t max_sectors = 256;  // of one 28-bit command
    static constexpr std::uint64_t short_addresses = std::uint64_t{1} << 28;
    /// A drive may have to spin up first.
    static constexpr Duration patience = Duration::seconds(10);

    /// The facts of IDENTIFY DEVICE: words 49 (LBA), 60 and 61, 83 (48 bits), 100 to 103.
    [[nodiscard]] kidney::Status adopt(const std::array<std::uint16_t, 256>& words) noexcept
        REQUIRES(lock_) {
        if ((words[49] & 0x0200U) == 0) {
            return fail(Errc::not_supported);
        }
        has_long_addresses_ = (words[83] & 0x0400U) != 0;
        sectors_ = words[60] | std::uint64_t{words[61]} << 16;
        if (has_long_addresses_) {
            sectors_ = words[100] | std::uint64_t{words[101]} << 16 |
                       std::uint64_t{words[102]} << 32 | std::uint64_t{words[103]} << 48;
        }
        return sectors_ > 0 ? kidney::Status() : kidney::Status(fail(Errc::no_device));
    }

    [[nodiscard]] kidney::Status select(std::uint8_t lba_high) noexcept REQUIRES(lock_) {
        using ata::DriveSelect;
        ata::Drive::write(io_, channel_.command,
                          DriveSelect{}
                              .with<DriveSelect::Lba>(true)
                              .template with<DriveSelect::Obsolete>(true)
                              .template with<DriveSelect::Obsolete2>(true)
                              .template with<DriveSelect::Slave>(unit_ == ata::Unit::slave)
                              .template with<DriveSelect::LbaHigh>(lba_high));
        return await_idle() ? kidney::Status() : kidney::Status(fail(Errc::io_error));
    }
    void set_address(std::uint32_t lba, std::uint8_t count) noexcept REQUIRES(lock_) {
        const auto byte = [](std::uint32_t value) {
            return ata::Byte::from(static_cast<std::uint8_t>(value));
        };
        ata::SectorCount::write(io_, channel_.command, byte(count));
        ata::LbaLow::write(io_, channel_.command, byte(lba));
        ata::LbaMiddle::write(io_, channel_.command, byte(lba >> 8));
        ata::LbaHigh::write(io_, channel_.command, byte(lba >> 16));
    }
    /// `count` is 1 .. 256; 256 is written as 0 in a byte.
    [[nodiscard]] kidney::Status command(std::uint8_t short_form, std::uint8_t long_form,
                                         std::uint64_t lba, std::size_t count) noexcept
        REQUIRES(lock_) {
        const bool is_long = lba + count > short_addresses;
        if (is_long) {
            TRY(select(0));
            // Each register is two bytes deep: first the upper half of the address and the count.
            const auto upper = static_cast<std::uint32_t>(lba >> 24);
            set_address(upper, static_cast<std::uint8_t>(count >> 8));
        } else {
            TRY(select(static_cast<std::uint8_t>(lba >> 24 & 0xFU)));
        }
        set_address(static_cast<std::uint32_t>(lba & 0xFF'FFFFU), static_cast<std::uint8_t>(count));
        ata::Command::write(io_, channel_.command,
                            ata::Byte::from(is_long ? long_form : short_form));
        return {};
    }

    /// The 400 ns that a drive has to become busy, after a selection, a command or a sector: until
    /// then the status is that of before. Four reads of it take as long.
    void settle() noexcept REQUIRES(lock_) {
        for (int i = 0; i < 4; ++i) {
            static_cast<void>(ata::AlternateStatus::read(io_, channel_.control));
        }
    }
    [[nodiscard]] bool await_idle() noexcept REQUIRES(lock_) {
        settle();
        return PolledWait<Clock>().wait(
            [this] {
                return !ata::AlternateStatus::read(io_, channel_.control)
                            .template get<ata::StatusBits::Busy>();
            },
            patience);
    }
    [[nodiscard]] kidney::Status await_success() noexcept REQUIRES(lock_) {
        using ata::StatusBits;
        if (!await_idle()) {
            return fail(Errc::io_error);
        }
        const auto status = ata::Status::read(io_, channel_.command);
        return status.template get<StatusBits::Error>() ||
                       status.template get<StatusBits::DeviceFault>()
                   ? kidney::Status(fail(Errc::io_error))
                   : kidney::Status();
    }
    /// The drive has or wants the next sector.
    [[nodiscard]] kidney::Status await_data() noexcept REQUIRES(lock_) {
        TRY(await_success());
        const bool ready = PolledWait<Clock>().wait(
            [this] {
                return ata::AlternateStatus::read(io_, channel_.control)
                    .template get<ata::StatusBits::DataRequest>();
            },
            patience);
        return ready ? kidney::Status() : kidney::Status(fail(Errc::io_error));
    }

    Io& io_;
    const ata::Channel channel_;
    const ata::Unit unit_;
    std::uint64_t sectors_ = 0;
    bool has_long_addresses_ = false;
    Lock lock_;
};

}  // namespace kidney::drivers
