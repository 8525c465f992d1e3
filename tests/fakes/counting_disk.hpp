/// A disk in memory that counts what it is asked for, and can tell somebody of each command.
#pragma once

#include "kidney/fs/block_device.hpp"
#include "kidney/fs/block_request.hpp"
#include "sim/ram_arena.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <span>
#include <vector>

namespace kidney::fakes {

/// Commands and sectors.
struct DiskCost {
    std::uint64_t reads = 0, writes = 0, sectors_read = 0, sectors_written = 0, flushes = 0;

    friend DiskCost operator-(const DiskCost& a, const DiskCost& b) {
        return {a.reads - b.reads, a.writes - b.writes, a.sectors_read - b.sectors_read,
                a.sectors_written - b.sectors_written, a.flushes - b.flushes};
    }
    friend bool operator==(const DiskCost&, const DiskCost&) = default;
    friend void PrintTo(const DiskCost& c, std::ostream* to) {
        *to << "{.reads = " << c.reads << ", .writes = " << c.writes
            << ", .sectors_read = " << c.sectors_read
            << ", .sectors_written = " << c.sectors_written << ", .flushes = " << c.flushes << "}";
    }
};

/// Hears of each command of a CountingDisk before it is carried out.
class CommandListener {
public:
    virtual void command(fs::BlockOperation operation, std::uint64_t first,
                         std::uint64_t sectors) noexcept = 0;

protected:
    ~CommandListener() = default;
};

/// Durable at once. Aligned to pages; what was never written takes no memory, and what was written
/// once keeps it. Concurrency: none.
class CountingDisk {
public:
    static constexpr std::uint32_t sector_size = 512;
    static constexpr std::uint32_t sectors_per_page = page_size / sector_size;

    /// A multiple of eight.
    explicit CountingDisk(std::uint32_t sectors)
        : sectors_(sectors),
          arena_(sectors / sectors_per_page),
          is_written_(sectors / sectors_per_page) {}

    [[nodiscard]] Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept {
        const std::span<std::byte> buffers[] = {to};
        return read_scattered(first, buffers);
    }
    [[nodiscard]] Status read_scattered(fs::BlockIndex first,
                                        std::span<const std::span<std::byte>> to) noexcept {
        const std::size_t size = fs::total_bytes(to);
        TRY(fs::check_range(*this, first, size));
        ++cost.reads;
        cost.sectors_read += size / sector_size;
        tell(fs::BlockOperation::read, first.value(), size / sector_size);
        const std::byte* from = memory() + first.value() * sector_size;
        for (const auto buffer : to) {
            std::memcpy(buffer.data(), from, buffer.size());
            from += buffer.size();
        }
        return {};
    }
    [[nodiscard]] Status write(fs::BlockIndex first, std::span<const std::byte> from) noexcept {
        const std::span<const std::byte> buffers[] = {from};
        return write_scattered(first, buffers);
    }
    [[nodiscard]] Status write_scattered(
        fs::BlockIndex first, std::span<const std::span<const std::byte>> from) noexcept {
        const std::size_t size = fs::total_bytes(from);
        TRY(fs::check_range(*this, first, size));
        ++cost.writes;
        cost.sectors_written += size / sector_size;
        tell(fs::BlockOperation::write, first.value(), size / sector_size);
        mark(first.value(), size / sector_size);
        std::byte* to = memory() + first.value() * sector_size;
        for (const auto buffer : from) {
            std::memcpy(to, buffer.data(), buffer.size());
            to += buffer.size();
        }
        return {};
    }
    [[nodiscard]] Status flush() noexcept {
        ++cost.flushes;
        tell(fs::BlockOperation::flush, 0, 0);
        return {};
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return sector_size; }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return sectors_; }

    /// Puts bytes on the medium that nobody has asked it for.
    void put(std::uint64_t at, std::span<const std::byte> from) noexcept {
        mark(at / sector_size, (from.size() + sector_size - 1) / sector_size);
        std::memcpy(memory() + at, from.data(), from.size());
    }
    /// As it was in the beginning.
    void clear() noexcept {
        for (std::size_t page = 0; page < is_written_.size(); ++page) {
            if (is_written_[page] != 0) {
                is_written_[page] = 0;
                std::memset(memory() + page * page_size, 0, page_size);
            }
        }
    }

    DiskCost cost;
    CommandListener* listener = nullptr;

private:
    [[nodiscard]] std::byte* memory() noexcept { return arena_.direct(FrameNumber(0)).data(); }
    void mark(std::uint64_t first, std::uint64_t sectors) noexcept {
        const std::uint64_t last = (first + sectors - 1) / sectors_per_page;
        for (std::uint64_t page = first / sectors_per_page; sectors > 0 && page <= last; ++page) {
            is_written_[static_cast<std::size_t>(page)] = 1;
        }
    }
    void tell(fs::BlockOperation operation, std::uint64_t first, std::uint64_t sectors) noexcept {
        if (listener != nullptr) {
            listener->command(operation, first, sectors);
        }
    }

    std::uint32_t sectors_;
    sim::RamArena arena_;
    std::vector<std::uint8_t> is_written_;  ///< by the page
};
static_assert(fs::ScatterBlockDevice<CountingDisk>);

}  // namespace kidney::fakes
