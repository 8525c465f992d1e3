/// read, write and their relatives.
#include "kernel/process/process.hpp"
#include "kernel/signal/send.hpp"
#include "kernel/syscall/file_calls.hpp"
#include "kernel/syscall/user_vectors.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace kidney::kernel::calls {
namespace {

/// A wait that a signal ended: the call runs again unless a handler says otherwise.
Result<std::size_t> restartable(Result<std::size_t> moved) noexcept {
    if (!moved && moved.error() == Errc::interrupted) [[unlikely]] {
        return fail(Errc::restart);
    }
    return moved;
}

/// The same for writing; a reader that has gone also costs the writer a SIGPIPE.
Result<std::size_t> written(Process& self, Result<std::size_t> moved) noexcept {
    if (!moved && moved.error() == Errc::broken_pipe) {
        send_signal_to_self(self, abi::sig_pipe);
    }
    return restartable(moved);
}

constexpr std::uint64_t wide(std::uint32_t low, std::uint32_t high) noexcept {
    return std::uint64_t{high} << 32 | low;
}

Status check_seekable(const fs::File& file) noexcept {
    return file.is_seekable() ? Status() : fail(Errc::not_seekable);
}

/// What can be said about a transfer before anything moves, in Linux's order. Errors:
/// bad_descriptor (the file is not open for that); as check_user_range().
Status check_transfer(bool is_open_for_it, VirtAddr at, std::uint32_t size) noexcept {
    return is_open_for_it ? check_user_range(at, size) : fail(Errc::bad_descriptor);
}

/// Before `size` bytes are written to `file`, at `position` or where the file stands: how many of
/// them the process may write (RLIMIT_FSIZE), and the end of set-id bits. Others that move the same
/// file at this moment may get a write past the limit. Error: file_too_big, and the process is told
/// by a SIGXFSZ.
Result<std::uint32_t> prepare_write(Process& self, fs::File& file, std::uint32_t size,
                                    std::optional<std::uint64_t> position = {}) noexcept {
    const bool is_limited = self.limits.limits_file_size();
    if ((self.identity.is_privileged() && !is_limited) || size == 0 || file.vnode() == nullptr ||
        file.vnode()->type() != fs::NodeType::regular) [[likely]] {
        return size;
    }
    const fs::Attributes now = TRY(file.attributes());
    if (const auto left = fs::permissions_after_write(self.identity.effective(), now)) {
        TRY(file.vnode()->set_attributes({.permissions = left}));
    }
    if (!is_limited) {
        return size;
    }
    std::uint64_t at = now.size;
    if (!file.is_appending()) {
        at = position ? *position : TRY(file.seek(0, fs::Whence::current));
    }
    const Result<std::uint32_t> count = self.limits.writable_bytes(at, size);
    if (!count) {
        send_signal_to_self(self, abi::sig_xfsz);
    }
    return count;
}

/// Moves bytes between two files through a small buffer.
Result<std::uint32_t> copy_between(Process& self, fs::File& to, fs::File& from,
                                   std::uint64_t* offset, std::uint32_t count) noexcept {
    std::array<std::byte, 1024> bytes;
    std::uint32_t total = 0;
    // A sparse file has gigabytes that nobody waits for: a signal ends the call between two chunks.
    while (total < count && (total == 0 || !self.is_interrupted())) {
        fs::SpanReadBuffer in(
            std::span(bytes).first(std::min<std::size_t>(bytes.size(), count - total)));
        const Result<std::size_t> got =
            restartable(offset != nullptr ? from.read_at(*offset, in) : from.read(in));
        if (!got) {
            return total != 0 ? Reply(total) : Reply(fail(got.error()));
        }
        if (*got == 0) {
            break;
        }
        const Result<std::uint32_t> allowed =
            prepare_write(self, to, static_cast<std::uint32_t>(*got));
        fs::SpanWriteBuffer out(std::span(bytes).first(allowed.value_or(0)));
        const Result<std::size_t> put =
            allowed ? written(self, to.write(out)) : fail(allowed.error());
        const std::size_t moved = put.value_or(0);
        total += moved;
        if (offset != nullptr) {
            *offset += moved;
        } else if (moved < *got) {
            // Give back what was read but not written, so that nothing is lost.
            ignore_error(from.seek(-static_cast<std::int64_t>(*got - moved), fs::Whence::current),
                         "files and disks can seek");
        }
        if (!put) {
            return total != 0 ? Reply(total) : Reply(fail(put.error()));
        }
        if (moved < *got) {
            break;
        }
    }
    return total;
}

template <class Offset>
Reply send_file(Process& self, Fd to_fd, Fd from_fd, UserPtr<Offset> offset,
                std::uint32_t count) noexcept {
    fs::File* const to = TRY(self.files.get(to_fd));
    fs::File* const from = TRY(self.files.get(from_fd));
    if (!from->is_readable() || !to->is_writable()) {
        return fail(Errc::bad_descriptor);
    }
    // Files and disks: a pipe or terminal as source has no "rest of the file" to send.
    if (from->vnode() == nullptr || (from->vnode()->type() != fs::NodeType::regular &&
                                     from->vnode()->type() != fs::NodeType::block)) {
        return fail(Errc::invalid_argument);
    }
    if (offset.is_null()) {
        return copy_between(self, *to, *from, nullptr, count);
    }
    std::uint64_t at = TRY(get_user(offset));
    const std::uint32_t moved = TRY(copy_between(self, *to, *from, &at, count));
    TRY(put_user(offset, static_cast<Offset>(at)));
    return moved;
}

}  // namespace

Status check_new_size(Process& self, fs::Vnode& node, std::uint64_t size) noexcept {
    if (!self.limits.limits_file_size() || node.type() != fs::NodeType::regular) [[likely]] {
        return {};
    }
    if (self.limits.allows_file_size(TRY(node.attributes()).size, size)) {
        return {};
    }
    send_signal_to_self(self, abi::sig_xfsz);
    return fail(Errc::file_too_big);
}

Reply read(Process& self, Fd fd, VirtAddr to, std::uint32_t size) noexcept {
    fs::File* const file = TRY(self.files.get(fd));
    TRY(check_transfer(file->is_readable(), to, size));
    UserReadBuffer buffer(to, size);
    return restartable(file->read(buffer));
}

Reply write(Process& self, Fd fd, VirtAddr from, std::uint32_t size) noexcept {
    fs::File* const file = TRY(self.files.get(fd));
    TRY(check_transfer(file->is_writable(), from, size));
    UserWriteBuffer buffer(from, TRY(prepare_write(self, *file, size)));
    return written(self, file->write(buffer));
}

Reply pread64(Process& self, Fd fd, VirtAddr to, std::uint32_t size, std::uint32_t low,
              std::uint32_t high) noexcept {
    if (static_cast<std::int32_t>(high) < 0) {
        return fail(Errc::invalid_argument);
    }
    fs::File* const file = TRY(self.files.get(fd));
    TRY(check_seekable(*file));
    TRY(check_transfer(file->is_readable(), to, size));
    UserReadBuffer buffer(to, size);
    return restartable(file->read_at(wide(low, high), buffer));
}

Reply pwrite64(Process& self, Fd fd, VirtAddr from, std::uint32_t size, std::uint32_t low,
               std::uint32_t high) noexcept {
    if (static_cast<std::int32_t>(high) < 0) {
        return fail(Errc::invalid_argument);
    }
    fs::File* const file = TRY(self.files.get(fd));
    TRY(check_seekable(*file));
    TRY(check_transfer(file->is_writable(), from, size));
    const std::uint64_t at = wide(low, high);
    UserWriteBuffer buffer(from, TRY(prepare_write(self, *file, size, at)));
    return written(self, file->write_at(at, buffer));
}

Reply readv(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count) noexcept {
    fs::File* const file = TRY(self.files.get(fd));
    UserVectors to;
    TRY(to.read(vectors, count));
    if (!file->is_readable()) {
        return fail(Errc::bad_descriptor);
    }
    if (to.total() == 0) {
        return 0U;
    }
    UserVectorsReadBuffer buffer(to);
    return restartable(file->read(buffer));
}

Reply writev(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count) noexcept {
    fs::File* const file = TRY(self.files.get(fd));
    UserVectors from;
    TRY(from.read(vectors, count));
    if (!file->is_writable()) {
        return fail(Errc::bad_descriptor);
    }
    if (from.total() == 0) {
        return 0U;
    }
    from.shorten(TRY(prepare_write(self, *file, from.total())));
    UserVectorsWriteBuffer buffer(from);
    return written(self, file->write(buffer));
}

Reply sendfile(Process& self, Fd to, Fd from, UserPtr<std::uint32_t> offset,
               std::uint32_t count) noexcept {
    return send_file(self, to, from, offset, count);
}

Reply sendfile64(Process& self, Fd to, Fd from, UserPtr<std::uint64_t> offset,
                 std::uint32_t count) noexcept {
    return send_file(self, to, from, offset, count);
}

Reply lseek(Process& self, Fd fd, std::int32_t offset, std::uint32_t whence) noexcept {
    fs::File* const file = TRY(self.files.get(fd));
    if (whence > 2) {
        return fail(Errc::invalid_argument);
    }
    const std::uint64_t at = TRY(file->seek(offset, static_cast<fs::Whence>(whence)));
    if (at > 0x7fff'ffff) {
        return fail(Errc::value_overflow);
    }
    return static_cast<std::uint32_t>(at);
}

Reply llseek(Process& self, Fd fd, std::uint32_t high, std::uint32_t low,
             UserPtr<std::uint64_t> result, std::uint32_t whence) noexcept {
    fs::File* const file = TRY(self.files.get(fd));
    if (whence > 2) {
        return fail(Errc::invalid_argument);
    }
    const auto offset = static_cast<std::int64_t>(wide(low, high));
    const std::uint64_t at = TRY(file->seek(offset, static_cast<fs::Whence>(whence)));
    TRY(put_user(result, at));
    return 0U;
}

Reply ftruncate64(Process& self, Fd fd, std::uint32_t low, std::uint32_t high) noexcept {
    fs::File* const file = TRY(self.files.get(fd));
    if (static_cast<std::int32_t>(high) < 0 || !file->is_writable() || file->vnode() == nullptr ||
        file->vnode()->type() != fs::NodeType::regular) {
        return fail(Errc::invalid_argument);
    }
    fs::AttributeChange change;
    change.size = wide(low, high);
    TRY(check_new_size(self, *file->vnode(), *change.size));
    change.permissions =
        fs::permissions_after_write(self.identity.effective(), TRY(file->attributes()));
    TRY(file->vnode()->set_attributes(change));
    return 0U;
}

Reply ftruncate(Process& self, Fd fd, std::uint32_t size) noexcept {
    return ftruncate64(self, fd, size, static_cast<std::int32_t>(size) < 0 ? ~0U : 0U);
}

Reply fallocate(Process& self, Fd fd, std::uint32_t mode, std::uint32_t offset_low,
                std::uint32_t offset_high, std::uint32_t length_low,
                std::uint32_t length_high) noexcept {
    fs::File* const file = TRY(self.files.get(fd));
    if (mode != 0) {
        return fail(Errc::not_supported);
    }
    if (!file->is_writable() || file->vnode() == nullptr) {
        return fail(Errc::bad_descriptor);
    }
    const std::uint64_t offset = wide(offset_low, offset_high);
    const std::uint64_t length = wide(length_low, length_high);
    constexpr std::uint64_t limit = std::uint64_t{1} << 62;
    if (length == 0 || offset > limit || length > limit) {
        return fail(Errc::invalid_argument);
    }
    TRY(check_new_size(self, *file->vnode(), offset + length));
    TRY(file->vnode()->allocate(offset, length));
    return 0U;
}

Reply fsync(Process& self, Fd fd) noexcept {
    fs::File* const file = TRY(self.files.get(fd));
    TRY(file->sync());
    return 0U;
}

Reply fadvise(Process& self, Fd fd) noexcept {
    TRY(self.files.get(fd));  // advice is welcome, and not followed
    return 0U;
}

}  // namespace kidney::kernel::calls
