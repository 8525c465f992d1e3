/// A disk in memory whose power can be cut anywhere, at the price of copying what was touched.
#pragma once

#include "kidney/fs/block_device.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace kidney::crash {

inline constexpr std::uint32_t sector_size = 512;

/// Consecutive sectors that somebody wrote; the bytes are in the log's store.
struct Write {
    std::uint32_t first = 0, sectors = 0;
    std::size_t bytes = 0;        ///< where they begin in the store
    std::uint32_t window = 0;     ///< flushes before it
    std::uint32_t synced = 0;     ///< operations that were promised to last when it was issued
    std::uint32_t operation = 0;  ///< during which it was issued
};

/// What a disk was asked for since the log was cleared.
struct WriteLog {
    std::vector<Write> writes;
    std::vector<std::byte> store;
    std::vector<std::uint32_t> synced_at_flush;  ///< of each window: what was promised at its end
    std::uint32_t synced = 0, operation = 0;     ///< who writes keeps them up to date

    void clear() noexcept {
        writes.clear();
        store.clear();
        synced_at_flush.clear();
        synced = operation = 0;
    }
    [[nodiscard]] std::span<const std::byte> bytes(const Write& w) const noexcept {
        return std::span(store).subspan(w.bytes, std::size_t{w.sectors} * sector_size);
    }
};

/// Starts as a copy of a base image, and can go back to it by copying only what has changed. While
/// a log is given it records every write and flush. Concurrency: none.
class PowerDisk {
public:
    explicit PowerDisk(std::uint32_t sectors)
        : base_(std::size_t{sectors} * sector_size),
          now_(base_),
          is_touched_((base_.size() + chunk - 1) / chunk) {}

    void record(WriteLog* log) noexcept { log_ = log; }
    /// What is there now is what reset() goes back to.
    void make_base() {
        base_ = now_;
        forget_touched();
    }
    void reset() noexcept {
        for (const std::uint32_t at : touched_) {
            const std::size_t begin = std::size_t{at} * chunk;
            std::memcpy(now_.data() + begin, base_.data() + begin,
                        std::min(chunk, base_.size() - begin));
        }
        forget_touched();
    }
    /// Puts sectors of a write on the medium; unlike write() this is not recorded.
    void apply(const WriteLog& log, const Write& w, std::uint32_t first, std::uint32_t sectors) {
        touch(w.first + first, sectors);
        std::memcpy(now_.data() + std::size_t{w.first + first} * sector_size,
                    log.bytes(w).data() + std::size_t{first} * sector_size,
                    std::size_t{sectors} * sector_size);
    }

    [[nodiscard]] Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept {
        TRY(fs::check_range(*this, first, to.size()));
        std::memcpy(to.data(), now_.data() + first.value() * sector_size, to.size());
        return {};
    }
    [[nodiscard]] Status write(fs::BlockIndex first, std::span<const std::byte> from) noexcept {
        TRY(fs::check_range(*this, first, from.size()));
        const auto at = static_cast<std::uint32_t>(first.value());
        const auto sectors = static_cast<std::uint32_t>(from.size() / sector_size);
        touch(at, sectors);
        std::memcpy(now_.data() + first.value() * sector_size, from.data(), from.size());
        if (log_ != nullptr) {
            log_->writes.push_back(
                {.first = at,
                 .sectors = sectors,
                 .bytes = log_->store.size(),
                 .window = static_cast<std::uint32_t>(log_->synced_at_flush.size()),
                 .synced = log_->synced,
                 .operation = log_->operation});
            log_->store.insert(log_->store.end(), from.begin(), from.end());
        }
        return {};
    }
    [[nodiscard]] Status flush() noexcept {
        if (log_ != nullptr) {
            log_->synced_at_flush.push_back(log_->synced);
        }
        return {};
    }
    /// What is there now, for whoever looks at it from outside.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return now_; }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return sector_size; }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return base_.size() / sector_size; }

private:
    static constexpr std::size_t chunk = 4096;

    void touch(std::uint32_t sector, std::uint32_t sectors) {
        constexpr std::uint32_t per_chunk = chunk / sector_size;
        for (std::uint32_t at = sector / per_chunk; at <= (sector + sectors - 1) / per_chunk;
             ++at) {
            if (is_touched_[at] == 0) {
                is_touched_[at] = 1;
                touched_.push_back(at);
            }
        }
    }
    void forget_touched() noexcept {
        for (const std::uint32_t at : touched_) {
            is_touched_[at] = 0;
        }
        touched_.clear();
    }

    std::vector<std::byte> base_, now_;
    std::vector<std::uint8_t> is_touched_;
    std::vector<std::uint32_t> touched_;
    WriteLog* log_ = nullptr;
};
static_assert(fs::BlockDevice<PowerDisk>);

}  // namespace kidney::crash
