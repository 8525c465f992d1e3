/// A file, directory, symbolic link or device node of a kfs.
#pragma once

#include "fs/disk/directory_index.hpp"
#include "fs/disk/disk_node.hpp"
#include "fs/kfs/inode.hpp"
#include "kidney/core/ref.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs::kfs {

/// Names are the file system's business (Kfs, names.hpp).
template <class Fs>
class Node final : public DiskNode<Fs, Node<Fs>> {
    using Base = DiskNode<Fs, Node<Fs>>;

public:
    static constexpr const char* cache_name = "kfs_node";
    static constexpr std::uint32_t max_links = 65000;

    Node(Fs& fs, std::uint32_t number, const Inode& inode) noexcept
        : Base(fs, number, inode), committed_size_(inode.size), index_(fs.heap()) {}

    [[nodiscard]] Result<Attributes> attributes() noexcept override {
        Attributes found = TRY(Base::attributes());
        found.born = this->inode().born;
        return found;
    }
    [[nodiscard]] Result<std::size_t> read_link(std::span<char> to) noexcept override {
        if (this->type() != NodeType::symlink) {
            return fail(Errc::invalid_argument);
        }
        this->note_access();
        return this->fs().read_target(*this, to);
    }

    // Guarded by the lock of the NodeTable.
    Node* next_logged_ = nullptr;  ///< in the list of nodes with bytes that are in the log only
    bool is_logged_ = false;

    /// Its inode goes into the log with what else changed, in one transaction: it was promised room
    /// there. Others wait for the last one that has room.
    std::atomic<bool> is_heavy_ = false;

    // Guarded by the file system's lock.
    Node* next_leaving_ = nullptr;  ///< in the list of those that a sync writes
    bool is_leaving_ = false;
    bool must_come_again_ = false;       ///< some of its bytes could not be stored
    bool is_linkable_ = false;           ///< it has no name yet, but may get one
    std::uint32_t last_place_ = 0;       ///< the block that was added last
    std::uint32_t stored_revision_ = 0;  ///< of its inode, when that was put into its block
    std::uint64_t committed_size_;       ///< bytes before it may be what a crash must leave
    Ref<Node> former_parent_;            ///< of a directory that was removed
    DirectoryIndex<typename Fs::HeapType> index_;
};

}  // namespace kidney::fs::kfs
