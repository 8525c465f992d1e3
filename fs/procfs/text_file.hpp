/// Open files of /proc.
#pragma once

#include "fs/procfs/text.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::fs {

/// The text is written when it is read from its beginning, and stays as it was for the reads that
/// follow: a reader in small steps sees one moment. Errors of read(): no_memory, not_found (the
/// process has gone).
template <class Node, mm::ObjectAllocator Heap, BasicLockable Lock>
class ProcTextFile final : public File {
public:
    ProcTextFile(Heap& heap, Ref<Node> node, OpenMode mode) noexcept
        : File(mode), heap_(heap), node_(std::move(node)), text_(heap) {}

    [[nodiscard]] Result<std::size_t> read(ReadBuffer& to) noexcept override EXCLUDES(lock_) {
        TRY(write_text(position()));
        LockGuard guard(lock_);
        const std::size_t count = TRY(copy(position_, to));
        position_ += count;
        return count;
    }
    [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset,
                                              ReadBuffer& to) noexcept override EXCLUDES(lock_) {
        TRY(write_text(offset));
        LockGuard guard(lock_);
        return copy(offset, to);
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
    [[nodiscard]] std::uint64_t position() const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return position_;
    }
    /// Writes the text if this read needs it. Without the lock: generators take locks of their own.
    [[nodiscard]] Status write_text(std::uint64_t offset) noexcept EXCLUDES(lock_) {
        if (offset != 0 && is_written_.load(std::memory_order_relaxed)) {
            return {};
        }
        HeapText<Heap> fresh(heap_);
        TRY(node_->generate(fresh));
        if (!fresh.is_complete()) {
            return fail(Errc::no_memory);
        }
        LockGuard guard(lock_);
        text_.swap(fresh);
        is_written_.store(true, std::memory_order_relaxed);  // text_ itself is under the lock
        return {};
    }
    [[nodiscard]] Result<std::size_t> copy(std::uint64_t offset, ReadBuffer& to) noexcept
        REQUIRES(lock_) {
        std::string_view rest = text_.view();
        if (offset >= rest.size()) {
            return 0U;
        }
        rest.remove_prefix(static_cast<std::size_t>(offset));
        const std::size_t wanted = to.remaining();
        const Status status =
            to.put(std::as_bytes(std::span(rest.data(), std::min(rest.size(), wanted))));
        return transferred(wanted - to.remaining(), status);
    }

    Heap& heap_;
    const Ref<Node> node_;
    std::atomic<bool> is_written_ = false;
    mutable Lock lock_;
    HeapText<Heap> text_ GUARDED_BY(lock_);
    std::uint64_t position_ GUARDED_BY(lock_) = 0;
};

/// What /proc/N/fd/M leads to when the file has no node of its own (a pipe): opening it gives that
/// very file.
template <class Fs>
class OpenFileNode final : public Vnode {
public:
    OpenFileNode(Fs& fs, Ref<File> file) noexcept : fs_(fs), file_(std::move(file)) {}

    [[nodiscard]] Result<Attributes> attributes() noexcept override { return file_->attributes(); }
    [[nodiscard]] NodeType type() const noexcept override { return NodeType::fifo; }
    [[nodiscard]] FileSystem& file_system() const noexcept override { return fs_; }
    [[nodiscard]] Result<Ref<File>> open(OpenMode mode) noexcept override {
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
