/// A file or directory of a FAT file system.
#pragma once

#include "fs/disk/disk_node.hpp"
#include "fs/fat/chain.hpp"
#include "fs/fat/inode.hpp"
#include "fs/fat/name_places.hpp"
#include "kidney/core/ref.hpp"

#include <boost/intrusive/set_hook.hpp>

#include <cstdint>
#include <optional>

namespace kidney::fs::fat {

/// Names are the file system's business (Fat, names.hpp).
template <class Fs>
class Node final : public DiskNode<Fs, Node<Fs>> {
    using Base = DiskNode<Fs, Node<Fs>>;

public:
    using Chain = fat::Chain<typename Fs::HeapType>;
    using Inode = typename Fs::Inode;
    static constexpr const char* cache_name = "fat_node";

    /// `place` is that of its entry; the root has none.
    Node(Fs& fs, const Inode& inode, ChainStart start, EntryPlace place, std::uint64_t key,
         std::uint64_t number) noexcept
        : Base(fs, 0, inode),
          chain_(fs.heap(), start),
          place_(place),
          key_(key),
          first_key_(key),
          inode_number_(number),
          names_(fs.heap()) {
        Inode own = inode;
        own.chain = &chain_;
        this->bytes().publish(own);
        this->bytes().publish_access(inode.accessed);
    }

    [[nodiscard]] Result<Attributes> attributes() noexcept override {
        return this->fs().attributes_of(*this, TRY(Base::attributes()));
    }
    /// What cannot be kept is refused as Linux does it: another owner and set-id bits are
    /// not_permitted; of the permissions only the owner's right to write can change, and the rest
    /// is passed over in silence.
    [[nodiscard]] Status set_attributes(const AttributeChange& change) noexcept override {
        TRY(this->fs().check_writable());
        const Result<bool> ignored = this->fs().check_ownership(change);
        if (!ignored || *ignored) {
            return ignored ? Status() : Status(fail(ignored.error()));
        }
        AttributeChange rest = change;
        rest.permissions.reset();
        rest.uid.reset();
        rest.gid.reset();
        TRY(Base::set_attributes(rest));
        if (change.permissions && this->type() == NodeType::regular) {
            this->fs().set_read_only_attribute(*this, *change.permissions);
        }
        return {};
    }

    /// In the table of nodes: where its entry is, as one number.
    [[nodiscard]] std::uint64_t number() const noexcept { return key_; }
    [[nodiscard]] Chain& chain() noexcept { return chain_; }
    [[nodiscard]] const Chain& chain() const noexcept { return chain_; }
    /// It is the root of FAT12 or 16, whose sectors are apart from the clusters.
    [[nodiscard]] bool is_fixed_root() const noexcept {
        return is_root() && chain_.start.clusters == 0;
    }
    [[nodiscard]] bool is_root() const noexcept { return inode_number_ == root_number; }
    static constexpr std::uint64_t root_number = 1;

private:
    Chain chain_;

public:
    // Guarded by the file system's lock.
    EntryPlace place_;
    std::uint64_t key_;              ///< changed by Fat::move_node() alone
    const std::uint64_t first_key_;  ///< when it came into memory; its number is made of it
    const std::uint64_t inode_number_;
    Node* next_leaving_ = nullptr;  ///< in the list of those that a sync brings home
    bool is_leaving_ = false;
    bool must_come_again_ = false;  ///< some of its bytes could not be stored
    bool is_new_ = true;            ///< its entry is not on the disk yet
    bool gave_name_away_ = false;   ///< of a directory: by a rename that is not on the disk yet
    NamePlaces<typename Fs::HeapType> names_;   ///< of a directory
    std::optional<std::uint32_t> directories_;  ///< in it; nothing: nobody has counted them
    Ref<Node> parent_;                          ///< of a directory; null: the root
    // Guarded by the lock of the moved nodes.
    using MovedHook =
        boost::intrusive::set_member_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>>;
    MovedHook moved_hook_;
};

}  // namespace kidney::fs::fat
