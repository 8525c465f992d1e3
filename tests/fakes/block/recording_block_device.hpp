/// Writes down what a device is asked, so that tests can look at the requests themselves.
#pragma once

#include "kidney/fs/block_device.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fakes {

/// One request. `blocks` is 0 for a flush.
struct BlockRecord {
    enum class Kind : std::uint8_t { read, write, flush, discard };
    Kind kind = Kind::read;
    fs::BlockIndex first;
    std::uint32_t blocks = 0;
    bool succeeded = false;
};

/// Logs into memory that the caller provides; counts on when that is full. Concurrency: none.
template <fs::BlockDevice Device>
class RecordingBlockDevice {
public:
    RecordingBlockDevice(Device& device, std::span<BlockRecord> log) noexcept
        : device_(device), log_(log) {}

    [[nodiscard]] std::uint64_t operations() const noexcept { return operations_; }
    /// The first operations, as many as the log holds.
    [[nodiscard]] std::span<const BlockRecord> records() const noexcept {
        return log_.first(operations_ < log_.size() ? static_cast<std::size_t>(operations_)
                                                    : log_.size());
    }
    void clear() noexcept { operations_ = 0; }

    [[nodiscard]] Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept {
        return record(BlockRecord::Kind::read, first, to.size(), device_.read(first, to));
    }
    [[nodiscard]] Status write(fs::BlockIndex first, std::span<const std::byte> from) noexcept {
        return record(BlockRecord::Kind::write, first, from.size(), device_.write(first, from));
    }
    [[nodiscard]] Status read_scattered(fs::BlockIndex first,
                                        std::span<const std::span<std::byte>> to) noexcept
        requires fs::ScatterBlockDevice<Device>
    {
        return record(BlockRecord::Kind::read, first, fs::total_bytes(to),
                      device_.read_scattered(first, to));
    }
    [[nodiscard]] Status write_scattered(fs::BlockIndex first,
                                         std::span<const std::span<const std::byte>> from) noexcept
        requires fs::ScatterBlockDevice<Device>
    {
        return record(BlockRecord::Kind::write, first, fs::total_bytes(from),
                      device_.write_scattered(first, from));
    }
    [[nodiscard]] Status discard(fs::BlockIndex first, std::uint64_t count,
                                 fs::Discarded to) noexcept {
        return record(BlockRecord::Kind::discard, first,
                      static_cast<std::size_t>(count) * block_size(),
                      fs::discard(device_, first, count, to));
    }
    [[nodiscard]] Status flush() noexcept {
        return record(BlockRecord::Kind::flush, fs::BlockIndex{}, 0, device_.flush());
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return device_.block_size(); }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return device_.block_count(); }

private:
    [[nodiscard]] Status record(BlockRecord::Kind kind, fs::BlockIndex first, std::size_t bytes,
                                Status outcome) noexcept {
        if (operations_ < log_.size()) {
            log_[static_cast<std::size_t>(operations_)] = {
                kind, first, static_cast<std::uint32_t>(bytes / block_size()), outcome.has_value()};
        }
        ++operations_;
        return outcome;
    }

    Device& device_;
    std::span<BlockRecord> log_;
    std::uint64_t operations_ = 0;
};

}  // namespace kidney::fakes
