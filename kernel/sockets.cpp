#include "kernel/sockets.hpp"

#include "kernel/boot_object.hpp"
#include "kernel/process/process.hpp"
#include "kernel/resource/accounts.hpp"
#include "kidney/core/format.hpp"

#include <array>
#include <cstddef>
#include <span>

namespace kidney::kernel {
namespace {

constinit WallFileClock socket_clock;
constinit BootObject<Sockets> all_sockets;

void write_line(const fs::SocketLine& line, fs::TextOutput& out) noexcept {
    constexpr std::uint32_t listens = 0x10000;  // __SO_ACCEPTCON
    constexpr std::uint32_t unconnected = 1, connecting = 2, connected = 3;
    constexpr std::uint32_t stream = 1, datagram = 2, packets = 5;
    const std::uint32_t type = line.type == fs::SocketType::stream     ? stream
                               : line.type == fs::SocketType::datagram ? datagram
                                                                       : packets;
    const std::uint32_t state = line.inode == 0                            ? connecting
                                : line.state == fs::SocketState::connected ? connected
                                                                           : unconnected;
    // Where Linux shows an address in the kernel.
    format_to(out, "{:08x}: {:08x} {:08x} {:08x} {:04x} {:02x} {:5}", 0U, line.references, 0U,
              line.state == fs::SocketState::listening ? listens : 0U, type, state, line.inode);
    if (line.name.kind() != fs::SocketName::Kind::none) {
        out.write(line.name.kind() == fs::SocketName::Kind::abstract ? " @" : " ");
        out.write(line.name.view());
    }
    out.write("\n");
}

}  // namespace

Payer CallingProcess::payer() noexcept {
    return CurrentUserPays()();
}
fs::SocketIdentity CallingProcess::real_identity() noexcept {
    const Process& self = current_process();
    const auto who = self.who();
    return {.pid = self.pid.value(), .uid = who->user.real, .gid = who->group.real};
}
fs::SocketIdentity CallingProcess::effective_identity() noexcept {
    const Process& self = current_process();
    const auto who = self.who();
    return {.pid = self.pid.value(), .uid = who->user.effective, .gid = who->group.effective};
}
std::uint64_t CallingProcess::most_in_flight() noexcept {
    return current_process().files.limit();
}

void start_sockets() noexcept {
    // Of the memory, 1/16 for each user.
    const std::uint64_t most = (std::uint64_t{frames().total_frames()} << page_shift) / 16;
    all_sockets.create(heap(), reclaiming_frames(), phys_map(), socket_clock,
                       fs::SocketLimits{.bytes = most});
}

Sockets& sockets() noexcept {
    return all_sockets.get();
}

void write_sockets(void*, fs::TextOutput& out) noexcept {
    constexpr std::size_t at_once = 8;
    out.write("Num       RefCount Protocol Flags    Type St Inode Path\n");
    std::array<fs::SocketLine, at_once> lines;
    std::size_t count = at_once;
    for (std::uint32_t from = 0; count == at_once; from += at_once) {
        count = sockets().list(from, lines);
        for (const fs::SocketLine& line : std::span(lines).first(count)) {
            write_line(line, out);
        }
    }
}

}  // namespace kidney::kernel
