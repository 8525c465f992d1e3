#include "kernel/syscall/user_copy.hpp"

#include <cstring>

namespace kidney::kernel {

Result<std::size_t> copy_string(std::span<char> to, UserPtr<const char> from) noexcept {
    // Small pieces: a short string costs little, and reading past its end, but never past its page,
    // cannot fault where the string itself would not.
    constexpr std::uint32_t piece_size = 32;
    std::size_t done = 0;
    VirtAddr at = from.address();
    while (done < to.size()) {
        const std::uint32_t to_boundary = piece_size - (at.value() % piece_size);
        const std::size_t piece = std::min<std::size_t>(to_boundary, to.size() - done);
        if (UserMemory::copy_in(std::as_writable_bytes(to.subspan(done, piece)), at) != piece) {
            return fail(Errc::bad_address);
        }
        if (const void* end = std::memchr(to.data() + done, '\0', piece); end != nullptr) {
            return static_cast<std::size_t>(static_cast<const char*>(end) - to.data());
        }
        done += piece;
        at += static_cast<std::uint32_t>(piece);
    }
    return fail(Errc::name_too_long);
}

Status copy_structure(std::span<std::byte> to, VirtAddr from, std::uint32_t size) noexcept {
    const std::size_t known = std::min<std::size_t>(size, to.size());
    TRY(copy_in(to.first(known), from));
    for (std::size_t at = known; at < size;) {
        std::array<std::byte, 64> rest;
        const auto piece = std::span(rest).first(std::min(rest.size(), size - at));
        TRY(copy_in(piece, from + static_cast<std::uint32_t>(at)));
        if (std::ranges::any_of(piece, [](std::byte b) { return b != std::byte{0}; })) {
            return fail(Errc::argument_list_long);
        }
        at += piece.size();
    }
    return {};
}

UserPath::~UserPath() {
    if (data_ != nullptr && data_ != short_.data()) {
        heap().free(data_, fs::max_path);
    }
}

Status UserPath::read(UserPtr<const char> from) noexcept {
    const Result<std::size_t> length = copy_string(short_, from);
    if (length) {
        data_ = short_.data();
        size_ = *length;
        return {};
    }
    if (length.error() != Errc::name_too_long) {
        return fail(length.error());
    }
    data_ = static_cast<char*>(TRY(heap().allocate(fs::max_path)));
    size_ = TRY(copy_string(std::span(data_, fs::max_path), from));
    return {};
}

}  // namespace kidney::kernel
