/// Messages of 9P as bytes: numbers are little-endian, a text is its length and its bytes.
#pragma once

#include "fs/disk/little.hpp"
#include "fs/p9/format.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace kidney::fs::p9 {

/// Writes a request. What does not fit is noticed at the end.
class Request {
public:
    Request(std::span<std::byte> to, Message type, std::uint16_t tag) noexcept
        : to_(to), type_(type) {
        number<std::uint32_t>(0);  // its size
        number(static_cast<std::uint8_t>(type)).number(tag);
    }
    [[nodiscard]] Message type() const noexcept { return type_; }

    template <class T>
    Request& number(T value) noexcept {
        Little<T> raw;
        raw = value;
        return bytes(std::as_bytes(std::span(&raw, 1)));
    }
    Request& text(std::string_view text) noexcept {
        fits_ = fits_ && text.size() <= 0xFFFF;
        number(static_cast<std::uint16_t>(text.size()));
        return bytes(std::as_bytes(std::span(text)));
    }
    Request& bytes(std::span<const std::byte> bytes) noexcept {
        fits_ = fits_ && bytes.size() <= to_.size() - size_;
        if (fits_ && !bytes.empty()) {
            std::memcpy(to_.data() + size_, bytes.data(), bytes.size());
            size_ += bytes.size();
        }
        return *this;
    }
    /// Error: name_too_long (texts are all that can be too long).
    [[nodiscard]] Result<std::span<const std::byte>> finish() noexcept {
        if (!fits_) {
            return fail(Errc::name_too_long);
        }
        Le32 size;
        size = static_cast<std::uint32_t>(size_);
        save(to_, 0, size);
        return std::span<const std::byte>(to_.first(size_));
    }

private:
    std::span<std::byte> to_;
    std::size_t size_ = 0;
    bool fits_ = true;
    const Message type_;
};

/// Reads a reply, which may be anything: what is not there reads as 0, and end() tells of it.
class Reply {
public:
    Reply() noexcept = default;
    explicit Reply(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}

    template <class T>
    [[nodiscard]] T number() noexcept {
        const std::span<const std::byte> raw = bytes(sizeof(T));
        return raw.empty() ? T{0} : static_cast<T>(load<Little<T>>(raw, 0));
    }
    /// Empty if it is not there.
    [[nodiscard]] std::span<const std::byte> bytes(std::size_t count) noexcept {
        is_whole_ = is_whole_ && count <= rest_.size();
        if (!is_whole_) {
            return {};
        }
        const std::span<const std::byte> found = rest_.first(count);
        rest_ = rest_.subspan(count);
        return found;
    }
    [[nodiscard]] std::string_view text() noexcept {
        const std::span<const std::byte> raw = bytes(number<std::uint16_t>());
        return {reinterpret_cast<const char*>(raw.data()), raw.size()};
    }
    [[nodiscard]] Qid qid() noexcept {
        Qid qid;
        qid.type = number<std::uint8_t>();
        qid.version = number<std::uint32_t>();
        qid.path = number<std::uint64_t>();
        return qid;
    }
    [[nodiscard]] bool is_empty() const noexcept { return rest_.empty(); }
    /// Everything was there, and nothing else. Error: io_error.
    [[nodiscard]] Status end() const noexcept {
        return is_whole_ && rest_.empty() ? Status() : Status(fail(Errc::io_error));
    }
    [[nodiscard]] bool is_whole() const noexcept { return is_whole_; }

private:
    std::span<const std::byte> rest_;
    bool is_whole_ = true;
};

/// Can this be the name of something in a directory?
[[nodiscard]] constexpr bool is_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > max_name) {
        return false;
    }
    for (const char c : name) {
        if (c == '/' || c == '\0') {
            return false;
        }
    }
    return true;
}

}  // namespace kidney::fs::p9
