/// Calls that send and receive.
#include "kernel/process/process.hpp"
#include "kernel/syscall/socket/socket_calls.hpp"
#include "kernel/syscall/socket/socket_control.hpp"
#include "kernel/syscall/socket/socket_values.hpp"
#include "kernel/syscall/time_values.hpp"
#include "kernel/syscall/user_vectors.hpp"
#include "proc/signal/send.hpp"

#include <cstdint>
#include <optional>

namespace kidney::kernel::calls {
namespace {

/// struct msghdr.
struct UserMessage {
    VirtAddr name;
    std::int32_t name_size = 0;
    VirtAddr vectors;
    std::uint32_t vector_count = 0;
    VirtAddr control;
    std::uint32_t control_size = 0;
    std::uint32_t flags = 0;
};
static_assert(sizeof(UserMessage) == 28);
/// struct mmsghdr.
struct UserMessageOfMany {
    UserMessage message;
    std::uint32_t size = 0;
};
static_assert(sizeof(UserMessageOfMany) == 32);

constexpr std::uint32_t most_messages = 1024;  // UIO_MAXIOV

/// What all calls that send end in.
Reply send_to(Process& self, const OpenSocket& socket, fs::WriteBuffer& from, std::uint32_t flags,
              const UserAddress* address, SentControl* control) noexcept {
    if ((flags & message_flags::out_of_band) != 0) {
        return fail(Errc::not_supported);
    }
    fs::SendRequest request;
    request.non_blocking =
        socket.file().is_non_blocking() || (flags & message_flags::do_not_wait) != 0;
    fs::SocketTarget target;
    if (address != nullptr && socket->type() == fs::SocketType::datagram) {
        target = TRY(target_of(self, TRY(address->name())));
    }
    request.to = address != nullptr ? &target : nullptr;
    if (control != nullptr) {
        request.as = control->identity();
        request.files = control->take_files();
    }
    const auto sent = socket->send(request, from);
    if (sent) {
        return static_cast<std::uint32_t>(*sent);
    }
    if (sent.error() == Errc::broken_pipe && socket->type() == fs::SocketType::stream &&
        (flags & message_flags::no_signal) == 0) {
        send_signal_to_self(self, abi::sig_pipe);
    }
    return fail(interrupted_as(sent.error(), socket->facts().send_timeout));
}

Result<UserMessage> get_message(VirtAddr from) noexcept {
    UserMessage message = TRY(get_user(UserPtr<const UserMessage>(from)));
    if (message.name == VirtAddr(0)) {
        message.name_size = 0;
    }
    if (message.name_size < 0) {
        return fail(Errc::invalid_argument);
    }
    if (message.vector_count > UserVectors::capacity) {
        return fail(Errc::message_too_long);
    }
    return message;
}

Reply send_message(Process& self, const OpenSocket& socket, VirtAddr from,
                   std::uint32_t flags) noexcept {
    constexpr std::int32_t longest_address = 128;
    const UserMessage message = TRY(get_message(from));
    std::optional<UserAddress> address;
    if (message.name_size > 0) {
        const auto size = std::min(message.name_size, longest_address);
        TRY(address.emplace().read(message.name, static_cast<std::uint32_t>(size)));
    }
    UserVectors vectors;
    TRY(vectors.read(message.vectors, message.vector_count));
    SentControl control;
    if (static_cast<std::int32_t>(message.control_size) < 0) {
        return fail(Errc::no_buffers);
    }
    TRY(control.read(self, message.control, message.control_size));
    UserVectorsWriteBuffer buffer(vectors);
    return send_to(self, socket, buffer, flags, address ? &*address : nullptr, &control);
}

/// What all calls that receive begin with. The reply is what the call returns.
Reply receive_into(const OpenSocket& socket, fs::ReadBuffer& to, std::uint32_t flags,
                   fs::Received& received) noexcept {
    if ((flags & message_flags::out_of_band) != 0) {
        return fail(Errc::not_supported);
    }
    const fs::ReceiveRequest request{.non_blocking = socket.file().is_non_blocking() ||
                                                     (flags & message_flags::do_not_wait) != 0,
                                     .peek = (flags & message_flags::peek) != 0,
                                     .wait_all = (flags & message_flags::wait_all) != 0};
    if (const Status done = socket->receive(request, to, received); !done) {
        return fail(interrupted_as(done.error(), socket->facts().receive_timeout));
    }
    const bool tells_all = (flags & message_flags::cut) != 0;
    return static_cast<std::uint32_t>(tells_all ? received.length : received.size);
}

Reply receive_message(Process& self, const OpenSocket& socket, VirtAddr to,
                      std::uint32_t flags) noexcept {
    const UserMessage message = TRY(get_message(to));
    UserVectors vectors;
    TRY(vectors.read(message.vectors, message.vector_count));
    UserVectorsReadBuffer buffer(vectors);
    fs::Received received;
    const std::uint32_t result = TRY(receive_into(socket, buffer, flags, received));
    // Descriptors exist from here on; what follows in the program's structure tells of them.
    ReceivedControl control(message.control, message.control_size);
    const bool close_on_exec = (flags & message_flags::close_on_exec) != 0;
    std::uint32_t told = flags & message_flags::close_on_exec;
    told |= received.length > received.size ? message_flags::cut : 0;
    told |= control.put(self, received, close_on_exec).value_or(message_flags::control_cut);
    if (message.name != VirtAddr(0)) {
        const VirtAddr size = to + offsetof(UserMessage, name_size);
        if (received.has_sender && received.sender.kind() != fs::SocketName::Kind::none) {
            TRY(put_address(received.sender, message.name, size));
        } else {
            TRY(put_user(UserPtr<std::uint32_t>(size), 0));
        }
    }
    TRY(put_user(UserPtr<std::uint32_t>(to + offsetof(UserMessage, flags)), told));
    TRY(put_user(UserPtr<std::uint32_t>(to + offsetof(UserMessage, control_size)), control.size()));
    return result;
}

}  // namespace

Reply sendto(Process& self, Fd fd, VirtAddr from, std::uint32_t size, std::uint32_t flags,
             VirtAddr address, std::uint32_t address_size) noexcept {
    TRY(check_user_range(from, size));
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    std::optional<UserAddress> to;
    if (address != VirtAddr(0)) {
        TRY(to.emplace().read(address, address_size));
    }
    UserWriteBuffer buffer(from, size);
    return send_to(self, socket, buffer, flags, to && address_size != 0 ? &*to : nullptr, nullptr);
}
Reply send(Process& self, Fd fd, VirtAddr from, std::uint32_t size, std::uint32_t flags) noexcept {
    return sendto(self, fd, from, size, flags, VirtAddr(0), 0);
}
Reply sendmsg(Process& self, Fd fd, VirtAddr message, std::uint32_t flags) noexcept {
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    return send_message(self, socket, message, flags);
}

Reply sendmmsg(Process& self, Fd fd, VirtAddr messages, std::uint32_t count,
               std::uint32_t flags) noexcept {
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    const std::uint32_t most = std::min(count, most_messages);
    std::uint32_t done = 0;
    for (; done < most; ++done) {
        const VirtAddr at = messages + done * static_cast<std::uint32_t>(sizeof(UserMessageOfMany));
        Reply sent = send_message(self, socket, at, flags);
        if (sent) {
            const VirtAddr size = at + offsetof(UserMessageOfMany, size);
            if (const Status told = put_user(UserPtr<std::uint32_t>(size), *sent); !told) {
                sent = fail(told.error());
            }
        }
        if (!sent) {
            return done > 0 ? Reply(done) : sent;
        }
    }
    return done;
}

Reply recvfrom(Process& self, Fd fd, VirtAddr to, std::uint32_t size, std::uint32_t flags,
               VirtAddr address, VirtAddr address_size) noexcept {
    TRY(check_user_range(to, size));
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    UserReadBuffer buffer(to, size);
    fs::Received received;
    const std::uint32_t result = TRY(receive_into(socket, buffer, flags, received));
    if (address != VirtAddr(0)) {
        if (received.has_sender && received.sender.kind() != fs::SocketName::Kind::none) {
            TRY(put_address(received.sender, address, address_size));
        } else {
            if (TRY(get_user(UserPtr<const std::int32_t>(address_size))) < 0) {
                return fail(Errc::invalid_argument);
            }
            TRY(put_user(UserPtr<std::uint32_t>(address_size), 0));
        }
    }
    return result;
}
Reply recv(Process& self, Fd fd, VirtAddr to, std::uint32_t size, std::uint32_t flags) noexcept {
    return recvfrom(self, fd, to, size, flags, VirtAddr(0), VirtAddr(0));
}
Reply recvmsg(Process& self, Fd fd, VirtAddr message, std::uint32_t flags) noexcept {
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    return receive_message(self, socket, message, flags);
}

namespace {

/// The time is looked at between messages only: a wait for one goes on beyond it, as on Linux.
template <class Timespec>
Reply receive_many(Process& self, Fd fd, VirtAddr messages, std::uint32_t count,
                   std::uint32_t flags, VirtAddr timeout) noexcept {
    Instant end = Instant::never();
    if (timeout != VirtAddr(0)) {
        end = Clock::now() + TRY(get_timespec<Timespec>(timeout));
    }
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    TRY(socket->take_error());
    const std::uint32_t most = std::min(count, most_messages);
    std::uint32_t done = 0;
    while (done < most) {
        const VirtAddr at = messages + done * static_cast<std::uint32_t>(sizeof(UserMessageOfMany));
        const Reply got = receive_message(self, socket, at, flags & ~message_flags::wait_for_one);
        if (!got) {
            return done > 0 ? Reply(done) : got;
        }
        TRY(put_user(UserPtr<std::uint32_t>(at + offsetof(UserMessageOfMany, size)), *got));
        ++done;
        flags |= (flags & message_flags::wait_for_one) != 0 ? message_flags::do_not_wait : 0;
        if (Clock::now() >= end) {
            break;
        }
    }
    if (timeout != VirtAddr(0)) {
        const Instant now = Clock::now();
        TRY(put_timespec<Timespec>(timeout, now < end ? end - now : Duration()));
    }
    return done;
}

}  // namespace

Reply recvmmsg(Process& self, Fd fd, VirtAddr messages, std::uint32_t count, std::uint32_t flags,
               VirtAddr timeout) noexcept {
    return receive_many<Timespec32>(self, fd, messages, count, flags, timeout);
}
Reply recvmmsg_time64(Process& self, Fd fd, VirtAddr messages, std::uint32_t count,
                      std::uint32_t flags, VirtAddr timeout) noexcept {
    return receive_many<Timespec64>(self, fd, messages, count, flags, timeout);
}

}  // namespace kidney::kernel::calls
