/// Sockets, their names and connections.
#include "kernel/syscall/socket/socket_calls.hpp"

#include "fs/vfs/credentials.hpp"
#include "kernel/sockets.hpp"
#include "kernel/storage/mounts.hpp"
#include "kernel/syscall/socket/socket_values.hpp"
#include "proc/standpoint.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <linux/fcntl.h>
#include <linux/net.h>

namespace kidney::kernel {

std::uint32_t address_size(const fs::SocketName& name) noexcept {
    constexpr std::uint32_t path_at = 2;
    const bool is_named = name.kind() != fs::SocketName::Kind::none;
    // A path has a NUL behind it, an abstract name one before it.
    return path_at + (is_named ? static_cast<std::uint32_t>(name.view().size()) + 1 : 0);
}

Status put_address(const fs::SocketName& name, VirtAddr to, VirtAddr size) noexcept {
    const auto room = TRY(get_user(UserPtr<const std::int32_t>(size)));
    if (room < 0) {
        return fail(Errc::invalid_argument);
    }
    std::array<char, 2 + fs::SocketName::longest + 1> bytes{};
    bytes[0] = static_cast<char>(family_unix);
    const bool is_abstract = name.kind() == fs::SocketName::Kind::abstract;
    std::ranges::copy(name.view(), bytes.begin() + (is_abstract ? 3 : 2));
    const std::uint32_t whole = address_size(name);
    const auto shown = std::min(whole, static_cast<std::uint32_t>(room));
    TRY(copy_out(to, std::as_bytes(std::span(bytes)).first(shown)));
    return put_user(UserPtr<std::uint32_t>(size), whole);
}

Result<fs::SocketTarget> target_of(Process& self, const fs::SocketName& name) noexcept {
    if (name.kind() != fs::SocketName::Kind::path) {
        return fs::SocketTarget{.name = name};
    }
    const Standpoint from(self);
    fs::Place place = TRY(vfs().place_at(from, name.view(), true));
    TRY(fs::check_access(TRY(place.node->attributes()), from.who().effective(), fs::Access::write));
    if (place.node->type() != fs::NodeType::socket) {
        return fail(Errc::connection_refused);
    }
    return fs::SocketTarget{.name = name, .node = std::move(place.node)};
}

namespace calls {
namespace {

constexpr std::uint32_t known_flags = O_CLOEXEC | O_NONBLOCK;  // SOCK_CLOEXEC, SOCK_NONBLOCK

/// Errors: unknown_family, unknown_type, unknown_protocol, invalid_argument.
Result<fs::SocketType> socket_type(std::uint32_t family, std::uint32_t type,
                                   std::uint32_t protocol) noexcept {
    constexpr std::uint32_t stream = 1, datagram = 2, raw = 3, packets = 5;
    if ((type & ~type_mask & ~known_flags) != 0) {
        return fail(Errc::invalid_argument);
    }
    const std::uint32_t kind = type & type_mask;
    if (family >= families) {
        return fail(Errc::unknown_family);
    }
    if (kind >= most_types) {
        return fail(Errc::invalid_argument);
    }
    if (family != family_unix) {
        return fail(Errc::unknown_family);
    }
    if (protocol != 0 && protocol != family_unix) {
        return fail(Errc::unknown_protocol);
    }
    switch (kind) {
        case stream:
            return fs::SocketType::stream;
        case datagram:
        case raw:
            return fs::SocketType::datagram;
        case packets:
            return fs::SocketType::packets;
        default:
            return fail(Errc::unknown_type);
    }
}

/// Makes the node, whose permissions are those of the socket's own descriptor.
Status bind_to_path(Process& self, const OpenSocket& socket, const fs::SocketName& name) noexcept {
    const Standpoint from(self);
    const std::uint32_t mask = self.umask.load(std::memory_order_relaxed);
    fs::NewNode node;
    node.type = fs::NodeType::socket;
    node.permissions = fs::Permissions(
        static_cast<std::uint16_t>(TRY(socket.file().attributes()).permissions.bits() & ~mask));
    fs::Place place;
    if (const Status made = vfs().make_node(from, name.view(), node, &place); !made) {
        return fail(made.error() == Errc::exists ? Errc::address_in_use : made.error());
    }
    socket->bind_to_node(name, std::move(place.mount), std::move(place.node));
    return {};
}

}  // namespace

Reply socket(Process& self, std::uint32_t family, std::uint32_t type,
             std::uint32_t protocol) noexcept {
    const fs::SocketType kind = TRY(socket_type(family, type, protocol));
    Ref<fs::File> file = TRY(sockets().create(kind, (type & O_NONBLOCK) != 0));
    return TRY(self.files.install(std::move(file), (type & O_CLOEXEC) != 0)).value();
}

Reply socketpair(Process& self, std::uint32_t family, std::uint32_t type, std::uint32_t protocol,
                 VirtAddr fds) noexcept {
    const fs::SocketType kind = TRY(socket_type(family, type, protocol));
    const bool cloexec = (type & O_CLOEXEC) != 0;
    auto first = TRY(self.files.reserve());
    auto second = TRY(self.files.reserve());
    struct Pair {
        std::uint32_t first, second;
    };
    TRY(put_user(UserPtr<Pair>(fds), {first.fd().value(), second.fd().value()}));
    auto ends = TRY(sockets().create_pair(kind, (type & O_NONBLOCK) != 0));
    self.files.place(std::move(first), std::move(ends.first), cloexec);
    self.files.place(std::move(second), std::move(ends.second), cloexec);
    return 0U;
}

Reply bind(Process& self, Fd fd, VirtAddr address, std::uint32_t size) noexcept {
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    UserAddress wanted;
    TRY(wanted.read(address, size));
    if (wanted.size() == 2 && wanted.family() == family_unix) {
        TRY(socket->bind_anywhere());
        return 0U;
    }
    const fs::SocketName name = TRY(wanted.name());
    if (name.kind() == fs::SocketName::Kind::abstract) {
        TRY(socket->bind_abstract(name));
        return 0U;
    }
    TRY(socket->begin_binding());
    if (const Status bound = bind_to_path(self, socket, name); !bound) {
        socket->cancel_binding();
        return fail(bound.error());
    }
    return 0U;
}

Reply connect(Process& self, Fd fd, VirtAddr address, std::uint32_t size) noexcept {
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    UserAddress wanted;
    TRY(wanted.read(address, size));
    if (wanted.has_family() && wanted.family() == family_none &&
        socket->type() == fs::SocketType::datagram) {
        TRY(socket->disconnect());
        return 0U;
    }
    const fs::SocketName name = TRY(wanted.name());
    const Duration timeout = socket->facts().send_timeout;
    const Status connected = socket->connect(TRY(target_of(self, name)));
    return connected ? Reply(0U) : fail(interrupted_as(connected.error(), timeout));
}

Reply listen(Process& self, Fd fd, std::uint32_t backlog) noexcept {
    constexpr std::uint32_t most = 4096;  // net.core.somaxconn
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    TRY(socket->listen(std::min(backlog, most)));
    return 0U;
}

Reply accept4(Process& self, Fd fd, VirtAddr address, VirtAddr size, std::uint32_t flags) noexcept {
    if ((flags & ~known_flags) != 0) {
        return fail(Errc::invalid_argument);
    }
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    auto number = TRY(self.files.reserve());
    fs::SocketName from;
    auto connection = socket->accept((flags & O_NONBLOCK) != 0, from);
    if (!connection) {
        return fail(interrupted_as(connection.error(), socket->facts().receive_timeout));
    }
    if (address != VirtAddr(0)) {
        TRY(put_address(from, address, size));
    }
    return self.files.place(std::move(number), std::move(*connection), (flags & O_CLOEXEC) != 0)
        .value();
}
Reply accept(Process& self, Fd fd, VirtAddr address, VirtAddr size) noexcept {
    return accept4(self, fd, address, size, 0);
}

Reply getsockname(Process& self, Fd fd, VirtAddr address, VirtAddr size) noexcept {
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    TRY(put_address(socket->name(), address, size));
    return 0U;
}
Reply getpeername(Process& self, Fd fd, VirtAddr address, VirtAddr size) noexcept {
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    TRY(put_address(TRY(socket->peer_name()), address, size));
    return 0U;
}

Reply shutdown(Process& self, Fd fd, std::uint32_t how) noexcept {
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    if (how > 2) {
        return fail(Errc::invalid_argument);
    }
    TRY(socket->shutdown(how != 1, how != 0));
    return 0U;
}

namespace {

constexpr std::array<std::uint8_t, 21> argument_counts{0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4,
                                                       6, 6, 2, 5, 5, 3, 3, 4, 5, 4};

/// Those of socketcall that move data, and options.
Reply transfer_call(Process& self, std::uint32_t call,
                    const std::array<std::uint32_t, 6>& a) noexcept {
    const Fd fd(a[0]);
    const VirtAddr at(a[1]);
    switch (call) {
        case SYS_SEND:
            return send(self, fd, at, a[2], a[3]);
        case SYS_SENDTO:
            return sendto(self, fd, at, a[2], a[3], VirtAddr(a[4]), a[5]);
        case SYS_RECV:
            return recv(self, fd, at, a[2], a[3]);
        case SYS_RECVFROM:
            return recvfrom(self, fd, at, a[2], a[3], VirtAddr(a[4]), VirtAddr(a[5]));
        case SYS_SETSOCKOPT:
            return setsockopt(self, fd, a[1], a[2], VirtAddr(a[3]), a[4]);
        case SYS_GETSOCKOPT:
            return getsockopt(self, fd, a[1], a[2], VirtAddr(a[3]), VirtAddr(a[4]));
        case SYS_SENDMSG:
            return sendmsg(self, fd, at, a[2]);
        case SYS_RECVMSG:
            return recvmsg(self, fd, at, a[2]);
        case SYS_RECVMMSG:
            return recvmmsg(self, fd, at, a[2], a[3], VirtAddr(a[4]));
        default:
            return sendmmsg(self, fd, at, a[2], a[3]);
    }
}

}  // namespace

Reply socketcall(Process& self, std::uint32_t call, VirtAddr arguments) noexcept {
    if (call < SYS_SOCKET || call > SYS_SENDMMSG) {
        return fail(Errc::invalid_argument);
    }
    std::array<std::uint32_t, 6> a{};
    TRY(copy_in(std::as_writable_bytes(std::span(a)).first(argument_counts[call] * 4U), arguments));
    const Fd fd(a[0]);
    const VirtAddr at(a[1]);
    switch (call) {
        case SYS_SOCKET:
            return socket(self, a[0], a[1], a[2]);
        case SYS_SOCKETPAIR:
            return socketpair(self, a[0], a[1], a[2], VirtAddr(a[3]));
        case SYS_BIND:
            return bind(self, fd, at, a[2]);
        case SYS_CONNECT:
            return connect(self, fd, at, a[2]);
        case SYS_LISTEN:
            return listen(self, fd, a[1]);
        case SYS_ACCEPT:
            return accept(self, fd, at, VirtAddr(a[2]));
        case SYS_ACCEPT4:
            return accept4(self, fd, at, VirtAddr(a[2]), a[3]);
        case SYS_GETSOCKNAME:
            return getsockname(self, fd, at, VirtAddr(a[2]));
        case SYS_GETPEERNAME:
            return getpeername(self, fd, at, VirtAddr(a[2]));
        case SYS_SHUTDOWN:
            return shutdown(self, fd, a[1]);
        default:
            return transfer_call(self, call, a);
    }
}

}  // namespace calls
}  // namespace kidney::kernel
