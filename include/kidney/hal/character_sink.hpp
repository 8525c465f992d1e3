/// A device that characters can be written to: UART, VGA text screen, a test's buffer.
#pragma once

#include <concepts>
#include <string_view>

namespace kidney::hal {

/// Byte-wise output.
///   S1 bytes appear in the order written, none lost or invented
///   S2 put() returns in bounded time even if the device is absent or stuck
/// Works before any other service and inside a panic: no locks, no allocation, no interrupts.
template <class S>
concept CharacterSink = requires(S& sink, char c) {
    { sink.put(c) } noexcept -> std::same_as<void>;
};

template <CharacterSink S>
void put_all(S& sink, std::string_view text) noexcept {
    for (const char c : text) {
        sink.put(c);
    }
}

}  // namespace kidney::hal
