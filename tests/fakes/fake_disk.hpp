/// A disk with a volatile write cache that loses power on command.
#pragma once

#include "kidney/fs/block_device.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace kidney::fakes {

/// Reads see every write; crash() keeps only what was flushed and those unflushed block writes that
/// the caller picks, in order. That is law B4 at its worst. Concurrency: none.
class FakeDisk {
public:
    FakeDisk(std::uint64_t blocks, std::uint32_t block_size)
        : block_size_(block_size),
          durable_(static_cast<std::size_t>(blocks) * block_size),
          current_(durable_) {}
    /// A disk that holds `image`, rounded up to whole blocks.
    FakeDisk(std::span<const std::byte> image, std::uint32_t block_size)
        : FakeDisk((image.size() + block_size - 1) / block_size, block_size) {
        std::memcpy(durable_.data(), image.data(), image.size());
        current_ = durable_;
    }

    [[nodiscard]] Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept {
        TRY(fs::check_range(*this, first, to.size()));
        ++reads_;
        std::memcpy(to.data(), current_.data() + offset(first), to.size());
        return {};
    }
    /// Counts as one read.
    [[nodiscard]] Status read_scattered(fs::BlockIndex first,
                                        std::span<const std::span<std::byte>> to) noexcept {
        TRY(fs::check_range(*this, first, fs::total_bytes(to)));
        ++reads_;
        const std::byte* from = current_.data() + offset(first);
        for (const auto buffer : to) {
            std::memcpy(buffer.data(), from, buffer.size());
            from += static_cast<std::ptrdiff_t>(buffer.size());
        }
        return {};
    }
    [[nodiscard]] Status write(fs::BlockIndex first, std::span<const std::byte> from) noexcept {
        TRY(fs::check_range(*this, first, from.size()));
        ++writes_;
        std::ranges::copy(from, current_.begin() + offset(first));
        for (std::size_t at = 0; at < from.size(); at += block_size_) {
            const auto block = from.subspan(at, block_size_);
            pending_.push_back({offset(first) + static_cast<std::ptrdiff_t>(at),
                                std::vector<std::byte>(block.begin(), block.end())});
        }
        return {};
    }
    /// Counts as one write.
    [[nodiscard]] Status write_scattered(
        fs::BlockIndex first, std::span<const std::span<const std::byte>> from) noexcept {
        TRY(fs::check_range(*this, first, fs::total_bytes(from)));
        const std::uint64_t before = writes_;
        for (const auto buffer : from) {
            TRY(write(first, buffer));
            first = first + buffer.size() / block_size_;
        }
        writes_ = before + 1;
        return {};
    }
    /// "Anything" is something that nobody expects.
    [[nodiscard]] Status discard(fs::BlockIndex first, std::uint64_t count,
                                 fs::Discarded to) noexcept {
        TRY(fs::check_blocks(*this, first, count));
        const std::vector<std::byte> block(
            block_size_, to == fs::Discarded::zeros ? std::byte{0} : std::byte{0xDC});
        const std::uint64_t before = writes_;
        for (; count > 0; --count, first = first + 1) {
            TRY(write(first, block));
        }
        writes_ = before;
        ++discards_;
        return {};
    }
    [[nodiscard]] Status flush() noexcept {
        durable_ = current_;
        pending_.clear();
        return {};
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return block_size_; }
    [[nodiscard]] std::uint64_t block_count() const noexcept {
        return durable_.size() / block_size_;
    }

    [[nodiscard]] std::uint64_t reads() const noexcept { return reads_; }
    [[nodiscard]] std::uint64_t writes() const noexcept { return writes_; }
    [[nodiscard]] std::uint64_t discards() const noexcept { return discards_; }
    /// Block writes since the last flush.
    [[nodiscard]] std::size_t pending() const noexcept { return pending_.size(); }
    /// Loses power. `survives(n)` says whether unflushed block write n reached the medium.
    template <class Survives>
    void crash(Survives&& survives) {
        for (std::size_t n = 0; n < pending_.size(); ++n) {
            if (survives(n)) {
                std::ranges::copy(pending_[n].bytes, durable_.begin() + pending_[n].offset);
            }
        }
        pending_.clear();
        current_ = durable_;
    }
    /// The bytes as a reader sees them now; a test may damage them.
    [[nodiscard]] std::span<std::byte> bytes() noexcept { return current_; }

private:
    struct Write {
        std::ptrdiff_t offset;
        std::vector<std::byte> bytes;
    };
    [[nodiscard]] std::ptrdiff_t offset(fs::BlockIndex block) const noexcept {
        return static_cast<std::ptrdiff_t>(block.value() * block_size_);
    }

    std::uint32_t block_size_;
    std::vector<std::byte> durable_;
    std::vector<std::byte> current_;
    std::vector<Write> pending_;
    std::uint64_t reads_ = 0;
    std::uint64_t writes_ = 0;
    std::uint64_t discards_ = 0;
};

static_assert(fs::ScatterBlockDevice<FakeDisk> && fs::DiscardingBlockDevice<FakeDisk>);

}  // namespace kidney::fakes
