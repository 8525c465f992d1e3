/// From six registers to a typed handler.
///
/// A handler is an ordinary function, `Reply name(Process& self, arguments...)`; it may also ask
/// for the trap frame as its second parameter. `adapt<handler>` is the function in the table: it
/// turns registers into argument types and the reply into the number that the program sees. A
/// pointer argument is a `UserPtr`, so no handler can follow one by accident.
#pragma once

#include "arch/i686/trap/trap_frame.hpp"
#include "kernel/names.hpp"
#include "kernel/syscall/errno_map.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"
#include "proc/files/fd_table.hpp"
#include "proc/pid.hpp"

#include <concepts>
#include <cstdint>
#include <utility>

namespace kidney::kernel {

class Process;

/// What a call returns: a word, or why not.
using Reply = Result<std::uint32_t>;

using RawHandler = std::int32_t (*)(Process& self, hal::TrapFrame& frame) noexcept;

namespace detail {

/// Argument n of a Linux i386 system call.
template <std::size_t N>
[[nodiscard]] constexpr std::uint32_t register_of(const hal::TrapFrame& f) noexcept {
    static_assert(N < 6, "a system call has six arguments at most");
    if constexpr (N == 0) {
        return f.ebx;
    } else if constexpr (N == 1) {
        return f.ecx;
    } else if constexpr (N == 2) {
        return f.edx;
    } else if constexpr (N == 3) {
        return f.esi;
    } else if constexpr (N == 4) {
        return f.edi;
    } else {
        return f.ebp;
    }
}

template <class T>
[[nodiscard]] constexpr T argument(std::uint32_t word) noexcept {
    if constexpr (std::same_as<T, Pid>) {
        return Pid(static_cast<std::int32_t>(word));
    } else {
        return static_cast<T>(
            word);  // integers, and explicit constructors of Fd, UserPtr, VirtAddr
    }
}

[[nodiscard]] constexpr std::int32_t number_of(const Reply& reply) noexcept {
    return reply ? static_cast<std::int32_t>(*reply) : -errno_of(reply.error());
}

template <class F>
struct Adapter;

template <class... Args>
struct Adapter<Reply (*)(Process&, Args...) noexcept> {
    template <auto Handler, std::size_t... N>
    static std::int32_t call(Process& self, hal::TrapFrame& frame,
                             std::index_sequence<N...>) noexcept {
        return number_of(Handler(self, argument<Args>(register_of<N>(frame))...));
    }
    static constexpr auto indices = std::index_sequence_for<Args...>();
};

template <class... Args>
struct Adapter<Reply (*)(Process&, hal::TrapFrame&, Args...) noexcept> {
    template <auto Handler, std::size_t... N>
    static std::int32_t call(Process& self, hal::TrapFrame& frame,
                             std::index_sequence<N...>) noexcept {
        return number_of(Handler(self, frame, argument<Args>(register_of<N>(frame))...));
    }
    static constexpr auto indices = std::index_sequence_for<Args...>();
};

}  // namespace detail

/// The table entry for a typed handler.
template <auto Handler>
std::int32_t adapt(Process& self, hal::TrapFrame& frame) noexcept {
    using A = detail::Adapter<decltype(Handler)>;
    return A::template call<Handler>(self, frame, A::indices);
}

}  // namespace kidney::kernel
