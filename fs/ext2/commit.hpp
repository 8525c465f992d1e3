/// The way to the disk: everything that has changed, in an order that a crash may interrupt.
#pragma once

#include "fs/disk/disk_sync.hpp"
#include "fs/ext2/geometry.hpp"
#include "fs/ext2/inode.hpp"
#include "fs/ext2/write_order.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace kidney::fs::ext2 {

/// One sync of a file system `Fs` (Ext2). Steps:
///   1. the bytes of files, without the metadata lock: others go on;
///   2. under it, the phases of write_order.hpp, each with a flush behind it;
///   3. inodes without a name, as deleted; only then do their blocks, and what was cut off other
///      files, become free in the bitmaps. They are free on the disk with the next sync.
/// Concurrency: as DiskSync.
template <class Fs, BasicLockable Lock>
class Commit : public DiskSync<Commit<Fs, Lock>, Fs, Lock> {
    using Base = DiskSync<Commit, Fs, Lock>;
    friend Base;

public:
    using Node = typename Fs::Node;

    explicit Commit(Fs& fs) noexcept : Base(fs) {}

    /// Something is still to be written. Under the metadata lock.
    [[nodiscard]] bool has_work() noexcept {
        return fs_.table().has_changed() || fs_.table().has_orphans() ||
               !fs_.pending().is_empty() || fs_.volume().has_dirty(bitmap_phase);
    }
    /// Under the metadata lock.
    [[nodiscard]] Status mark_clean() noexcept { return checked(fs_.volume().mark_clean()); }

private:
    using Base::checked;
    using Base::fs_;

    [[nodiscard]] Status store(LeavingNodes<Node>& leaving, Node* known) noexcept {
        return this->store_files(leaving.first(), known, [this](Node& file) noexcept {
            has_bytes_ = true;
            return fs_.cache().write_back(file.bytes());
        });
    }
    [[nodiscard]] Status write(Node* leaving, const Status&, bool) noexcept {
        if (leaving == nullptr && !has_work()) {
            return {};
        }
        if (fs_.is_read_only()) {
            return fail(Errc::io_error);
        }
        const auto now = static_cast<std::uint32_t>(fs_.now().seconds);
        TRY(checked(fs_.volume().mark_in_use(now)));
        bool has_more = fs_.table().has_orphans();
        for (Node* node = leaving; node != nullptr; node = node->next_leaving_) {
            Inode inode = node->inode();
            has_more = has_more || has_names_too_many(*node);
            if (inode.links != 0) {
                inode.links = std::max(inode.links, node->links_until_synced_);
                TRY(fs_.volume().write_inode(node->number(), inode, node->is_new_));
            }
        }
        TRY(fs_.volume().store_counts(now));
        const bool must_flush =
            std::exchange(has_bytes_, false) && !fs_.volume().has_dirty_in(bitmap_phase);
        if (must_flush) {
            TRY(checked(fs_.device().flush()));
        }
        TRY(checked(fs_.volume().write_phases(bitmap_phase, last_phase)));
        if (has_more) {
            fs_.table().forget_removals();
            TRY(write_without_names(leaving));
        }
        return free_blocks();
    }
    /// Until its names are gone from the disk, as many links stay there.
    [[nodiscard]] static bool has_names_too_many(const Node& node) noexcept {
        return node.links_until_synced_ > node.inode().links;
    }
    /// The names that went are gone from the disk by now. Then the orphans give back what they
    /// have.
    [[nodiscard]] Status write_without_names(Node* leaving) noexcept {
        Node* orphans = fs_.table().take_orphans();
        Status status;
        for (Node* node = leaving; node != nullptr && status; node = node->next_leaving_) {
            if (has_names_too_many(*node)) {
                status = fs_.volume().write_inode(node->number(), node->inode(), node->is_new_);
            }
        }
        for (Node* node = orphans; node != nullptr && status; node = node->next_orphan_) {
            status = fs_.volume().write_inode(node->number(), node->inode(), node->is_new_);
        }
        if (status) {
            status = checked(fs_.volume().write_phases(bitmap_phase, inode_phase));
        }
        while (orphans != nullptr) {
            Node& node = *std::exchange(orphans, orphans->next_orphan_);
            const std::uint32_t promised = node.inode().sectors / fs_.volume().sectors_per_block();
            fs_.table().keep_promise(promised);
            if (!status || !free_inode(node)) {
                fs_.table().add_orphan(node,
                                       node.inode().sectors / fs_.volume().sectors_per_block());
                continue;
            }
            fs_.destroy(node);
        }
        return status;
    }
    /// False: there is no memory for it now. What cannot be read is lost space, which fsck finds.
    [[nodiscard]] bool free_inode(Node& node) noexcept {
        Inode inode = node.inode();
        const bool has_blocks = inode.type == NodeType::regular ||
                                inode.type == NodeType::directory ||
                                (inode.type == NodeType::symlink && !inode.is_fast_symlink);
        Status freed = has_blocks ? fs_.tree().remove(inode, 0, ~std::uint64_t{0},
                                                      [this](BlockNumber block) noexcept {
                                                          return fs_.allocator().give_block(block);
                                                      })
                                  : Status();
        if (freed && inode.attribute_block != 0) {
            freed = free_attributes(inode);
        }
        node.bytes().publish(inode);  // where it stopped
        if (!freed && freed.error() == Errc::no_memory) {
            return false;
        }
        const Status given =
            fs_.allocator().give_inode(node.number(), node.type() == NodeType::directory);
        return given || given.error() != Errc::no_memory;
    }
    /// Extended attributes are in a block of their own, which several inodes may share.
    [[nodiscard]] Status free_attributes(Inode& inode) noexcept {
        const BlockNumber number = TRY(fs_.volume().geometry().block(inode.attribute_block));
        auto block = TRY(fs_.volume().read_block(number));
        auto header = load<RawAttributeHeader>(block.bytes(), 0);
        if (header.magic == attribute_magic && header.references > 1) {
            header.references = header.references - 1;
            save(block.change(bitmap_phase, 0, sizeof header), 0, header);
        } else {
            TRY(fs_.allocator().give_block(number));
        }
        inode.attribute_block = 0;
        return {};
    }
    /// What was cut off files that live on, and what never had a name: nothing on the disk points
    /// to it any more.
    [[nodiscard]] Status free_blocks() noexcept {
        const Status freed = fs_.pending().drain(
            [this](BlockNumber block) noexcept { return fs_.allocator().give_block(block); });
        fs_.note_pending();
        TRY(fs_.pending().drain_inodes([this](std::uint32_t inode, bool is_directory) noexcept {
            return fs_.allocator().give_inode(inode, is_directory);
        }));
        return freed;
    }
    void settle(Node& node, bool done) noexcept {
        if (done) {
            node.is_new_ = node.has_new_name_ = node.gave_name_away_ = false;
            node.links_until_synced_ = node.inode().links;
        }
    }

    bool has_bytes_ = false;  ///< bytes are on the device, but not behind a flush
};

}  // namespace kidney::fs::ext2
