/// mount(2) and umount2(2): changing the tree of mounts.
///
/// A file system goes back to its owner when its last mount has gone and nobody holds one of its
/// nodes; until then it waits among the retired ones.
#pragma once

#include "fs/vfs/path_walk.hpp"
#include "kidney/mm/make.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// Concurrency: any thread. Errors of all: those of PathWalk, no_memory, and as said.
template <mm::ObjectAllocator Heap, BasicLockable Lock>
class Mounting {
public:
    Mounting(NameTree<Lock>& tree, Heap& heap) noexcept : tree_(tree), heap_(heap) {}

    /// The first mount. Errors as MountTable::add().
    [[nodiscard]] Status mount_root(FileSystem& file_system, const MountFlags& flags,
                                    std::string_view source) noexcept {
        return add({}, file_system, file_system.root(), flags, source);
    }
    /// Errors: busy (the very file system is on top there), not_directory, not_found, no_space.
    /// After an error the caller still owns the file system.
    [[nodiscard]] Status mount(const PathContext& context, std::string_view path,
                               FileSystem& file_system, const MountFlags& flags,
                               std::string_view source) noexcept {
        const Place on = TRY(place_at(context, path));
        Ref<Vnode> root = file_system.root();
        if (on.node == root) {
            return fail(Errc::busy);
        }
        return add(on, file_system, std::move(root), flags, source);
    }
    /// mount --bind: what is at `from` shows at `to` as well; `recursive`: with all that is mounted
    /// below it. Errors: as mount().
    [[nodiscard]] Status bind(const PathContext& context, std::string_view from,
                              std::string_view to, bool recursive) noexcept {
        const Place what = TRY(place_at(context, from));
        const Place on = TRY(place_at(context, to));
        const std::uint32_t newest = tree_.mounts.next_number();
        TRY(bind_one(what, on));
        return recursive ? bind_children(what, newest) : Status();
    }
    /// mount --move. Errors: invalid_argument (`from` is no mount, or contains `to`), as mount().
    [[nodiscard]] Status move(const PathContext& context, std::string_view from,
                              std::string_view to) noexcept {
        const Place what = TRY(mount_at(context, from, true));
        return tree_.mounts.move(row_of(what), TRY(place_at(context, to)));
    }
    /// mount -o remount. `whole`: the file system, too, learns whether it can be written. Errors:
    /// invalid_argument (no mount is there), busy (somebody writes), read_only, io_error.
    [[nodiscard]] Status remount(const PathContext& context, std::string_view path,
                                 const MountFlags& flags, bool whole) noexcept {
        const Place place = TRY(mount_at(context, path, true));
        if (whole && !flags.read_only) {
            TRY(place.mount->file_system().remount(false));
        }
        TRY(place.mount->set_flags(flags));
        return whole && flags.read_only ? place.mount->file_system().remount(true) : Status();
    }

    struct UnmountMode {
        bool detach = false;     ///< even if it is in use, with all that is mounted below
        bool no_follow = false;  ///< the path may not end in a symbolic link
    };
    /// What could not be stored of it is lost then; its owner says so. Errors: invalid_argument (no
    /// mount is there), busy.
    [[nodiscard]] Status unmount(const PathContext& context, std::string_view path,
                                 const UnmountMode& mode) noexcept {
        Place place = TRY(mount_at(context, path, !mode.no_follow));
        FileSystem& file_system = place.mount->file_system();
        if (!tree_.mounts.covered_by(place)) {
            return remount(context, path, read_only(place.mount->flags()), true);  // of the root
        }
        Ref<MountRow> row = Ref<MountRow>::share(row_of(place));
        place = {};
        // On a disk that fails it must be possible, too; what it could not store it has told.
        ignore_error(file_system.sync(), "its owner tries again, and says so");
        if (mode.detach) {
            detach_children(*row);
        }
        forget_names_of(file_system);
        TRY(tree_.mounts.remove(std::move(row), mode.detach));
        retire(file_system);
        reap();
        return {};
    }

    /// Lets every file system write back. Returns the first error, after trying all.
    [[nodiscard]] Status sync() noexcept { return tree_.mounts.sync(); }
    /// Gives retired file systems that nobody uses any more back to their owners. Callers take
    /// turns with those who mount.
    void reap() noexcept EXCLUDES(lock_) {
        FileSystem* unused = nullptr;
        {
            LockGuard guard(lock_);
            FileSystem** at = &retired_;
            while (*at != nullptr) {
                FileSystem& one = **at;
                const bool is_back = one.mount_count() > 0;
                if (is_back || !one.is_in_use()) {
                    *at = one.next_retired;
                    one.is_retired = false;
                    one.next_retired = is_back ? nullptr : std::exchange(unused, &one);
                } else {
                    at = &one.next_retired;
                }
            }
        }
        while (unused != nullptr) {
            FileSystem& one = *std::exchange(unused, unused->next_retired);
            if (one.owner != nullptr) {
                one.owner->unmounted(one);
            }
        }
    }
    /// At shutdown.
    void unmount_all() noexcept {
        forget_names();
        while (Ref<MountRow> row = tree_.mounts.remove_last()) {
            FileSystem& file_system = row->file_system();
            row = nullptr;
            retire(file_system);
        }
        reap();
    }
    void forget_names() noexcept {
        tree_.names.purge([](const Vnode&, const Vnode*) { return true; });
    }

private:
    using Walk = PathWalk<Heap, Lock>;

    class Row final : public mm::HeapObject<Row, Heap, MountRow> {
    public:
        static constexpr const char* cache_name = "mount";
        Row(FileSystem& file_system, Ref<Vnode> root, std::uint32_t number, const MountFlags& flags,
            std::string_view source, std::uint32_t copied_from) noexcept
            : mm::HeapObject<Row, Heap, MountRow>(file_system, std::move(root), number, flags,
                                                  source, copied_from) {}
    };

    [[nodiscard]] static MountRow& row_of(const Place& place) noexcept {
        return static_cast<MountRow&>(*place.mount);  // there are no others
    }
    [[nodiscard]] static MountFlags read_only(MountFlags flags) noexcept {
        flags.read_only = true;
        return flags;
    }
    [[nodiscard]] Result<Place> place_at(const PathContext& context,
                                         std::string_view path) noexcept {
        return Walk(tree_, heap_, context, path).to_place(true);
    }
    /// The root of a mount. Error: invalid_argument.
    [[nodiscard]] Result<Place> mount_at(const PathContext& context, std::string_view path,
                                         bool follow) noexcept {
        Place place = TRY(Walk(tree_, heap_, context, path).to_place(follow));
        if (place.node.get() != &place.mount->root()) {
            return fail(Errc::invalid_argument);
        }
        return place;
    }
    [[nodiscard]] Status add(const Place& on, FileSystem& file_system, Ref<Vnode> root,
                             const MountFlags& flags, std::string_view source,
                             std::uint32_t copied_from = 0) noexcept {
        Ref<MountRow> row =
            TRY(mm::make_ref<Row>(heap_, file_system, std::move(root), tree_.mounts.next_number(),
                                  flags, source, copied_from));
        return tree_.mounts.add(std::move(row), on);
    }
    [[nodiscard]] Status bind_one(const Place& what, const Place& on) noexcept {
        return add(on, what.mount->file_system(), what.node, what.mount->flags(),
                   row_of(what).source(), what.mount->number());
    }
    /// Whatever is mounted below `from`, up to the mount `newest`, shows below the copy of `from`,
    /// which is newer. A mount's turn comes when its parent has a copy.
    [[nodiscard]] Status bind_children(const Place& from, std::uint32_t newest) noexcept {
        bool has_changed = true;
        while (std::exchange(has_changed, false)) {
            for (MountView at = tree_.mounts.next(0); at && at.mount->number() < newest;
                 at = tree_.mounts.next(at.mount->number())) {
                if (!at.on || tree_.mounts.copy_of(*at.mount, newest) ||
                    (at.on.mount == from.mount && !TRY(is_below(*from.node, at.on.node)))) {
                    continue;
                }
                if (Ref<MountRow> above = tree_.mounts.copy_of(*at.on.mount, newest)) {
                    const Place child{Ref<Mount>(at.mount), Ref<Vnode>::share(at.mount->root())};
                    TRY(bind_one(child, {Ref<Mount>(std::move(above)), at.on.node}));
                    has_changed = true;
                }
            }
        }
        return {};
    }
    [[nodiscard]] static Result<bool> is_below(const Vnode& top, Ref<Vnode> at) noexcept {
        while (at.get() != &top) {
            if (at->type() != NodeType::directory) {
                return false;
            }
            Ref<Vnode> above = TRY(at->parent());
            if (above == at) {
                return false;
            }
            at = std::move(above);
        }
        return true;
    }
    /// The outermost first.
    void detach_children(MountRow& mount) noexcept {
        for (;;) {
            Ref<MountRow> leaf = newest_child(mount);
            if (!leaf) {
                return;
            }
            while (Ref<MountRow> child = newest_child(*leaf)) {
                leaf = std::move(child);
            }
            FileSystem& file_system = leaf->file_system();
            forget_names_of(file_system);
            ignore_error(tree_.mounts.remove(std::move(leaf), true), "somebody else was faster");
            retire(file_system);
        }
    }
    [[nodiscard]] Ref<MountRow> newest_child(const MountRow& mount) noexcept {
        Ref<MountRow> newest;
        for (MountView at = tree_.mounts.next(0); at; at = tree_.mounts.next(at.mount->number())) {
            if (at.on.mount.get() == &mount) {
                newest = at.mount;
            }
        }
        return newest;
    }
    void forget_names_of(FileSystem& file_system) noexcept {
        tree_.names.purge([&](const Vnode& directory, const Vnode*) {
            return &directory.file_system() == &file_system;
        });
    }
    void retire(FileSystem& file_system) noexcept EXCLUDES(lock_) {
        if (ChangeListener* const hearer = tree_.hearer();
            hearer != nullptr && file_system.mount_count() == 0) {
            hearer->file_system_gone(file_system);  // it lets go of its nodes
        }
        LockGuard guard(lock_);
        if (file_system.mount_count() == 0 && !std::exchange(file_system.is_retired, true)) {
            file_system.next_retired = std::exchange(retired_, &file_system);
        }
    }

    NameTree<Lock>& tree_;
    Heap& heap_;
    Lock lock_;
    FileSystem* retired_ GUARDED_BY(lock_) = nullptr;
};

}  // namespace kidney::fs
