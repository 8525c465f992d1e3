/// A file, directory, symbolic link or device node of an ext2 file system.
#pragma once

#include "fs/disk/disk_node.hpp"
#include "fs/ext2/directory_blocks.hpp"
#include "fs/ext2/inode.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/mm/make.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs::ext2 {

/// Names are the file system's business (Ext2, names.hpp).
template <class Fs>
class Node final : public DiskNode<Fs, Node<Fs>> {
    using Base = DiskNode<Fs, Node<Fs>>;

public:
    static constexpr const char* cache_name = "ext2_node";
    static constexpr std::uint32_t max_links = 32000;  ///< as other systems have it

    Node(Fs& fs, std::uint32_t number, const Inode& inode) noexcept
        : Base(fs, number, inode), index_(fs.heap()) {}

    [[nodiscard]] Result<std::size_t> read_link(std::span<char> to) noexcept override {
        if (this->type() != NodeType::symlink) {
            return fail(Errc::invalid_argument);
        }
        this->note_access();
        return this->fs().read_target(*this, to);
    }

    // Guarded by the file system's lock.
    Node* next_leaving_ = nullptr;  ///< in the list of those that a sync brings home
    bool is_leaving_ = false;
    bool must_come_again_ = false;  ///< some of its bytes could not be stored
    bool is_new_ = true;            ///< its inode on the disk is not its own yet
    bool has_new_name_ = false;     ///< got one since the last sync
    bool gave_name_away_ = false;   ///< of a directory: by a rename that is not on the disk yet
    bool is_linkable_ = false;      ///< it has no name yet, but may get one
    /// So many links it needs on the disk until the next sync is over: those that it has there, and
    /// one for each name that comes, because names that go are there until the end.
    std::uint32_t links_until_synced_ = 0;
    std::uint32_t last_place_ = 0;  ///< the block that was added last
    Index<typename Fs::HeapType> index_;
    Ref<Node> former_parent_;  ///< of a directory that was removed: where its ".." leads
};

}  // namespace kidney::fs::ext2
