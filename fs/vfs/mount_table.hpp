/// Which file system is mounted where: the tree of mounts.
///
/// A place in the tree is a node *and* the mount in which it is seen, because a file system may
/// show in several places at once (mount --bind). Who is somewhere - a walk, an open file, a
/// process's directory - holds a reference to its mount; so the table knows whether a mount is in
/// use.
#pragma once

#include "kidney/core/bounded.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/fs/mount.hpp"
#include "kidney/fs/vnode.hpp"

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney::fs {

template <BasicLockable Lock>
class MountTable;

/// A node where it is seen. Both are there, or neither.
struct Place {
    Ref<Mount> mount;
    Ref<Vnode> node;

    explicit operator bool() const noexcept { return static_cast<bool>(node); }
    [[nodiscard]] bool is_read_only() const noexcept {
        return mount->is_read_only() || node->file_system().is_read_only();
    }
    friend bool operator==(const Place& a, const Place& b) noexcept {
        return a.node == b.node && a.mount == b.mount;
    }
};

/// A row of the table.
class MountRow : public Mount {
public:
    /// What mount(8) shows as the source; longer ones are cut.
    static constexpr std::size_t longest_source = 127;

    [[nodiscard]] std::string_view source() const noexcept { return source_.view(); }

protected:
    MountRow(FileSystem& file_system, Ref<Vnode> root, std::uint32_t number,
             const MountFlags& flags, std::string_view source, std::uint32_t copied_from) noexcept
        : Mount(file_system, *root, number, flags),
          kept_root_(std::move(root)),
          copied_from_(copied_from) {
        source_.assign(source);
    }
    ~MountRow() = default;

private:
    template <BasicLockable L>
    friend class MountTable;
    using Hook = boost::intrusive::list_member_hook<
        boost::intrusive::link_mode<boost::intrusive::normal_link>>;

    const Ref<Vnode> kept_root_;
    const std::uint32_t copied_from_;  ///< number of the mount that this one is a bind of, or 0
    BoundedText<longest_source> source_;
    // Guarded by the table's lock.
    Hook hook_;
    bool is_attached_ = false;
    Ref<Mount> parent_;  ///< null at the root of the tree
    Ref<Vnode> point_;   ///< in the parent
};

/// A mount and where it hangs, at one moment.
struct MountView {
    Ref<MountRow> mount;
    Place on;  ///< nothing for the root of the tree

    explicit operator bool() const noexcept { return static_cast<bool>(mount); }
};

/// Concurrency: any thread. `Lock` is not held while a file system works, but for is_in_use().
template <BasicLockable Lock>
class MountTable {
public:
    static constexpr std::size_t capacity = 256;

    [[nodiscard]] std::uint32_t next_number() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return next_number_++;
    }

    /// Hangs `mount` on a place (nothing: it becomes the root), above what is mounted there.
    /// Errors: no_space (too many), not_directory (a directory and something else), not_found (the
    /// place has been removed, or its mount is no longer in the tree).
    [[nodiscard]] Status add(Ref<MountRow> mount, const Place& on) noexcept EXCLUDES(lock_) {
        const bool is_directory = mount->root().type() == NodeType::directory;
        if (on && (on.node->type() == NodeType::directory) != is_directory) {
            return fail(Errc::not_directory);
        }
        LockGuard guard(lock_);
        if (rows_.size() == capacity) {
            return fail(Errc::no_space);
        }
        if (on && (!row_of(*on.mount).is_attached_ || !on.node->add_mount())) {
            return fail(Errc::not_found);
        }
        mount->parent_ = on.mount;
        mount->point_ = on.node;
        mount->is_attached_ = true;
        mount->file_system().count_mount(1);
        rows_.push_back(*mount.detach());  // the table's reference
        return {};
    }

    /// Takes a mount out of the tree. `even_in_use`: who has something in it keeps that, but nobody
    /// finds it any more. Errors: busy (somebody is in it, or mounted on it; or it is the last of
    /// its file system and a node is in use), invalid_argument (it is not in the tree).
    [[nodiscard]] Status remove(Ref<MountRow> mount, bool even_in_use) noexcept EXCLUDES(lock_) {
        Place released;
        Ref<MountRow> from_table;
        {
            LockGuard guard(lock_);
            if (!mount->is_attached_ || !mount->parent_) {
                return fail(Errc::invalid_argument);
            }
            constexpr std::uint32_t ours = 2;  // the table's and the caller's
            if (!even_in_use &&
                (mount->references() > ours ||
                 (mount->file_system().mount_count() == 1 && mount->file_system().is_in_use()))) {
                return fail(Errc::busy);
            }
            from_table = take_out(*mount, released);
        }
        return {};
    }
    /// At shutdown: the newest that is left, taken out even if it is in use. Null: none is left.
    [[nodiscard]] Ref<MountRow> remove_last() noexcept EXCLUDES(lock_) {
        Place released;
        LockGuard guard(lock_);
        return rows_.empty() ? Ref<MountRow>() : take_out(rows_.back(), released);
    }
    /// Hangs a mount elsewhere. Errors: as add(); invalid_argument (it is the root, or `to` is
    /// inside of it).
    [[nodiscard]] Status move(MountRow& mount, const Place& to) noexcept EXCLUDES(lock_) {
        if ((to.node->type() == NodeType::directory) !=
            (mount.root().type() == NodeType::directory)) {
            return fail(Errc::not_directory);
        }
        Place before;
        LockGuard guard(lock_);
        if (!mount.is_attached_ || !mount.parent_ || is_inside(*to.mount, mount)) {
            return fail(Errc::invalid_argument);
        }
        if (!row_of(*to.mount).is_attached_ || !to.node->add_mount()) {
            return fail(Errc::not_found);
        }
        mount.point_->remove_mount();
        before = {std::exchange(mount.parent_, to.mount), std::exchange(mount.point_, to.node)};
        return {};
    }

    /// The mount with the smallest number above `number`: /proc/mounts goes on behind the last that
    /// it has shown.
    [[nodiscard]] MountView next(std::uint32_t number) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        MountRow* next = nullptr;
        for (MountRow& row : rows_) {
            if (row.number() > number && (next == nullptr || row.number() < next->number())) {
                next = &row;
            }
        }
        if (next == nullptr) {
            return {};
        }
        return {Ref<MountRow>::share(*next), {next->parent_, next->point_}};
    }
    /// Lets every file system write back. Returns the first error, after trying all.
    [[nodiscard]] Status sync() noexcept EXCLUDES(lock_) {
        Status outcome;
        for (MountView at = next(0); at; at = next(at.mount->number())) {
            if (Status s = at.mount->file_system().sync(); !s && outcome) {
                outcome = s;
            }
        }
        return outcome;
    }

    /// What is mounted on `place`, on top of all; `place` itself if nothing is.
    [[nodiscard]] Place covering(Place place) noexcept EXCLUDES(lock_) {
        while (place.node->is_mount_point()) {
            Ref<MountRow> above = mount_on(place);
            if (!above) {
                break;  // only as seen through another mount
            }
            place.node = Ref<Vnode>::share(above->root());
            place.mount = std::move(above);
        }
        return place;
    }
    /// The place that `place` covers if it is the root of a mount; nothing otherwise.
    [[nodiscard]] Place covered_by(const Place& place) noexcept EXCLUDES(lock_) {
        if (!place.mount || place.node.get() != &place.mount->root()) {
            return {};
        }
        LockGuard guard(lock_);
        const MountRow& row = row_of(*place.mount);
        return {row.parent_, row.point_};
    }
    /// The root of the tree; nothing before it is mounted.
    [[nodiscard]] Place root() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return rows_.empty() ? Place() : place_of(rows_.front());
    }
    /// A mount through which nodes of the file system are seen, the whole of it if there is one.
    [[nodiscard]] Ref<Mount> mount_of(FileSystem& file_system) noexcept EXCLUDES(lock_) {
        const Ref<Vnode> root = file_system.root();
        LockGuard guard(lock_);
        MountRow* found = nullptr;
        for (MountRow& row : rows_) {
            if (&row.file_system() != &file_system) {
                continue;
            }
            if (&row.root() == root.get()) {
                return Ref<Mount>(Ref<MountRow>::share(row));
            }
            found = found == nullptr ? &row : found;
        }
        return found == nullptr ? Ref<Mount>() : Ref<Mount>(Ref<MountRow>::share(*found));
    }
    /// A copy of `mount` that is newer than the mount `newest`.
    [[nodiscard]] Ref<MountRow> copy_of(const Mount& mount, std::uint32_t newest) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (MountRow& row : rows_) {
            if (row.copied_from_ == mount.number() && row.number() > newest) {
                return Ref<MountRow>::share(row);
            }
        }
        return nullptr;
    }

private:
    [[nodiscard]] static MountRow& row_of(Mount& mount) noexcept {
        return static_cast<MountRow&>(mount);  // there are no others
    }
    [[nodiscard]] static Place place_of(MountRow& row) noexcept {
        return {Ref<Mount>(Ref<MountRow>::share(row)), Ref<Vnode>::share(row.root())};
    }
    [[nodiscard]] Ref<MountRow> mount_on(const Place& place) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (MountRow& row : rows_) {
            if (row.point_ == place.node && row.parent_ == place.mount) {
                return Ref<MountRow>::share(row);
            }
        }
        return nullptr;
    }
    [[nodiscard]] bool is_inside(const Mount& below, const MountRow& top) const noexcept
        REQUIRES(lock_) {
        const Mount* at = &below;
        while (at != nullptr && at != &top) {
            at = static_cast<const MountRow*>(at)->parent_.get();
        }
        return at != nullptr;
    }
    /// The table's reference; `released` gets what the mount held of the tree.
    [[nodiscard]] Ref<MountRow> take_out(MountRow& row, Place& released) noexcept REQUIRES(lock_) {
        rows_.erase(rows_.iterator_to(row));
        row.is_attached_ = false;
        row.file_system().count_mount(-1);
        if (row.point_) {
            row.point_->remove_mount();
        }
        released = {std::exchange(row.parent_, nullptr), std::exchange(row.point_, nullptr)};
        return Ref<MountRow>::adopt(&row);
    }

    using Rows = boost::intrusive::list<
        MountRow, boost::intrusive::member_hook<MountRow, MountRow::Hook, &MountRow::hook_>>;
    mutable Lock lock_;
    Rows rows_ GUARDED_BY(lock_);
    std::uint32_t next_number_ GUARDED_BY(lock_) = 20;
};

}  // namespace kidney::fs
