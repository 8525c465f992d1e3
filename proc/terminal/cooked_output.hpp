/// Output on its way from the line discipline to a device, in pieces.
#pragma once

#include "proc/terminal/output_processor.hpp"
#include "proc/terminal/terminal_device.hpp"

#include <array>
#include <cstddef>
#include <string_view>

namespace kidney::proc {

/// Programs' output is cooked in pieces of this size; a tab may become a tab's width of blanks.
inline constexpr std::size_t raw_piece = 64;
inline constexpr std::size_t cooked_piece = raw_piece * OutputProcessor::tab;

/// Collects cooked output, so that the device is asked once per piece.
class CookedPiece {
public:
    void put(char c) noexcept {
        if (size_ < text_.size()) {
            text_[size_++] = c;
        }
    }
    [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }
    [[nodiscard]] bool is_full() const noexcept { return size_ == text_.size(); }
    void clear() noexcept { size_ = 0; }

private:
    std::array<char, cooked_piece> text_;
    std::size_t size_ = 0;
};

/// Echo does not wait: what the device has no room for is not shown.
class EchoOutput {
public:
    explicit EchoOutput(TerminalDevice& device) noexcept : device_(device) {}
    EchoOutput(const EchoOutput&) = delete;
    EchoOutput& operator=(const EchoOutput&) = delete;
    ~EchoOutput() { flush(); }

    void put(char c) noexcept {
        if (piece_.is_full()) {
            flush();
        }
        piece_.put(c);
    }

private:
    void flush() noexcept {
        if (!piece_.view().empty()) {
            static_cast<void>(device_.offer(piece_.view()));
            piece_.clear();
        }
    }

    TerminalDevice& device_;
    CookedPiece piece_;
};

}  // namespace kidney::proc
