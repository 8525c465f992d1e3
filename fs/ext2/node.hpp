/// A file, directory, symbolic link or device node of an ext2 file system.
#pragma once

#include "fs/ext2/file_bytes.hpp"
#include "fs/ext2/inode.hpp"
#include "fs/mappable_node.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs::ext2 {

/// What a node is and has is in its inode (FileBytes keeps it); names are the file system's
/// business (Ext2, names.hpp).
template <class Fs>
class Node final : public MappableNode {
public:
    static constexpr const char* cache_name = "ext2_node";
    static constexpr std::uint32_t max_links = 32000;  ///< as other systems have it

    Node(Fs& fs, std::uint32_t number, const Inode& inode) noexcept
        : fs_(fs), number_(number), type_(inode.type), bytes_(fs, *this, *this, inode) {}

    [[nodiscard]] NodeType type() const noexcept override { return type_; }
    [[nodiscard]] FileSystem& file_system() const noexcept override { return fs_; }
    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
    [[nodiscard]] Result<Attributes> attributes() noexcept override {
        const Inode inode = bytes_.inode();
        return Attributes{.inode = number_,
                          .device = fs_.device_number(),
                          .type = type_,
                          .permissions = inode.permissions,
                          .links = inode.links,
                          .uid = inode.uid,
                          .gid = inode.gid,
                          .size = inode.size,
                          .block_size = fs_.block_size(),
                          .blocks = inode.sectors,
                          .rdev = inode.rdev,
                          .accessed = inode.accessed,
                          .modified = inode.modified,
                          .changed = inode.changed};
    }
    [[nodiscard]] Status set_attributes(const AttributeChange& change) noexcept override {
        TRY(fs_.check_writable());
        if (change.size) {
            TRY(check_regular());
            TRY(bytes_.resize(*change.size));
        }
        LockGuard guard(fs_.lock());
        TRY(fs_.check_writable());
        Inode inode = bytes_.inode();
        inode.permissions = change.permissions.value_or(inode.permissions);
        inode.uid = change.uid.value_or(inode.uid);
        inode.gid = change.gid.value_or(inode.gid);
        inode.changed = fs_.now();
        if (change.size) {
            inode.modified = inode.changed;
        }
        inode.modified = fs_.kept(change.modified.value_or(inode.modified));
        bytes_.publish(inode);
        if (change.accessed) {
            bytes_.publish_access(fs_.kept(*change.accessed));
        }
        fs_.note_change(*this);
        return {};
    }

    // Names: see Ext2.
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
    [[nodiscard]] Result<Ref<Vnode>> create_unnamed(const NewNode& what,
                                                    bool linkable) noexcept override {
        TRY(check_directory());
        return Ref<Vnode>(TRY(fs_.create_unnamed(*this, what, linkable)));
    }
    [[nodiscard]] Status link(std::string_view name, Vnode& node) noexcept override {
        TRY(check_directory());
        return fs_.link(*this, name, static_cast<Node&>(node));
    }
    [[nodiscard]] Status unlink(std::string_view name, Vnode& node) noexcept override {
        TRY(check_directory());
        return fs_.unlink(*this, name, static_cast<Node&>(node));
    }
    [[nodiscard]] Status rename(const NameMove& move) noexcept override {
        TRY(check_directory());
        TRY(static_cast<Node&>(move.new_parent).check_directory());
        return fs_.rename(*this, move);
    }
    [[nodiscard]] Status read_directory(std::uint64_t cookie,
                                        DirectorySink& sink) noexcept override {
        TRY(check_directory());
        note_access();
        return fs_.list(*this, cookie, sink);
    }
    [[nodiscard]] Result<std::size_t> read_link(std::span<char> to) noexcept override {
        if (type_ != NodeType::symlink) {
            return fail(Errc::invalid_argument);
        }
        note_access();
        return fs_.read_target(*this, to);
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
        return bytes_.punch_hole(offset, length);
    }
    [[nodiscard]] Result<std::uint64_t> find_data(std::uint64_t offset) noexcept override {
        return bytes_.find(offset, true);
    }
    [[nodiscard]] Result<std::uint64_t> find_hole(std::uint64_t offset) noexcept override {
        return bytes_.find(offset, false);
    }
    /// Without a journal what one file needs on the disk cannot be told from the rest.
    [[nodiscard]] Status sync() noexcept override { return fs_.sync(); }
    [[nodiscard]] std::uint32_t write_errors() noexcept override { return bytes_.write_errors(); }
    [[nodiscard]] Result<Ref<mm::PageSource>> pages() noexcept override {
        if (type_ != NodeType::regular) {
            return fail(Errc::unsuitable_device);
        }
        note_access();  // nobody will tell what is read through a mapping
        return Ref<mm::PageSource>(Ref<Node>::share(*this));
    }
    [[nodiscard]] Result<FrameNumber> page(std::uint32_t index) noexcept override {
        return bytes_.page(index);
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
    void dispose() noexcept override { fs_.node_unused(*this); }

    // For the file system.
    [[nodiscard]] FileBytes<Fs>& bytes() noexcept { return bytes_; }
    [[nodiscard]] Inode inode() const noexcept { return bytes_.inode(); }

    // Guarded by the lock of the file system's tables.
    Node* next_in_bucket_ = nullptr;
    Node* next_changed_ = nullptr;  ///< in the list of nodes that must go home
    Node* next_orphan_ = nullptr;   ///< in the list of nodes that nobody has any more
    bool is_in_table_ = false;
    bool is_changed_ = false;

    // Guarded by the file system's lock.
    Node* next_leaving_ = nullptr;  ///< in the list of those that a sync brings home
    bool is_leaving_ = false;
    bool must_come_again_ = false;  ///< some of its bytes could not be stored
    bool is_new_ = true;            ///< its inode on the disk is not its own yet
    bool has_new_name_ = false;     ///< got one since the last sync
    bool is_linkable_ = false;      ///< it has no name yet, but may get one
    std::uint32_t last_place_ = 0;  ///< the block that was added last
    Ref<Node> former_parent_;       ///< of a directory that was removed: where its ".." leads

private:
    /// Access times as Linux keeps them (relatime): that of a read is kept if it is the first after
    /// a change, or the first in a day.
    void note_access() noexcept {
        constexpr std::int64_t day = std::int64_t{24} * 60 * 60;
        if (!fs_.check_writable()) {
            return;
        }
        const Inode inode = bytes_.inode();
        const FileTime now = fs_.now();
        if (inode.accessed != now && (inode.accessed <= std::max(inode.modified, inode.changed) ||
                                      now.seconds - inode.accessed.seconds >= day)) {
            bytes_.publish_access(now);
            fs_.note_change(*this);
        }
    }
    [[nodiscard]] Status check_directory() const noexcept {
        return type_ == NodeType::directory ? Status() : Status(fail(Errc::not_directory));
    }
    [[nodiscard]] Status check_regular() const noexcept {
        return type_ == NodeType::regular     ? Status()
               : type_ == NodeType::directory ? Status(fail(Errc::is_directory))
                                              : Status(fail(Errc::invalid_argument));
    }
    [[nodiscard]] Status check_changeable() const noexcept {
        TRY(check_regular());
        return fs_.check_writable();
    }

    Fs& fs_;
    const std::uint32_t number_;
    const NodeType type_;
    FileBytes<Fs> bytes_;
};

}  // namespace kidney::fs::ext2
