/// Fallible results: `Result<T>` carries a value or an `Errc`, never both, and must be looked at.
///
/// Every function that the outside world can make fail (memory, disk, user pointer, path) returns
/// one. A caller's bug is an assertion instead (assert.hpp). POSIX numbers appear only at the
/// system call boundary (kernel/syscall/errno_map.hpp).
#pragma once

#include <tl/expected.hpp>

#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney {

/// Why an operation failed. One enumerator per POSIX error that a user program can be told.
enum class Errc : std::uint8_t {
    not_permitted,       ///< EPERM
    not_found,           ///< ENOENT
    no_process,          ///< ESRCH
    interrupted,         ///< EINTR: a signal ended the wait
    io_error,            ///< EIO
    no_device,           ///< ENXIO
    unsuitable_device,   ///< ENODEV: there is one, and it cannot do this
    argument_list_long,  ///< E2BIG
    not_executable,      ///< ENOEXEC
    bad_library,         ///< ELIBBAD: what a program names as its interpreter is none
    bad_descriptor,      ///< EBADF
    no_child,            ///< ECHILD
    would_block,         ///< EAGAIN
    no_memory,           ///< ENOMEM
    permission_denied,   ///< EACCES
    bad_address,         ///< EFAULT
    busy,                ///< EBUSY
    exists,              ///< EEXIST
    cross_device,        ///< EXDEV
    not_directory,       ///< ENOTDIR
    is_directory,        ///< EISDIR
    invalid_argument,    ///< EINVAL
    too_many_files,      ///< EMFILE
    file_table_full,     ///< ENFILE: too many for this user, or for the machine
    not_a_terminal,      ///< ENOTTY
    file_too_big,        ///< EFBIG
    no_space,            ///< ENOSPC
    not_seekable,        ///< ESPIPE
    read_only,           ///< EROFS
    too_many_links,      ///< EMLINK
    broken_pipe,         ///< EPIPE
    out_of_range,        ///< ERANGE
    name_too_long,       ///< ENAMETOOLONG
    not_implemented,     ///< ENOSYS
    not_empty,           ///< ENOTEMPTY
    too_many_symlinks,   ///< ELOOP
    value_overflow,      ///< EOVERFLOW
    not_supported,       ///< EOPNOTSUPP
    timed_out,           ///< ETIMEDOUT
    deadlock,            ///< EDEADLK: the wait would never end
    no_locks,            ///< ENOLCK: too many for this user
    no_message,          ///< ENOMSG
    identifier_removed,  ///< EIDRM: what was waited for is gone
    corrupted,           ///< EUCLEAN: an on-disk structure contradicts itself
    text_busy,           ///< ETXTBSY: a program runs from this file, or somebody writes it
    no_data,             ///< ENODATA: there is no attribute of that name
    not_block_device,    ///< ENOTBLK
    quota_exceeded,      ///< EDQUOT
    cancelled,           ///< ECANCELED: what was waited for lost its meaning
    stale,               ///< ESTALE: the name means something else by now
    outside_domain,      ///< EDOM: no such point of time, or the like
    not_socket,          ///< ENOTSOCK
    unknown_family,      ///< EAFNOSUPPORT
    unknown_type,        ///< ESOCKTNOSUPPORT: no such kind of socket
    unknown_protocol,    ///< EPROTONOSUPPORT
    unknown_option,      ///< ENOPROTOOPT
    wrong_protocol,      ///< EPROTOTYPE: who has that name is another kind of socket
    address_in_use,      ///< EADDRINUSE
    connection_refused,  ///< ECONNREFUSED: nobody is there, or nobody listens
    connection_reset,    ///< ECONNRESET: the other end is gone, and has not read everything
    not_connected,       ///< ENOTCONN
    is_connected,        ///< EISCONN
    message_too_long,    ///< EMSGSIZE
    no_buffers,          ///< ENOBUFS: too many bytes on their way, for this user
    too_many_in_flight,  ///< ETOOMANYREFS: too many files on their way, for this user
    restart,  ///< never leaves the kernel: run the system call again after the signal handler
};

namespace detail {
inline constexpr std::string_view errc_names[] = {
    "not_permitted",
    "not_found",
    "no_process",
    "interrupted",
    "io_error",
    "no_device",
    "unsuitable_device",
    "argument_list_long",
    "not_executable",
    "bad_library",
    "bad_descriptor",
    "no_child",
    "would_block",
    "no_memory",
    "permission_denied",
    "bad_address",
    "busy",
    "exists",
    "cross_device",
    "not_directory",
    "is_directory",
    "invalid_argument",
    "too_many_files",
    "file_table_full",
    "not_a_terminal",
    "file_too_big",
    "no_space",
    "not_seekable",
    "read_only",
    "too_many_links",
    "broken_pipe",
    "out_of_range",
    "name_too_long",
    "not_implemented",
    "not_empty",
    "too_many_symlinks",
    "value_overflow",
    "not_supported",
    "timed_out",
    "deadlock",
    "no_locks",
    "no_message",
    "identifier_removed",
    "corrupted",
    "text_busy",
    "no_data",
    "not_block_device",
    "quota_exceeded",
    "cancelled",
    "stale",
    "outside_domain",
    "not_socket",
    "unknown_family",
    "unknown_type",
    "unknown_protocol",
    "unknown_option",
    "wrong_protocol",
    "address_in_use",
    "connection_refused",
    "connection_reset",
    "not_connected",
    "is_connected",
    "message_too_long",
    "no_buffers",
    "too_many_in_flight",
    "restart",
};
static_assert(std::size(errc_names) == static_cast<std::size_t>(Errc::restart) + 1);
}  // namespace detail

/// The enumerator's own name, for logs and test messages.
[[nodiscard]] constexpr std::string_view to_string(Errc e) noexcept {
    return detail::errc_names[static_cast<std::size_t>(e)];
}

/// `tl::expected` behind our name; it has std::expected's interface and becomes it one day.
template <class T>
using Result = tl::expected<T, Errc>;
using Status = Result<void>;

/// `return fail(Errc::no_memory);`
[[nodiscard]] constexpr tl::unexpected<Errc> fail(Errc e) noexcept {
    return tl::unexpected<Errc>(e);
}

/// Drops an error on purpose, with the reason beside it.
template <class T>
constexpr void ignore_error(const Result<T>&, const char* /*why*/) noexcept {}

}  // namespace kidney

/// Value of a `Result` expression, or return its error from the enclosing function. Nests: each use
/// has a variable of its own.
#define TRY(expression) KIDNEY_TRY_(expression, KIDNEY_JOIN_(kidney_try_result_, __COUNTER__))
#define KIDNEY_JOIN_(a, b) KIDNEY_JOIN_NOW_(a, b)
#define KIDNEY_JOIN_NOW_(a, b) a##b
#define KIDNEY_TRY_(expression, result)                                   \
    ({                                                                    \
        auto&& result = (expression);                                     \
        if (!result.has_value()) [[unlikely]] {                           \
            return ::kidney::fail(result.error());                        \
        }                                                                 \
        ::kidney::detail::unwrap(std::forward<decltype(result)>(result)); \
    })

namespace kidney::detail {
template <class T>
constexpr T unwrap(Result<T>&& r) noexcept {
    return std::move(*r);
}
template <class T>
constexpr T unwrap(Result<T>& r) noexcept {
    return std::move(*r);
}
constexpr void unwrap(Status&&) noexcept {}
constexpr void unwrap(Status&) noexcept {}
}  // namespace kidney::detail
