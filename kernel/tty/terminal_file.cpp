#include "kernel/tty/terminal_file.hpp"

#include "arch/i686/cpu/port_io.hpp"
#include "drivers/serial/uart16550.hpp"
#include "kernel/boot_object.hpp"
#include "kernel/tty/console_terminal.hpp"
#include "kernel/tty/terminal.hpp"
#include "kidney/mm/make.hpp"

#include <array>

namespace kidney::kernel {
namespace {

/// What files on character devices have in common: the node they were opened through.
template <class Derived>
class DeviceFile : public fs::File {
public:
    DeviceFile(fs::Vnode& node, fs::OpenMode mode) noexcept
        : File(mode), node_(Ref<fs::Vnode>::share(node)) {}

    fs::Vnode* vnode() noexcept override { return node_.get(); }
    Result<fs::Attributes> attributes() noexcept override { return node_->attributes(); }
    void dispose() noexcept override { mm::destroy(heap(), static_cast<Derived*>(this)); }

private:
    const Ref<fs::Vnode> node_;
};

class TerminalFile final : public DeviceFile<TerminalFile> {
public:
    TerminalFile(Terminal& terminal, fs::Vnode& node, fs::OpenMode mode) noexcept
        : DeviceFile(node, mode), terminal_(terminal) {}

    Result<std::size_t> read(fs::ReadBuffer& to) noexcept override {
        if (!is_readable()) {
            return fail(Errc::bad_descriptor);
        }
        return terminal_.read(current_process(), to, is_non_blocking());
    }
    Result<std::size_t> write(fs::WriteBuffer& from) noexcept override {
        if (!is_writable()) {
            return fail(Errc::bad_descriptor);
        }
        return terminal_.write(current_process(), from, is_non_blocking());
    }
    fs::Readiness poll(fs::PollWaiter* waiter) noexcept override { return terminal_.poll(waiter); }
    Result<std::uint32_t> control(std::uint32_t request, std::uint32_t argument) noexcept override {
        return terminal_.control(current_process(), request, argument);
    }

private:
    Terminal& terminal_;
};

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

Result<Ref<fs::File>> open_terminal(Terminal& terminal, fs::Vnode& node,
                                    fs::OpenMode mode) noexcept {
    return Ref<fs::File>(TRY(mm::make_ref<TerminalFile>(heap(), terminal, node, mode)));
}

Result<Ref<fs::File>> open_line(RawLine& line, fs::Vnode& node, fs::OpenMode mode) noexcept {
    if (!line.start()) {
        return fail(Errc::no_device);
    }
    return Ref<fs::File>(TRY(mm::make_ref<SerialFile>(heap(), line, node, mode)));
}

Terminal* own_terminal() noexcept {
    LockGuard guard(World::process_lock);
    return current_process().terminal;
}

}  // namespace

void create_raw_lines() noexcept {
    second_line.create(drivers::uart::com2);
    third_line.create(drivers::uart::com3);
}

Result<Ref<fs::File>> open_terminal_device(fs::DeviceNumber number, fs::Vnode& node,
                                           fs::OpenMode mode) noexcept {
    if (number == fs::DeviceNumber{console_major, 0}) {
        Terminal* const terminal = own_terminal();
        if (terminal == nullptr) {
            return fail(Errc::no_device);
        }
        return open_terminal(*terminal, node, mode);
    }
    if (number == fs::DeviceNumber{console_major, 1} ||
        number == fs::DeviceNumber{terminal_major, 64}) {
        return open_terminal(console_terminal(), node, mode);
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
