/// Exactly what `MessageChannel` promises and nothing more.
#pragma once

#include "kidney/fs/message_channel.hpp"

namespace kidney::archetypes {

class MessageChannel {
public:
    MessageChannel() = default;
    MessageChannel(const MessageChannel&) = delete;
    MessageChannel& operator=(const MessageChannel&) = delete;
    Result<std::size_t> exchange(std::span<const std::byte>, std::span<std::byte>) noexcept {
        return fail(Errc::io_error);
    }
    std::size_t max_message() const noexcept { return 8192; }
};

static_assert(fs::MessageChannel<MessageChannel>);

}  // namespace kidney::archetypes
