/// What an ATA channel needs to know of a drive, of the bytes of a request, and of the table that
/// its bus master reads.
#pragma once

#include "drivers/block/ata_registers.hpp"
#include "kidney/core/address.hpp"
#include "kidney/fs/block_request.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::drivers {

inline constexpr std::size_t ata_sector = 512;

/// What a drive has said of itself, and what we think of it.
struct AtaFacts {
    std::uint64_t sectors = 0;  ///< 0: there is no disk
    bool has_long_addresses = false;
    bool uses_master = false;
    bool is_working = false;
    bool is_packet = false;  ///< ATAPI: asked by packets, of which each is an AtaPacket

    /// Word 0 of IDENTIFY PACKET DEVICE: which kind it is, and the length of its packets.
    [[nodiscard]] static AtaFacts of_packet_drive(
        std::span<const std::byte, ata_sector> words) noexcept {
        constexpr std::uint8_t cd = 5;
        AtaFacts facts;
        facts.is_packet = (std::to_integer<std::uint8_t>(words[1]) & 0x1FU) == cd &&
                          (std::to_integer<std::uint8_t>(words[0]) & 3U) == 0;
        facts.is_working = facts.is_packet;
        return facts;
    }
    /// The words of IDENTIFY DEVICE: 49 (DMA, LBA), 60 and 61, 83 (48 bits), 100 to 103.
    [[nodiscard]] static AtaFacts of_disk(std::span<const std::byte, ata_sector> words,
                                          bool has_master) noexcept {
        const auto word = [words](std::size_t n) noexcept {
            return std::to_integer<std::uint64_t>(words[2 * n]) |
                   std::to_integer<std::uint64_t>(words[2 * n + 1]) << 8;
        };
        AtaFacts facts;
        if ((word(49) & 0x0200U) == 0) {
            return facts;  // no block addresses
        }
        facts.has_long_addresses = (word(83) & 0x0400U) != 0;
        facts.uses_master = has_master && (word(49) & 0x0100U) != 0;
        facts.sectors = facts.has_long_addresses
                            ? word(100) | word(101) << 16 | word(102) << 32 | word(103) << 48
                            : word(60) | word(61) << 16;
        facts.is_working = facts.sectors > 0;
        return facts;
    }
};

/// A request of a packet drive: a read, of whatever the command answers.
struct AtaPacket : fs::BlockRequest {
    std::array<std::byte, 12> command{};
    bool may_be_short = false;  ///< the drive may answer with less
};

/// A place in the buffers of a request, and the block that belongs there.
struct AtaCursor {
    std::size_t buffer = 0;
    std::size_t offset = 0;
    fs::BlockIndex block;

    /// Bytes from here to the end.
    [[nodiscard]] std::size_t rest(const fs::BlockRequest& request) const noexcept {
        std::size_t sum = 0;
        for (std::size_t n = buffer; n < request.buffers(); ++n) {
            sum += request.buffer(n).size();
        }
        return sum - offset;
    }
    /// Bytes in one buffer, `most` at most; empty at the end. An empty buffer is passed over.
    [[nodiscard]] std::span<const std::byte> next_piece(const fs::BlockRequest& request,
                                                        std::size_t most) noexcept {
        skip_ended(request);
        if (buffer == request.buffers()) {
            return {};
        }
        const auto rest_of_it = request.buffer(buffer).subspan(offset);
        return rest_of_it.first(std::min(most, rest_of_it.size()));
    }
    /// The same of a read.
    [[nodiscard]] std::span<std::byte> writable_piece(const fs::BlockRequest& request,
                                                      std::size_t most) noexcept {
        skip_ended(request);
        const auto rest_of_it = request.to[buffer].subspan(offset);
        return rest_of_it.first(std::min(most, rest_of_it.size()));
    }
    /// By whole sectors, which are not more than there are.
    void advance(const fs::BlockRequest& request, std::size_t bytes) noexcept {
        block = block + bytes / ata_sector;
        while (bytes > 0) {
            const std::size_t part = std::min(bytes, request.buffer(buffer).size() - offset);
            bytes -= part;
            offset += part;
            skip_ended(request);
        }
    }

private:
    void skip_ended(const fs::BlockRequest& request) noexcept {
        while (buffer < request.buffers() && offset == request.buffer(buffer).size()) {
            ++buffer;
            offset = 0;
        }
    }
};

/// The bus master's list of regions, in a page of memory.
class RegionTable {
public:
    explicit RegionTable(std::span<std::byte> memory) noexcept : memory_(memory) {}

    /// False: no room for all of it, and nothing is added. No region crosses a border of 64 KiB.
    [[nodiscard]] bool add(PhysAddr address, std::size_t bytes) noexcept {
        constexpr std::uint32_t border = 0x1'0000;
        std::uint32_t at = address.value();
        const std::size_t pieces = (at % border + bytes + border - 1) / border;
        if (count_ + pieces > memory_.size() / sizeof(ata::Region)) {
            return false;
        }
        while (bytes > 0) {
            const auto part =
                static_cast<std::uint32_t>(std::min<std::size_t>(bytes, border - at % border));
            put({at, static_cast<std::uint16_t>(part), 0});
            at += part;
            bytes -= part;
        }
        return true;
    }
    /// There is at least one.
    void end() noexcept {
        std::byte* const last = memory_.data() + (count_ - 1) * sizeof(ata::Region);
        std::memcpy(last + offsetof(ata::Region, flags), &ata::Region::last,
                    sizeof(ata::Region::last));
    }

private:
    void put(const ata::Region& region) noexcept {
        std::memcpy(memory_.data() + count_ * sizeof(region), &region, sizeof(region));
        ++count_;
    }
    std::span<std::byte> memory_;
    std::size_t count_ = 0;
};

}  // namespace kidney::drivers
