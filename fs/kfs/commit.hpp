/// The way to the disk: bytes home or into the log, everything that changed into the log, and now
/// and then a checkpoint.
#pragma once

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
/// goes home before its transaction is durable. Concurrency: any thread; `Lock` lets one sync run
/// at a time.
template <class Fs, BasicLockable Lock>
class Commit {
    using Data = FileData<Fs>;
    using Mode = typename Data::Mode;
    using Step = typename Fs::Step;

public:
    using Node = typename Fs::Node;

    explicit Commit(Fs& fs) noexcept : fs_(fs) {}

    /// `home`: with a checkpoint. Errors: io_error, no_memory; what could not go stays in memory.
    [[nodiscard]] Status sync(bool home) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Node* leaving = nullptr;
        Status status;
        for (unsigned round = 0;; ++round) {
            const Status stored = store_bytes(leaving);
            status = status ? stored : status;
            LockGuard metadata_guard(fs_.lock());
            // Who has got new blocks meanwhile must store their bytes before an inode that points
            // to them. If they are too fast for us, a crash may show what was in these blocks.
            if (fs_.table().has_changed() && round < most_rounds) {
                continue;
            }
            collect(leaving);
            // What could not be stored must not be reached: then nothing happens at all.
            status = status ? commit(leaving, home) : status;
            settle(leaving, status.has_value());
            break;
        }
        release(leaving);
        return status;
    }
    /// Something is still to be written. Under the metadata lock.
    [[nodiscard]] bool has_work() noexcept {
        return fs_.table().has_changed() || fs_.table().has_orphans() ||
               !fs_.volume().changes().is_empty() || fs_.volume().log().live_sectors() != 0;
    }
    /// At the end: forgets what has not gone home.
    void discard() noexcept {
        while (const Ref<Node> node = fs_.table().take_changed()) {
        }
        while (const Ref<Node> node = fs_.table().take_logged()) {
        }
        while (Node* const node = fs_.table().take_orphan()) {
            fs_.destroy(*node);
        }
    }

private:
    static constexpr unsigned most_rounds = 3;
    static constexpr std::uint32_t most_dirty_blocks = 512;

    /// Adds the changed nodes to the list, with the table's references.
    void collect(Node*& leaving) noexcept {
        while (Ref<Node> node = fs_.table().take_changed()) {
            if (node->is_leaving_) {
                continue;
            }
            node->is_leaving_ = true;
            node->next_leaving_ = leaving;
            leaving = node.detach();
        }
    }
    /// The bytes of files that have changed; what fails stays in memory, and the rest goes on.
    [[nodiscard]] Status store_bytes(Node*& leaving) noexcept {
        Node* const known = leaving;
        collect(leaving);
        drop_nameless(leaving, known);
        const bool few = fs_.data().take_few();
        Status status;
        for (Node* node = leaving; node != known; node = node->next_leaving_) {
            if (node->type() != NodeType::regular || node->inode().links == 0) {
                continue;
            }
            Status stored;
            if (!few) {
                fs_.data().set_mode(Mode::home);
                stored = fs_.cache().write_back(node->bytes(), {}, direct_phase);
            }
            fs_.data().set_mode(Mode::log);
            const Status logged = fs_.cache().write_back(node->bytes(), {}, log_phase);
            stored = stored ? logged : stored;
            if (few && stored) {
                stored = fs_.cache().write_back(node->bytes(), {}, direct_phase);
            }
            fs_.data().set_mode(Mode::none);
            node->must_come_again_ = !stored;
            status = status ? stored : status;
        }
        return status;
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

    [[nodiscard]] Status commit(Node* leaving, bool home) noexcept {
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
    /// A disk that fails here must not be made worse.
    [[nodiscard]] Status checked(Status written) noexcept {
        if (!written && written.error() != Errc::no_memory) {
            fs_.become_read_only();
        }
        return written;
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
    /// The nodes of the list are on the disk, or must come again.
    void settle(Node* leaving, bool done) noexcept {
        for (Node* node = leaving; node != nullptr; node = node->next_leaving_) {
            node->is_leaving_ = false;
            if (done) {
                const Inode inode = node->inode();
                node->committed_size_ = inode.size;
                node->stored_revision_ = inode.revision;
                node->is_heavy_ = false;
            }
            if (!done || std::exchange(node->must_come_again_, false)) {
                fs_.note_change(*node);
            }
        }
    }
    void release(Node* leaving) noexcept {
        while (leaving != nullptr) {
            const Ref<Node> last = Ref<Node>::adopt(std::exchange(leaving, leaving->next_leaving_));
        }
    }

    Fs& fs_;
    Lock lock_;
};

}  // namespace kidney::fs::kfs
