/// A file, directory, symbolic link or device node of a tmpfs.
#pragma once

#include "fs/node_pages.hpp"
#include "fs/page_tree.hpp"
#include "fs/tmpfs/directory.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// Bytes and attributes are under the node's own lock; names are the file system's business
/// (`Fs::names_lock_`). User memory is copied with no lock held, because a page fault on it may
/// come back here for a page of this very file: reads and writes borrow frames under the lock, and
/// copy after it.
template <class Fs>
class TmpfsNode final : public Vnode {
public:
    static constexpr std::uint32_t max_links = 65000;
    static constexpr std::uint64_t max_size = std::uint64_t{1} << 43;  // page numbers are 32 bits

    TmpfsNode(Fs& fs, const NewNode& what, std::uint32_t inode) noexcept
        : fs_(fs),
          type_(what.type),
          inode_(inode),
          rdev_(what.rdev),
          permissions_(what.permissions),
          uid_(what.uid),
          gid_(what.gid),
          pages_(fs.heap()) {
        accessed_ = modified_ = changed_ = fs.now();
    }

    // Identity.
    [[nodiscard]] NodeType type() const noexcept override { return type_; }
    [[nodiscard]] FileSystem& file_system() const noexcept override { return fs_; }
    [[nodiscard]] std::uint32_t inode() const noexcept { return inode_; }

    // Attributes.
    [[nodiscard]] Result<Attributes> attributes() noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        // A directory counts as one block, as on disks, so that totals agree with other systems'.
        const bool is_directory = type_ == NodeType::directory;
        const std::uint64_t pages = is_directory ? 1 : page_count_;
        return Attributes{.inode = inode_,
                          .device = fs_.device(),
                          .type = type_,
                          .permissions = permissions_,
                          .links = links(),
                          .uid = uid_,
                          .gid = gid_,
                          .size = is_directory ? page_size : size_,
                          .block_size = page_size,
                          .blocks = pages * (page_size / 512),
                          .rdev = rdev_,
                          .accessed = accessed_,
                          .modified = modified_,
                          .changed = changed_};
    }
    [[nodiscard]] Status set_attributes(const AttributeChange& change) noexcept override
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const FileTime now = fs_.now();
        if (change.size) {
            if (*change.size > max_size) {
                return fail(Errc::file_too_big);
            }
            resize(*change.size);
            modified_ = now;
        }
        permissions_ = change.permissions.value_or(permissions_);
        uid_ = change.uid.value_or(uid_);
        gid_ = change.gid.value_or(gid_);
        accessed_ = change.accessed.value_or(accessed_);
        modified_ = change.modified.value_or(modified_);
        changed_ = now;
        return {};
    }

    // Names: see Tmpfs.
    [[nodiscard]] Result<Ref<Vnode>> lookup(std::string_view name) noexcept override {
        TRY(check_directory());
        return Ref<Vnode>(TRY(fs_.find(*this, name)));
    }
    [[nodiscard]] Result<Ref<Vnode>> parent() noexcept override {
        TRY(check_directory());
        return Ref<Vnode>(TRY(fs_.parent_of(*this)));
    }
    [[nodiscard]] Result<Ref<Vnode>> create(std::string_view name,
                                            const NewNode& what) noexcept override {
        TRY(check_directory());
        return Ref<Vnode>(TRY(fs_.create(*this, name, what)));
    }
    [[nodiscard]] Status link(std::string_view name, Vnode& node) noexcept override {
        TRY(check_directory());
        return fs_.link(*this, name, static_cast<TmpfsNode&>(node));
    }
    [[nodiscard]] Status unlink(std::string_view name, bool directory) noexcept override {
        TRY(check_directory());
        return fs_.unlink(*this, name, directory);
    }
    [[nodiscard]] Status rename(std::string_view name, Vnode& new_parent,
                                std::string_view new_name) noexcept override {
        TRY(check_directory());
        auto& target = static_cast<TmpfsNode&>(new_parent);
        TRY(target.check_directory());
        return fs_.rename(*this, name, target, new_name);
    }
    [[nodiscard]] Status read_directory(std::uint64_t cookie,
                                        DirectorySink& sink) noexcept override {
        TRY(check_directory());
        return fs_.list(*this, cookie, sink);
    }

    [[nodiscard]] Result<std::size_t> read_link(std::span<char> to) noexcept override {
        if (type_ != NodeType::symlink) {
            return fail(Errc::invalid_argument);
        }
        const std::size_t length = std::min(to.size(), target_length_);
        std::memcpy(to.data(), target_, length);
        return length;
    }

    // Data.
    [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, ReadBuffer& to) noexcept override
        EXCLUDES(lock_) {
        TRY(check_regular());
        std::size_t done = 0;
        while (to.remaining() > 0) {
            Batch batch;
            borrow_for_read(batch, offset + done, to.remaining());
            if (batch.bytes == 0) {
                break;  // end of file
            }
            const Status status = copy_out(batch, to);
            give_back(batch);
            if (!status) {
                return done + batch.done > 0 ? Result<std::size_t>(done + batch.done)
                                             : fail(status.error());
            }
            done += batch.bytes;
        }
        return done;
    }
    [[nodiscard]] Result<std::size_t> write(std::uint64_t offset,
                                            WriteBuffer& from) noexcept override EXCLUDES(lock_) {
        TRY(check_regular());
        if (offset > max_size || from.remaining() > max_size - offset) {
            return fail(Errc::file_too_big);
        }
        std::size_t done = 0;
        while (from.remaining() > 0) {
            Batch batch;
            borrow_for_write(batch, offset + done, from.remaining());
            Status status = copy_in(batch, from);
            if (const Status published = publish(batch); !published && status) {
                status = published;
            }
            give_back(batch);
            done += batch.done;
            if (!status) {
                return done > 0 ? Result<std::size_t>(done) : fail(status.error());
            }
        }
        return done;
    }
    /// Moves the end of the file first, so that the next appender starts behind these bytes.
    [[nodiscard]] Result<std::size_t> append(WriteBuffer& from,
                                             std::uint64_t& end) noexcept override EXCLUDES(lock_) {
        TRY(check_regular());
        const std::uint64_t wanted = from.remaining();
        const std::uint64_t begin = TRY(reserve_end(wanted));
        const Result<std::size_t> written = write(begin, from);
        const std::uint64_t count = written.value_or(0);
        if (count < wanted) {
            give_back_end(begin + wanted, begin + count);
        }
        end = begin + count;
        return written;
    }
    [[nodiscard]] Result<Ref<mm::PageSource>> pages() noexcept override {
        using Pages = NodePages<TmpfsNode, typename Fs::HeapType>;
        if (type_ != NodeType::regular) {
            return fail(Errc::no_device);
        }
        return Ref<mm::PageSource>(
            TRY(mm::make_ref<Pages>(fs_.heap(), fs_.heap(), Ref<TmpfsNode>::share(*this))));
    }
    /// For NodePages: the page, made of zeros if it is a hole, with a reference for the caller.
    [[nodiscard]] Result<FrameNumber> page(std::uint32_t index) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (std::uint64_t{index} << page_shift >= size_) {
            return fail(Errc::out_of_range);
        }
        FrameNumber frame;
        if (const auto known = pages_.find(index)) {
            frame = *known;
        } else {
            frame = TRY(fs_.take_page());
            std::memset(fs_.map().direct(frame).data(), 0, page_size);
            if (const Status s = insert(index, frame); !s) {
                fs_.give_page(frame);
                return fail(s.error());
            }
        }
        fs_.frames().retain(frame);
        return frame;
    }
    void page_changed(std::uint32_t) noexcept { touch(); }

    void dispose() noexcept override {
        Fs& fs = fs_;
        mm::destroy(fs.heap(), this);
        fs.node_gone();
    }
    // The last reference is gone, so nobody else can hold or want the lock.
    ~TmpfsNode() KIDNEY_NO_TSA("last owner")
    {
        while (typename Fs::Entry* const entry = entries_.any()) {
            entries_.erase(*entry);  // only when the whole file system goes
            Fs::Entry::destroy(fs_.heap(), entry);
        }
        pages_.clear_from(0, [this](FrameNumber frame) { fs_.give_page(frame); });
        if (target_ != nullptr) {
            fs_.heap().free(target_, target_length_);
        }
    }

    // For the file system.
    [[nodiscard]] Status set_target(std::string_view target) noexcept {
        if (type_ == NodeType::symlink && !target.empty()) {
            target_ = static_cast<char*>(TRY(fs_.heap().allocate(target.size())));
            std::memcpy(target_, target.data(), target.size());
            target_length_ = target.size();
            LockGuard guard(lock_);
            size_ = target.size();
        }
        return {};
    }
    void become_root() noexcept {
        parent_ = this;
        add_links(2);
    }
    // relaxed: changed only under names_lock_; a reader of attributes wants any recent value
    [[nodiscard]] std::uint32_t links() const noexcept {
        return links_.load(std::memory_order_relaxed);
    }
    void add_links(int count) noexcept {
        links_.fetch_add(static_cast<std::uint32_t>(count), std::memory_order_relaxed);
    }
    [[nodiscard]] typename Fs::Directory& entries() noexcept { return entries_; }
    void touch() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        modified_ = changed_ = fs_.now();
    }
    void touch_change() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        changed_ = fs_.now();
    }
    TmpfsNode* parent_ = nullptr;  ///< of a directory that has a name; guarded by Fs::names_lock_

private:
    /// Up to 16 pages of one transfer. Of each, the batch holds a frame reference or a hole.
    struct Batch {
        static constexpr std::size_t capacity = 16;
        struct Page {
            FrameNumber frame;
            bool present = false;  ///< a frame is borrowed
            bool fresh = false;    ///< ours, not yet in the file
        };
        std::uint64_t offset = 0;
        std::size_t bytes = 0;  ///< what this batch is to move
        std::size_t done = 0;   ///< what it moved
        std::size_t count = 0;  ///< pages in use
        std::array<Page, capacity> pages;

        void cover(std::uint64_t at, std::size_t wanted) noexcept {
            offset = at;
            const std::size_t room = capacity * page_size - in_page(at);
            bytes = std::min(wanted, room);
            count = (in_page(at) + bytes + page_mask) >> page_shift;
        }
        [[nodiscard]] std::uint32_t index(std::size_t n) const noexcept {
            return static_cast<std::uint32_t>((offset >> page_shift) + n);
        }
        /// The part of page `n` that belongs to the transfer.
        [[nodiscard]] std::size_t begin(std::size_t n) const noexcept {
            return n == 0 ? in_page(offset) : 0;
        }
        [[nodiscard]] std::size_t end(std::size_t n) const noexcept {
            const std::size_t last = in_page(offset) + bytes - (n << page_shift);
            return std::min<std::size_t>(last, page_size);
        }
        [[nodiscard]] static std::size_t in_page(std::uint64_t at) noexcept {
            return static_cast<std::size_t>(at & page_mask);
        }
    };

    [[nodiscard]] Status check_directory() const noexcept {
        return type_ == NodeType::directory ? Status() : Status(fail(Errc::not_directory));
    }
    [[nodiscard]] Status check_regular() const noexcept {
        return type_ == NodeType::regular     ? Status()
               : type_ == NodeType::directory ? Status(fail(Errc::is_directory))
                                              : Status(fail(Errc::invalid_argument));
    }

    void borrow(Batch& batch) noexcept REQUIRES(lock_) {
        for (std::size_t n = 0; n < batch.count; ++n) {
            if (const auto frame = pages_.find(batch.index(n))) {
                fs_.frames().retain(*frame);
                batch.pages[n] = {*frame, true, false};
            }
        }
    }
    void give_back(const Batch& batch) noexcept {
        for (std::size_t n = 0; n < batch.count; ++n) {
            if (batch.pages[n].fresh) {
                fs_.give_page(batch.pages[n].frame);
            } else if (batch.pages[n].present) {
                fs_.frames().release(batch.pages[n].frame);
            }
        }
    }
    void borrow_for_read(Batch& batch, std::uint64_t offset, std::size_t wanted) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (offset < size_) {
            const std::uint64_t left = size_ - offset;
            batch.cover(offset, left < wanted ? static_cast<std::size_t>(left) : wanted);
            borrow(batch);
        }
    }
    void borrow_for_write(Batch& batch, std::uint64_t offset, std::size_t wanted) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        batch.cover(offset, wanted);
        borrow(batch);
    }
    [[nodiscard]] Status copy_out(Batch& batch, ReadBuffer& to) noexcept {
        for (std::size_t n = 0; n < batch.count; ++n) {
            const std::size_t begin = batch.begin(n);
            const std::size_t length = batch.end(n) - begin;
            if (batch.pages[n].present) {
                TRY(to.put(fs_.map().direct(batch.pages[n].frame).subspan(begin, length)));
            } else {
                TRY(to.put_zeros(length));
            }
            batch.done += length;
        }
        return {};
    }
    /// Fills the pages of the batch, taking fresh frames for holes.
    [[nodiscard]] Status copy_in(Batch& batch, WriteBuffer& from) noexcept {
        for (std::size_t n = 0; n < batch.count; ++n) {
            typename Batch::Page& page = batch.pages[n];
            const std::size_t begin = batch.begin(n);
            const std::size_t end = batch.end(n);
            if (!page.present) {
                page.frame = TRY(fs_.take_page());
                page.present = page.fresh = true;
                const auto bytes = fs_.map().direct(page.frame);
                std::memset(bytes.data(), 0, begin);
                std::memset(bytes.data() + end, 0, page_size - end);
            }
            TRY(from.take(fs_.map().direct(page.frame).subspan(begin, end - begin)));
            batch.done += end - begin;
        }
        return {};
    }
    /// Makes what copy_in() did part of the file: fresh frames, the size, the times.
    [[nodiscard]] Status publish(Batch& batch) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Status outcome;
        const std::size_t copied = batch.done;
        batch.done = 0;
        std::size_t n = 0;
        for (; n < batch.count && batch.done < copied; ++n) {
            outcome = publish_page(batch, n);
            if (!outcome) {
                break;
            }
            batch.done += batch.end(n) - batch.begin(n);
        }
        if (batch.done > 0) {
            size_ = std::max(size_, batch.offset + batch.done);
            modified_ = changed_ = fs_.now();
        }
        if (n < batch.count && batch.pages[n].present && !batch.pages[n].fresh) {
            // A copy that stopped inside this page may have left bytes behind the end of the file.
            clear_tail(batch.index(n), batch.pages[n].frame);
        }
        return outcome;
    }
    [[nodiscard]] Status publish_page(Batch& batch, std::size_t n) noexcept REQUIRES(lock_) {
        typename Batch::Page& page = batch.pages[n];
        const auto now = pages_.find(batch.index(n));
        if (now == page.frame) {
            return {};
        }
        const auto bytes = fs_.map().direct(page.frame);
        const std::size_t begin = batch.begin(n);
        const std::size_t end = batch.end(n);
        if (now) {  // another writer filled the hole first
            std::memcpy(fs_.map().direct(*now).data() + begin, bytes.data() + begin, end - begin);
            return {};
        }
        if (page.fresh) {
            TRY(insert(batch.index(n), page.frame));
            page.present = page.fresh = false;  // the file owns it now
            return {};
        }
        // The page was truncated away while we wrote into it: the bytes go into a new one.
        const FrameNumber frame = TRY(fs_.take_page());
        const auto fresh = fs_.map().direct(frame);
        std::memset(fresh.data(), 0, page_size);
        std::memcpy(fresh.data() + begin, bytes.data() + begin, end - begin);
        const Status inserted = insert(batch.index(n), frame);
        if (!inserted) {
            fs_.give_page(frame);
        }
        return inserted;
    }
    [[nodiscard]] Status insert(std::uint32_t index, FrameNumber frame) noexcept REQUIRES(lock_) {
        TRY(pages_.insert(index, frame));
        ++page_count_;
        return {};
    }

    [[nodiscard]] Result<std::uint64_t> reserve_end(std::uint64_t bytes) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (bytes > max_size - size_) {
            return fail(Errc::file_too_big);
        }
        const std::uint64_t begin = size_;
        size_ += bytes;
        return begin;
    }
    /// Shrinks back to `used` unless somebody has appended behind `reserved`.
    void give_back_end(std::uint64_t reserved, std::uint64_t used) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (size_ == reserved) {
            resize(used);
        }
    }
    void resize(std::uint64_t size) noexcept REQUIRES(lock_) {
        const bool shrinks = size < size_;
        size_ = size;
        if (shrinks) {
            const auto first = static_cast<std::uint32_t>((size + page_mask) >> page_shift);
            pages_.clear_from(first, [this](FrameNumber frame) KIDNEY_NO_TSA("called under lock_") {
                fs_.give_page(frame);
                --page_count_;
            });
            const auto last = static_cast<std::uint32_t>(size >> page_shift);
            if (const auto frame = pages_.find(last)) {
                clear_tail(last, *frame);
            }
        }
    }
    /// Bytes behind the end of the file are zero in every page: growing the file shows them.
    void clear_tail(std::uint32_t index, FrameNumber frame) noexcept REQUIRES(lock_) {
        const std::uint64_t begin = std::uint64_t{index} << page_shift;
        if (size_ < begin + page_size) {
            const std::size_t keep = size_ > begin ? static_cast<std::size_t>(size_ - begin) : 0;
            std::memset(fs_.map().direct(frame).data() + keep, 0, page_size - keep);
        }
    }

    Fs& fs_;
    const NodeType type_;
    const std::uint32_t inode_;
    const DeviceNumber rdev_;
    std::atomic<std::uint32_t> links_ = 0;
    typename Fs::Directory entries_;  ///< of a directory; guarded by Fs::names_lock_
    char* target_ = nullptr;          ///< of a symbolic link, without NUL; fixed once it has a name
    std::size_t target_length_ = 0;

    mutable typename Fs::LockType lock_;
    Permissions permissions_ GUARDED_BY(lock_);
    std::uint32_t uid_ GUARDED_BY(lock_);
    std::uint32_t gid_ GUARDED_BY(lock_);
    std::uint64_t size_ GUARDED_BY(lock_) = 0;
    std::uint32_t page_count_ GUARDED_BY(lock_) = 0;
    FileTime accessed_ GUARDED_BY(lock_), modified_ GUARDED_BY(lock_), changed_ GUARDED_BY(lock_);
    PageTree<typename Fs::HeapType> pages_ GUARDED_BY(lock_);
};

}  // namespace kidney::fs
