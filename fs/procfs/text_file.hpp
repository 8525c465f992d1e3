/// Open files of /proc.
#pragma once

#include "fs/procfs/process_source.hpp"
#include "fs/procfs/text.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::fs {

/// The text is written when it is read from its beginning, and stays as it was for the reads that
/// follow: a reader in small steps sees one moment. A long text comes in pieces, each of one
/// moment. Errors of read(): no_memory, not_found (the process has gone).
///
/// `Node` has `Status generate(cursor, out)`, which writes the next piece, and `Status
/// store(text)`; see ProcessSource.
template <class Node, mm::ObjectAllocator Heap, BasicLockable Lock>
class ProcTextFile final : public File {
public:
    ProcTextFile(Heap& heap, Ref<Node> node, OpenMode mode) noexcept
        : File(mode), heap_(heap), node_(std::move(node)), text_(heap) {}

    [[nodiscard]] Result<std::size_t> read(ReadBuffer& to) noexcept override EXCLUDES(lock_) {
        const std::uint64_t offset = position();
        const std::size_t count = TRY(read_at(offset, to));
        LockGuard guard(lock_);
        position_ = offset + count;
        return count;
    }
    [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset,
                                              ReadBuffer& to) noexcept override EXCLUDES(lock_) {
        for (bool is_fresh = offset != 0;; is_fresh = true) {
            Place next;
            {
                LockGuard guard(lock_);
                if (is_fresh && has(offset)) {
                    return copy(offset, to);
                }
                next = is_fresh ? place_after(offset) : Place{};
            }
            TRY(write_piece(next));
        }
    }
    /// A value is written whole; what is behind its first bytes does not count.
    [[nodiscard]] Result<std::size_t> write(WriteBuffer& from) noexcept override {
        std::array<char, longest_value> text;
        const std::size_t size = from.remaining();
        const auto value = std::span(text).first(std::min(size, text.size()));
        TRY(from.take(std::as_writable_bytes(value)));
        TRY(node_->store({value.data(), value.size()}));
        return size;
    }
    [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence) noexcept override
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const std::int64_t base =
            whence == Whence::current ? static_cast<std::int64_t>(position_) : 0;
        std::int64_t target = 0;
        if (whence >= Whence::end || __builtin_add_overflow(base, offset, &target) || target < 0) {
            return fail(Errc::invalid_argument);
        }
        position_ = static_cast<std::uint64_t>(target);
        return position_;
    }
    [[nodiscard]] bool is_seekable() const noexcept override { return true; }
    [[nodiscard]] Vnode* vnode() noexcept override { return node_.get(); }
    [[nodiscard]] Result<Attributes> attributes() noexcept override { return node_->attributes(); }
    void dispose() noexcept override { mm::destroy(heap_, this); }

private:
    static constexpr std::size_t longest_value = 256;

    /// Where a piece begins: in the file, and in what the source counts by.
    struct Place {
        std::uint64_t offset = 0, cursor = 0;
    };

    [[nodiscard]] std::uint64_t position() const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return position_;
    }
    /// The piece in hand, or the end of the text, answers a read at `offset`.
    [[nodiscard]] bool has(std::uint64_t offset) const noexcept REQUIRES(lock_) {
        return is_written_ && offset >= start_ &&
               (offset < start_ + text_.view().size() || cursor_ == end_of_text);
    }
    /// The piece to write for a read at `offset`; there is no way back but to the beginning.
    [[nodiscard]] Place place_after(std::uint64_t offset) const noexcept REQUIRES(lock_) {
        return is_written_ && offset >= start_ ? Place{start_ + text_.view().size(), cursor_}
                                               : Place{};
    }
    /// Without the lock: generators take locks of their own.
    [[nodiscard]] Status write_piece(const Place& place) noexcept EXCLUDES(lock_) {
        HeapText<Heap> fresh(heap_);
        std::uint64_t cursor = place.cursor;
        TRY(node_->generate(cursor, fresh));
        if (!fresh.is_complete()) {
            return fail(Errc::no_memory);
        }
        LockGuard guard(lock_);
        text_.swap(fresh);
        start_ = place.offset;
        cursor_ = cursor;
        is_written_ = true;
        return {};
    }
    [[nodiscard]] Result<std::size_t> copy(std::uint64_t offset, ReadBuffer& to) noexcept
        REQUIRES(lock_) {
        std::string_view rest = text_.view();
        if (offset - start_ >= rest.size()) {
            return 0U;
        }
        rest.remove_prefix(static_cast<std::size_t>(offset - start_));
        const std::size_t wanted = to.remaining();
        const Status status =
            to.put(std::as_bytes(std::span(rest.data(), std::min(rest.size(), wanted))));
        return transferred(wanted - to.remaining(), status);
    }

    Heap& heap_;
    const Ref<Node> node_;
    mutable Lock lock_;
    HeapText<Heap> text_ GUARDED_BY(lock_);
    std::uint64_t start_ GUARDED_BY(lock_) = 0;   ///< of text_ in the file
    std::uint64_t cursor_ GUARDED_BY(lock_) = 0;  ///< behind text_
    bool is_written_ GUARDED_BY(lock_) = false;
    std::uint64_t position_ GUARDED_BY(lock_) = 0;
};

/// /proc/N/mem: a process's memory, at its addresses. Errors of reads and writes: io_error (nothing
/// is there), not_found, permission_denied.
template <class Node, mm::ObjectAllocator Heap, BasicLockable Lock>
class ProcMemoryFile final : public File {
public:
    ProcMemoryFile(Heap& heap, Ref<Node> node, OpenMode mode) noexcept
        : File(mode), heap_(heap), node_(std::move(node)) {}

    [[nodiscard]] Result<std::size_t> read(ReadBuffer& to) noexcept override EXCLUDES(lock_) {
        return advance(read_at(position(), to));
    }
    [[nodiscard]] Result<std::size_t> write(WriteBuffer& from) noexcept override EXCLUDES(lock_) {
        return advance(write_at(position(), from));
    }
    [[nodiscard]] Result<std::size_t> read_at(std::uint64_t at, ReadBuffer& to) noexcept override {
        return transfer(
            at, to,
            [this, &to](std::uint32_t address, std::span<std::byte> piece) noexcept -> Status {
                TRY(node_->read_memory(address, piece));
                return to.put(piece);
            });
    }
    [[nodiscard]] Result<std::size_t> write_at(std::uint64_t at,
                                               WriteBuffer& from) noexcept override {
        return transfer(
            at, from,
            [this, &from](std::uint32_t address, std::span<std::byte> piece) noexcept -> Status {
                TRY(from.take(piece));
                return node_->write_memory(address, piece);
            });
    }
    [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence) noexcept override
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (whence == Whence::end) {
            return fail(Errc::invalid_argument);
        }
        position_ = static_cast<std::uint64_t>(offset) + (whence == Whence::start ? 0 : position_);
        return position_;
    }
    [[nodiscard]] bool is_seekable() const noexcept override { return true; }
    [[nodiscard]] Vnode* vnode() noexcept override { return node_.get(); }
    [[nodiscard]] Result<Attributes> attributes() noexcept override { return node_->attributes(); }
    void dispose() noexcept override { mm::destroy(heap_, this); }

private:
    [[nodiscard]] std::uint64_t position() const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return position_;
    }
    [[nodiscard]] Result<std::size_t> advance(Result<std::size_t> moved) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        position_ += moved.value_or(0);
        return moved;
    }
    /// Calls move(address, piece) until it fails; what was moved before counts.
    template <class Buffer, class Move>
    [[nodiscard]] Result<std::size_t> transfer(std::uint64_t at, Buffer& buffer,
                                               Move&& move) noexcept {
        constexpr std::uint64_t addresses = std::uint64_t{1} << 32;
        std::array<std::byte, 256> bytes;
        std::size_t done = 0;
        while (buffer.remaining() > 0) {
            if (at + done >= addresses) {
                return done != 0 ? Result<std::size_t>(done) : fail(Errc::io_error);
            }
            // Pieces do not cross pages: what is there is moved as far as it goes.
            const auto address = static_cast<std::uint32_t>(at + done);
            const std::size_t to_page_end = page_size - address % page_size;
            const auto piece =
                std::span(bytes).first(std::min({bytes.size(), buffer.remaining(), to_page_end}));
            if (const Status moved = move(address, piece); !moved) {
                return done != 0 ? Result<std::size_t>(done) : fail(moved.error());
            }
            done += piece.size();
        }
        return done;
    }

    Heap& heap_;
    const Ref<Node> node_;
    mutable Lock lock_;
    std::uint64_t position_ GUARDED_BY(lock_) = 0;
};

/// What /proc/N/fd/M leads to when the file has no node of its own (a pipe): opening it gives that
/// very file; a socket cannot be opened.
template <class Fs>
class OpenFileNode final : public Vnode {
public:
    OpenFileNode(Fs& fs, Ref<File> file) noexcept : fs_(fs), file_(std::move(file)) {}

    [[nodiscard]] Result<Attributes> attributes() noexcept override { return file_->attributes(); }
    [[nodiscard]] NodeType type() const noexcept override {
        return file_->socket() != nullptr ? NodeType::socket : NodeType::fifo;
    }
    [[nodiscard]] FileSystem& file_system() const noexcept override { return fs_; }
    [[nodiscard]] Result<Ref<File>> open(OpenMode mode) noexcept override {
        if (file_->socket() != nullptr) {
            return fail(Errc::no_device);
        }
        const OpenMode has = file_->mode();
        if ((mode.read && !has.read) || (mode.write && !has.write)) {
            return fail(Errc::permission_denied);
        }
        return file_;
    }
    void dispose() noexcept override { mm::destroy(fs_.heap(), this); }

private:
    Fs& fs_;
    const Ref<File> file_;
};

}  // namespace kidney::fs
