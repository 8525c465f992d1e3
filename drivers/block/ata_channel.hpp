/// An ATA channel: two drives that share their registers, one command at a time. ATA/ATAPI-6,
/// chapters 8 and 9.
///
///     AtaChannel channel(io, dma_map, ports, memory);
///     channel.start();                                // looks for drives
///     AtaDrive disk(channel, ata::Unit::slave);       // then each is a RequestDevice
///     on its interrupt: channel.on_interrupt();
///
/// The bus master moves the bytes if there is one and the drive can; else the CPU does, a sector
/// at each interrupt. Nothing waits: a command is a walk through phases, and whoever comes (an
/// interrupt, poll()) goes on as far as the drive is ready. A drive that does not answer is reset;
/// if it was the bus master that said nothing, the CPU tries once more, else the drive is given up.
#pragma once

#include "drivers/block/ata_ports.hpp"
#include "drivers/block/ata_registers.hpp"
#include "drivers/block/ata_transfer.hpp"
#include "drivers/virtio/dma.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/block_request.hpp"
#include "kidney/hal/clock.hpp"
#include "kidney/hal/port_io.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

namespace kidney::drivers {

/// Concurrency: any thread and the interrupt handler; `Lock` is one that both may take, and no lock
/// is held while a request completes.
template <hal::PortIo Io, DmaMap Dma, hal::Clock Clock, BasicLockable Lock>
class AtaChannel {
public:
    /// A table for the bus master, and a page for buffers that it does not reach.
    static constexpr std::size_t memory_frames = 2;

    AtaChannel(Io& io, Dma& dma, const ata::Ports& ports, DmaMemory memory) noexcept
        : dma_(dma), memory_(memory), ports_(io, ports) {
        KIDNEY_ASSERT(memory.bytes.size() >= memory_frames * page_size);
    }

    /// Looks which drives are there, and lets them interrupt. Polls; nothing is in flight.
    void start() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (ports_.is_floating()) {
            return;
        }
        ports_.allow_interrupts(false);
        for (const ata::Unit unit : {ata::Unit::master, ata::Unit::slave}) {
            facts(unit) = ports_.identify(unit);
        }
        ports_.allow_interrupts(true);
    }
    [[nodiscard]] AtaFacts drive(ata::Unit unit) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return facts(unit);
    }

    /// True if a drive was at work: with a line of its own, it is ours.
    bool on_interrupt() noexcept EXCLUDES(lock_) {
        bool is_ours = false;
        {
            LockGuard guard(lock_);
            is_ours = job_.request != nullptr;
            if (!is_ours) {
                static_cast<void>(ports_.check_outcome());
            }
        }
        go_on();
        return is_ours;
    }
    /// The request is one that the drive can do, and not empty.
    void submit(ata::Unit unit, fs::BlockRequest& request) noexcept EXCLUDES(lock_) {
        {
            LockGuard guard(lock_);
            if (waiting_[index(unit)].empty()) {
                why_[index(unit)] = Errc::io_error;  // what comes from now on is not late
            }
            waiting_[index(unit)].push_back(request);
        }
        go_on();
    }
    void poll() noexcept EXCLUDES(lock_) {
        go_on();
        {
            LockGuard guard(lock_);
            if (job_.request != nullptr && Clock::now() - job_.since > Ports::patience) {
                give_up();
            }
        }
        go_on();
    }

private:
    using Ports = AtaPorts<Io, Clock>;
    static constexpr std::size_t most_bytes = 256 * ata_sector;  // of one 28-bit command

    enum class Phase : std::uint8_t {
        selecting,
        to_host,
        from_host,
        by_master,
        no_data,
        packet,
        answer
    };
    /// What the channel works on: one command of a request.
    struct Job {
        fs::BlockRequest* request = nullptr;
        ata::Unit unit = ata::Unit::master;
        Phase phase = Phase::selecting;
        AtaCursor cursor;         ///< where the bytes of this command begin
        AtaCursor moved;          ///< how far the CPU has moved them
        std::size_t bytes = 0;    ///< of this command
        std::size_t left = 0;     ///< of those, for the CPU
        bool is_bounced = false;  ///< through our page
        bool is_flushing = false;
        std::optional<Errc> failure;
        Instant since;
    };
    struct Ended {
        fs::BlockRequest* request;
        Status outcome;
    };

    [[nodiscard]] static constexpr std::size_t index(ata::Unit unit) noexcept {
        return static_cast<std::size_t>(unit);
    }
    [[nodiscard]] AtaFacts& facts(ata::Unit unit) noexcept REQUIRES(lock_) {
        return facts_[index(unit)];
    }

    // --- One command. ---

    /// Takes the next request, of the other drive if it has one.
    [[nodiscard]] bool take_next() noexcept REQUIRES(lock_) {
        for (const unsigned step : {1U, 0U}) {
            const auto unit = static_cast<ata::Unit>((index(job_.unit) + step) % 2);
            if (fs::RequestList& list = waiting_[index(unit)]; !list.empty()) {
                fs::BlockRequest& request = list.front();
                list.pop_front();
                job_ = {};
                job_.request = &request;
                job_.unit = unit;
                job_.cursor.block = request.first;
                job_.is_flushing = request.operation == fs::BlockOperation::flush;
                begin();
                return true;
            }
        }
        return false;
    }
    void begin() noexcept REQUIRES(lock_) {
        job_.phase = Phase::selecting;
        job_.since = Clock::now();
        if (!facts(job_.unit).is_working) {
            job_.failure = why_[index(job_.unit)];
            return;
        }
        ports_.select(job_.unit);
    }
    /// The drive is selected and idle.
    void give_command() noexcept REQUIRES(lock_) {
        const AtaFacts& drive = facts(job_.unit);
        if (job_.is_flushing) {
            job_.phase = Phase::no_data;
            ports_.command(drive.has_long_addresses ? ata::flush_cache.long_form
                                                    : ata::flush_cache.short_form);
            return;
        }
        const bool is_read = job_.request->operation == fs::BlockOperation::read;
        if (drive.is_packet) {
            job_.bytes = job_.left = job_.cursor.rest(*job_.request);
            job_.moved = job_.cursor;
            job_.phase = Phase::packet;
            ports_.packet();
            return;
        }
        if (drive.uses_master) {
            job_.bytes = list_regions(is_read);
            job_.phase = Phase::by_master;
            ports_.prepare_master(memory_.address, is_read);
        } else {
            job_.bytes = std::min(job_.cursor.rest(*job_.request), most_bytes);
            job_.moved = job_.cursor;
            job_.left = job_.bytes;
            job_.phase = is_read ? Phase::to_host : Phase::from_host;
        }
        ports_.transfer(job_.unit,
                        drive.uses_master ? (is_read ? ata::read_dma : ata::write_dma)
                                          : (is_read ? ata::read_sectors : ata::write_sectors),
                        job_.cursor.block.value(), job_.bytes / ata_sector);
        if (drive.uses_master) {
            ports_.start_master(is_read);
        }
    }

    // --- The bus master. ---

    /// Writes the table; returns for how many bytes. Buffers that the master does not reach go
    /// through our page, one at a time.
    [[nodiscard]] std::size_t list_regions(bool is_read) noexcept REQUIRES(lock_) {
        const std::span<std::byte> table = memory_.bytes.first(page_size);
        RegionTable regions(table);
        job_.is_bounced = false;
        AtaCursor at = job_.cursor;
        std::size_t bytes = 0;
        while (bytes < most_bytes) {
            const auto piece = at.next_piece(*job_.request, most_bytes - bytes);
            const auto address = piece.empty() ? std::nullopt : dma_.physical(piece.data());
            if (!address || !regions.add(*address, piece.size())) {
                break;
            }
            bytes += piece.size();
            at.advance(*job_.request, piece.size());
        }
        if (bytes == 0) {
            const auto piece = at.next_piece(*job_.request, page_size);
            if (!is_read) {
                std::memcpy(bounce().data(), piece.data(), piece.size());
            }
            job_.is_bounced = true;
            bytes = piece.size();
            static_cast<void>(regions.add(memory_.address + page_size, bytes));  // it is the first
        }
        regions.end();
        return bytes;
    }
    [[nodiscard]] std::span<std::byte> bounce() noexcept REQUIRES(lock_) {
        return memory_.bytes.subspan(page_size, page_size);
    }
    /// False: it is still at it. Error: io_error.
    [[nodiscard]] Result<bool> look_at_master() noexcept REQUIRES(lock_) {
        const ata::MasterStatus master = ports_.master_status();
        if (!master.template get<ata::MasterStatus::Interrupt>() || ports_.is_busy()) {
            return false;
        }
        ports_.stop_master();
        TRY(ports_.check_outcome());
        if (master.template get<ata::MasterStatus::Error>()) {
            return fail(Errc::io_error);
        }
        if (job_.is_bounced && job_.request->operation == fs::BlockOperation::read) {
            std::memcpy(job_.cursor.writable_piece(*job_.request, job_.bytes).data(),
                        bounce().data(), job_.bytes);
        }
        return true;
    }

    // --- From phase to phase. ---

    /// True: the command is done; false: the drive is not ready. Error: io_error.
    [[nodiscard]] Result<bool> step() noexcept REQUIRES(lock_) {
        if (job_.phase == Phase::by_master) {
            return look_at_master();
        }
        if (ports_.is_busy()) {
            return false;
        }
        if (job_.phase == Phase::selecting) {
            give_command();
            // What it wants first it does not interrupt for.
            if ((job_.phase != Phase::from_host && job_.phase != Phase::packet) ||
                ports_.stays_busy()) {
                return false;
            }
        }
        TRY(ports_.check_outcome());
        if (job_.phase == Phase::packet || job_.phase == Phase::answer) {
            return exchange_packet();
        }
        if (job_.phase == Phase::no_data || (job_.phase == Phase::from_host && job_.left == 0)) {
            return true;
        }
        if (!ports_.has_data()) {
            return false;
        }
        if (job_.phase == Phase::to_host) {
            ports_.read_data(job_.moved.writable_piece(*job_.request, ata_sector));
        } else {
            ports_.write_data(job_.moved.next_piece(*job_.request, ata_sector));
        }
        job_.moved.advance(*job_.request, ata_sector);
        job_.left -= ata_sector;
        return job_.phase == Phase::to_host && job_.left == 0;
    }

    /// Sends the packet, or takes what the drive has of the answer; it is told that there is no
    /// more.
    [[nodiscard]] Result<bool> exchange_packet() noexcept REQUIRES(lock_) {
        const auto& packet = static_cast<const AtaPacket&>(*job_.request);
        if (!ports_.has_data()) {
            return job_.phase == Phase::packet             ? Result<bool>(false)
                   : job_.left == 0 || packet.may_be_short ? Result<bool>(true)
                                                           : fail(Errc::io_error);
        }
        if (job_.phase == Phase::packet) {
            job_.phase = Phase::answer;
            ports_.write_data(packet.command);
            return false;
        }
        std::size_t count = ports_.packet_bytes();
        while (count > 0 && job_.left > 0) {
            const auto piece = job_.moved.writable_piece(packet, std::min(count, job_.left));
            ports_.read_data(piece);
            job_.moved.advance(packet, piece.size());
            job_.left -= piece.size();
            count -= piece.size();
        }
        ports_.drop_data(count);
        return false;
    }

    /// Behind a command that went well. False: the request is done.
    [[nodiscard]] bool advance() noexcept REQUIRES(lock_) {
        if (job_.is_flushing) {
            return false;
        }
        job_.cursor.advance(*job_.request, job_.bytes);
        if (job_.cursor.rest(*job_.request) > 0) {
            return true;
        }
        job_.is_flushing =
            job_.request->is_durable && job_.request->operation == fs::BlockOperation::write;
        return job_.is_flushing;
    }
    /// A request that has ended, if the drives are that far.
    [[nodiscard]] std::optional<Ended> next_ended() noexcept REQUIRES(lock_) {
        while (job_.request != nullptr || take_next()) {
            Status outcome;
            if (job_.failure) {
                outcome = fail(*job_.failure);
            } else if (const Result<bool> went = step(); !went) {
                outcome = fail(went.error());
            } else if (!*went) {
                return std::nullopt;
            } else if (advance()) {
                begin();
                continue;
            }
            return Ended{std::exchange(job_.request, nullptr), outcome};
        }
        return std::nullopt;
    }
    void go_on() noexcept EXCLUDES(lock_) {
        for (;;) {
            std::optional<Ended> ended;
            {
                LockGuard guard(lock_);
                ended = next_ended();
            }
            if (!ended) {
                return;
            }
            ended->request->complete(ended->outcome);
        }
    }

    /// The drive does not answer. A reset stops both drives of the channel; this one is working.
    void give_up() noexcept REQUIRES(lock_) {
        if (ports_.has_master()) {
            ports_.stop_master();
        }
        ports_.reset();
        AtaFacts& drive = facts(job_.unit);
        if (job_.phase == Phase::by_master) {
            drive.uses_master = false;
            begin();
            return;
        }
        drive.is_working = false;
        why_[index(job_.unit)] = Errc::timed_out;
        job_.failure = Errc::timed_out;
    }

    Dma& dma_;
    const DmaMemory memory_;
    Lock lock_;
    Ports ports_ GUARDED_BY(lock_);
    std::array<AtaFacts, 2> facts_ GUARDED_BY(lock_){};
    std::array<fs::RequestList, 2> waiting_ GUARDED_BY(lock_);
    std::array<Errc, 2> why_ GUARDED_BY(lock_){Errc::io_error, Errc::io_error};  ///< given up
    Job job_ GUARDED_BY(lock_);
};

}  // namespace kidney::drivers
