/// What Linux's numbers mean to sockets, and addresses as programs write them.
///
/// The numbers stand here because <linux/socket.h> has few of them and <sys/socket.h> is a C
/// library's.
#pragma once

#include "kernel/process/process.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kidney/fs/socket.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kidney::kernel {

inline constexpr std::uint32_t family_none = 0;  // AF_UNSPEC
inline constexpr std::uint32_t family_unix = 1;
inline constexpr std::uint32_t families = 46;

inline constexpr std::uint32_t type_mask = 0xf;
inline constexpr std::uint32_t most_types = 11;

namespace message_flags {
inline constexpr std::uint32_t out_of_band = 0x1;
inline constexpr std::uint32_t peek = 0x2;
inline constexpr std::uint32_t control_cut = 0x8;
inline constexpr std::uint32_t cut = 0x20;
inline constexpr std::uint32_t do_not_wait = 0x40;
inline constexpr std::uint32_t wait_all = 0x100;
inline constexpr std::uint32_t no_signal = 0x4000;
inline constexpr std::uint32_t wait_for_one = 0x10000;
inline constexpr std::uint32_t close_on_exec = 0x4000'0000;
}  // namespace message_flags

/// A descriptor that must be a socket's. Errors: bad_descriptor, not_socket.
class OpenSocket {
public:
    [[nodiscard]] static Result<OpenSocket> get(Process& self, Fd fd) noexcept {
        OpenFile file = TRY(self.files.get(fd));
        return file->socket() != nullptr ? Result<OpenSocket>(OpenSocket(std::move(file)))
                                         : fail(Errc::not_socket);
    }
    [[nodiscard]] fs::SocketCalls* operator->() const noexcept { return file_->socket(); }
    [[nodiscard]] fs::SocketCalls& calls() const noexcept { return *file_->socket(); }
    [[nodiscard]] fs::File& file() const noexcept { return *file_; }

private:
    explicit OpenSocket(OpenFile file) noexcept : file_(std::move(file)) {}
    OpenFile file_;
};

/// struct sockaddr as a program passed it.
class UserAddress {
public:
    /// Errors: bad_address, invalid_argument (too long for any family).
    [[nodiscard]] Status read(VirtAddr from, std::uint32_t size) noexcept {
        if (size > sizeof(bytes_)) {
            return fail(Errc::invalid_argument);
        }
        size_ = size;
        return copy_in(std::as_writable_bytes(std::span(bytes_)).first(size), from);
    }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    /// There are so many bytes.
    [[nodiscard]] bool has_family() const noexcept { return size_ >= path_at; }
    [[nodiscard]] std::uint32_t family() const noexcept {
        return static_cast<unsigned char>(bytes_[0]) |
               std::uint32_t{static_cast<unsigned char>(bytes_[1])} << 8;
    }
    /// Error: invalid_argument (it names nothing, or is no address of a socket of this machine).
    [[nodiscard]] Result<fs::SocketName> name() const noexcept {
        if (size_ <= path_at || size_ > path_at + fs::SocketName::longest ||
            family() != family_unix) {
            return fail(Errc::invalid_argument);
        }
        const std::string_view text(bytes_.data() + path_at, size_ - path_at);
        if (text.front() == '\0') {
            return fs::SocketName(fs::SocketName::Kind::abstract,
                                  {text.data() + 1, text.size() - 1});
        }
        const std::size_t end = text.find('\0');
        return fs::SocketName(fs::SocketName::Kind::path,
                              {text.data(), end == text.npos ? text.size() : end});
    }

private:
    static constexpr std::uint32_t path_at = 2;
    std::array<char, 128> bytes_{};  // sockaddr_storage
    std::uint32_t size_ = 0;
};

/// Writes an address, cut to the room that there is, and its full length to where that stood.
/// Errors: bad_address, invalid_argument.
[[nodiscard]] Status put_address(const fs::SocketName& name, VirtAddr to, VirtAddr size) noexcept;
/// The length of the address with this name.
[[nodiscard]] std::uint32_t address_size(const fs::SocketName& name) noexcept;

/// Whom a name means: a path is walked, and the node must be a socket that the caller may write.
/// Errors: connection_refused, permission_denied, and those of a walk.
[[nodiscard]] Result<fs::SocketTarget> target_of(Process& self,
                                                 const fs::SocketName& name) noexcept;

/// A wait that a signal ended: the call runs again, unless it was to end at some time.
[[nodiscard]] inline Errc interrupted_as(Errc why, Duration timeout) noexcept {
    return why == Errc::interrupted && timeout == Duration::longest() ? Errc::restart : why;
}

}  // namespace kidney::kernel
