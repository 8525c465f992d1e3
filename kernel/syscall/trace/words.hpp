/// One argument of a system call as text, in the manner of strace(1).
#pragma once

#include "kernel/names.hpp"
#include "kernel/syscall/signature.hpp"
#include "kidney/core/format.hpp"
#include "proc/signal/signal_queue.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::kernel {

/// What stands between the parentheses; it leaves room in a line of the log for the rest.
using ArgumentText = TextBuffer<176>;

struct ShownCall {
    std::array<std::uint32_t, 6> words{};
    std::int32_t result = 0;  ///< once there is one
};

/// Can only be shown when the call has ended.
[[nodiscard]] constexpr bool is_filled_by_call(Shown shown) noexcept {
    return shown == Shown::bytes_out || shown == Shown::vectors_out || shown == Shown::string_out ||
           shown == Shown::two_words_out || shown == Shown::status_out;
}

/// Argument `index`. Memory of the program that cannot be read is shown by its address. May sleep.
void show_argument(ArgumentText& out, Shown shown, const ShownCall& call,
                   std::size_t index) noexcept;

/// What a delivered signal says about itself: {si_code=CLD_EXITED, si_pid=12, si_status=0}.
void show_cause(ArgumentText& out, std::uint32_t signal, const SignalCause& cause) noexcept;

/// The name of what a failed call returns, negated.
void show_error(ArgumentText& out, std::uint32_t number) noexcept;

/// A signal's name, or its number.
void show_signal(ArgumentText& out, std::uint32_t signal) noexcept;

}  // namespace kidney::kernel
