/// The virtual file system: the calls that take a path.
///
/// File systems know nodes and single names; this file knows paths, mounts, permissions and the
/// name cache. Where the whole walk is in `PathWalk`, each function here is what POSIX says about
/// the last component; who may is in permission_rules.hpp. Calls on an open file go to the `File`
/// itself.
#pragma once

#include "fs/vfs/open_flags.hpp"
#include "fs/vfs/path_of.hpp"
#include "fs/vfs/path_walk.hpp"
#include "fs/vfs/permission_rules.hpp"
#include "fs/vfs/plain_file.hpp"
#include "fs/vfs/special_files.hpp"
#include "kidney/mm/make.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// Concurrency: any thread. `FileLock` is the position lock of open files, `Lock` guards the mount
/// table and the name cache; neither is held while a file system works.
template <mm::ObjectAllocator Heap, BasicLockable FileLock, BasicLockable Lock>
class Vfs {
public:
    explicit Vfs(Heap& heap) noexcept : heap_(heap) {}
    ~Vfs() { unmount_all(); }
    Vfs(const Vfs&) = delete;
    Vfs& operator=(const Vfs&) = delete;

    // Mounts.
    /// The first mount. Errors as MountTable::add().
    [[nodiscard]] Status mount_root(FileSystem& file_system, const char* source) noexcept {
        return tree_.mounts.add(file_system, nullptr, source);
    }
    [[nodiscard]] Status mount(const PathContext& context, std::string_view path,
                               FileSystem& file_system, const char* source) noexcept {
        return tree_.mounts.add(file_system, TRY(node_at(context, path, true)), source);
    }
    /// The root directory; call it only when there is one.
    [[nodiscard]] Ref<Vnode> root() const noexcept { return tree_.mounts.root(); }
    [[nodiscard]] const MountTable<Lock>& mounts() const noexcept { return tree_.mounts; }
    /// Lets every file system write back. Returns the first error, after trying all.
    [[nodiscard]] Status sync() noexcept { return tree_.mounts.sync(); }
    /// At shutdown: forgets every name and every mount.
    void unmount_all() noexcept {
        forget_names();
        for (std::size_t n = 0; n < MountTable<Lock>::capacity; ++n) {
            static_cast<void>(tree_.mounts.remove(n));
        }
    }
    /// When memory is short: lets go of every node that only the name cache holds.
    void forget_names() noexcept {
        tree_.names.purge([](const Vnode&, const Vnode*) { return true; });
    }
    /// Who opens device nodes and named pipes; without it they are no_device.
    void set_special_files(SpecialFiles& special) noexcept { special_ = &special; }

    // Looking.
    /// The node at `path`. `follow`: the last component may be a symbolic link to it.
    [[nodiscard]] Result<Ref<Vnode>> node_at(const PathContext& context, std::string_view path,
                                             bool follow) noexcept {
        return Walk(tree_, heap_, context, path).to_node(follow);
    }
    [[nodiscard]] Result<Attributes> attributes(const PathContext& context, std::string_view path,
                                                bool follow) noexcept {
        return TRY(node_at(context, path, follow))->attributes();
    }
    /// access(2): may these credentials do that? Error also: read_only.
    [[nodiscard]] Status access(const PathContext& context, std::string_view path, Access wanted,
                                bool follow) noexcept {
        const Ref<Vnode> node = TRY(node_at(context, path, follow));
        const Attributes attributes = TRY(node->attributes());
        if (includes(wanted, Access::write) && is_data(attributes.type) &&
            node->file_system().is_read_only()) {
            return fail(Errc::read_only);
        }
        return check_access(attributes, context.credentials, wanted);
    }
    [[nodiscard]] Result<std::size_t> read_link(const PathContext& context, std::string_view path,
                                                std::span<char> to) noexcept {
        return TRY(node_at(context, path, false))->read_link(to);
    }
    /// The path of a directory, or of a file whose name is remembered, as seen from `root`; written
    /// to the end of `to`. Errors: not_found (removed, or outside of root), out_of_range (too
    /// long).
    [[nodiscard]] Result<std::string_view> path_of(Vnode& root, Vnode& node,
                                                   std::span<char> to) noexcept {
        return fs::path_of(tree_, root, node, to);
    }

    // Opening.
    /// `permissions` (umask applied) are those of a file that this call creates.
    [[nodiscard]] Result<Ref<File>> open(const PathContext& context, std::string_view path,
                                         const OpenFlags& flags, Permissions permissions) noexcept {
        Walk walk(tree_, heap_, context, path);
        bool created = false;
        const Ref<Vnode> node =
            flags.create ? TRY(open_or_create(walk, context, flags, permissions, created))
                         : TRY(open_existing(walk, flags));
        const NodeType type = node->type();
        if (type == NodeType::directory && (flags.mode.write || flags.create || flags.truncate)) {
            return fail(Errc::is_directory);
        }
        if (type != NodeType::directory && flags.directory) {
            return fail(Errc::not_directory);
        }
        if (!created) {
            TRY(check_open(walk, *node, flags));
        }
        if (flags.truncate && type == NodeType::regular && !created) {
            const auto left = permissions_after_write(context.credentials, TRY(node->attributes()));
            TRY(node->set_attributes({.permissions = left, .size = 0}));
        }
        return open_node(node, flags.mode);
    }
    /// An open file on a node that is already known; permissions are not checked.
    [[nodiscard]] Result<Ref<File>> open_node(Ref<Vnode> node, OpenMode mode) noexcept {
        if (Ref<File> own = TRY(node->open(mode))) {
            return own;
        }
        switch (node->type()) {
            case NodeType::regular:
            case NodeType::directory:
                return Ref<File>(TRY(mm::make_ref<Plain>(heap_, heap_, std::move(node), mode)));
            case NodeType::character:
            case NodeType::block:
            case NodeType::fifo:
                if (special_ != nullptr) {
                    return special_->open_special(*node, TRY(node->attributes()), mode);
                }
                return fail(Errc::no_device);
            case NodeType::symlink:
                return fail(Errc::too_many_symlinks);
            case NodeType::socket:
                return fail(Errc::no_device);
        }
        return fail(Errc::no_device);
    }

    // Making names. `node.permissions` has the umask applied; owner and group are filled in here.
    /// mkdir, mknod and symlink (which sets node.target). Errors: exists, and as in PathWalk.
    [[nodiscard]] Status make_node(const PathContext& context, std::string_view path,
                                   NewNode node) noexcept {
        Walk walk(tree_, heap_, context, path);
        TRY(walk.to_last());
        TRY(check_free(walk));
        if (walk.has_trailing_slash() && node.type != NodeType::directory) {
            return fail(Errc::not_found);
        }
        return TRY(create_in(walk, context, node)) ? Status() : Status(fail(Errc::io_error));
    }
    /// A second name `new_path` for `old_path`. `follow` concerns a symbolic link at old_path.
    [[nodiscard]] Status link(const PathContext& from, std::string_view old_path,
                              const PathContext& to, std::string_view new_path,
                              bool follow) noexcept {
        const Ref<Vnode> node = TRY(node_at(from, old_path, follow));
        Walk walk(tree_, heap_, to, new_path);
        TRY(walk.to_last());
        TRY(check_free(walk));
        if (walk.has_trailing_slash()) {
            return fail(Errc::not_found);
        }
        if (&node->file_system() != &walk.directory().file_system()) {
            return fail(Errc::cross_device);
        }
        if (node->type() == NodeType::directory) {
            return fail(Errc::not_permitted);
        }
        TRY(check_writable_directory(walk));
        const auto version = tree_.names.version();
        TRY(walk.directory().link(walk.last(), *node));
        remember(version, walk, *node);
        return {};
    }

    // Removing names.
    [[nodiscard]] Status unlink(const PathContext& context, std::string_view path) noexcept {
        Walk walk(tree_, heap_, context, path);
        TRY(walk.to_last());
        if (!walk.last_is_name()) {
            return fail(Errc::is_directory);
        }
        const Ref<Vnode> node = TRY(removable(walk, context));
        if (walk.has_trailing_slash()) {
            return fail(node->type() == NodeType::directory ? Errc::is_directory
                                                            : Errc::not_directory);
        }
        TRY(walk.directory().unlink(walk.last(), false));
        tree_.names.forget(walk.directory(), walk.last());
        return {};
    }
    [[nodiscard]] Status remove_directory(const PathContext& context,
                                          std::string_view path) noexcept {
        Walk walk(tree_, heap_, context, path);
        TRY(walk.to_last());
        if (!walk.last_is_name()) {
            return fail(walk.last() == "."    ? Errc::invalid_argument
                        : walk.last() == ".." ? Errc::not_empty
                                              : Errc::busy);
        }
        const Ref<Vnode> node = TRY(removable(walk, context));
        TRY(walk.directory().unlink(walk.last(), true));
        tree_.names.forget(walk.directory(), walk.last());
        forget_inside(*node);
        return {};
    }
    /// Atomic within a file system; replaces what is at `new_path` unless `keep_existing`.
    [[nodiscard]] Status rename(const PathContext& from, std::string_view old_path,
                                const PathContext& to, std::string_view new_path,
                                bool keep_existing = false) noexcept {
        Walk source(tree_, heap_, from, old_path);
        Walk target(tree_, heap_, to, new_path);
        TRY(source.to_last());
        TRY(target.to_last());
        if (!source.last_is_name() || !target.last_is_name()) {
            return fail(Errc::busy);
        }
        if (&source.directory().file_system() != &target.directory().file_system()) {
            return fail(Errc::cross_device);
        }
        const Ref<Vnode> node = TRY(removable(source, from));
        if ((source.has_trailing_slash() || target.has_trailing_slash()) &&
            node->type() != NodeType::directory) {
            return fail(Errc::not_directory);
        }
        Ref<Vnode> replaced;
        if (auto there = target.look_up_last(); there) {
            if (keep_existing) {
                return fail(Errc::exists);
            }
            replaced = TRY(removable(target, to));
        } else if (there.error() != Errc::not_found) {
            return fail(there.error());
        }
        TRY(check_writable_directory(target));
        TRY(source.directory().rename(source.last(), target.directory(), target.last()));
        tree_.names.forget(source.directory(), source.last());
        tree_.names.forget(target.directory(), target.last());
        if (replaced && replaced != node && replaced->type() == NodeType::directory) {
            forget_inside(*replaced);
        }
        return {};
    }

    // Changing attributes.
    /// chmod, chown, utimes and truncate on a path. Errors: not_permitted, permission_denied,
    /// read_only, is_directory (truncate).
    [[nodiscard]] Status change(const PathContext& context, std::string_view path, bool follow,
                                const AttributeChange& change_, bool times_are_now) noexcept {
        return change_node(context.credentials, *TRY(node_at(context, path, follow)), change_,
                           times_are_now);
    }
    /// The same for an open file. (ftruncate() sets the size on the Vnode itself: the right to do
    /// that came with opening it for writing.)
    [[nodiscard]] Status change_node(const Credentials& who, Vnode& node, AttributeChange change_,
                                     bool times_are_now) noexcept {
        TRY(check_change(who, TRY(node.attributes()), change_, times_are_now));
        return node.set_attributes(change_);
    }

private:
    using Walk = PathWalk<Heap, Lock>;
    using Plain = PlainFile<Heap, FileLock>;

    /// Types whose bytes live in the file system itself.
    [[nodiscard]] static constexpr bool is_data(NodeType type) noexcept {
        return type == NodeType::regular || type == NodeType::directory ||
               type == NodeType::symlink;
    }

    /// Success: there is no such name yet, and there may be one.
    [[nodiscard]] static Status check_free(Walk& walk) noexcept {
        if (!walk.last_is_name()) {
            return fail(Errc::exists);
        }
        const Result<Ref<Vnode>> there = walk.look_up_last();
        if (there) {
            return fail(Errc::exists);
        }
        return there.error() == Errc::not_found ? Status() : Status(fail(there.error()));
    }

    [[nodiscard]] static Result<Ref<Vnode>> open_existing(Walk& walk,
                                                          const OpenFlags& flags) noexcept {
        Ref<Vnode> node = TRY(walk.to_node(!flags.no_follow));
        if (node->type() == NodeType::symlink) {
            return fail(flags.directory ? Errc::not_directory : Errc::too_many_symlinks);
        }
        return node;
    }
    [[nodiscard]] Result<Ref<Vnode>> open_or_create(Walk& walk, const PathContext& context,
                                                    const OpenFlags& flags, Permissions permissions,
                                                    bool& created) noexcept {
        for (;;) {
            TRY(walk.to_last());
            Result<Ref<Vnode>> there = walk.look_up_last();
            if (there) {
                if (flags.exclusive) {
                    return fail(Errc::exists);
                }
                if ((*there)->type() == NodeType::symlink) {
                    if (flags.no_follow) {
                        return fail(Errc::too_many_symlinks);
                    }
                    TRY(walk.expand(**there));
                    continue;
                }
                if (walk.has_trailing_slash() && walk.last_is_name()) {
                    return fail((*there)->type() == NodeType::directory ? Errc::is_directory
                                                                        : Errc::not_directory);
                }
                return there;
            }
            if (there.error() != Errc::not_found) {
                return there;
            }
            if (walk.has_trailing_slash()) {
                return fail(Errc::is_directory);
            }
            there =
                create_in(walk, context, {.type = NodeType::regular, .permissions = permissions});
            if (!there && there.error() == Errc::exists && !flags.exclusive) {
                tree_.names.forget(walk.directory(), walk.last());
                return walk.look_up_last();  // somebody else was faster
            }
            created = there.has_value();
            return there;
        }
    }
    [[nodiscard]] Status check_open(const Walk& walk, Vnode& node,
                                    const OpenFlags& flags) const noexcept {
        if ((flags.mode.write || flags.truncate) && is_data(node.type()) &&
            node.file_system().is_read_only()) {
            return fail(Errc::read_only);
        }
        Access wanted = flags.mode.read ? Access::read : Access::exists;
        if (flags.mode.write || flags.truncate) {
            wanted = wanted | Access::write;
        }
        return wanted == Access::exists ? Status() : walk.check(node, wanted);
    }
    [[nodiscard]] static Status check_writable_directory(const Walk& walk) noexcept {
        if (walk.directory().file_system().is_read_only()) {
            return fail(Errc::read_only);
        }
        return walk.check(walk.directory(), Access::write);
    }

    /// Creates the last component of `walk`, owned as give_owner() says.
    [[nodiscard]] Result<Ref<Vnode>> create_in(Walk& walk, const PathContext& context,
                                               NewNode node) noexcept {
        TRY(check_writable_directory(walk));
        give_owner(node, context.credentials, TRY(walk.directory().attributes()));
        const auto version = tree_.names.version();
        Ref<Vnode> made = TRY(walk.directory().create(walk.last(), node));
        remember(version, walk, *made);
        return made;
    }
    void remember(typename NameCache<Lock>::Version version, Walk& walk, Vnode& node) noexcept {
        if (walk.directory().file_system().names_are_stable()) {
            tree_.names.replace(version, walk.directory(), walk.last(), node);
        }
    }
    /// The last component, if its name may be taken away: the directory is writable, its sticky bit
    /// does not forbid it, and nothing is mounted there.
    [[nodiscard]] static Result<Ref<Vnode>> removable(Walk& walk,
                                                      const PathContext& context) noexcept {
        Ref<Vnode> node = TRY(walk.look_up_last());
        // A mounted root has another file system than the directory that its mount point is in.
        if (&node->file_system() != &walk.directory().file_system()) {
            return fail(Errc::busy);
        }
        TRY(check_writable_directory(walk));
        if (!context.credentials.is_root()) {
            TRY(check_sticky(context.credentials, TRY(walk.directory().attributes()),
                             TRY(node->attributes())));
        }
        return node;
    }
    /// A removed directory is empty; what the cache knows about it is that names do not exist.
    void forget_inside(const Vnode& directory) noexcept {
        tree_.names.purge([&](const Vnode& d, const Vnode*) { return &d == &directory; });
    }

    Heap& heap_;
    NameTree<Lock> tree_;
    SpecialFiles* special_ = nullptr;
};

}  // namespace kidney::fs
