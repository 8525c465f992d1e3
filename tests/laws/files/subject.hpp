/// What the laws of file systems work on, and the words that they use. Freestanding.
#pragma once

#include "kidney/fs/file_system.hpp"
#include "kidney/fs/vnode.hpp"
#include "tests/laws/report.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::laws::file_system {

/// What a file system can keep. A law that needs what is not there checks that it is refused.
struct Abilities {
    bool hard_links = true;
    bool symlinks = true;
    bool permissions = true;        ///< and owners
    bool sparse = true;             ///< bytes that were never written take no blocks
    bool unnamed = true;            ///< create_unnamed()
    bool exchange = true;           ///< of rename
    std::int64_t first_second = 0;  ///< the earliest time that it knows
};

/// A mounted file system and a directory of it that is empty and stays alone with the laws.
struct Subject {
    fs::FileSystem& system;
    Ref<fs::Vnode> home;
    Abilities can{};
};

/// A name with a number in it: "n00" to "n99".
class Numbered {
public:
    explicit Numbered(std::uint32_t number) noexcept
        : text_{'n', static_cast<char>('0' + number / 10 % 10),
                static_cast<char>('0' + number % 10)} {}
    operator std::string_view() const noexcept { return {text_.data(), text_.size()}; }

private:
    std::array<char, 3> text_;
};
/// The number of such a name; none: 100.
[[nodiscard]] inline std::uint32_t number_of(std::string_view name) noexcept {
    const auto digit = [&](std::size_t at) { return static_cast<std::uint32_t>(name[at] - '0'); };
    return name.size() == 3 && name[0] == 'n' && digit(1) < 10 && digit(2) < 10
               ? digit(1) * 10 + digit(2)
               : 100;
}

[[nodiscard]] inline Result<Ref<fs::Vnode>> make(fs::Vnode& in, std::string_view name,
                                                 fs::NodeType type = fs::NodeType::regular,
                                                 std::string_view target = {}) noexcept {
    const std::uint16_t bits = type == fs::NodeType::directory ? 0755 : 0644;
    return in.create(name, {.type = type, .permissions = fs::Permissions(bits), .target = target});
}
/// Takes a name away, whatever it means.
[[nodiscard]] inline Status remove(fs::Vnode& from, std::string_view name) noexcept {
    const Ref<fs::Vnode> node = TRY(from.lookup(name));
    return from.unlink(name, *node);
}
/// Moves a name over whatever is at its new place.
[[nodiscard]] inline Status move(fs::Vnode& from, std::string_view name, fs::Vnode& to,
                                 std::string_view new_name, bool exchange = false) noexcept {
    const Ref<fs::Vnode> node = TRY(from.lookup(name));
    Ref<fs::Vnode> there;
    if (Result<Ref<fs::Vnode>> found = to.lookup(new_name)) {
        there = *found;
    }
    return from.rename({.name = name,
                        .node = *node,
                        .new_parent = to,
                        .new_name = new_name,
                        .replaced = there.get(),
                        .exchange = exchange});
}
[[nodiscard]] inline bool leads_to(fs::Vnode& in, std::string_view name,
                                   const fs::Vnode& node) noexcept {
    const Result<Ref<fs::Vnode>> found = in.lookup(name);
    return found && found->get() == &node;
}
[[nodiscard]] inline bool is_free(fs::Vnode& in, std::string_view name) noexcept {
    const Result<Ref<fs::Vnode>> found = in.lookup(name);
    return !found && found.error() == Errc::not_found;
}
template <class T>
[[nodiscard]] bool fails_with(const Result<T>& result, Errc error) noexcept {
    return !result && result.error() == error;
}
[[nodiscard]] inline std::uint32_t links(fs::Vnode& node) noexcept {
    const Result<fs::Attributes> a = node.attributes();
    return a ? a->links : ~0U;
}
[[nodiscard]] inline std::uint64_t size(fs::Vnode& node) noexcept {
    const Result<fs::Attributes> a = node.attributes();
    return a ? a->size : ~std::uint64_t{0};
}
[[nodiscard]] inline Status cut(fs::Vnode& node, std::uint64_t size) noexcept {
    fs::AttributeChange change;
    change.size = size;
    return node.set_attributes(change);
}

// Bytes: those of a place and a seed, or zeros for seed 0.
inline constexpr std::size_t piece = 256;

[[nodiscard]] inline std::byte byte_at(std::uint64_t at, std::uint32_t seed) noexcept {
    const auto value = static_cast<std::uint32_t>(at) * 31 + static_cast<std::uint32_t>(at >> 8);
    return seed == 0 ? std::byte{} : static_cast<std::byte>((value ^ seed * 77) | 1);
}
/// How many of the bytes it stored.
[[nodiscard]] inline Result<std::size_t> put(fs::Vnode& node, std::uint64_t at, std::size_t count,
                                             std::uint32_t seed) noexcept {
    std::size_t done = 0;
    while (done < count) {
        std::array<std::byte, piece> bytes;
        const std::size_t length = count - done < piece ? count - done : piece;
        for (std::size_t i = 0; i < length; ++i) {
            bytes[i] = byte_at(at + done + i, seed);
        }
        fs::SpanWriteBuffer from(std::span(bytes).first(length));
        const Result<std::size_t> written = node.write(at + done, from);
        if (!written) {
            return done == 0 ? written : Result<std::size_t>(done);
        }
        done += *written;
        if (*written < length) {
            break;
        }
    }
    return done;
}
[[nodiscard]] inline bool holds(fs::Vnode& node, std::uint64_t at, std::size_t count,
                                std::uint32_t seed) noexcept {
    for (std::size_t done = 0; done < count;) {
        std::array<std::byte, piece> bytes;
        const std::size_t length = count - done < piece ? count - done : piece;
        fs::SpanReadBuffer to(std::span(bytes).first(length));
        const Result<std::size_t> got = node.read(at + done, to);
        if (!got || *got != length) {
            return false;
        }
        for (std::size_t i = 0; i < length; ++i) {
            if (bytes[i] != byte_at(at + done + i, seed)) {
                return false;
            }
        }
        done += length;
    }
    return true;
}
/// Nothing is read at and behind `at`.
[[nodiscard]] inline bool ends_at(fs::Vnode& node, std::uint64_t at) noexcept {
    std::array<std::byte, 8> bytes;
    fs::SpanReadBuffer to(bytes);
    const Result<std::size_t> got = node.read(at, to);
    return got && *got == 0 && size(node) == at;
}
/// Appends one piece; where it ended.
[[nodiscard]] inline Result<std::uint64_t> put_at_end(fs::Vnode& node, std::size_t count,
                                                      std::uint32_t seed) noexcept {
    const std::uint64_t at = size(node);
    std::array<std::byte, piece> bytes;
    for (std::size_t i = 0; i < count; ++i) {
        bytes[i] = byte_at(at + i, seed);
    }
    fs::SpanWriteBuffer from(std::span(bytes).first(count));
    std::uint64_t end = 0;
    const std::size_t written = TRY(node.append(from, end));
    return written == count ? Result<std::uint64_t>(end) : fail(Errc::no_space);
}

}  // namespace kidney::laws::file_system
