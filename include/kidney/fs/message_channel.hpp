/// Contract between a file system whose files are on a server and what carries its messages there.
#pragma once

#include "kidney/core/result.hpp"

#include <concepts>
#include <cstddef>
#include <span>

namespace kidney::fs {

/// Carries a message to a server and brings its reply.
///   G1 exchange() answers how many bytes the reply has, and they are in `reply`. One that is
///      longer is an error, and nothing behind `reply` is touched
///   G2 it ends, whatever the server does: timed_out, or another error; it may be that every
///      exchange fails from then on
///   G3 when it has ended, nobody touches `request` or `reply` any more
///   G4 messages and replies of up to max_message() bytes are possible
/// What is in a reply may be anything. Concurrency: callers serialise. May sleep.
template <class C>
concept MessageChannel = requires(C& channel, const C& same, std::span<const std::byte> request,
                                  std::span<std::byte> reply) {
    { channel.exchange(request, reply) } noexcept -> std::same_as<Result<std::size_t>>;
    { same.max_message() } noexcept -> std::same_as<std::size_t>;
};

}  // namespace kidney::fs
