/// The newest part of the kernel log, in memory: what dmesg shows.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::kernel {

/// A place in the log: how many bytes were written before it, since boot. It stays meaningful when
/// the bytes themselves have been overwritten.
using LogPosition = std::uint64_t;

/// What a program writes to the log: `<6>text`, the number optional. Of the number only the lowest
/// three bits say how urgent it is.
struct LogRecord {
    std::uint32_t number = 4;  ///< a warning, unless it says otherwise
    std::string_view text;
};
[[nodiscard]] constexpr LogRecord parse_log_record(std::string_view text) noexcept {
    LogRecord record{.text = text};
    if (text.empty() || text.front() != '<') {
        return record;
    }
    std::uint32_t number = 0;
    std::size_t at = 1;
    for (; at < text.size() && at < 5 && text[at] >= '0' && text[at] <= '9'; ++at) {
        number = number * 10 + static_cast<std::uint32_t>(text[at] - '0');
    }
    if (at > 1 && at < text.size() && text[at] == '>') {
        record.number = number % 8;
        record.text.remove_prefix(at + 1);
    }
    return record;
}

/// Lines in a ring of `Size` bytes; the oldest give way. Readers never get half a line at the
/// beginning. Concurrency: none.
template <std::size_t Size>
class LogRing {
public:
    /// `line` ends in a newline, has no other, and is not longer than the ring.
    void append(std::string_view line) noexcept {
        while (begin_ < end_ && end_ + line.size() - begin_ > Size) {
            begin_ = after_line(begin_);
        }
        for (const char c : line) {
            bytes_[index(end_++)] = c;
        }
    }
    /// The first line that is still there.
    [[nodiscard]] LogPosition begin() const noexcept { return begin_; }
    [[nodiscard]] LogPosition end() const noexcept { return end_; }

    /// The first line, not before `from`, from which everything to the end fits into `most` bytes.
    [[nodiscard]] LogPosition tail(LogPosition from, std::size_t most) const noexcept {
        LogPosition at = clamped(from);
        while (end_ - at > most) {
            at = after_line(at);
        }
        return at;
    }
    /// Copies what comes at `from`, which moves on: past what was overwritten, past what was
    /// copied.
    [[nodiscard]] std::size_t read(LogPosition& from, std::span<char> to) const noexcept {
        LogPosition at = clamped(from);
        const auto count = static_cast<std::size_t>(std::min<LogPosition>(end_ - at, to.size()));
        for (char& c : to.first(count)) {
            c = bytes_[index(at++)];
        }
        from = at;
        return count;
    }

private:
    [[nodiscard]] static constexpr std::size_t index(LogPosition at) noexcept {
        return static_cast<std::size_t>(at % Size);
    }
    [[nodiscard]] LogPosition clamped(LogPosition at) const noexcept {
        return std::clamp(at, begin_, end_);
    }
    [[nodiscard]] LogPosition after_line(LogPosition at) const noexcept {
        while (at < end_ && bytes_[index(at)] != '\n') {
            ++at;
        }
        return std::min(at + 1, end_);
    }

    std::array<char, Size> bytes_{};
    LogPosition begin_ = 0, end_ = 0;
};

}  // namespace kidney::kernel
