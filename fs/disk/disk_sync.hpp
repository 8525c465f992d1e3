/// How a file system on a disk writes down what has changed: one sync, whatever its format.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/file_system.hpp"

#include <utility>

namespace kidney::fs {

/// The nodes that a sync writes down, with a reference to each.
template <class Node>
class LeavingNodes {
public:
    /// Adds what has changed since.
    template <class Table>
    void collect(Table& table) noexcept {
        while (Ref<Node> node = table.take_changed()) {
            if (node->is_leaving_) {
                continue;
            }
            node->is_leaving_ = true;
            node->next_leaving_ = first_;
            first_ = node.detach();
        }
    }
    /// The newest; the others follow by next_leaving_. Null: there are none.
    [[nodiscard]] Node*& first() noexcept { return first_; }
    [[nodiscard]] bool is_empty() const noexcept { return first_ == nullptr; }
    /// With no lock held: last references may go.
    void release() noexcept {
        while (first_ != nullptr) {
            const Ref<Node> last = Ref<Node>::adopt(std::exchange(first_, first_->next_leaving_));
        }
    }

private:
    Node* first_ = nullptr;
};

/// `Self` derives from it, and writes a file system `Fs` (a DiskFileSystem). It is asked for
///   store(leaving, known)      the bytes of the files in front of `known`, without the metadata
///                              lock: others go on. What fails stays in memory, and the rest is
///                              done
///   write(leaving, bytes, home) the metadata, under its lock; `bytes` is what store() said
///   settle(node, done)         what a node remembers of its sync, under the lock
/// Concurrency: any thread; `Lock` lets one sync run at a time. So bytes are on their way to a
/// block only while nobody can free it.
template <class Self, class Fs, BasicLockable Lock>
class DiskSync {
public:
    using Node = typename Fs::Node;

    /// `home`: as far as no recovery is needed. Errors: io_error, no_memory; what could not go home
    /// stays in memory.
    [[nodiscard]] Status sync(bool home = false) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        LeavingNodes<Node> leaving;
        Status bytes;
        Status metadata;
        for (unsigned round = 0;; ++round) {
            Node* const known = leaving.first();
            leaving.collect(fs_.table());
            const Status stored = self().store(leaving, known);
            bytes = bytes ? stored : bytes;
            LockGuard metadata_guard(fs_.lock());
            // Who has got new blocks meanwhile must store their bytes before metadata leads to
            // them. If they are too fast for us, a crash may show what was in these blocks.
            if (fs_.table().has_changed() && round < most_rounds) {
                continue;
            }
            leaving.collect(fs_.table());
            metadata = self().write(leaving.first(), bytes, home);
            settle(leaving.first(), metadata.has_value());
            break;
        }
        leaving.release();
        return bytes ? metadata : bytes;
    }
    /// At the end: forgets what has not gone home.
    void discard() noexcept {
        while (const Ref<Node> node = fs_.table().take_changed()) {
        }
        while (Node* const node = fs_.table().take_orphan()) {
            fs_.destroy(*node);
        }
    }

protected:
    explicit DiskSync(Fs& fs) noexcept : fs_(fs) {}
    ~DiskSync() = default;

    /// Does write_back(node) for each file before `known`; the first error.
    template <class WriteBack>
    [[nodiscard]] Status store_files(Node* leaving, Node* known, WriteBack&& write_back) noexcept {
        Status status;
        for (Node* node = leaving; node != known; node = node->next_leaving_) {
            if (node->type() != NodeType::regular || node->inode().links == 0) {
                continue;
            }
            const Status stored = write_back(*node);
            node->must_come_again_ = !stored;
            status = status ? stored : status;
        }
        return status;
    }
    /// A disk that fails here must not be made worse.
    [[nodiscard]] Status checked(Status written) noexcept {
        if (!written && written.error() != Errc::no_memory) {
            const bool is_news = !fs_.is_read_only();
            fs_.become_read_only();
            if (is_news && fs_.owner != nullptr) {
                fs_.owner->became_read_only(fs_);
            }
        }
        return written;
    }

    Fs& fs_;

private:
    static constexpr unsigned most_rounds = 3;

    [[nodiscard]] Self& self() noexcept { return static_cast<Self&>(*this); }
    /// The nodes are on the disk, or must come again.
    void settle(Node* leaving, bool done) noexcept {
        for (Node* node = leaving; node != nullptr; node = node->next_leaving_) {
            node->is_leaving_ = false;
            self().settle(*node, done);
            if (!done || std::exchange(node->must_come_again_, false)) {
                fs_.note_change(*node);
            }
        }
    }

    Lock lock_;
};

}  // namespace kidney::fs
