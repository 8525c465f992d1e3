/// What a system call's handler says about its arguments by their types, for those who show them.
#pragma once

#include "kernel/names.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"
#include "proc/files/fd_table.hpp"
#include "proc/pid.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace kidney::hal {
struct TrapFrame;
}

namespace kidney::kernel {

class Process;

/// How a word is shown. The first group follows from a handler's types, the others are what
/// kernel/syscall/trace/details.hpp knows beyond them.
enum class Shown : std::uint8_t {
    nothing,
    unsigned_number,
    signed_number,
    pointer,
    string,

    octal,
    descriptor_of_at,
    open_flags,
    descriptor_flags,  ///< O_CLOEXEC and the like, without an access mode
    open_mode,         ///< octal, and only if the flags before it create a file
    at_flags,
    access_mode,
    whence,
    protection,
    map_flags,
    advice,
    clone_flags,
    signal,
    mask_how,
    wait_options,
    fcntl_command,
    ioctl_request,
    futex_operation,
    clock,
    resource,
    bytes_in,     ///< as many as the next argument says
    bytes_out,    ///< as many as the result says
    strings,      ///< a list of pointers that ends in null
    vectors_in,   ///< as many as the next argument says
    vectors_out,  ///< likewise, filled with as many bytes as the result says
    string_out,
    two_words_out,
    status_out,  ///< what wait(2) says about a child
    time,
    time64,
};

struct Signature {
    std::uint8_t count = 0;
    std::array<Shown, 6> arguments{};
};

namespace detail {

template <class T>
[[nodiscard]] consteval Shown shown_by_type() noexcept {
    if constexpr (std::same_as<T, Fd> || std::same_as<T, Pid> || std::signed_integral<T>) {
        return Shown::signed_number;
    } else if constexpr (std::same_as<T, UserPtr<const char>>) {
        return Shown::string;
    } else if constexpr (std::unsigned_integral<T>) {
        return Shown::unsigned_number;
    } else {
        return Shown::pointer;
    }
}

template <class F>
struct SignatureOf;
template <class R, class... Args>
struct SignatureOf<R (*)(Process&, Args...) noexcept> {
    static constexpr Signature value{sizeof...(Args), {shown_by_type<Args>()...}};
};
template <class R, class... Args>
struct SignatureOf<R (*)(Process&, hal::TrapFrame&, Args...) noexcept> {
    static constexpr Signature value{sizeof...(Args), {shown_by_type<Args>()...}};
};

}  // namespace detail

template <auto Handler>
inline constexpr Signature signature_of = detail::SignatureOf<decltype(Handler)>::value;

}  // namespace kidney::kernel
