/// getsockopt and setsockopt: those of SOL_SOCKET. Sockets of this machine have no others.
#include "kernel/syscall/socket/socket_calls.hpp"
#include "kernel/syscall/socket/socket_control.hpp"
#include "kernel/syscall/socket/socket_values.hpp"
#include "kernel/syscall/time_values.hpp"

#include <algorithm>
#include <asm-generic/socket.h>
#include <cstdint>
#include <optional>
#include <span>

namespace kidney::kernel::calls {
namespace {

constexpr std::uint32_t most_buffer = 180'224;  // net.core.wmem_max, rmem_max of an i386
constexpr std::uint32_t least_send_buffer = 4608;
constexpr std::uint32_t least_receive_buffer = 2304;

/// struct linger.
struct UserLinger {
    std::uint32_t is_on, seconds;
};
/// struct timeval, old and new.
struct Timeval32 {
    std::int32_t seconds, microseconds;
};
struct Timeval64 {
    std::int64_t seconds, microseconds;
};

/// Options that are kept for those who ask, and mean nothing here. Numbers are what they were set
/// to; the others become 0 or 1.
struct KeptOption {
    std::uint32_t option;
    fs::SocketNote note;
    bool is_number = false;
};
constexpr KeptOption kept_options[] = {
    {SO_DEBUG, fs::SocketNote::debug},
    {SO_REUSEADDR, fs::SocketNote::reuse_address},
    {SO_DONTROUTE, fs::SocketNote::do_not_route},
    {SO_BROADCAST, fs::SocketNote::broadcast},
    {SO_KEEPALIVE, fs::SocketNote::keep_alive},
    {SO_OOBINLINE, fs::SocketNote::out_of_band_inline},
    {SO_NO_CHECK, fs::SocketNote::no_check},
    {SO_PRIORITY, fs::SocketNote::priority, true},
    {SO_REUSEPORT, fs::SocketNote::reuse_port},
    {SO_PASSSEC, fs::SocketNote::pass_security},
    {SO_TIMESTAMP_OLD, fs::SocketNote::time_stamp},
    {SO_MARK, fs::SocketNote::mark, true},
};
const KeptOption* kept_option(std::uint32_t option) noexcept {
    const auto* const found = std::ranges::find(kept_options, option, &KeptOption::option);
    return found == std::end(kept_options) ? nullptr : found;
}

/// Writes a value, cut to the room that the program has, and how long it is then.
class OptionWriter {
public:
    OptionWriter(VirtAddr to, VirtAddr size, std::uint32_t room) noexcept
        : to_(to), size_(size), room_(room) {}
    template <class T>
    Reply put(const T& value) const noexcept {
        const auto length = std::min<std::uint32_t>(room_, sizeof(T));
        TRY(copy_out(to_, std::as_bytes(std::span(&value, 1)).first(length)));
        TRY(put_user(UserPtr<std::uint32_t>(size_), length));
        return 0U;
    }

private:
    VirtAddr to_, size_;
    std::uint32_t room_;
};

template <class Timeval>
Reply put_timeout(const OptionWriter& to, Duration timeout) noexcept {
    Timeval value{};
    if (timeout != Duration::longest()) {
        const SplitTime t = split(timeout);
        value.seconds = static_cast<decltype(Timeval::seconds)>(t.seconds);
        value.microseconds = static_cast<decltype(Timeval::microseconds)>(t.nanoseconds / 1000);
    }
    return to.put(value);
}
/// Zero is for ever; less than zero is not at all. Errors: invalid_argument, bad_address,
/// outside_domain.
template <class Timeval>
Result<Duration> get_timeout(VirtAddr from, std::uint32_t size) noexcept {
    if (size < sizeof(Timeval)) {
        return fail(Errc::invalid_argument);
    }
    const Timeval value = TRY(get_user(UserPtr<const Timeval>(from)));
    if (value.microseconds < 0 || value.microseconds >= 1'000'000) {
        return fail(Errc::outside_domain);
    }
    if (value.seconds < 0) {
        return Duration();
    }
    if (value.seconds == 0 && value.microseconds == 0) {
        return Duration::longest();
    }
    return duration_of(std::int64_t{value.seconds}, std::int64_t{value.microseconds} * 1000);
}

Reply get_timeout_option(const OptionWriter& to, std::uint32_t option,
                         const fs::SocketFacts& facts) noexcept {
    switch (option) {
        case SO_RCVTIMEO_OLD:
            return put_timeout<Timeval32>(to, facts.receive_timeout);
        case SO_SNDTIMEO_OLD:
            return put_timeout<Timeval32>(to, facts.send_timeout);
        case SO_RCVTIMEO_NEW:
            return put_timeout<Timeval64>(to, facts.receive_timeout);
        case SO_SNDTIMEO_NEW:
            return put_timeout<Timeval64>(to, facts.send_timeout);
        default:
            return fail(Errc::unknown_option);
    }
}

std::uint32_t type_number(fs::SocketType type) noexcept {
    constexpr std::uint32_t stream = 1, datagram = 2, packets = 5;
    return type == fs::SocketType::stream     ? stream
           : type == fs::SocketType::datagram ? datagram
                                              : packets;
}

Reply get_option(fs::SocketCalls& socket, std::uint32_t option, const OptionWriter& to) noexcept {
    if (const KeptOption* const kept = kept_option(option)) {
        return to.put(socket.note(kept->note).load(std::memory_order_relaxed));
    }
    const fs::SocketFacts facts = socket.facts();
    switch (option) {
        case SO_TYPE:
            return to.put(type_number(socket.type()));
        case SO_DOMAIN:
            return to.put(family_unix);
        case SO_PROTOCOL:
            return to.put(0U);
        case SO_ERROR: {
            const Status error = socket.take_error();
            return to.put(error ? 0U : static_cast<std::uint32_t>(errno_of(error.error())));
        }
        case SO_ACCEPTCONN:
            return to.put(std::uint32_t{facts.is_listening});
        case SO_PASSCRED:
            return to.put(std::uint32_t{facts.passes_identity});
        case SO_PEERCRED:
            return to.put(facts.peer.value_or(
                fs::SocketIdentity{.pid = 0, .uid = ~std::uint32_t{0}, .gid = ~std::uint32_t{0}}));
        case SO_SNDBUF:
            return to.put(facts.send_limit);
        case SO_RCVBUF:
            return to.put(facts.receive_limit);
        case SO_RCVLOWAT:
            return to.put(facts.low_water);
        case SO_SNDLOWAT:
            return to.put(1U);
        case SO_LINGER:
            return to.put(UserLinger{
                socket.note(fs::SocketNote::linger).load(std::memory_order_relaxed),
                socket.note(fs::SocketNote::linger_seconds).load(std::memory_order_relaxed)});
        default:
            return get_timeout_option(to, option, facts);
    }
}

Reply set_timeout_option(fs::SocketCalls& socket, std::uint32_t option, VirtAddr value,
                         std::uint32_t size) noexcept {
    switch (option) {
        case SO_RCVTIMEO_OLD:
            socket.set_receive_timeout(TRY(get_timeout<Timeval32>(value, size)));
            return 0U;
        case SO_SNDTIMEO_OLD:
            socket.set_send_timeout(TRY(get_timeout<Timeval32>(value, size)));
            return 0U;
        case SO_RCVTIMEO_NEW:
            socket.set_receive_timeout(TRY(get_timeout<Timeval64>(value, size)));
            return 0U;
        case SO_SNDTIMEO_NEW:
            socket.set_send_timeout(TRY(get_timeout<Timeval64>(value, size)));
            return 0U;
        default:
            return fail(Errc::unknown_option);
    }
}

/// As Linux: twice what was asked for, because memory is counted and not bytes.
std::uint32_t buffer_size(std::uint32_t wanted, std::uint32_t most, std::uint32_t least) noexcept {
    const std::uint32_t capped = std::min(wanted, most);
    return std::max(capped * 2, least);
}

Reply set_option(Process& self, fs::SocketCalls& socket, std::uint32_t option, std::uint32_t number,
                 VirtAddr value, std::uint32_t size) noexcept {
    constexpr std::uint32_t most_forced = 0x7fff'ffff / 2;
    if (const KeptOption* const kept = kept_option(option)) {
        socket.note(kept->note)
            .store(kept->is_number ? number : std::uint32_t{number != 0},
                   std::memory_order_relaxed);
        return 0U;
    }
    const bool is_forced = option == SO_SNDBUFFORCE || option == SO_RCVBUFFORCE;
    if (is_forced && !self.identity.is_privileged()) {
        return fail(Errc::not_permitted);
    }
    const std::uint32_t most = is_forced ? most_forced : most_buffer;
    switch (option) {
        case SO_PASSCRED:
            socket.set_passes_identity(number != 0);
            return 0U;
        case SO_SNDBUF:
        case SO_SNDBUFFORCE:
            socket.set_send_limit(buffer_size(number, most, least_send_buffer));
            return 0U;
        case SO_RCVBUF:
        case SO_RCVBUFFORCE:
            socket.set_receive_limit(buffer_size(number, most, least_receive_buffer));
            return 0U;
        case SO_RCVLOWAT: {
            const std::uint32_t wanted =
                static_cast<std::int32_t>(number) < 0 ? 0x7fff'ffff : number;
            socket.set_low_water(std::max(wanted, 1U));
            return 0U;
        }
        case SO_LINGER: {
            if (size < sizeof(UserLinger)) {
                return fail(Errc::invalid_argument);
            }
            const auto linger = TRY(get_user(UserPtr<const UserLinger>(value)));
            socket.note(fs::SocketNote::linger)
                .store(std::uint32_t{linger.is_on != 0}, std::memory_order_relaxed);
            socket.note(fs::SocketNote::linger_seconds)
                .store(linger.seconds, std::memory_order_relaxed);
            return 0U;
        }
        default:
            return set_timeout_option(socket, option, value, size);
    }
}

}  // namespace

Reply getsockopt(Process& self, Fd fd, std::uint32_t level, std::uint32_t option, VirtAddr value,
                 VirtAddr size) noexcept {
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    if (level != level_socket) {
        return fail(Errc::not_supported);
    }
    const auto room = TRY(get_user(UserPtr<const std::int32_t>(size)));
    if (room < 0) {
        return fail(Errc::invalid_argument);
    }
    return get_option(socket.calls(), option,
                      OptionWriter(value, size, static_cast<std::uint32_t>(room)));
}

Reply setsockopt(Process& self, Fd fd, std::uint32_t level, std::uint32_t option, VirtAddr value,
                 std::uint32_t size) noexcept {
    if (static_cast<std::int32_t>(size) < 0) {
        return fail(Errc::invalid_argument);
    }
    const OpenSocket socket = TRY(OpenSocket::get(self, fd));
    if (level != level_socket) {
        return fail(Errc::not_supported);
    }
    if (size < sizeof(std::uint32_t)) {
        return fail(Errc::invalid_argument);
    }
    const std::uint32_t number = TRY(get_user(UserPtr<const std::uint32_t>(value)));
    return set_option(self, socket.calls(), option, number, value, size);
}

}  // namespace kidney::kernel::calls
