/// Making, linking, moving and removing names: what POSIX says about the last component.
///
/// The VFS decides by what it sees: may this name be taken away, is something mounted there, is the
/// new name free? The file system then makes the change to the nodes that were looked at, or
/// answers that the names mean others by now (`stale`); then the decision is made again. So no
/// check is older than the change, and no lock is held between them.
#pragma once

#include "fs/vfs/kept_paths.hpp"
#include "fs/vfs/path_walk.hpp"
#include "fs/vfs/permission_rules.hpp"
#include "fs/vfs/told_changes.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// What rename does with what is at the new name.
enum class RenameRule : std::uint8_t {
    replace,   ///< it goes
    keep,      ///< it stays, and nothing is renamed: exists
    exchange,  ///< it gets the old name; if there is nothing: not_found
};

/// Concurrency: any thread. Errors of all: those of PathWalk, read_only, and as said.
template <mm::ObjectAllocator Heap, BasicLockable Lock>
class NameChanges {
public:
    NameChanges(NameTree<Lock>& tree, Heap& heap) noexcept : tree_(tree), heap_(heap) {}

    [[nodiscard]] PathKeeper<Heap, Lock>& paths() noexcept { return paths_; }

    /// mkdir, mknod and symlink (which sets node.target). `node.permissions` has the umask applied;
    /// owner and group are filled in here. `made`, if given, becomes its place. Errors: exists,
    /// not_permitted (a device).
    [[nodiscard]] Status make_node(const PathContext& context, std::string_view path,
                                   const NewNode& node, Place* made = nullptr) noexcept {
        Walk walk(tree_, heap_, context, path);
        TRY(to_free_name(walk, node.type == NodeType::directory));
        {
            const MountWriter writer(walk.mount());
            TRY(check_writable_directory(walk, writer));
        }
        TRY(check_new_device(context.credentials, node));
        Ref<Vnode> created = TRY(create_in(walk, context, node));
        if (made != nullptr) {
            *made = {Ref<Mount>::share(walk.mount()), std::move(created)};
        }
        return {};
    }
    /// A second name `path` for `node`. Errors: exists, cross_device, not_permitted (a directory).
    [[nodiscard]] Status link(Mount& mount, Vnode& node, const PathContext& context,
                              std::string_view path) noexcept {
        Walk walk(tree_, heap_, context, path);
        TRY(to_free_name(walk, false));
        if (&mount != &walk.mount()) {
            return fail(Errc::cross_device);
        }
        const MountWriter writer(walk.mount());
        TRY(check_link(context.credentials, TRY(node.attributes())));
        TRY(check_writable_directory(walk, writer));
        if (node.type() == NodeType::directory) {
            return fail(Errc::not_permitted);
        }
        const auto version = tree_.names.version();
        TRY(walk.directory().link(walk.last(), node));
        remember(version, walk, node);
        if (ChangeListener* const hearer = tree_.hearer()) {
            hearer->node_changed(node, Change::attributes);
            tell_made(*hearer, name_of(walk), node);
        }
        return {};
    }
    /// Creates the last component of `walk`, owned as give_owner() says. Error: exists.
    [[nodiscard]] Result<Ref<Vnode>> create_in(PathWalk<Heap, Lock>& walk,
                                               const PathContext& context, NewNode node) noexcept {
        const MountWriter writer(walk.mount());
        TRY(check_writable_directory(walk, writer));
        give_owner(node, context.credentials, TRY(walk.directory().attributes()));
        const auto version = tree_.names.version();
        Ref<Vnode> made = TRY(walk.directory().create(walk.last(), node));
        remember(version, walk, *made);
        if (ChangeListener* const hearer = tree_.hearer()) {
            tell_made(*hearer, name_of(walk), *made);
        }
        return made;
    }

    /// Errors: is_directory, not_permitted (sticky).
    [[nodiscard]] Status unlink(const PathContext& context, std::string_view path) noexcept {
        Walk walk(tree_, heap_, context, path);
        TRY(walk.to_last());
        if (!walk.last_is_name()) {
            return fail(Errc::is_directory);
        }
        return remove(walk, context, false);
    }
    /// Errors: not_empty, busy (a mount point), not_permitted (sticky).
    [[nodiscard]] Status remove_directory(const PathContext& context,
                                          std::string_view path) noexcept {
        Walk walk(tree_, heap_, context, path);
        TRY(walk.to_last());
        if (!walk.last_is_name()) {
            return fail(walk.last() == "."    ? Errc::invalid_argument
                        : walk.last() == ".." ? Errc::not_empty
                                              : Errc::busy);
        }
        return remove(walk, context, true);
    }

    /// Atomic within a file system. Errors: cross_device, busy, exists, not_empty, is_directory,
    /// not_directory, invalid_argument (a directory into itself), not_permitted (sticky).
    [[nodiscard]] Status rename(const PathContext& from, std::string_view old_path,
                                const PathContext& to, std::string_view new_path,
                                RenameRule rule) noexcept {
        Walk source(tree_, heap_, from, old_path);
        Walk target(tree_, heap_, to, new_path);
        TRY(source.to_last());
        TRY(target.to_last());
        if (&source.mount() != &target.mount()) {
            return fail(Errc::cross_device);
        }
        if (!source.last_is_name()) {
            return fail(Errc::busy);
        }
        if (!target.last_is_name()) {
            return fail(rule == RenameRule::keep ? Errc::exists : Errc::busy);
        }
        const MountWriter writer(source.mount());
        for (;;) {
            Ref<Vnode> node, there;
            TRY(check_rename(writer, source, from, target, to, rule, node, there));
            if (node == there) {
                return {};
            }
            const auto version = tree_.names.version();
            const Status renamed =
                source.directory().rename({.name = source.last(),
                                           .node = *node,
                                           .new_parent = target.directory(),
                                           .new_name = target.last(),
                                           .replaced = there.get(),
                                           .exchange = rule == RenameRule::exchange});
            if (renamed) {
                remember(version, target, *node);
            } else {
                tree_.names.forget(target.directory(), target.last());
            }
            tree_.names.forget(source.directory(), source.last());
            if (renamed && there && rule == RenameRule::exchange) {
                paths_.keep_name(*there, source.directory(), source.last());
            } else if (renamed && there) {
                name_has_gone(target, *there);
            }
            if (renamed) {
                has_moved(source, target, *node, there.get(), rule == RenameRule::exchange);
            }
            if (renamed || renamed.error() != Errc::stale) {
                return renamed;
            }
        }
    }

private:
    using Walk = PathWalk<Heap, Lock>;

    /// Walks to a last component that may become a new name.
    [[nodiscard]] static Status to_free_name(Walk& walk, bool is_directory) noexcept {
        TRY(walk.to_last());
        if (!walk.last_is_name()) {
            return fail(Errc::exists);
        }
        const Result<Place> there = walk.look_up_last();
        if (there) {
            return fail(Errc::exists);
        }
        if (there.error() != Errc::not_found ||
            !walk.directory().file_system().names_are_stable()) {
            return fail(there.error());  // what comes and goes by itself cannot be made
        }
        return walk.has_trailing_slash() && !is_directory ? Status(fail(Errc::not_found))
                                                          : Status();
    }
    [[nodiscard]] static Status check_writable_directory(const Walk& walk,
                                                         const MountWriter& writer) noexcept {
        TRY(writer.status());
        if (walk.is_read_only()) {
            return fail(Errc::read_only);
        }
        return walk.check(walk.directory(), Access::write);
    }
    [[nodiscard]] static NameAt name_of(Walk& walk) noexcept {
        return {walk.directory(), walk.last()};
    }
    void has_moved(Walk& source, Walk& target, Vnode& node, Vnode* there, bool exchange) noexcept {
        node.has_lost_name();
        if (there != nullptr) {
            there->has_lost_name();
        }
        if (ChangeListener* const hearer = tree_.hearer()) {
            tell_moved(*hearer, name_of(source), name_of(target), node, exchange ? nullptr : there);
            if (exchange) {
                tell_moved(*hearer, name_of(target), name_of(source), *there, nullptr);
            }
        }
    }
    void remember(typename NameCache<Lock>::Version version, Walk& walk, Vnode& node) noexcept {
        if (may_remember_names(walk.directory().file_system())) {
            tree_.names.replace(version, walk.directory(), walk.last(), node);
        }
    }

    [[nodiscard]] Status remove(Walk& walk, const PathContext& context, bool is_rmdir) noexcept {
        const MountWriter writer(walk.mount());
        TRY(writer.status());
        if (walk.is_read_only()) {
            return fail(Errc::read_only);
        }
        for (;;) {
            Place found = TRY(walk.look_up_last());
            Ref<Vnode>& node = found.node;
            const bool is_directory = node->type() == NodeType::directory;
            if (!is_rmdir && walk.has_trailing_slash()) {
                return fail(is_directory ? Errc::is_directory : Errc::not_directory);
            }
            TRY(check_removable(walk, writer, context, *node));
            if (is_directory != is_rmdir) {
                return fail(is_rmdir ? Errc::not_directory : Errc::is_directory);
            }
            TRY(check_not_mounted(walk, found));
            const Status removed = walk.directory().unlink(walk.last(), *node);
            tree_.names.forget(walk.directory(), walk.last());
            if (removed || removed.error() != Errc::stale) {
                if (removed) {
                    name_has_gone(walk, *node);
                    node->has_lost_name();
                    if (ChangeListener* const hearer = tree_.hearer()) {
                        tell_removed(*hearer, name_of(walk), std::move(node));
                    }
                }
                return removed;
            }
        }
    }

    /// Finds what is to be moved and what is in the way (null: nothing), if `rule` and permissions
    /// allow it.
    [[nodiscard]] static Status check_rename(const MountWriter& writer, Walk& source,
                                             const PathContext& from, Walk& target,
                                             const PathContext& to, RenameRule rule,
                                             Ref<Vnode>& node, Ref<Vnode>& there) noexcept {
        TRY(writer.status());
        if (source.is_read_only()) {
            return fail(Errc::read_only);
        }
        const Place old_place = TRY(source.look_up_last());
        node = old_place.node;
        Place new_place;
        if (Result<Place> found = target.look_up_last()) {
            new_place = std::move(*found);
            there = new_place.node;
        } else if (found.error() != Errc::not_found || rule == RenameRule::exchange) {
            return fail(found.error());
        }
        if (there && rule == RenameRule::keep) {
            return fail(Errc::exists);
        }
        TRY(check_slashes(source, target, *node, there.get(), rule));
        if (node == there) {
            return {};
        }
        TRY(check_removable(source, writer, from, *node));
        TRY(check_writable_directory(target, writer));
        if (there) {
            TRY(check_removable(target, writer, to, *there));
            const bool is_directory = node->type() == NodeType::directory;
            const bool into_directory = there->type() == NodeType::directory;
            if (rule != RenameRule::exchange && is_directory != into_directory) {
                return fail(is_directory ? Errc::not_directory : Errc::is_directory);
            }
            TRY(check_not_mounted(target, new_place));
        }
        TRY(check_not_mounted(source, old_place));
        if (&source.directory() != &target.directory()) {
            TRY(check_new_parent(source, *node));
            if (rule == RenameRule::exchange) {
                TRY(check_new_parent(target, *there));
            }
        }
        return {};
    }
    /// What a slash behind a name means, and the directories that a name cannot be moved over.
    [[nodiscard]] static Status check_slashes(const Walk& source, const Walk& target, Vnode& node,
                                              Vnode* there, RenameRule rule) noexcept {
        const bool exchange = rule == RenameRule::exchange;
        if (node.type() != NodeType::directory &&
            (source.has_trailing_slash() || (!exchange && target.has_trailing_slash()))) {
            return fail(Errc::not_directory);
        }
        if (exchange && there->type() != NodeType::directory && target.has_trailing_slash()) {
            return fail(Errc::not_directory);
        }
        if (TRY(is_inside(target.directory(), node))) {
            return fail(Errc::invalid_argument);
        }
        if (there != nullptr && TRY(is_inside(source.directory(), *there))) {
            return fail(exchange ? Errc::invalid_argument : Errc::not_empty);
        }
        return {};
    }
    /// Is `top` the directory `below`, or above it in the same file system? A removed directory is
    /// nowhere.
    [[nodiscard]] static Result<bool> is_inside(Vnode& below, const Vnode& top) noexcept {
        if (top.type() != NodeType::directory) {
            return false;
        }
        Ref<Vnode> at = Ref<Vnode>::share(below);
        while (at.get() != &top) {
            Result<Ref<Vnode>> up = at->parent();
            if (!up && up.error() != Errc::not_found) {
                return fail(up.error());
            }
            if (!up || *up == at) {
                return false;
            }
            at = std::move(*up);
        }
        return true;
    }

    /// May this name be taken from `node`? The directory is writable, and its sticky bit does not
    /// forbid it.
    [[nodiscard]] static Status check_removable(const Walk& walk, const MountWriter& writer,
                                                const PathContext& context, Vnode& node) noexcept {
        TRY(check_writable_directory(walk, writer));
        if (context.credentials.is_root()) {
            return {};
        }
        return check_sticky(context.credentials, TRY(walk.directory().attributes()),
                            TRY(node.attributes()));
    }
    /// Something is mounted on the name if what is found there is in another mount; in whatever
    /// mount the node is a mount point, it stays.
    [[nodiscard]] static Status check_not_mounted(const Walk& walk, const Place& found) noexcept {
        return found.mount.get() == &walk.mount() && !found.node->is_mount_point()
                   ? Status()
                   : Status(fail(Errc::busy));
    }
    /// A directory that moves to another one gets a new "..": that is a write to it.
    [[nodiscard]] static Status check_new_parent(const Walk& walk, Vnode& node) noexcept {
        return node.type() == NodeType::directory ? walk.check(node, Access::write) : Status();
    }
    /// The cache has forgotten the name. What it knows inside of a removed directory is worth
    /// nothing.
    void name_has_gone(Walk& walk, Vnode& node) noexcept {
        if (node.type() == NodeType::directory) {
            tree_.names.purge([&](const Vnode& d, const Vnode*) { return &d == &node; });
        }
        paths_.name_has_gone(node, walk.directory(), walk.last());
    }

    NameTree<Lock>& tree_;
    Heap& heap_;
    PathKeeper<Heap, Lock> paths_{tree_, heap_};
};

}  // namespace kidney::fs
