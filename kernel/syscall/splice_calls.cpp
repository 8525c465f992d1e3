/// Data from file to file, without a program's memory in between.
#include "fs/pipe/splice.hpp"
#include "kernel/syscall/file_calls.hpp"
#include "kernel/syscall/file_transfer.hpp"
#include "kernel/syscall/user_vectors.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

namespace kidney::kernel::calls {
namespace {

using Position = std::optional<std::uint64_t>;

constexpr std::uint32_t splice_nonblock = 2;  // SPLICE_F_NONBLOCK; the other flags are hints
constexpr std::uint32_t splice_flags = 15;    // SPLICE_F_ALL

/// A page to copy through.
class CopyBuffer {
public:
    CopyBuffer() noexcept = default;
    ~CopyBuffer() {
        if (!bytes_.empty()) {
            heap().free(bytes_.data(), page_size);
        }
    }
    CopyBuffer(const CopyBuffer&) = delete;
    CopyBuffer& operator=(const CopyBuffer&) = delete;

    [[nodiscard]] Status create() noexcept {
        bytes_ = {static_cast<std::byte*>(TRY(heap().allocate(page_size))), page_size};
        return {};
    }
    [[nodiscard]] std::span<std::byte> first(std::size_t count) const noexcept {
        return bytes_.first(std::min<std::size_t>(count, page_size));
    }

private:
    std::span<std::byte> bytes_;
};

/// Writes what `from` holds to `to`, at a position or where it stands.
Result<std::size_t> write_to(Process& self, fs::File& to, const Position& at,
                             std::span<const std::byte> from) noexcept {
    fs::SpanWriteBuffer out(from);
    TRY(prepare_write(self, to, out));
    return written_part(self, to, from.size(), at ? to.write_at(*at, out) : to.write(out));
}

/// Moves bytes from a position of one file to another file. Both positions move on.
Reply copy_between(Process& self, fs::File& to, Position& to_at, fs::File& from,
                   std::uint64_t& from_at, std::uint32_t count) noexcept {
    CopyBuffer bytes;
    TRY(bytes.create());
    std::uint32_t total = 0;
    Status status;
    // A sparse file has gigabytes that nobody waits for: a signal ends the call between two chunks.
    while (status && total < count && (total == 0 || !self.is_interrupted())) {
        const std::span<std::byte> chunk = bytes.first(count - total);
        fs::SpanReadBuffer in(chunk);
        const Result<std::size_t> got = restartable(from.read_at(from_at, in));
        if (!got || *got == 0) {
            status = got ? Status() : fail(got.error());
            break;
        }
        const Result<std::size_t> put = write_to(self, to, to_at, chunk.first(*got));
        const auto moved = static_cast<std::uint32_t>(put.value_or(0));
        total += moved;
        from_at += moved;
        if (to_at) {
            *to_at += moved;
        }
        if (!put) {
            status = fail(put.error());
        } else if (moved < *got) {
            break;
        }
    }
    if (total != 0) {
        tell_change(from, fs::Change::accessed);
    }
    return stored(to, fs::transferred(total, status));
}

bool is_file_or_disk(fs::File& file) noexcept {
    fs::Vnode* const node = file.vnode();
    return node != nullptr &&
           (node->type() == fs::NodeType::regular || node->type() == fs::NodeType::block);
}

/// Fills a pipe from something else, at a position or where it stands.
Result<std::size_t> fill_pipe(Process& self, fs::File& to, fs::File& from, Position& at,
                              std::uint32_t count, bool non_blocking) noexcept {
    if (from.vnode() != nullptr && from.vnode()->type() == fs::NodeType::directory) {
        return fail(Errc::invalid_argument);
    }
    if (!from.is_seekable()) {
        // A terminal or its like: what one read gives, since a second one might wait.
        count = std::min<std::uint32_t>(count, page_size);
    }
    bool has_read = false;
    const auto moved =
        fs::splice_in(*to.pipe(), count, non_blocking, [&](std::span<std::byte> bytes) noexcept {
            if (has_read && !from.is_seekable()) {
                return Result<std::size_t>(0U);
            }
            has_read = true;
            fs::SpanReadBuffer in(bytes);
            const auto got = at ? from.read_at(*at, in) : from.read(in);
            if (at) {
                *at += got.value_or(0);
            }
            return got;
        });
    if (moved.value_or(0) != 0) {
        tell_change(from, fs::Change::accessed);
    }
    return written(self, to, 0, moved);
}

/// Empties a pipe into something else, at a position or where it stands.
Result<std::size_t> drain_pipe(Process& self, fs::File& to, Position& at, fs::SplicePipe& from,
                               std::uint32_t count, bool non_blocking) noexcept {
    if (to.is_appending() ||
        (to.vnode() != nullptr && to.vnode()->type() == fs::NodeType::directory)) {
        return fail(Errc::invalid_argument);
    }
    const auto moved = restartable(
        fs::splice_out(from, count, non_blocking, [&](std::span<const std::byte> bytes) noexcept {
            const auto put = write_to(self, to, at, bytes);
            if (at) {
                *at += put.value_or(0);
            }
            return put;
        }));
    return stored(to, moved);
}

/// The offset that a program passes by pointer, if it does. Error: bad_address.
Result<Position> get_position(UserPtr<std::int64_t> from) noexcept {
    return from.is_null() ? Position() : Position(static_cast<std::uint64_t>(TRY(get_user(from))));
}
Status put_position(UserPtr<std::int64_t> to, const Position& at) noexcept {
    return at ? put_user(to, static_cast<std::int64_t>(*at)) : Status();
}

/// An offset that a program passes is for files that have positions, and is not negative.
Status check_position(const fs::File& file, const Position& at, Errc not_seekable) noexcept {
    if (at && !file.is_seekable()) {
        return fail(not_seekable);
    }
    return at && is_negative(*at) ? Status(fail(Errc::invalid_argument)) : Status();
}

template <class Offset>
Reply send_file(Process& self, Fd to_fd, Fd from_fd, UserPtr<Offset> offset,
                std::uint32_t count) noexcept {
    constexpr auto last = static_cast<std::uint64_t>(std::numeric_limits<Offset>::max());
    Position given;
    if (!offset.is_null()) {
        given = static_cast<std::uint64_t>(std::int64_t{TRY(get_user(offset))});
    }
    const OpenFile from = TRY(self.files.get(from_fd));
    if (!from->is_readable()) {
        return fail(Errc::bad_descriptor);
    }
    TRY(check_position(*from, given, Errc::not_seekable));
    if (static_cast<std::int32_t>(count) < 0) {
        return fail(Errc::invalid_argument);
    }
    const OpenFile to = TRY(self.files.get(to_fd));
    if (!to->is_writable()) {
        return fail(Errc::bad_descriptor);
    }
    count = std::min(count, max_transfer);
    if (given && *given > last - std::min<std::uint64_t>(count, last)) {
        if (*given >= last) {
            return fail(Errc::value_overflow);
        }
        count = static_cast<std::uint32_t>(last - *given);
    }
    Reply moved = 0U;
    if (to->pipe() != nullptr) {
        if (from->pipe() != nullptr) {
            return fail(Errc::invalid_argument);
        }
        moved = fill_pipe(self, *to, *from, given, count, to->is_non_blocking());
    } else {
        // A terminal as source has no "rest of the file" to send.
        if (to->is_appending() || !is_file_or_disk(*from)) {
            return fail(Errc::invalid_argument);
        }
        Position none;
        std::uint64_t at = given ? *given : TRY(from->seek(0, fs::Whence::current));
        moved = copy_between(self, *to, none, *from, at, count);
        if (given) {
            given = at;
        } else if (moved) {
            TRY(from->seek(static_cast<std::int64_t>(at), fs::Whence::start));
        }
    }
    if (moved && given) {
        TRY(put_user(offset, static_cast<Offset>(*given)));
    }
    return moved;
}

}  // namespace

Reply sendfile(Process& self, Fd to, Fd from, UserPtr<std::int32_t> offset,
               std::uint32_t count) noexcept {
    return send_file(self, to, from, offset, count);
}

Reply sendfile64(Process& self, Fd to, Fd from, UserPtr<std::int64_t> offset,
                 std::uint32_t count) noexcept {
    return send_file(self, to, from, offset, count);
}

Reply splice(Process& self, Fd from_fd, UserPtr<std::int64_t> from_offset, Fd to_fd,
             UserPtr<std::int64_t> to_offset, std::uint32_t count, std::uint32_t flags) noexcept {
    if (count == 0) {
        return 0U;
    }
    if ((flags & ~splice_flags) != 0) {
        return fail(Errc::invalid_argument);
    }
    const OpenFile from = TRY(self.files.get(from_fd));
    const OpenFile to = TRY(self.files.get(to_fd));
    fs::SplicePipe* const from_pipe = from->pipe();
    fs::SplicePipe* const to_pipe = to->pipe();
    if ((from_pipe != nullptr && !from_offset.is_null()) ||
        (to_pipe != nullptr && !to_offset.is_null())) {
        return fail(Errc::not_seekable);
    }
    Position to_at = TRY(get_position(to_offset));
    Position from_at = TRY(get_position(from_offset));
    if (!from->is_readable() || !to->is_writable()) {
        return fail(Errc::bad_descriptor);
    }
    TRY(check_position(*to, to_at, Errc::invalid_argument));
    TRY(check_position(*from, from_at, Errc::invalid_argument));
    count = std::min(count, max_transfer);
    const bool is_hasty = (flags & splice_nonblock) != 0;
    const bool from_hasty = is_hasty || from->is_non_blocking();
    const bool to_hasty = is_hasty || to->is_non_blocking();
    Result<std::size_t> moved = fail(Errc::invalid_argument);
    if (from_pipe != nullptr && to_pipe != nullptr) {
        if (from_pipe != to_pipe) {
            moved = written(self, *to, 0,
                            fs::splice_across(*from_pipe, *to_pipe, count, from_hasty || to_hasty));
        }
    } else if (from_pipe != nullptr) {
        moved = drain_pipe(self, *to, to_at, *from_pipe, count, from_hasty);
    } else if (to_pipe != nullptr) {
        moved = fill_pipe(self, *to, *from, from_at, count, to_hasty);
    }
    if (moved) {
        TRY(put_position(to_offset, to_at));
        TRY(put_position(from_offset, from_at));
    }
    return moved;
}

Reply tee(Process& self, Fd from_fd, Fd to_fd, std::uint32_t count, std::uint32_t flags) noexcept {
    if ((flags & ~splice_flags) != 0) {
        return fail(Errc::invalid_argument);
    }
    if (count == 0) {
        return 0U;
    }
    const OpenFile from = TRY(self.files.get(from_fd));
    const OpenFile to = TRY(self.files.get(to_fd));
    if (!from->is_readable() || !to->is_writable()) {
        return fail(Errc::bad_descriptor);
    }
    if (from->pipe() == nullptr || to->pipe() == nullptr || from->pipe() == to->pipe()) {
        return fail(Errc::invalid_argument);
    }
    const bool non_blocking =
        (flags & splice_nonblock) != 0 || from->is_non_blocking() || to->is_non_blocking();
    return written(self, *to, 0, fs::splice_copy(*from->pipe(), *to->pipe(), count, non_blocking));
}

Reply vmsplice(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count,
               std::uint32_t flags) noexcept {
    if ((flags & ~splice_flags) != 0) {
        return fail(Errc::invalid_argument);
    }
    const OpenFile file = TRY(self.files.get(fd));
    if (!file->is_writable() && !file->is_readable()) {
        return fail(Errc::bad_descriptor);
    }
    UserVectors memory;
    TRY(memory.read(vectors, count));
    if (memory.total() == 0) {
        return 0U;
    }
    if (file->pipe() == nullptr) {
        return fail(Errc::bad_descriptor);
    }
    // As on Linux, O_NONBLOCK of the pipe means nothing here.
    const bool non_blocking = (flags & splice_nonblock) != 0;
    if (file->is_writable()) {
        UserVectorsWriteBuffer from(memory);
        return written(self, *file, 0,
                       fs::splice_in(*file->pipe(), memory.total(), non_blocking,
                                     [&](std::span<std::byte> bytes) noexcept {
                                         const std::size_t before = from.remaining();
                                         const Status taken = from.take(bytes);
                                         return fs::transferred(before - from.remaining(), taken);
                                     }));
    }
    UserVectorsReadBuffer to(memory);
    return restartable(fs::splice_out(*file->pipe(), memory.total(), non_blocking,
                                      [&](std::span<const std::byte> bytes) noexcept {
                                          const std::size_t before = to.remaining();
                                          const Status put = to.put(bytes);
                                          return fs::transferred(before - to.remaining(), put);
                                      }));
}

Reply copy_file_range(Process& self, Fd from_fd, UserPtr<std::int64_t> from_offset, Fd to_fd,
                      UserPtr<std::int64_t> to_offset, std::uint32_t count,
                      std::uint32_t flags) noexcept {
    const OpenFile from = TRY(self.files.get(from_fd));
    const OpenFile to = TRY(self.files.get(to_fd));
    const Position from_given = TRY(get_position(from_offset));
    const Position to_given = TRY(get_position(to_offset));
    if (flags != 0) {
        return fail(Errc::invalid_argument);
    }
    for (fs::File* const file : {from.get(), to.get()}) {
        if (file->vnode() != nullptr && file->vnode()->type() == fs::NodeType::directory) {
            return fail(Errc::is_directory);
        }
    }
    for (fs::File* const file : {from.get(), to.get()}) {
        if (file->vnode() == nullptr || file->vnode()->type() != fs::NodeType::regular) {
            return fail(Errc::invalid_argument);
        }
    }
    if (!from->is_readable() || !to->is_writable() || to->is_appending()) {
        return fail(Errc::bad_descriptor);
    }
    if (&from->vnode()->file_system() != &to->vnode()->file_system()) {
        return fail(Errc::cross_device);
    }
    std::uint64_t at = from_given ? *from_given : TRY(from->seek(0, fs::Whence::current));
    Position to_at = to_given ? *to_given : TRY(to->seek(0, fs::Whence::current));
    if (is_negative(at + count) || is_negative(*to_at + count)) {
        return fail(is_negative(at) || is_negative(*to_at) ? Errc::invalid_argument
                                                           : Errc::value_overflow);
    }
    const std::uint64_t size = TRY(from->attributes()).size;
    count = static_cast<std::uint32_t>(
        std::min<std::uint64_t>({count, max_transfer, size - std::min(at, size)}));
    if (from->vnode() == to->vnode() && at < *to_at + count && *to_at < at + count) {
        return fail(Errc::invalid_argument);  // onto itself
    }
    const std::uint32_t moved = TRY(copy_between(self, *to, to_at, *from, at, count));
    if (from_given) {
        TRY(put_user(from_offset, static_cast<std::int64_t>(at)));
    } else {
        TRY(from->seek(static_cast<std::int64_t>(at), fs::Whence::start));
    }
    if (to_given) {
        TRY(put_position(to_offset, to_at));
    } else {
        TRY(to->seek(static_cast<std::int64_t>(*to_at), fs::Whence::start));
    }
    return moved;
}

}  // namespace kidney::kernel::calls
