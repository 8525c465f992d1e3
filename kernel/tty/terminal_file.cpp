#include "kernel/tty/terminal_file.hpp"

#include "arch/i686/cpu/port_io.hpp"
#include "drivers/serial/uart16550.hpp"
#include "kernel/boot_object.hpp"
#include "kernel/tty/console_terminal.hpp"
#include "kernel/tty/open_terminal.hpp"
#include "kernel/tty/pseudo_terminals.hpp"
#include "kernel/tty/virtual_terminals.hpp"
#include "kidney/mm/make.hpp"

#include <array>

namespace kidney::kernel {
namespace {

using Uart = drivers::Uart16550<arch::PortIo>;

/// A serial line without a terminal on it: bytes go out as they are. Not a terminal to programs
/// either (isatty() is false), so that they print what they would print into a pipe.
struct RawLine {
    explicit RawLine(std::uint16_t base) noexcept : uart(arch::PortIo{}, base) {}
    Mutex<ranks::serial_line> lock;
    Uart uart GUARDED_BY(lock);
    bool is_initialised GUARDED_BY(lock) = false;

    /// False: there is no such port.
    [[nodiscard]] bool start() noexcept {
        LockGuard guard(lock);
        if (!is_initialised) {
            is_initialised = uart.initialise();
        }
        return is_initialised;
    }
};

class SerialFile final : public DeviceFile<SerialFile> {
public:
    SerialFile(RawLine& line, fs::Vnode& node, fs::OpenMode mode) noexcept
        : DeviceFile(node, mode), line_(line) {}

    Result<std::size_t> write(fs::WriteBuffer& from) noexcept override {
        if (!is_writable()) {
            return fail(Errc::bad_descriptor);
        }
        std::array<std::byte, 512> bytes;
        std::size_t written = 0;
        while (from.remaining() > 0) {
            const auto piece = std::span(bytes).first(std::min(bytes.size(), from.remaining()));
            if (const Status taken = from.take(piece); !taken) {
                return written != 0 ? Result<std::size_t>(written) : fail(taken.error());
            }
            LockGuard guard(line_.lock);
            for (const std::byte b : piece) {
                line_.uart.put(static_cast<char>(b));
            }
            written += piece.size();
        }
        return written;
    }
    Result<std::size_t> read(fs::ReadBuffer&) noexcept override {
        return is_readable() ? Result<std::size_t>(0U) : fail(Errc::bad_descriptor);
    }

private:
    RawLine& line_;
};

constinit BootObject<RawLine> second_line;
constinit BootObject<RawLine> third_line;

/// The first screen has the same terminal.
Result<Ref<fs::File>> open_console(fs::Vnode& node, fs::OpenMode mode) noexcept {
    return open_virtual_terminal(1, node, mode);
}

Result<Ref<fs::File>> open_line(RawLine& line, fs::Vnode& node, fs::OpenMode mode) noexcept {
    if (!line.start()) {
        return fail(Errc::no_device);
    }
    return Ref<fs::File>(TRY(mm::make_ref<SerialFile>(heap(), line, node, mode)));
}

/// The caller's terminal; 0: it has none.
std::uint32_t own_terminal_number() noexcept {
    LockGuard guard(World::process_lock);
    const Terminal* const own = current_process().terminal;
    return own == nullptr ? 0 : own->number();
}

}  // namespace

void create_raw_lines() noexcept {
    second_line.create(drivers::uart::com2);
    third_line.create(drivers::uart::com3);
}

Result<Ref<fs::File>> open_terminal_device(fs::DeviceNumber number, fs::Vnode& node,
                                           fs::OpenMode mode) noexcept {
    if (number == fs::DeviceNumber{console_major, 0}) {
        const std::uint32_t own = own_terminal_number();
        if (own == 0) {
            return fail(Errc::no_device);
        }
        if (own == console_terminal().number()) {
            return open_console(node, mode);
        }
        return own >> 8 == terminal_major ? open_virtual_terminal(own & 0xff, node, mode)
                                          : open_own_pseudo_terminal(own, node, mode);
    }
    if (number.major == terminal_major && number.minor < 64) {
        return open_virtual_terminal(number.minor, node, mode);
    }
    if (number == fs::DeviceNumber{console_major, 2}) {
        return open_pseudo_master(node, mode);
    }
    if (number.major == pseudo_major) {
        return open_pseudo_slave(number.minor, node, mode);
    }
    if (number == fs::DeviceNumber{console_major, 1}) {
        mode.no_terminal = true;  // as Linux: it is the machine's, whoever opens it
        return open_console(node, mode);
    }
    if (number == fs::DeviceNumber{terminal_major, 64}) {
        return open_console(node, mode);
    }
    if (number == fs::DeviceNumber{terminal_major, 65}) {
        return open_line(second_line.get(), node, mode);
    }
    if (number == fs::DeviceNumber{terminal_major, 66}) {
        return open_line(third_line.get(), node, mode);
    }
    return fail(Errc::no_device);
}

}  // namespace kidney::kernel
