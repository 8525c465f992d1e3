/// The way to the disk: everything that has changed, in an order that a crash may interrupt.
#pragma once

#include "fs/disk/disk_sync.hpp"
#include "fs/fat/inode.hpp"
#include "fs/fat/write_order.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"

#include <cstdint>
#include <utility>

namespace kidney::fs::fat {

/// One sync of a file system `Fs` (Fat). Steps, each with a flush behind it where the next one
/// needs that:
///   1. the bytes of files, without the metadata lock: others go on;
///   2. under it, the tables: new chains;
///   3. the links to them from chains that entries on the disk lead to, if they lie in other
///   sectors
///      of the table: else a crash could leave a link to a cluster that looks free;
///   4. entries, and names as write_order.hpp has them;
///   5. what was cut off and what was removed becomes free in the table, for which the new ends of
///      chains go to the disk first. It is free on the disk with the next sync.
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
        return fs_.table().has_changed() || fs_.table().has_orphans() || fs_.volume().has_dirty();
    }
    /// Under the metadata lock.
    [[nodiscard]] Status mark_clean() noexcept {
        if (!fs_.volume().is_in_use()) {
            return {};
        }
        TRY(checked(fs_.clusters().mark_in_use(false)));
        TRY(checked(fs_.volume().mark_in_use(false)));
        return checked(write_tables());
    }

private:
    using Base::checked;
    using Base::fs_;

    [[nodiscard]] Status store(LeavingNodes<Node>& leaving, Node* known) noexcept {
        return this->store_files(leaving.first(), known, [this](Node& file) noexcept {
            has_bytes_ = true;
            return fs_.cache().write_back(file.bytes());
        });
    }
    [[nodiscard]] Status write_tables() noexcept {
        return fs_.volume().write_phases(table_phase, table_phase);
    }

    [[nodiscard]] Status write(Node* leaving, const Status&, bool) noexcept {
        if (leaving == nullptr && !has_work()) {
            return {};
        }
        if (fs_.is_read_only()) {
            return fail(Errc::io_error);
        }
        if (!fs_.volume().is_in_use()) {
            TRY(fs_.clusters().mark_in_use(true));
            TRY(fs_.volume().mark_in_use(true));
        }
        TRY(fs_.volume().store_info(fs_.clusters().hint()));
        const bool is_flushed = fs_.volume().has_dirty_in(table_phase);
        TRY(checked(fs_.volume().flush_if_needed()));
        TRY(checked(write_tables()));
        TRY(finish_links(leaving));
        for (Node* node = leaving; node != nullptr; node = node->next_leaving_) {
            TRY(write_entry(*node));
        }
        if (std::exchange(has_bytes_, false) && !is_flushed) {
            TRY(checked(fs_.volume().flush()));
        }
        TRY(checked(fs_.volume().write_phases(entry_phase, last_phase)));
        fs_.table().forget_removals();
        TRY(free_excess(leaving));
        return free_orphans();
    }
    [[nodiscard]] Status finish_links(Node* leaving) noexcept {
        bool has_linked = false;
        for (Node* node = leaving; node != nullptr; node = node->next_leaving_) {
            if (node->inode().links != 0 && TRY(fs_.clusters().finish_links(node->chain()))) {
                has_linked = true;
            }
        }
        return has_linked ? checked(write_tables()) : Status();
    }
    /// What the entry on the disk does not say yet.
    [[nodiscard]] Status write_entry(Node& node) noexcept {
        const auto inode = node.inode();
        if (inode.links == 0 || node.is_root()) {
            return {};
        }
        auto block = TRY(fs_.volume().read(node.place_.sector));
        const std::size_t at = node.place_.slot * slot_size;
        const auto old = fs::load<RawEntry>(block.bytes(), at);
        RawEntry raw = old;
        put_times(raw, inode.accessed, inode.modified);
        raw.attributes = static_cast<std::uint8_t>(
            inode.is_read_only ? raw.attributes | attribute_read_only
                               : raw.attributes & ~unsigned{attribute_read_only});
        if (node.type() == NodeType::regular) {
            raw.size = static_cast<std::uint32_t>(inode.size);
            if (node.chain().is_loaded) {
                set_first_cluster(raw, inode.size == 0 ? 0 : node.chain().first());
            }
            if (raw.time != old.time || raw.date != old.date || raw.size != old.size) {
                raw.attributes = static_cast<std::uint8_t>(raw.attributes | attribute_archive);
            }
        }
        if (std::memcmp(&raw, &old, sizeof raw) != 0) {
            save(block.change(entry_phase, at, slot_size), at, raw);
        }
        return {};
    }
    [[nodiscard]] std::uint32_t needed_by(Node& node) const noexcept {
        return fs_.volume().geometry().clusters_for(node.inode().size);
    }
    /// It has clusters that its size does not need.
    [[nodiscard]] bool has_excess(Node& node) const noexcept {
        return node.type() == NodeType::regular && node.inode().links != 0 &&
               node.chain().size() > needed_by(node);
    }
    /// No entry on the disk says any more that files have what was cut off.
    [[nodiscard]] Status free_excess(Node* leaving) noexcept {
        bool must_write = false;
        for (Node* node = leaving; node != nullptr; node = node->next_leaving_) {
            if (has_excess(*node) &&
                TRY(fs_.clusters().mark_end(node->chain(), needed_by(*node)))) {
                must_write = true;
            }
        }
        if (must_write) {
            TRY(checked(write_tables()));
        }
        for (Node* node = leaving; node != nullptr; node = node->next_leaving_) {
            if (has_excess(*node)) {
                TRY(fs_.clusters().free(node->chain(), needed_by(*node), false));
            }
        }
        return {};
    }
    /// The names of all that is removed are gone from the disk by now.
    [[nodiscard]] Status free_orphans() noexcept {
        Node* orphans = fs_.table().take_orphans();
        Status status;
        while (orphans != nullptr) {
            Node& node = *std::exchange(orphans, orphans->next_orphan_);
            fs_.table().keep_promise(fs_.promise_of(node));
            Status freed = status ? fs_.clusters().load(node.chain()) : status;
            if (freed) {
                freed = fs_.clusters().free(node.chain(), 0, node.type() == NodeType::directory);
            }
            // What cannot be read is lost space, which fsck finds.
            if (!freed && freed.error() == Errc::no_memory) {
                status = freed;
                fs_.table().add_orphan(node, fs_.promise_of(node));
            } else {
                fs_.destroy(node);
            }
        }
        return status;
    }
    void settle(Node& node, bool done) noexcept {
        fs_.note_excess(node);
        if (done) {
            node.is_new_ = node.gave_name_away_ = false;
            node.chain().on_disk = node.chain().size();
        }
    }

    bool has_bytes_ = false;  ///< bytes are on the device, but not behind a flush
};

}  // namespace kidney::fs::fat
