/// The file allocation table: which cluster follows which, in all its copies.
#pragma once

#include "fs/fat/volume.hpp"
#include "kidney/core/assert.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace kidney::fs::fat {

/// What an entry says.
struct Link {
    enum class Kind : std::uint8_t { free, next, end, bad };
    Kind kind = Kind::free;
    std::uint32_t next = 0;  ///< a cluster that there is
};

/// The first copy is read, all are written. Concurrency: the file system's lock. Errors of all:
/// io_error, no_memory.
template <class Cache>
class Table {
    using Block = typename Volume<Cache>::Block;

public:
    explicit Table(Volume<Cache>& volume) noexcept : volume_(volume) {}

    /// An entry with its sectors in memory: what follows cannot fail.
    class Entry {
    public:
        [[nodiscard]] std::uint32_t get() const noexcept {
            const std::uint32_t raw = byte(0) | byte(1) << 8;
            if (bits_ == 16) {
                return raw;
            }
            return bits_ == 12 ? raw >> shift_ & 0xFFFU
                               : (raw | byte(2) << 16 | byte(3) << 24) & 0x0FFF'FFFFU;
        }
        void put(std::uint32_t value) noexcept {
            if (bits_ == 12) {
                const std::uint32_t keep = shift_ == 0 ? 0xF000U : 0x000FU;
                value = ((byte(0) | byte(1) << 8) & keep) | value << shift_;
            } else if (bits_ == 32) {
                value |= byte(3) << 24 & 0xF000'0000U;  // four bits are nobody's business
            }
            std::array<std::byte, 4> raw;
            for (std::size_t n = 0; n < raw.size(); ++n) {
                raw[n] = static_cast<std::byte>(value >> (8 * n));
            }
            const std::size_t in_first = crosses_ ? 1 : bytes_;
            for (std::size_t copy = 0; copy < first_.copies.size(); ++copy) {
                store(first_.copies[copy], offset_, std::span(raw).first(in_first));
                store(second_.copies[copy], 0, std::span(raw).subspan(1, 1));
            }
        }
        /// As many clusters in a row from this one on have their entries in this one's sector.
        [[nodiscard]] std::uint32_t row() const noexcept {
            return bits_ == 12 ? 1U  // they are in no whole bytes
                               : static_cast<std::uint32_t>(
                                     (first_.copies[0]->bytes().size() - offset_) / bytes_);
        }
        /// The entries of `count` of them: each leads to the next one, and the last says `end`.
        void put_row(std::uint32_t cluster, std::uint32_t count, std::uint32_t end) noexcept {
            KIDNEY_ASSERT(count <= row());
            if (count == 1) {
                put(end);
                return;
            }
            for (Sector& sector : first_.copies) {
                if (!sector) {
                    continue;
                }
                auto bytes = sector->change(table_phase, offset_, count * bytes_).subspan(offset_);
                for (std::uint32_t n = 1; n <= count; ++n, bytes = bytes.subspan(bytes_)) {
                    std::uint32_t value = n < count ? cluster + n : end;
                    if (bits_ == 32) {
                        value |= std::to_integer<std::uint32_t>(bytes[3]) << 24 & 0xF000'0000U;
                    }
                    for (std::size_t at = 0; at < bytes_; ++at) {
                        bytes[at] = static_cast<std::byte>(value >> (8 * at));
                    }
                }
            }
        }
        /// A disk writes both wholly or not at all, together.
        [[nodiscard]] bool shares_sector_with(const Entry& other) const noexcept {
            return !crosses_ && !other.crosses_ && first_.number == other.first_.number;
        }
        /// It lies in two sectors, of which a crash may leave the one without the other.
        [[nodiscard]] bool crosses() const noexcept { return crosses_; }

    private:
        friend class Table;
        using Sector = std::optional<Block>;
        struct Sectors {
            std::uint32_t number = 0;  ///< within the table
            std::array<Sector, 2> copies;
        };
        static void store(Sector& sector, std::size_t at,
                          std::span<const std::byte> bytes) noexcept {
            if (sector) {
                std::ranges::copy(
                    bytes, sector->change(table_phase, at, bytes.size()).subspan(at).begin());
            }
        }
        [[nodiscard]] std::size_t offset(std::size_t n) const noexcept {
            return crosses_ && n > 0 ? 0 : offset_ + n;
        }
        [[nodiscard]] std::uint32_t byte(std::size_t n) const noexcept {
            const Sectors& in = crosses_ && n > 0 ? second_ : first_;
            return std::to_integer<std::uint32_t>(in.copies[0]->bytes()[offset(n)]);
        }

        std::uint32_t bits_ = 0;
        std::size_t bytes_ = 0;
        std::size_t offset_ = 0;
        std::uint32_t shift_ = 0;
        bool crosses_ = false;
        Sectors first_, second_;
    };

    /// The entry of `cluster`, which there is; 0 and 1 are the format's own.
    [[nodiscard]] Result<Entry> entry(std::uint32_t cluster) noexcept {
        return find(cluster, volume_.geometry().tables);
    }
    [[nodiscard]] Result<Link> link(std::uint32_t cluster) noexcept {
        const Geometry& g = volume_.geometry();
        const std::uint32_t raw = TRY(value(cluster));
        if (raw >= g.smallest_end_mark()) {
            return Link{Link::Kind::end, 0};
        }
        if (g.is_cluster(raw)) {
            return Link{Link::Kind::next, raw};
        }
        return Link{raw == 0 ? Link::Kind::free : Link::Kind::bad, 0};
    }
    [[nodiscard]] Result<std::uint32_t> value(std::uint32_t cluster) noexcept {
        const Geometry& g = volume_.geometry();
        const std::uint64_t at = offset_of(cluster);
        const auto sector = static_cast<std::uint32_t>(at / g.sector_size);
        // Who reads entry after entry finds the sector still in its hands.
        if (!recent_ || recent_->first_.number != sector || recent_->crosses_) {
            recent_.reset();
            recent_.emplace(TRY(find(cluster, 1)));
        } else {
            place(*recent_, cluster);
            if (recent_->crosses_) {
                recent_.reset();
                recent_.emplace(TRY(find(cluster, 1)));
            }
        }
        return recent_->get();
    }
    /// Gives back what value() keeps in memory.
    void let_go() noexcept { recent_.reset(); }

private:
    [[nodiscard]] std::uint64_t offset_of(std::uint32_t cluster) const noexcept {
        return std::uint64_t{cluster} * volume_.geometry().bits / 8;
    }
    void place(Entry& entry, std::uint32_t cluster) const noexcept {
        const Geometry& g = volume_.geometry();
        entry.bits_ = g.bits;
        entry.bytes_ = g.bits == 32 ? 4 : 2;
        entry.shift_ = g.bits == 12 && cluster % 2 != 0 ? 4 : 0;
        entry.offset_ = static_cast<std::size_t>(offset_of(cluster) % g.sector_size);
        entry.crosses_ = entry.offset_ + entry.bytes_ > g.sector_size;
    }
    [[nodiscard]] Result<Entry> find(std::uint32_t cluster, std::uint32_t copies) noexcept {
        const Geometry& g = volume_.geometry();
        KIDNEY_ASSERT(cluster < g.end_cluster());
        Entry entry;
        place(entry, cluster);
        entry.first_.number = static_cast<std::uint32_t>(offset_of(cluster) / g.sector_size);
        entry.second_.number = entry.first_.number + 1;
        for (std::uint32_t copy = 0; copy < copies; ++copy) {
            const std::uint64_t base = g.table_first + std::uint64_t{copy} * g.table_sectors;
            entry.first_.copies[copy].emplace(TRY(volume_.read(base + entry.first_.number)));
            if (entry.crosses_) {
                entry.second_.copies[copy].emplace(TRY(volume_.read(base + entry.second_.number)));
            }
        }
        return entry;
    }

    Volume<Cache>& volume_;
    std::optional<Entry> recent_;
};

}  // namespace kidney::fs::fat
