/// The bytes of a terminal that nobody has read: finished lines, then the one that is being edited.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::proc {

/// A ring whose positions only grow: [head, committed) may be read, [committed, tail) is the
/// unfinished line. An end of file is a byte with a mark. Concurrency: none, callers serialise.
class InputBuffer {
public:
    static constexpr std::size_t capacity = 4096;

    /// What read() took.
    struct Piece {
        std::size_t count = 0;
        bool ended = false;  ///< a line or an end of file ended here, or there is no more
    };

    [[nodiscard]] std::size_t size() const noexcept { return tail_ - head_; }
    [[nodiscard]] std::size_t readable() const noexcept { return committed_ - head_; }
    /// Bytes of the unfinished line, and each of them.
    [[nodiscard]] std::size_t unfinished() const noexcept { return tail_ - committed_; }
    [[nodiscard]] std::uint8_t unfinished(std::size_t i) const noexcept {
        return bytes_[(committed_ + i) % capacity];
    }

    /// False: full.
    [[nodiscard]] bool push(std::uint8_t byte) noexcept {
        if (size() == capacity) {
            return false;
        }
        bytes_[tail_ % capacity] = byte;
        set_mark(tail_ % capacity, false);
        ++tail_;
        return true;
    }
    /// False: full.
    [[nodiscard]] bool push_end_of_file() noexcept {
        if (!push(0)) {
            return false;
        }
        set_mark((tail_ - 1) % capacity, true);
        return true;
    }
    /// Drops the last `count` bytes of the unfinished line, at most all.
    void drop(std::size_t count) noexcept { tail_ -= count < unfinished() ? count : unfinished(); }
    /// The unfinished line may be read.
    void commit() noexcept { committed_ = tail_; }
    void clear() noexcept {
        head_ = committed_ = tail_;
        marks_.fill(0);
    }

    /// Takes bytes out up to the end of a line, which `is_line_end(byte)` knows, or up to an end of
    /// file, which is not part of the data. A mark right behind a full piece belongs to it, or the
    /// next read would report an end of file that nobody typed.
    template <class LineEnd>
    Piece read_line(std::span<std::byte> to, LineEnd&& is_line_end) noexcept {
        std::size_t n = 0;
        while (head_ != committed_) {
            if (mark(head_ % capacity)) {
                ++head_;
                return {n, true};
            }
            if (n == to.size()) {
                return {n, false};
            }
            const std::uint8_t byte = take();
            to[n++] = static_cast<std::byte>(byte);
            if (is_line_end(byte)) {
                return {n, true};
            }
        }
        return {n, true};
    }
    /// Takes what there is.
    Piece read_bytes(std::span<std::byte> to) noexcept {
        std::size_t n = 0;
        while (n < to.size() && head_ != committed_) {
            to[n++] = static_cast<std::byte>(take());
        }
        return {n, head_ == committed_};
    }

private:
    [[nodiscard]] std::uint8_t take() noexcept { return bytes_[head_++ % capacity]; }
    [[nodiscard]] bool mark(std::size_t at) const noexcept {
        return (marks_[at / 32] >> at % 32 & 1U) != 0;
    }
    void set_mark(std::size_t at, bool on) noexcept {
        const std::uint32_t bit = 1U << at % 32;
        marks_[at / 32] = on ? marks_[at / 32] | bit : marks_[at / 32] & ~bit;
    }

    std::size_t head_ = 0, committed_ = 0, tail_ = 0;
    std::array<std::uint8_t, capacity> bytes_{};
    std::array<std::uint32_t, capacity / 32> marks_{};
};

}  // namespace kidney::proc
