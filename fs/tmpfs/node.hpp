/// A file, directory, symbolic link or device node of a tmpfs.
#pragma once

#include "fs/mappable_node.hpp"
#include "fs/node_base.hpp"
#include "fs/tmpfs/bytes.hpp"
#include "fs/tmpfs/directory.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <boost/intrusive/list.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// Bytes (bytes.hpp) and attributes are under the node's own lock; names are the file system's
/// business (`Fs::names_lock_`).
template <class Fs>
class TmpfsNode final : public NodeBase<Fs, TmpfsNode<Fs>, MappableNode> {
    using Base = NodeBase<Fs, TmpfsNode<Fs>, MappableNode>;
    using Base::check_directory;
    using Base::check_regular;
    using Base::fs;
    using Base::unmap;

public:
    using Base::type;

    static constexpr std::uint32_t max_links = 65000;

    TmpfsNode(Fs& fs, const NewNode& what, std::uint32_t inode) noexcept
        : Base(fs, what.type), inode_(inode), rdev_(what.rdev), born_(fs.now()), bytes_(fs) {
        bytes_.owner = {what.uid, what.gid};
        bytes_.permissions = what.permissions;
        accessed_ = bytes_.modified = bytes_.changed = born_;
        fs.note(*this, true);
    }

    // Identity.
    [[nodiscard]] std::uint32_t inode() const noexcept { return inode_; }

    // Attributes.
    [[nodiscard]] Result<Attributes> attributes() noexcept override EXCLUDES(bytes_.lock) {
        LockGuard guard(bytes_.lock);
        // A directory has no bytes; its size tells how many names there are, as on Linux.
        constexpr std::uint64_t size_of_name = 20;
        const std::uint64_t size = type() == NodeType::directory
                                       ? size_of_name * (2 + entries_.size())
                                   : type() == NodeType::symlink ? target_length_
                                                                 : bytes_.size();
        return Attributes{.inode = inode_,
                          .device = fs().device(),
                          .type = type(),
                          .permissions = bytes_.permissions,
                          .links = links(),
                          .uid = bytes_.owner.uid,
                          .gid = bytes_.owner.gid,
                          .size = size,
                          .block_size = page_size,
                          .blocks = std::uint64_t{bytes_.page_count()} * (page_size / 512),
                          .rdev = rdev_,
                          .accessed = accessed_,
                          .modified = bytes_.modified,
                          .changed = bytes_.changed,
                          .born = born_};
    }
    [[nodiscard]] Status set_attributes(const AttributeChange& change) noexcept override
        EXCLUDES(bytes_.lock) {
        bool shrinks = false;
        {
            LockGuard guard(bytes_.lock);
            const FileTime now = fs().now();
            if (change.size && *change.size > TmpfsBytes<Fs>::max_size) {
                return fail(Errc::file_too_big);
            }
            TRY(change_owner(
                {change.uid.value_or(bytes_.owner.uid), change.gid.value_or(bytes_.owner.gid)}));
            if (change.size) {
                shrinks = *change.size < bytes_.size();
                bytes_.resize(*change.size);
                bytes_.modified = now;
            }
            bytes_.permissions = change.permissions.value_or(bytes_.permissions);
            accessed_ = change.accessed.value_or(accessed_);
            bytes_.modified = change.modified.value_or(bytes_.modified);
            bytes_.changed = now;
        }
        if (shrinks) {
            unmap_behind_end();
        }
        return {};
    }

    [[nodiscard]] Result<Ref<Vnode>> create_unnamed(const NewNode& what,
                                                    bool linkable) noexcept override {
        TRY(check_directory());
        return Ref<Vnode>(TRY(fs().create_unnamed(what, linkable)));
    }
    [[nodiscard]] Status read_directory(std::uint64_t cookie,
                                        DirectorySink& sink) noexcept override {
        TRY(check_directory());
        note_access();
        return links() == 0 ? Status(fail(Errc::not_found)) : fs().list(*this, cookie, sink);
    }

    [[nodiscard]] Result<std::size_t> read_link(std::span<char> to) noexcept override {
        if (type() != NodeType::symlink) {
            return fail(Errc::invalid_argument);
        }
        note_access();
        const std::size_t length = std::min(to.size(), target_length_);
        std::memcpy(to.data(), target_, length);
        return length;
    }

    // Data.
    [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, ReadBuffer& to) noexcept override {
        TRY(check_regular());
        note_access();
        return bytes_.read(offset, to);
    }
    [[nodiscard]] Result<std::size_t> write(std::uint64_t offset,
                                            WriteBuffer& from) noexcept override {
        TRY(check_regular());
        return bytes_.write(offset, from);
    }
    [[nodiscard]] Result<std::size_t> append(WriteBuffer& from,
                                             std::uint64_t& end) noexcept override {
        TRY(check_regular());
        const std::size_t wanted = from.remaining();
        const Result<std::size_t> written = bytes_.append(from, end);
        if (written.value_or(0) < wanted) {
            unmap_behind_end();  // the end was further away meanwhile
        }
        return written;
    }
    [[nodiscard]] Status allocate(std::uint64_t offset, std::uint64_t length,
                                  bool keep_size) noexcept override {
        TRY(check_regular());
        return bytes_.allocate(offset, length, keep_size);
    }
    [[nodiscard]] Status punch_hole(std::uint64_t offset, std::uint64_t length) noexcept override {
        TRY(check_regular());
        if (const mm::PageSpan gone = bytes_.punch_hole(offset, length); gone.count != 0) {
            unmap(gone, mm::PrivateCopies::keep);
        }
        return {};
    }
    [[nodiscard]] Result<std::uint64_t> find_data(std::uint64_t offset) noexcept override {
        return bytes_.find_data(offset);
    }
    [[nodiscard]] Result<std::uint64_t> find_hole(std::uint64_t offset) noexcept override {
        return bytes_.find_hole(offset);
    }
    /// No file here can be sealed.
    [[nodiscard]] Result<std::uint32_t> seals() noexcept override {
        return type() == NodeType::regular ? Result<std::uint32_t>(Seals::seal)
                                           : fail(Errc::invalid_argument);
    }
    [[nodiscard]] Result<Ref<mm::PageSource>> pages() noexcept override {
        if (type() != NodeType::regular) {
            return fail(Errc::unsuitable_device);
        }
        note_access();  // nobody will tell what is read through a mapping
        return Ref<mm::PageSource>(Ref<TmpfsNode>::share(*this));
    }
    [[nodiscard]] Result<FrameNumber> page(std::uint32_t index) noexcept override {
        return bytes_.page(index);
    }
    [[nodiscard]] Status mark_dirty(std::uint32_t) noexcept override {
        touch(fs().now());
        return {};
    }
    [[nodiscard]] Status remove(mm::PageSpan pages) noexcept override {
        return punch_hole(std::uint64_t{pages.first} << page_shift,
                          std::uint64_t{pages.count} << page_shift);
    }
    [[nodiscard]] bool is_resident(std::uint32_t index) noexcept override {
        return bytes_.has_page(index);
    }
    [[nodiscard]] bool is_memory() const noexcept override { return true; }

    /// A removed directory keeps the one that it was in, and may be the last to do so. A chain of
    /// them is taken apart step by step: the kernel's stack is too small to nest.
    void dispose() noexcept override {
        Fs& owner = fs();
        TmpfsNode* node = this;
        while (node != nullptr) {
            TmpfsNode* const above = node->former_parent_.detach();
            mm::destroy(owner.heap(), node);
            owner.node_gone();
            node = above != nullptr && above->release() ? above : nullptr;
        }
    }
    ~TmpfsNode() KIDNEY_NO_TSA("last owner")
    {
        fs().refund(bytes_.owner, use());
        fs().note(*this, false);
        while (typename Fs::Entry* const entry = entries_.any()) {
            entries_.erase(*entry);  // only when the whole file system goes
            fs().name_gone(*entry->node);
            Fs::Entry::destroy(fs().heap(), entry);
        }
        if (target_ != nullptr) {
            fs().heap().free(target_, target_length_);
        }
    }

    // For the file system.
    [[nodiscard]] Status set_target(std::string_view target) noexcept {
        if (type() == NodeType::symlink && !target.empty()) {
            target_ = static_cast<char*>(TRY(fs().heap().allocate(target.size())));
            std::memcpy(target_, target.data(), target.size());
            target_length_ = target.size();
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
    [[nodiscard]] const FileTime& born() const noexcept { return born_; }
    void touch(const FileTime& now) noexcept EXCLUDES(bytes_.lock) {
        LockGuard guard(bytes_.lock);
        bytes_.modified = bytes_.changed = now;
    }
    void touch_change(const FileTime& now) noexcept EXCLUDES(bytes_.lock) {
        LockGuard guard(bytes_.lock);
        bytes_.changed = now;
    }
    /// Of a name's removal the last thing that can fail: from here on nothing is mounted on a
    /// directory any more. Errors: not_empty, busy.
    [[nodiscard]] Status begin_removal() noexcept {
        if (type() != NodeType::directory) {
            return {};
        }
        if (!entries_.is_empty()) {
            return fail(Errc::not_empty);
        }
        return this->become_removed() ? Status() : Status(fail(Errc::busy));
    }
    /// It is entered in `to` instead of `from`: what that means for "..".
    void change_parent(TmpfsNode& from, TmpfsNode& to) noexcept {
        if (type() == NodeType::directory && &from != &to) {
            parent_ = &to;
            from.add_links(-1);
            to.add_links(1);
        }
    }
    /// Of a directory: has it a name in another one? The root has none.
    [[nodiscard]] bool has_name() const noexcept { return parent_ != nullptr && parent_ != this; }

    // Guarded by Fs::names_lock_.
    using AllHook = boost::intrusive::list_member_hook<
        boost::intrusive::link_mode<boost::intrusive::normal_link>>;
    AllHook of_all;                 ///< every node of the file system
    TmpfsNode* parent_ = nullptr;   ///< of a directory that has a name
    Ref<TmpfsNode> former_parent_;  ///< of one that was removed: where its ".." leads
    bool is_linkable_ = false;      ///< it has no name yet, but may get one

private:
    [[nodiscard]] QuotaUse use() const noexcept REQUIRES(bytes_.lock) {
        return {.bytes = std::uint64_t{bytes_.page_count()} << page_shift, .nodes = 1};
    }
    /// Errors: quota_exceeded, no_memory.
    [[nodiscard]] Status change_owner(QuotaOwner owner) noexcept REQUIRES(bytes_.lock) {
        TRY(fs().transfer(bytes_.owner, owner, use()));
        bytes_.owner = owner;
        return {};
    }
    void unmap_behind_end() noexcept EXCLUDES(bytes_.lock) {
        std::uint64_t end = 0;
        {
            LockGuard guard(bytes_.lock);
            end = (bytes_.size() + page_mask) >> page_shift;
        }
        const auto first = static_cast<std::uint32_t>(end);
        unmap({first, ~first}, mm::PrivateCopies::take);
    }
    void note_access() noexcept EXCLUDES(bytes_.lock) {
        LockGuard guard(bytes_.lock);
        const FileTime now = fs().now();
        if (access_is_news(accessed_, bytes_.modified, bytes_.changed, now)) {
            accessed_ = now;
        }
    }

    const std::uint32_t inode_;
    const DeviceNumber rdev_;
    const FileTime born_;
    std::atomic<std::uint32_t> links_ = 0;
    typename Fs::Directory entries_;  ///< of a directory; guarded by Fs::names_lock_
    char* target_ = nullptr;          ///< of a symbolic link, without NUL; fixed once it has a name
    std::size_t target_length_ = 0;

    TmpfsBytes<Fs> bytes_;  ///< of a regular file; its lock guards all that follows
    FileTime accessed_ GUARDED_BY(bytes_.lock);
};

}  // namespace kidney::fs
