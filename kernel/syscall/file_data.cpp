/// read, write and their relatives.
#include "kernel/process/process.hpp"
#include "kernel/syscall/file_calls.hpp"
#include "kernel/syscall/file_transfer.hpp"
#include "kernel/syscall/user_vectors.hpp"
#include "kidney/fs/socket.hpp"
#include "proc/signal/send.hpp"

#include <algorithm>
#include <cstdint>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <optional>

namespace kidney::kernel::calls {
namespace {

Status check_seekable(const fs::File& file) noexcept {
    return file.is_seekable() ? Status() : fail(Errc::not_seekable);
}

/// What can be said about a transfer before anything moves, in Linux's order. Errors:
/// bad_descriptor (the file is not open for that); as check_user_range().
Status check_transfer(bool is_open_for_it, VirtAddr at, std::uint32_t size) noexcept {
    return is_open_for_it ? check_user_range(at, size) : fail(Errc::bad_descriptor);
}

/// The flags of preadv2 and pwritev2.
constexpr std::uint32_t rwf_sync = 2U | 4U;  // RWF_DSYNC, RWF_SYNC
constexpr std::uint32_t rwf_append = 16;
constexpr std::uint32_t rwf_known = 1U | rwf_sync | rwf_append;  // and RWF_HIPRI

using Position = std::optional<std::uint64_t>;

/// Where preadv2 and pwritev2 work: -1 is where the file stands. Error: invalid_argument.
Result<Position> position_or_own(std::uint32_t low, std::uint32_t high) noexcept {
    const std::uint64_t at = wide(low, high);
    if (at == ~std::uint64_t{0}) {
        return Position();
    }
    return is_negative(at) ? Result<Position>(fail(Errc::invalid_argument)) : Position(at);
}

Reply read_vectors(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count, const Position& at,
                   std::uint32_t flags) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    if (at) {
        TRY(check_seekable(*file));
    }
    UserVectors to;
    TRY(to.read(vectors, count));
    if (!file->is_readable()) {
        return fail(Errc::bad_descriptor);
    }
    if (to.total() == 0) {
        return 0U;
    }
    if ((flags & ~rwf_known) != 0) {
        return fail(Errc::not_supported);
    }
    UserVectorsReadBuffer buffer(to);
    return have_read(*file, at ? file->read_at(*at, buffer) : file->read(buffer));
}

Reply write_vectors(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count, const Position& at,
                    std::uint32_t flags) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    if (at) {
        TRY(check_seekable(*file));
    }
    UserVectors from;
    TRY(from.read(vectors, count));
    if (!file->is_writable()) {
        return fail(Errc::bad_descriptor);
    }
    if (from.total() == 0) {
        return 0U;
    }
    if ((flags & ~rwf_known) != 0) {
        return fail(Errc::not_supported);
    }
    const std::uint32_t wanted = from.total();
    UserVectorsWriteBuffer buffer(from);
    TRY(prepare_write(self, *file, buffer));
    const bool appends = (flags & rwf_append) != 0;
    const std::uint32_t moved = TRY(written(self, *file, wanted,
                                            appends ? file->append(buffer)
                                            : at    ? file->write_at(*at, buffer)
                                                    : file->write(buffer)));
    if ((flags & rwf_sync) != 0 && file->vnode() != nullptr) {
        TRY(file->sync());
    }
    return moved;
}

}  // namespace

Errc detail::interrupted_read(fs::File& file) noexcept {
    const bool has_end =
        file.socket() != nullptr && file.socket()->facts().receive_timeout != Duration::longest();
    return has_end ? Errc::interrupted : Errc::restart;
}

Result<std::size_t> detail::written_partly(Process& self, fs::File& file,
                                           Result<std::size_t> moved) noexcept {
    const bool is_broken = moved ? file.pipe() != nullptr && file.poll(nullptr).error
                                 : moved.error() == Errc::broken_pipe;
    // As Linux: who writes a message to nobody is only told so.
    const bool is_signal =
        file.socket() == nullptr || file.socket()->type() == fs::SocketType::stream;
    if (is_broken && is_signal) {
        send_signal_to_self(self, abi::sig_pipe);
    }
    fs::Vnode* const node = file.vnode();
    if (!moved && moved.error() == Errc::file_too_big && node != nullptr &&
        self.limits.file_size() < node->file_system().max_file_size()) {
        send_signal_to_self(self, abi::sig_xfsz);
    }
    if (file.socket() != nullptr && file.socket()->facts().send_timeout != Duration::longest()) {
        return moved;  // it was to end at some time, and does not begin again
    }
    return restartable(moved);
}

Result<std::size_t> detail::stored_now(fs::File& file, std::size_t moved) noexcept {
    fs::Vnode* const node = file.vnode();
    if (moved > 0 && node != nullptr &&
        (node->type() == fs::NodeType::regular || node->type() == fs::NodeType::block)) {
        TRY(file.sync());
    }
    return moved;
}

Status detail::prepare_unprivileged_write(Process& self, fs::File& file,
                                          fs::WriteBuffer& from) noexcept {
    fs::Vnode* const node = file.vnode();
    if (from.remaining() == 0 || node == nullptr || node->type() != fs::NodeType::regular) {
        return {};
    }
    from.limit_size(self.limits.file_size());
    from.end_set_id(fs::set_id_after_write(self.who()->effective(), TRY(file.attributes()).gid));
    return {};
}

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
    const OpenFile file = TRY(self.files.get(fd));
    TRY(check_transfer(file->is_readable(), to, size));
    UserReadBuffer buffer(to, size);
    return have_read(*file, file->read(buffer));
}

Reply write(Process& self, Fd fd, VirtAddr from, std::uint32_t size) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    TRY(check_transfer(file->is_writable(), from, size));
    UserWriteBuffer buffer(from, size);
    TRY(prepare_write(self, *file, buffer));
    const std::size_t wanted = buffer.remaining();
    return written(self, *file, wanted, file->write(buffer));
}

Reply pread64(Process& self, Fd fd, VirtAddr to, std::uint32_t size, std::uint32_t low,
              std::uint32_t high) noexcept {
    if (static_cast<std::int32_t>(high) < 0) {
        return fail(Errc::invalid_argument);
    }
    const OpenFile file = TRY(self.files.get(fd));
    TRY(check_seekable(*file));
    TRY(check_transfer(file->is_readable(), to, size));
    UserReadBuffer buffer(to, size);
    return have_read(*file, file->read_at(wide(low, high), buffer));
}

Reply pwrite64(Process& self, Fd fd, VirtAddr from, std::uint32_t size, std::uint32_t low,
               std::uint32_t high) noexcept {
    if (static_cast<std::int32_t>(high) < 0) {
        return fail(Errc::invalid_argument);
    }
    const OpenFile file = TRY(self.files.get(fd));
    TRY(check_seekable(*file));
    TRY(check_transfer(file->is_writable(), from, size));
    const std::uint64_t at = wide(low, high);
    UserWriteBuffer buffer(from, size);
    TRY(prepare_write(self, *file, buffer));
    const std::size_t wanted = buffer.remaining();
    return written(self, *file, wanted, file->write_at(at, buffer));
}

Reply readv(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count) noexcept {
    return read_vectors(self, fd, vectors, count, {}, 0);
}

Reply writev(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count) noexcept {
    return write_vectors(self, fd, vectors, count, {}, 0);
}

Reply preadv(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count, std::uint32_t low,
             std::uint32_t high) noexcept {
    if (is_negative(wide(low, high))) {
        return fail(Errc::invalid_argument);
    }
    return read_vectors(self, fd, vectors, count, wide(low, high), 0);
}

Reply pwritev(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count, std::uint32_t low,
              std::uint32_t high) noexcept {
    if (is_negative(wide(low, high))) {
        return fail(Errc::invalid_argument);
    }
    return write_vectors(self, fd, vectors, count, wide(low, high), 0);
}

Reply preadv2(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count, std::uint32_t low,
              std::uint32_t high, std::uint32_t flags) noexcept {
    return read_vectors(self, fd, vectors, count, TRY(position_or_own(low, high)), flags);
}

Reply pwritev2(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count, std::uint32_t low,
               std::uint32_t high, std::uint32_t flags) noexcept {
    return write_vectors(self, fd, vectors, count, TRY(position_or_own(low, high)), flags);
}

Reply lseek(Process& self, Fd fd, std::int32_t offset, std::uint32_t whence) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    if (whence > SEEK_HOLE) {
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
    const OpenFile file = TRY(self.files.get(fd));
    if (whence > SEEK_HOLE) {
        return fail(Errc::invalid_argument);
    }
    const auto offset = static_cast<std::int64_t>(wide(low, high));
    const std::uint64_t at = TRY(file->seek(offset, static_cast<fs::Whence>(whence)));
    TRY(put_user(result, at));
    return 0U;
}

Reply ftruncate64(Process& self, Fd fd, std::uint32_t low, std::uint32_t high) noexcept {
    if (static_cast<std::int32_t>(high) < 0) {
        return fail(Errc::invalid_argument);
    }
    const OpenFile file = TRY(self.files.get(fd));
    if (!file->is_writable() || file->vnode() == nullptr ||
        file->vnode()->type() != fs::NodeType::regular) {
        return fail(Errc::invalid_argument);
    }
    const std::uint64_t size = wide(low, high);
    TRY(check_new_size(self, *file->vnode(), size));
    TRY(vfs().attribute_changes().change_size(self.who()->effective(), *file, size));
    return 0U;
}

Reply ftruncate(Process& self, Fd fd, std::uint32_t size) noexcept {
    return ftruncate64(self, fd, size, static_cast<std::int32_t>(size) < 0 ? ~0U : 0U);
}

Reply fallocate(Process& self, Fd fd, std::uint32_t mode, std::uint32_t offset_low,
                std::uint32_t offset_high, std::uint32_t length_low,
                std::uint32_t length_high) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    const std::uint64_t offset = wide(offset_low, offset_high);
    const std::uint64_t length = wide(length_low, length_high);
    constexpr std::uint64_t negative = std::uint64_t{1} << 63;
    constexpr std::uint32_t hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    if (length == 0 || offset >= negative || length >= negative) {
        return fail(Errc::invalid_argument);
    }
    if (mode != 0 && mode != FALLOC_FL_KEEP_SIZE && mode != hole) {
        return fail(Errc::not_supported);
    }
    if (!file->is_writable()) {
        return fail(Errc::bad_descriptor);
    }
    fs::Vnode* const node = file->vnode();
    if (node == nullptr || node->type() == fs::NodeType::fifo) {
        return fail(Errc::not_seekable);
    }
    if (node->type() == fs::NodeType::block) {
        TRY(mode == hole ? file->punch_hole(offset, length) : fail(Errc::not_supported));
        return 0U;
    }
    if (node->type() != fs::NodeType::regular) {
        return fail(Errc::unsuitable_device);
    }
    if (offset + length > node->file_system().max_file_size()) {
        return fail(Errc::file_too_big);
    }
    if (mode == hole) {
        TRY(node->punch_hole(offset, length));
        tell_change(*file, fs::Change::modified);
        return 0U;
    }
    if (mode == 0) {
        TRY(check_new_size(self, *node, offset + length));
    }
    TRY(node->allocate(offset, length, mode == FALLOC_FL_KEEP_SIZE));
    tell_change(*file, fs::Change::modified);
    return 0U;
}

Reply fsync(Process& self, Fd fd) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    TRY(file->sync());
    return 0U;
}

// Advice is checked, and not followed: what has been read stays in memory while there is room.
Reply fadvise64_64(Process& self, Fd fd, std::uint32_t, std::uint32_t, std::uint32_t low,
                   std::uint32_t high, std::uint32_t advice) noexcept {
    constexpr std::uint32_t last_advice = 5;  // POSIX_FADV_NOREUSE
    const OpenFile file = TRY(self.files.get(fd));
    if (file->pipe() != nullptr) {
        return fail(Errc::not_seekable);
    }
    if (is_negative(wide(low, high)) || advice > last_advice) {
        return fail(Errc::invalid_argument);
    }
    return 0U;
}

Reply fadvise64(Process& self, Fd fd, std::uint32_t low, std::uint32_t high, std::uint32_t size,
                std::uint32_t advice) noexcept {
    return fadvise64_64(self, fd, low, high, size, 0, advice);
}

Reply readahead(Process& self, Fd fd) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    if (!file->is_readable()) {
        return fail(Errc::bad_descriptor);
    }
    fs::Vnode* const node = file->vnode();
    const bool has_pages = node != nullptr && (node->type() == fs::NodeType::regular ||
                                               node->type() == fs::NodeType::block);
    return has_pages ? Reply(0U) : Reply(fail(Errc::invalid_argument));
}

Reply sync_file_range(Process& self, Fd fd, std::uint32_t offset_low, std::uint32_t offset_high,
                      std::uint32_t size_low, std::uint32_t size_high,
                      std::uint32_t flags) noexcept {
    constexpr std::uint32_t known = 7;  // SYNC_FILE_RANGE_*
    const OpenFile file = TRY(self.files.get(fd));
    const std::uint64_t offset = wide(offset_low, offset_high);
    const std::uint64_t size = wide(size_low, size_high);
    if ((flags & ~known) != 0 || is_negative(offset) || is_negative(size) ||
        is_negative(offset + size)) {
        return fail(Errc::invalid_argument);
    }
    if (file->vnode() == nullptr || file->vnode()->type() == fs::NodeType::fifo ||
        file->vnode()->type() == fs::NodeType::character) {
        return fail(Errc::not_seekable);
    }
    TRY(file->sync());
    return 0U;
}

}  // namespace kidney::kernel::calls
