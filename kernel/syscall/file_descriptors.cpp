/// close, dup, pipe, fcntl, ioctl, getdents.
#include "kernel/devices.hpp"
#include "kernel/process/process.hpp"
#include "kernel/syscall/directory_buffer.hpp"
#include "kernel/syscall/file_calls.hpp"
#include "kernel/syscall/lock_calls.hpp"
#include "kernel/syscall/open_flags.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <asm/ioctls.h>
#include <cstdint>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/ioctl.h>

namespace kidney::kernel::calls {

Reply close(Process& self, Fd fd) noexcept {
    TRY(self.files.close(fd));
    return 0U;
}

Reply dup(Process& self, Fd fd) noexcept {
    return TRY(self.files.duplicate(fd, false)).value();
}

Reply dup2(Process& self, Fd fd, Fd to) noexcept {
    if (fd == to) {
        TRY(self.files.get(fd));
        return to.value();
    }
    return TRY(self.files.duplicate_to(fd, to, false)).value();
}

Reply dup3(Process& self, Fd fd, Fd to, std::uint32_t flags) noexcept {
    if (fd == to || (flags & ~std::uint32_t{O_CLOEXEC}) != 0) {
        return fail(Errc::invalid_argument);
    }
    return TRY(self.files.duplicate_to(fd, to, (flags & O_CLOEXEC) != 0)).value();
}

Reply pipe2(Process& self, UserPtr<std::uint32_t> fds, std::uint32_t flags) noexcept {
    if ((flags & ~std::uint32_t{O_CLOEXEC | O_NONBLOCK}) != 0) {
        return fail(Errc::invalid_argument);
    }
    const bool cloexec = (flags & O_CLOEXEC) != 0;
    auto ends = TRY(create_pipe((flags & O_NONBLOCK) != 0));
    const Fd reader = TRY(self.files.install(std::move(ends.reader), cloexec));
    const Result<Fd> writer = self.files.install(std::move(ends.writer), cloexec);
    if (!writer) {
        ignore_error(self.files.close(reader), "opened just above");
        return fail(writer.error());
    }
    struct Pair {
        std::uint32_t reader, writer;
    };
    if (const Status told =
            put_user(UserPtr<Pair>(fds.address()), {reader.value(), writer->value()});
        !told) {
        ignore_error(self.files.close(reader), "opened just above");
        ignore_error(self.files.close(*writer), "opened just above");
        return fail(told.error());
    }
    return 0U;
}

Reply pipe(Process& self, UserPtr<std::uint32_t> fds) noexcept {
    return pipe2(self, fds, 0);
}

Reply fcntl64(Process& self, Fd fd, std::uint32_t command, std::uint32_t argument) noexcept {
    fs::File* const file = TRY(self.files.get(fd));
    constexpr std::uint32_t get_pipe_size = 1032;  // F_GETPIPE_SZ, F_SETPIPE_SZ
    constexpr std::uint32_t set_pipe_size = 1031;
    switch (command) {
        case F_DUPFD:
            return TRY(self.files.duplicate(fd, false, Fd(argument))).value();
        case F_DUPFD_CLOEXEC:
            return TRY(self.files.duplicate(fd, true, Fd(argument))).value();
        case F_GETFD:
            return TRY(self.files.close_on_exec(fd)) ? std::uint32_t{FD_CLOEXEC} : 0U;
        case F_SETFD:
            TRY(self.files.set_close_on_exec(fd, (argument & FD_CLOEXEC) != 0));
            return 0U;
        case F_GETFL:
            return open_flags_of(file->mode());
        case F_SETFL:
            file->set_append((argument & O_APPEND) != 0);
            file->set_non_blocking((argument & O_NONBLOCK) != 0);
            return 0U;
        case F_SETOWN:
            return 0U;
        case F_GETOWN:
            return 0U;
        case get_pipe_size:
        case set_pipe_size:
            return file->vnode() == nullptr ? Reply(65536U) : Reply(fail(Errc::bad_descriptor));
        default:
            return is_lock_command(command)
                       ? control_locks(self, *file, command, VirtAddr(argument))
                       : Reply(fail(Errc::invalid_argument));
    }
}

namespace {

/// FIONREAD. A terminal answers it itself.
Reply tell_readable_bytes(fs::File& file, std::uint32_t argument) noexcept {
    std::uint32_t count = 0;
    if (fs::Vnode* const node = file.vnode();
        node != nullptr && node->type() == fs::NodeType::regular) {
        // Behind the end it is negative to the program, as on Linux.
        count = static_cast<std::uint32_t>(TRY(file.attributes()).size -
                                           TRY(file.seek(0, fs::Whence::current)));
    } else if (const auto bytes = file.readable_bytes()) {
        count = *bytes;
    } else {
        return file.control(FIONREAD, argument);
    }
    TRY(put_user(UserPtr<std::uint32_t>(argument), count));
    return 0U;
}

}  // namespace

Reply ioctl(Process& self, Fd fd, std::uint32_t request, std::uint32_t argument) noexcept {
    fs::File* const file = TRY(self.files.get(fd));
    switch (request) {
        case FIOCLEX:
        case FIONCLEX:
            TRY(self.files.set_close_on_exec(fd, request == FIOCLEX));
            return 0U;
        case FIONBIO: {
            const auto on = TRY(get_user(UserPtr<const std::uint32_t>(argument)));
            file->set_non_blocking(on != 0);
            return 0U;
        }
        case FIOASYNC: {
            // No file of ours sends SIGIO.
            const auto on = TRY(get_user(UserPtr<const std::uint32_t>(argument)));
            return on != 0 ? Reply(fail(Errc::not_a_terminal)) : Reply(0U);
        }
        case FIONREAD:
            return tell_readable_bytes(*file, argument);
        case FIOQSIZE: {
            const fs::Attributes now = TRY(file->attributes());
            if (now.type != fs::NodeType::regular && now.type != fs::NodeType::directory) {
                return fail(Errc::not_a_terminal);
            }
            TRY(put_user(UserPtr<std::uint64_t>(argument), now.blocks * 512));
            return 0U;
        }
        case FIGETBSZ:
            TRY(put_user(UserPtr<std::uint32_t>(argument), TRY(file->attributes()).block_size));
            return 0U;
        default:
            return file->control(request, argument);
    }
}

Reply getdents64(Process& self, Fd fd, VirtAddr to, std::uint32_t size) noexcept {
    fs::File* const file = TRY(self.files.get(fd));
    DirectoryBuffer buffer(size);
    const std::uint64_t start = file->seek(0, fs::Whence::current).value_or(0);
    TRY(file->read_directory(buffer));
    if (buffer.bytes().empty()) {
        return buffer.was_full() ? Reply(fail(Errc::invalid_argument)) : Reply(0U);
    }
    const std::size_t copied = UserMemory::copy_out(to, buffer.bytes());
    if (copied == buffer.bytes().size()) {
        return static_cast<std::uint32_t>(copied);
    }
    // What the program did not get comes again with the next call.
    const DirectoryBuffer::Records whole = buffer.whole_records(copied);
    const std::uint64_t next = whole.bytes != 0 ? whole.next_cookie : start;
    TRY(file->seek(static_cast<std::int64_t>(next), fs::Whence::start));
    return whole.bytes != 0 ? Reply(whole.bytes) : Reply(fail(Errc::bad_address));
}

}  // namespace kidney::kernel::calls
