/// The way to the disk: bytes home or into the log, everything that changed into the log, and now
/// and then a checkpoint.
#pragma once

#include "fs/disk/disk_sync.hpp"
#include "fs/kfs/file_data.hpp"
#include "fs/kfs/inode.hpp"
#include "fs/kfs/withheld.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"

#include <cstdint>
#include <utility>

namespace kidney::fs::kfs {

/// One sync of a file system `Fs` (Kfs). Steps:
///   1. the bytes of files, without the metadata lock: others go on. If much went home, a flush;
///   2. under it, the transaction goes into the log: one command, one flush. Now it has happened;
///   3. when half of the ring is in use, a checkpoint: bytes that are in the log, then metadata, go
///      home, a flush, and the log forgets them.
/// A block goes home in a checkpoint only, and all that is in the cache is in the log then: nothing
/// goes home before its transaction is durable. Concurrency: as DiskSync.
template <class Fs, BasicLockable Lock>
class Commit : public DiskSync<Commit<Fs, Lock>, Fs, Lock> {
    using Base = DiskSync<Commit, Fs, Lock>;
    friend Base;
    using Data = FileData<Fs>;
    using Mode = typename Data::Mode;
    using Step = typename Fs::Step;

public:
    using Node = typename Fs::Node;

    explicit Commit(Fs& fs) noexcept : Base(fs) {}

    /// Something is still to be written. Under the metadata lock.
    [[nodiscard]] bool has_work() noexcept {
        return fs_.table().has_changed() || fs_.table().has_orphans() ||
               !fs_.volume().changes().is_empty() || fs_.volume().log().live_sectors() != 0;
    }
    /// At the end: forgets what has not gone home.
    void discard() noexcept {
        while (const Ref<Node> node = fs_.table().take_logged()) {
        }
        Base::discard();
    }

private:
    using Base::checked;
    using Base::fs_;

    static constexpr std::uint32_t most_dirty_blocks = 512;

    [[nodiscard]] Status store(LeavingNodes<Node>& leaving, Node* known) noexcept {
        drop_nameless(leaving.first(), known);
        const bool few = fs_.data().take_few();
        return this->store_files(leaving.first(), known, [&](Node& file) noexcept {
            return few ? store_few(file) : store_many(file);
        });
    }
    /// Into the log, with what of it must not wait for the rest.
    [[nodiscard]] Status store_few(Node& file) noexcept {
        TRY(store_as(Mode::log, file, log_phase));
        return store_as(Mode::log, file, direct_phase);
    }
    /// Home, and what cannot go there yet into the log, also if the first fails.
    [[nodiscard]] Status store_many(Node& file) noexcept {
        const Status home = store_as(Mode::home, file, direct_phase);
        const Status logged = store_as(Mode::log, file, log_phase);
        return home ? logged : home;
    }
    [[nodiscard]] Status store_as(Mode mode, Node& file, Phase phase) noexcept {
        fs_.data().set_mode(mode);
        const Status stored = fs_.cache().write_back(file.bytes(), {}, phase);
        fs_.data().set_mode(Mode::none);
        return stored;
    }
    /// Nodes before `known` that have no name and no other reference: they become orphans now, and
    /// not with the next sync.
    void drop_nameless(Node*& leaving, Node* known) noexcept {
        Node** at = &leaving;
        while (*at != known) {
            Node* const node = *at;
            if (node->inode().links != 0 || node->references() > 1) {
                at = &node->next_leaving_;
                continue;
            }
            *at = node->next_leaving_;
            node->is_leaving_ = false;
            const Ref<Node> last = Ref<Node>::adopt(node);
        }
    }

    /// What could not be stored must not be reached: then nothing happens at all.
    [[nodiscard]] Status write(Node* leaving, const Status& bytes, bool home) noexcept {
        if (!bytes) {
            return bytes;
        }
        if (leaving == nullptr && !has_work()) {
            return {};
        }
        if (fs_.is_read_only() || fs_.volume().log().is_broken()) {
            return fail(Errc::io_error);
        }
        TRY(put_inodes(leaving, true));
        TRY(free_orphans());
        TRY(put_inodes(leaving, false));
        TRY(write_log());
        const auto& log = fs_.volume().log();
        const bool is_due = log.live_sectors() > log.ring() / 2 ||
                            fs_.volume().changes().dirty_blocks() > most_dirty_blocks ||
                            !fs_.volume().withheld().has_room(Withheld::capacity / 4);
        return (home || is_due) && !fs_.table().has_changed() ? checkpoint() : Status();
    }
    /// Heavy ones have been promised room. Others change nothing but themselves, so they may take
    /// one transaction after the other.
    [[nodiscard]] Status put_inodes(Node* leaving, bool heavy) noexcept {
        for (Node* node = leaving; node != nullptr; node = node->next_leaving_) {
            if (node->is_heavy_ != heavy) {
                continue;
            }
            if (!heavy && !fs_.volume().has_log_room()) {
                TRY(write_log());
            }
            const Inode inode = node->inode();
            Step step(fs_.volume());
            TRY(fs_.volume().put_inode(node->number(), inode.raw()));
            step.keep();
        }
        return {};
    }
    [[nodiscard]] Status write_log() noexcept {
        auto& volume = fs_.volume();
        if (fs_.data().take_unflushed()) {
            TRY(checked(fs_.device().flush()));
            volume.log().note_flush();
        }
        volume.keep_promises();
        return volume.changes().is_empty() ? Status()
                                           : checked(volume.changes().commit(volume.log()));
    }
    /// Everything is in the log.
    [[nodiscard]] Status checkpoint() noexcept {
        auto& volume = fs_.volume();
        Status status;
        fs_.data().set_mode(Mode::checkpoint);
        while (const Ref<Node> node = fs_.table().take_logged()) {
            const Status stored = fs_.cache().write_back(node->bytes(), {}, logged_phase);
            status = status ? stored : status;
        }
        fs_.data().set_mode(Mode::none);
        TRY(checked(status));
        static_cast<void>(fs_.data().take_unflushed());  // behind the flush that follows
        return checked(volume.bring_home());
    }
    /// What has no name and nobody has open gives back what it has.
    [[nodiscard]] Status free_orphans() noexcept {
        while (Node* const node = fs_.table().take_orphan()) {
            const std::uint32_t promised = blocks_of(*node);
            fs_.table().keep_promise(promised);
            Inode inode = node->inode();
            Status freed = fs_.orphans().release(inode);
            while (!freed && freed.error() == Errc::restart) {
                freed = write_log();
                if (freed) {
                    freed = checkpoint();
                }
                if (freed) {
                    freed = fs_.orphans().release(inode);
                }
            }
            node->bytes().publish(inode);
            if (!freed && freed.error() != Errc::corrupted) {
                fs_.table().add_orphan(*node, blocks_of(*node));
                return freed;
            }
            fs_.destroy(*node);  // of a damaged one, what is left is lost space
        }
        return {};
    }
    [[nodiscard]] static std::uint32_t blocks_of(Node& node) noexcept {
        return node.inode().sectors / Inode::sectors_per_block;
    }
    void settle(Node& node, bool done) noexcept {
        if (done) {
            const Inode inode = node.inode();
            node.committed_size_ = inode.size;
            node.stored_revision_ = inode.revision;
            node.is_heavy_ = false;
        }
    }
};

}  // namespace kidney::fs::kfs
