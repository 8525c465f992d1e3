/// The open file description of files and directories: a position and a mode over a Vnode.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <limits>
#include <utility>

namespace kidney::fs {

/// `Lock` makes read, write and seek atomic as to the position that dup() and fork() share. It is
/// held while user memory is copied, so it ranks before everything a page fault takes.
template <mm::ObjectAllocator Heap, BasicLockable Lock>
class PlainFile final : public File {
public:
    static constexpr const char* cache_name = "file";

    /// With `mode.write`, the node's begin_writing() has succeeded; the file ends it.
    PlainFile(Heap& heap, Ref<Vnode> node, OpenMode mode) noexcept
        : File(mode), heap_(heap), node_(std::move(node)) {
        skip_errors(node_->write_errors());
    }

    [[nodiscard]] Result<std::size_t> read(ReadBuffer& to) noexcept override EXCLUDES(lock_) {
        TRY(check_readable());
        LockGuard guard(lock_);
        const std::size_t count = TRY(node_->read(position_, to));
        position_ += count;
        return count;
    }
    [[nodiscard]] Result<std::size_t> write(WriteBuffer& from) noexcept override EXCLUDES(lock_) {
        TRY(check_writable());
        LockGuard guard(lock_);
        if (is_appending()) {
            return node_->append(from, position_);
        }
        TRY(check_small(position_, from));
        const std::size_t count = TRY(node_->write(position_, from));
        position_ += count;
        return count;
    }
    [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset,
                                              ReadBuffer& to) noexcept override {
        TRY(check_readable());
        return node_->read(offset, to);
    }
    [[nodiscard]] Result<std::size_t> write_at(std::uint64_t offset,
                                               WriteBuffer& from) noexcept override {
        TRY(check_writable());
        if (is_appending()) {  // as Linux does, against POSIX
            return append(from);
        }
        TRY(check_small(offset, from));
        return node_->write(offset, from);
    }
    [[nodiscard]] Result<std::size_t> append(WriteBuffer& from) noexcept override {
        TRY(check_writable());
        std::uint64_t end = 0;
        return node_->append(from, end);
    }
    [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence) noexcept override
        EXCLUDES(lock_) {
        std::uint64_t base = 0;
        switch (whence) {
            case Whence::end:
                base = TRY(node_->attributes()).size;
                break;
            case Whence::data:
            case Whence::hole:
                offset = TRY(find(offset, whence));
                break;
            default:
                break;
        }
        LockGuard guard(lock_);
        if (whence == Whence::current) {
            base = position_;
        }
        std::int64_t target = 0;
        if (__builtin_add_overflow(static_cast<std::int64_t>(base), offset, &target) ||
            target < 0 ||
            static_cast<std::uint64_t>(target) > node_->file_system().max_file_size()) {
            return fail(Errc::invalid_argument);
        }
        position_ = static_cast<std::uint64_t>(target);
        return position_;
    }
    [[nodiscard]] bool is_seekable() const noexcept override { return true; }
    /// The position of a directory is the cookie of its next entry.
    [[nodiscard]] Status read_directory(DirectorySink& sink) noexcept override EXCLUDES(lock_) {
        struct Tracking final : DirectorySink {
            explicit Tracking(DirectorySink& s, std::uint64_t c) noexcept : sink(s), cookie(c) {}
            bool accept(const DirectoryEntry& entry) noexcept override {
                if (!sink.accept(entry)) {
                    return false;
                }
                cookie = entry.next_cookie;
                return true;
            }
            DirectorySink& sink;
            std::uint64_t cookie;
        };
        LockGuard guard(lock_);
        Tracking tracking(sink, position_);
        const Status status = node_->read_directory(position_, tracking);
        position_ = tracking.cookie;
        return status;
    }

    [[nodiscard]] Vnode* vnode() noexcept override { return node_.get(); }
    [[nodiscard]] Result<Attributes> attributes() noexcept override { return node_->attributes(); }
    void dispose() noexcept override {
        if (is_writable()) {
            node_->end_writing();
        }
        mm::destroy(heap_, this);
    }

private:
    [[nodiscard]] Result<std::int64_t> find(std::int64_t offset, Whence whence) noexcept {
        if (offset < 0 || node_->type() != NodeType::regular) {
            return fail(offset < 0 ? Errc::no_device : Errc::invalid_argument);
        }
        const auto from = static_cast<std::uint64_t>(offset);
        return static_cast<std::int64_t>(
            TRY(whence == Whence::data ? node_->find_data(from) : node_->find_hole(from)));
    }
    /// A program without 64-bit offsets writes up to the last that it knows. Error: file_too_big.
    [[nodiscard]] Status check_small(std::uint64_t offset, WriteBuffer& from) const noexcept {
        return is_small() ? from.fit(offset, max_small_file) : Status();
    }
    [[nodiscard]] Status check_readable() const noexcept {
        if (!is_readable()) {
            return fail(Errc::bad_descriptor);
        }
        return node_->type() == NodeType::directory ? Status(fail(Errc::is_directory)) : Status();
    }
    [[nodiscard]] Status check_writable() const noexcept {
        return is_writable() ? Status() : Status(fail(Errc::bad_descriptor));
    }

    Heap& heap_;
    const Ref<Vnode> node_;
    Lock lock_;
    std::uint64_t position_ GUARDED_BY(lock_) = 0;
};

}  // namespace kidney::fs
