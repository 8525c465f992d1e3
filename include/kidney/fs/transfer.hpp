/// Buffers of a read or write, without saying whose memory it is.
///
/// File systems move bytes through these two; the kernel gives them user memory (with fault
/// recovery), tests and exec give them kernel memory. Virtual, because one file system serves both
/// at once.
#pragma once

#include "kidney/core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace kidney::fs {

/// Destination of a read.
class ReadBuffer {
public:
    [[nodiscard]] std::size_t remaining() const noexcept { return remaining_; }
    /// Appends `bytes` (at most remaining()). Error: bad_address; then nothing more will fit
    /// either.
    [[nodiscard]] Status put(std::span<const std::byte> bytes) noexcept {
        const Status s = store(bytes);
        if (s) {
            remaining_ -= bytes.size();
        }
        return s;
    }
    /// Appends `count` zero bytes (at most remaining()).
    [[nodiscard]] Status put_zeros(std::size_t count) noexcept {
        const Status s = store_zeros(count);
        if (s) {
            remaining_ -= count;
        }
        return s;
    }

protected:
    explicit ReadBuffer(std::size_t size) noexcept : remaining_(size) {}
    ~ReadBuffer() = default;

private:
    virtual Status store(std::span<const std::byte> bytes) noexcept = 0;
    virtual Status store_zeros(std::size_t count) noexcept = 0;
    std::size_t remaining_;
};

/// Source of a write.
class WriteBuffer {
public:
    [[nodiscard]] std::size_t remaining() const noexcept { return remaining_; }
    /// Takes the next bytes.size() bytes (at most remaining()). Error: bad_address.
    [[nodiscard]] Status take(std::span<std::byte> bytes) noexcept {
        const Status s = load(bytes);
        if (s) {
            remaining_ -= bytes.size();
        }
        return s;
    }

protected:
    explicit WriteBuffer(std::size_t size) noexcept : remaining_(size) {}
    ~WriteBuffer() = default;

private:
    virtual Status load(std::span<std::byte> bytes) noexcept = 0;
    std::size_t remaining_;
};

/// A ReadBuffer over kernel memory.
class SpanReadBuffer final : public ReadBuffer {
public:
    explicit SpanReadBuffer(std::span<std::byte> to) noexcept
        : ReadBuffer(to.size()), at_(to.data()) {}

private:
    Status store(std::span<const std::byte> bytes) noexcept override {
        std::memcpy(at_, bytes.data(), bytes.size());
        at_ += bytes.size();
        return {};
    }
    Status store_zeros(std::size_t count) noexcept override {
        std::memset(at_, 0, count);
        at_ += count;
        return {};
    }
    std::byte* at_;
};

/// A WriteBuffer over kernel memory.
class SpanWriteBuffer final : public WriteBuffer {
public:
    explicit SpanWriteBuffer(std::span<const std::byte> from) noexcept
        : WriteBuffer(from.size()), at_(from.data()) {}

private:
    Status load(std::span<std::byte> bytes) noexcept override {
        std::memcpy(bytes.data(), at_, bytes.size());
        at_ += bytes.size();
        return {};
    }
    const std::byte* at_;
};

}  // namespace kidney::fs
