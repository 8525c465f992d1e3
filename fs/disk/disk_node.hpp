/// A node of a file system on a disk: what it is and has is in its inode, its bytes are cached.
#pragma once

#include "fs/disk/file_bytes.hpp"
#include "fs/mappable_node.hpp"
#include "fs/node_base.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::fs {

/// `Self` derives from it. `Fs::Inode` has type, permissions, uid, gid, links, size, sectors (of
/// 512 bytes), rdev, accessed, modified and changed; FileBytes keeps it and says what else is asked
/// of `Fs`. It is in a NodeTable.
template <class Fs, class Self>
class DiskNode : public NodeBase<Fs, Self, MappableNode> {
    using Base = NodeBase<Fs, Self, MappableNode>;

public:
    using Inode = typename Fs::Inode;

    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
    [[nodiscard]] Result<Attributes> attributes() noexcept override {
        const Inode inode = bytes_.inode();
        return Attributes{.inode = number_,
                          .device = fs().device_number(),
                          .type = this->type(),
                          .permissions = inode.permissions,
                          .links = inode.links,
                          .uid = inode.uid,
                          .gid = inode.gid,
                          .size = inode.size,
                          .block_size = fs().block_size(),
                          .blocks = inode.sectors,
                          .rdev = inode.rdev,
                          .accessed = inode.accessed,
                          .modified = inode.modified,
                          .changed = inode.changed};
    }
    [[nodiscard]] Status set_attributes(const AttributeChange& change) noexcept override {
        TRY(fs().check_writable());
        if (change.size) {
            TRY(check_regular());
            TRY(bytes_.resize(*change.size));
        }
        LockGuard guard(fs().lock());
        TRY(fs().check_writable());
        Inode inode = bytes_.inode();
        inode.permissions = change.permissions.value_or(inode.permissions);
        inode.uid = change.uid.value_or(inode.uid);
        inode.gid = change.gid.value_or(inode.gid);
        inode.changed = fs().now();
        if (change.size) {
            inode.modified = inode.changed;
        }
        inode.modified = fs().kept(change.modified.value_or(inode.modified));
        bytes_.publish(inode);
        if (change.accessed) {
            bytes_.publish_access(fs().kept(*change.accessed));
        }
        fs().note_change(self());
        return {};
    }
    [[nodiscard]] Status read_directory(std::uint64_t cookie,
                                        DirectorySink& sink) noexcept override {
        TRY(this->check_directory());
        note_access();
        return fs().list(self(), cookie, sink);
    }

    // Data.
    [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, ReadBuffer& to) noexcept override {
        TRY(check_regular());
        note_access();
        return bytes_.read(offset, to);
    }
    [[nodiscard]] Result<std::size_t> write(std::uint64_t offset,
                                            WriteBuffer& from) noexcept override {
        TRY(check_changeable());
        return bytes_.write(offset, from);
    }
    [[nodiscard]] Result<std::size_t> append(WriteBuffer& from,
                                             std::uint64_t& end) noexcept override {
        TRY(check_changeable());
        return bytes_.append(from, end);
    }
    [[nodiscard]] Status allocate(std::uint64_t offset, std::uint64_t length,
                                  bool keep_size) noexcept override {
        TRY(check_changeable());
        return bytes_.allocate(offset, length, keep_size);
    }
    [[nodiscard]] Status punch_hole(std::uint64_t offset, std::uint64_t length) noexcept override {
        TRY(check_changeable());
        return Fs::has_holes ? bytes_.punch_hole(offset, length)
                             : Status(fail(Errc::not_supported));
    }
    [[nodiscard]] Result<std::uint64_t> find_data(std::uint64_t offset) noexcept override {
        return bytes_.find(offset, true);
    }
    [[nodiscard]] Result<std::uint64_t> find_hole(std::uint64_t offset) noexcept override {
        return bytes_.find(offset, false);
    }
    /// What one file needs on the disk is told from the rest by those file systems that can.
    [[nodiscard]] Status sync() noexcept override { return fs().sync(); }
    [[nodiscard]] std::uint32_t write_errors() noexcept override { return bytes_.write_errors(); }
    [[nodiscard]] Result<Ref<mm::PageSource>> pages() noexcept override {
        if (this->type() != NodeType::regular) {
            return fail(Errc::unsuitable_device);
        }
        note_access();  // nobody will tell what is read through a mapping
        return Ref<mm::PageSource>(Ref<Self>::share(self()));
    }
    [[nodiscard]] Result<FrameNumber> page(std::uint32_t index) noexcept override {
        return bytes_.page(index);
    }
    [[nodiscard]] Result<FrameNumber> page_at_once(std::uint32_t index) noexcept override {
        return bytes_.page_at_once(index);
    }
    [[nodiscard]] Status mark_dirty(std::uint32_t index) noexcept override {
        return bytes_.make_dirty(index);
    }
    [[nodiscard]] Status remove(mm::PageSpan pages) noexcept override {
        return punch_hole(std::uint64_t{pages.first} << page_shift,
                          std::uint64_t{pages.count} << page_shift);
    }
    [[nodiscard]] bool is_resident(std::uint32_t index) noexcept override {
        return bytes_.is_resident(index);
    }
    [[nodiscard]] bool is_memory() const noexcept override { return false; }
    void dispose() noexcept override { fs().node_unused(self()); }

    // For the file system.
    [[nodiscard]] FileBytes<Fs>& bytes() noexcept { return bytes_; }
    [[nodiscard]] Inode inode() const noexcept { return bytes_.inode(); }

    // Guarded by the lock of the NodeTable.
    Self* next_in_bucket_ = nullptr;
    Self* next_changed_ = nullptr;  ///< in the list of nodes that must go home
    Self* next_orphan_ = nullptr;   ///< in the list of nodes that nobody has any more
    bool is_in_table_ = false;
    bool is_changed_ = false;

protected:
    using Base::check_regular;
    using Base::fs;
    using Base::self;

    DiskNode(Fs& its_fs, std::uint32_t number, const Inode& inode) noexcept
        : Base(its_fs, inode.type), number_(number), bytes_(its_fs, *this, inode) {}
    ~DiskNode() = default;

    void note_access() noexcept {
        if (fs().check_writable() && bytes_.note_access(fs().now())) {
            fs().note_change(self());
        }
    }
    [[nodiscard]] Status check_changeable() const noexcept {
        TRY(check_regular());
        return fs().check_writable();
    }

private:
    const std::uint32_t number_;
    FileBytes<Fs> bytes_;
};

}  // namespace kidney::fs
