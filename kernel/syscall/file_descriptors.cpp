/// close, dup, pipe, fcntl, ioctl, getdents.
#include "kernel/devices.hpp"
#include "kernel/process/process.hpp"
#include "kernel/storage/mounts.hpp"
#include "kernel/syscall/directory_buffer.hpp"
#include "kernel/syscall/file_calls.hpp"
#include "kernel/syscall/file_transfer.hpp"
#include "kernel/syscall/lock_calls.hpp"
#include "kernel/syscall/open_flags.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kidney/fs/socket.hpp"
#include "kidney/fs/splice_pipe.hpp"

#include <array>
#include <asm/ioctls.h>
#include <cstdint>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/sockios.h>

namespace kidney::kernel::calls {

Reply close(Process& self, Fd fd) noexcept {
    TRY(self.files.close(fd));
    return 0U;
}

Reply memfd_create(Process& self, UserPtr<const char> name, std::uint32_t flags) noexcept {
    constexpr std::uint32_t cloexec = 1;  // MFD_CLOEXEC; the others promise what is not here
    constexpr std::size_t longest_name = 249 + 1;  // with its NUL; it only serves people who debug
    if ((flags & ~cloexec) != 0) {
        return fail(Errc::invalid_argument);
    }
    std::array<char, longest_name> text;
    if (const auto length = copy_string(text, name); !length) {
        return fail(length.error() == Errc::name_too_long ? Errc::invalid_argument
                                                          : length.error());
    }
    const auto owner = self.who();
    const fs::NewNode node{
        .permissions = fs::Permissions(0777), .uid = owner->user.file, .gid = owner->group.file};
    Ref<fs::File> file = TRY(vfs().open_node(TRY(create_counted_file(node, 0)),
                                             {.read = true, .write = true, .noted = O_LARGEFILE}));
    return TRY(self.files.install(std::move(file), (flags & cloexec) != 0)).value();
}

namespace {

/// F_GET_SEALS, F_ADD_SEALS.
Reply get_seals(fs::File& file) noexcept {
    return file.vnode() != nullptr ? Reply(file.vnode()->seals())
                                   : Reply(fail(Errc::invalid_argument));
}
Reply add_seals(fs::File& file, std::uint32_t seals) noexcept {
    if (!file.is_writable()) {
        return fail(Errc::not_permitted);
    }
    if ((seals & ~fs::Seals::all) != 0) {
        return fail(Errc::invalid_argument);
    }
    TRY(get_seals(file));
    return fail(Errc::not_permitted);  // sealed against that
}

}  // namespace

Reply close_range(Process& self, std::uint32_t first, std::uint32_t last,
                  std::uint32_t flags) noexcept {
    constexpr std::uint32_t unshare = 2;  // the table is nobody else's as it is
    constexpr std::uint32_t cloexec = 4;
    if ((flags & ~(unshare | cloexec)) != 0 || first > last) {
        return fail(Errc::invalid_argument);
    }
    if ((flags & cloexec) != 0) {
        self.files.mark_close_on_exec(Fd(first), Fd(last));
    } else {
        self.files.close(Fd(first), Fd(last));
    }
    return 0U;
}

Reply dup(Process& self, Fd fd) noexcept {
    return TRY(self.files.duplicate(fd, false)).value();
}

Reply dup2(Process& self, Fd fd, Fd to) noexcept {
    if (fd == to) {
        return self.files.is_open(fd) ? Reply(fd.value()) : Reply(fail(Errc::bad_descriptor));
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
    if ((flags & ~std::uint32_t{O_CLOEXEC | O_NONBLOCK | O_DIRECT}) != 0) {
        return fail(Errc::invalid_argument);
    }
    const bool cloexec = (flags & O_CLOEXEC) != 0;
    auto ends = TRY(create_pipe((flags & O_NONBLOCK) != 0, (flags & O_DIRECT) != 0));
    auto reader = TRY(self.files.reserve());
    auto writer = TRY(self.files.reserve());
    struct Pair {
        std::uint32_t reader, writer;
    };
    TRY(put_user(UserPtr<Pair>(fds.address()), {reader.fd().value(), writer.fd().value()}));
    self.files.place(std::move(reader), std::move(ends.reader), cloexec);
    self.files.place(std::move(writer), std::move(ends.writer), cloexec);
    return 0U;
}

Reply pipe(Process& self, UserPtr<std::uint32_t> fds) noexcept {
    return pipe2(self, fds, 0);
}

namespace {

/// struct f_owner_ex.
struct FileOwner {
    std::uint32_t type;
    std::int32_t pid;
};

/// Does fcntl's `command` look at the descriptor only, and not at what is open?
constexpr bool concerns_descriptor(std::uint32_t command) noexcept {
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC || command == F_GETFD ||
           command == F_SETFD || command == F_GETFL;
}

}  // namespace

Reply fcntl64(Process& self, Fd fd, std::uint32_t command, std::uint32_t argument) noexcept {
    const OpenFile file = TRY(self.files.get_any(fd));
    if (file->is_path_only() && !concerns_descriptor(command)) {
        return fail(Errc::bad_descriptor);
    }
    constexpr std::uint32_t get_signal = 11;  // F_GETSIG
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
            if ((argument & O_DIRECT) != 0 && file->pipe() == nullptr) {
                return fail(Errc::invalid_argument);  // nothing here goes around the page cache
            }
            file->set_append((argument & O_APPEND) != 0);
            file->set_non_blocking((argument & O_NONBLOCK) != 0);
            file->set_packets((argument & O_DIRECT) != 0);
            return 0U;
        // No file of ours sends SIGIO, so nobody is remembered as its receiver.
        case F_SETOWN:
        case F_GETOWN:
            return 0U;
        case F_SETOWN_EX: {
            const auto owner = TRY(get_user(UserPtr<const FileOwner>(argument)));
            return owner.type <= F_OWNER_PGRP ? Reply(0U) : Reply(fail(Errc::invalid_argument));
        }
        case F_GETOWN_EX:
            TRY(put_user(UserPtr<FileOwner>(argument), {}));
            return 0U;
        case get_signal:
            return 0U;
        case F_GETLEASE:
            return std::uint32_t{F_UNLCK};
        case F_GET_SEALS:
            return get_seals(*file);
        case F_ADD_SEALS:
            return add_seals(*file, argument);
        case F_GETPIPE_SZ:
            return file->pipe() != nullptr ? Reply(file->pipe()->size())
                                           : Reply(fail(Errc::bad_descriptor));
        case F_SETPIPE_SZ:
            return file->pipe() != nullptr
                       ? Reply(file->pipe()->set_size(argument, self.identity.is_privileged()))
                       : Reply(fail(Errc::bad_descriptor));
        default:
            return is_lock_command(command)
                       ? control_locks(self, fd, *file, command, VirtAddr(argument))
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
    } else if (file.socket() != nullptr) {
        return fail(bytes.error());
    } else {
        return file.control(FIONREAD, argument);
    }
    TRY(put_user(UserPtr<std::uint32_t>(argument), count));
    return 0U;
}

Reply tell_unsent_bytes(fs::SocketCalls& socket, std::uint32_t argument) noexcept {
    const fs::SocketFacts facts = socket.facts();
    if (facts.is_listening) {
        return fail(Errc::invalid_argument);
    }
    TRY(put_user(UserPtr<std::uint32_t>(argument), facts.unsent));
    return 0U;
}

}  // namespace

Reply ioctl(Process& self, Fd fd, std::uint32_t request, std::uint32_t argument) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
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
        case SIOCOUTQ:  // and TIOCOUTQ
            return file->socket() != nullptr ? tell_unsent_bytes(*file->socket(), argument)
                                             : file->control(request, argument);
        default:
            return file->control(request, argument);
    }
}

namespace {

template <class Record>
Reply list_directory(Process& self, Fd fd, VirtAddr to, std::uint32_t size) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    DirectoryBuffer<Record> buffer(size);
    const std::uint64_t start = file->seek(0, fs::Whence::current).value_or(0);
    TRY(file->read_directory(buffer));
    tell_change(*file, fs::Change::accessed);
    if (buffer.bytes().empty()) {
        return buffer.was_full() ? Reply(fail(Errc::invalid_argument)) : Reply(0U);
    }
    const std::size_t copied = UserMemory::copy_out(to, buffer.bytes());
    if (copied == buffer.bytes().size()) {
        return static_cast<std::uint32_t>(copied);
    }
    // What the program did not get comes again with the next call.
    const auto whole = buffer.whole_records(copied);
    const std::uint64_t next = whole.bytes != 0 ? whole.next_cookie : start;
    TRY(file->seek(static_cast<std::int64_t>(next), fs::Whence::start));
    return whole.bytes != 0 ? Reply(whole.bytes) : Reply(fail(Errc::bad_address));
}

}  // namespace

Reply getdents64(Process& self, Fd fd, VirtAddr to, std::uint32_t size) noexcept {
    return list_directory<WideDirectoryRecord>(self, fd, to, size);
}

Reply getdents(Process& self, Fd fd, VirtAddr to, std::uint32_t size) noexcept {
    return list_directory<OldDirectoryRecord>(self, fd, to, size);
}

Reply old_readdir(Process& self, Fd fd, VirtAddr to) noexcept {
    // struct old_linux_dirent: one entry, and the offset is its own.
    struct Header {
        std::uint32_t inode, offset;
        std::uint16_t name_length;
    };
    constexpr std::size_t name_at = 10;
    const OpenFile file = TRY(self.files.get(fd));
    const std::uint64_t start = file->seek(0, fs::Whence::current).value_or(0);
    FirstEntry entry;
    TRY(file->read_directory(entry));
    tell_change(*file, fs::Change::accessed);
    if (entry.name().empty()) {
        return 0U;
    }
    const Header header{static_cast<std::uint32_t>(entry.inode()),
                        static_cast<std::uint32_t>(start),
                        static_cast<std::uint16_t>(entry.name().size())};
    Status told = copy_out(to, std::as_bytes(std::span(&header, 1)).first(name_at));
    if (told) {
        // With its NUL.
        told = copy_out(to + name_at,
                        std::as_bytes(std::span(entry.name().data(), entry.name().size() + 1)));
    }
    if (!told) {
        TRY(file->seek(static_cast<std::int64_t>(start), fs::Whence::start));
        return fail(told.error());
    }
    return 1U;
}

}  // namespace kidney::kernel::calls
