/// Buffers of a read or write, without saying whose memory it is.
///
/// File systems move bytes through these two; the kernel gives them user memory (with fault
/// recovery), tests and exec give them kernel memory. Virtual, because one file system serves both
/// at once.
///
/// Memory may end in the middle of a buffer. Then the bytes before that point have moved, and
/// remaining() does not count them: a read or write that moved some answers how many, and only one
/// that moved none is bad_address. See transferred().
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/fs/attributes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace kidney::fs {

/// What a transfer answers that stopped with `status` after `count` bytes.
[[nodiscard]] inline Result<std::size_t> transferred(std::size_t count,
                                                     const Status& status) noexcept {
    return count > 0 || status ? Result<std::size_t>(count) : fail(status.error());
}

/// Destination of a read.
class ReadBuffer {
public:
    [[nodiscard]] std::size_t remaining() const noexcept { return remaining_; }
    /// Appends `bytes` (at most remaining()). Error: bad_address if not all of them fit; then
    /// nothing more will fit either.
    [[nodiscard]] Status put(std::span<const std::byte> bytes) noexcept {
        return account(bytes.size(), store(bytes));
    }
    /// Appends `count` zero bytes (at most remaining()). Error: as put().
    [[nodiscard]] Status put_zeros(std::size_t count) noexcept {
        return account(count, store_zeros(count));
    }

protected:
    explicit ReadBuffer(std::size_t size) noexcept : remaining_(size) {}
    ~ReadBuffer() = default;

private:
    /// Both store the longest prefix that they can, and return its length.
    virtual std::size_t store(std::span<const std::byte> bytes) noexcept = 0;
    virtual std::size_t store_zeros(std::size_t count) noexcept = 0;
    [[nodiscard]] Status account(std::size_t wanted, std::size_t stored) noexcept {
        remaining_ -= stored;
        return stored == wanted ? Status() : fail(Errc::bad_address);
    }
    std::size_t remaining_;
};

/// Source of a write.
class WriteBuffer {
public:
    [[nodiscard]] std::size_t remaining() const noexcept { return remaining_; }
    /// No more than `most` bytes from now on.
    void limit(std::size_t most) noexcept { remaining_ = remaining_ < most ? remaining_ : most; }
    /// Who writes may store no byte of a regular file at this position or behind it (RLIMIT_FSIZE).
    void limit_size(std::uint64_t most) noexcept { size_limit_ = most; }
    [[nodiscard]] std::uint64_t size_limit() const noexcept { return size_limit_; }
    /// A regular file that takes bytes does this to its permissions (with_set_id()), in the step
    /// in which it takes them.
    void end_set_id(SetIdBits how) noexcept { set_id_ = how; }
    [[nodiscard]] SetIdBits set_id() const noexcept { return set_id_; }
    /// For a file that holds `most` bytes at most: what is to go behind that, or behind the
    /// writer's limit, is left out. The file says so under the lock under which it grows. Error:
    /// file_too_big, if nothing is left.
    [[nodiscard]] Status fit(std::uint64_t offset, std::uint64_t most) noexcept {
        const std::uint64_t end = most < size_limit_ ? most : size_limit_;
        if (remaining_ == 0) {
            return {};
        }
        if (offset >= end) {
            return fail(Errc::file_too_big);
        }
        if (end - offset < remaining_) {
            remaining_ = static_cast<std::size_t>(end - offset);
        }
        return {};
    }
    /// Takes the next bytes.size() bytes (at most remaining()). Error: bad_address if not all of
    /// them can be had.
    [[nodiscard]] Status take(std::span<std::byte> bytes) noexcept {
        const std::size_t loaded = load(bytes);
        remaining_ -= loaded;
        return loaded == bytes.size() ? Status() : fail(Errc::bad_address);
    }

protected:
    explicit WriteBuffer(std::size_t size) noexcept : remaining_(size) {}
    ~WriteBuffer() = default;

private:
    /// Loads the longest prefix that it can, and returns its length.
    virtual std::size_t load(std::span<std::byte> bytes) noexcept = 0;
    std::size_t remaining_;
    std::uint64_t size_limit_ = ~std::uint64_t{0};
    SetIdBits set_id_ = SetIdBits::stay;
};

/// A ReadBuffer over kernel memory.
class SpanReadBuffer final : public ReadBuffer {
public:
    explicit SpanReadBuffer(std::span<std::byte> to) noexcept
        : ReadBuffer(to.size()), at_(to.data()) {}

private:
    std::size_t store(std::span<const std::byte> bytes) noexcept override {
        std::memcpy(at_, bytes.data(), bytes.size());
        at_ += bytes.size();
        return bytes.size();
    }
    std::size_t store_zeros(std::size_t count) noexcept override {
        std::memset(at_, 0, count);
        at_ += count;
        return count;
    }
    std::byte* at_;
};

/// A WriteBuffer over kernel memory.
class SpanWriteBuffer final : public WriteBuffer {
public:
    explicit SpanWriteBuffer(std::span<const std::byte> from) noexcept
        : WriteBuffer(from.size()), at_(from.data()) {}

private:
    std::size_t load(std::span<std::byte> bytes) noexcept override {
        std::memcpy(bytes.data(), at_, bytes.size());
        at_ += bytes.size();
        return bytes.size();
    }
    const std::byte* at_;
};

}  // namespace kidney::fs
