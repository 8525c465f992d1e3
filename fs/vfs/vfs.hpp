/// The virtual file system: the calls that take a path.
///
/// File systems know nodes and single names; this file knows paths, mounts, permissions and names.
/// The whole walk is in `PathWalk`, each function here is what POSIX says about the last component;
/// who may is in permission_rules.hpp. Calls on an open file go to the `File` itself.
#pragma once

#include "fs/vfs/attribute_changes.hpp"
#include "fs/vfs/mounting.hpp"
#include "fs/vfs/name_changes.hpp"
#include "fs/vfs/open_flags.hpp"
#include "fs/vfs/path_file.hpp"
#include "fs/vfs/path_of.hpp"
#include "fs/vfs/path_walk.hpp"
#include "fs/vfs/permission_rules.hpp"
#include "fs/vfs/plain_file.hpp"
#include "fs/vfs/special_files.hpp"
#include "kidney/mm/make.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// Concurrency: any thread. `FileLock` is that of open files, `Lock` guards mounts and names;
/// neither is held while a file system works.
template <mm::ObjectAllocator Heap, BasicLockable FileLock, BasicLockable Lock>
class Vfs {
public:
    explicit Vfs(Heap& heap) noexcept : heap_(heap) {}
    ~Vfs() { unmount_all(); }
    Vfs(const Vfs&) = delete;
    Vfs& operator=(const Vfs&) = delete;

    // Mounts: Mounting, in mounting.hpp.
    [[nodiscard]] Status mount_root(FileSystem& file_system, std::string_view source,
                                    const MountFlags& flags = {}) noexcept {
        return mounting_.mount_root(file_system, flags, source);
    }
    [[nodiscard]] Status mount(const PathContext& context, std::string_view path,
                               FileSystem& file_system, std::string_view source,
                               const MountFlags& flags = {}) noexcept {
        return mounting_.mount(context, path, file_system, flags, source);
    }
    [[nodiscard]] Mounting<Heap, Lock>& mounting() noexcept { return mounting_; }
    [[nodiscard]] MountTable<Lock>& mounts() noexcept { return tree_.mounts; }
    /// The root of the tree. There must be one.
    [[nodiscard]] Place root() noexcept { return tree_.mounts.root(); }
    /// Every file system writes back. Returns the first error, after trying all.
    [[nodiscard]] Status sync() noexcept { return mounting_.sync(); }
    void unmount_all() noexcept { mounting_.unmount_all(); }
    /// Lets go of every node that only the name cache holds.
    void forget_names() noexcept { mounting_.forget_names(); }
    /// Who gives or takes a name past the calls with a path has it forgotten.
    [[nodiscard]] NameTree<Lock>& tree() noexcept { return tree_; }
    /// Who opens device nodes and named pipes; without it they are no_device.
    void set_special_files(SpecialFiles& special) noexcept { special_ = &special; }

    // Looking.
    /// The node at `path`. `follow`: the last component may be a symbolic link to it.
    [[nodiscard]] Result<Ref<Vnode>> node_at(const PathContext& context, std::string_view path,
                                             bool follow) noexcept {
        return Walk(tree_, heap_, context, path).to_node(follow);
    }
    /// The same, and in which mount it is seen.
    [[nodiscard]] Result<Place> place_at(const PathContext& context, std::string_view path,
                                         bool follow) noexcept {
        return Walk(tree_, heap_, context, path).to_place(follow);
    }
    [[nodiscard]] Result<Attributes> attributes(const PathContext& context, std::string_view path,
                                                bool follow) noexcept {
        return TRY(node_at(context, path, follow))->attributes();
    }
    /// access(2): may these credentials do that? Error also: read_only.
    [[nodiscard]] Status access(const PathContext& context, std::string_view path, Access wanted,
                                bool follow) noexcept {
        const Place place = TRY(place_at(context, path, follow));
        const Attributes attributes = TRY(place.node->attributes());
        if (includes(wanted, Access::write) && is_data(attributes.type) && place.is_read_only()) {
            return fail(Errc::read_only);
        }
        if (includes(wanted, Access::execute) && attributes.type == NodeType::regular &&
            place.mount->flags().no_execute) {
            return fail(Errc::permission_denied);
        }
        return check_access(attributes, context.credentials, wanted);
    }
    [[nodiscard]] Result<std::size_t> read_link(const PathContext& context, std::string_view path,
                                                std::span<char> to) noexcept {
        return TRY(node_at(context, path, false))->read_link(to);
    }
    /// As seen from `root`, at the end of `to`. Errors: not_found, out_of_range (too long).
    [[nodiscard]] Result<std::string_view> path_of(const Place& root, const Place& place,
                                                   std::span<char> to) noexcept {
        return changes_.paths().path_of(root, place, to);
    }
    [[nodiscard]] PathKeeper<Heap, Lock>& paths() noexcept { return changes_.paths(); }

    // Opening.
    /// `permissions` (umask applied) are those of a file that this call creates. Nothing is created
    /// or truncated unless the file is opened, too.
    [[nodiscard]] Result<Ref<File>> open(const PathContext& context, std::string_view path,
                                         const OpenFlags& flags, Permissions permissions) noexcept {
        Walk walk(tree_, heap_, context, path);
        Room room(heap_);
        if (flags.mode.path) {
            return open_path(walk, flags);
        }
        if (flags.unnamed) {
            return open_unnamed(walk, context, flags, permissions);
        }
        bool created = false;
        if (flags.create) {
            TRY(room.reserve());
        }
        Place place = flags.create ? TRY(open_or_create(walk, context, flags, permissions, created))
                                   : TRY(walk.to_place(!flags.no_follow));
        const NodeType type = place.node->type();
        if (type == NodeType::symlink) {
            return fail(flags.directory ? Errc::not_directory : Errc::too_many_symlinks);
        }
        if (type == NodeType::directory &&
            (flags.mode.write || flags.control || flags.create || flags.truncate)) {
            return fail(Errc::is_directory);
        }
        if (type != NodeType::directory && flags.directory) {
            return fail(Errc::not_directory);
        }
        if (!created) {
            TRY(check_open(walk, place, flags));
        }
        Vnode& node = *place.node;  // which the file keeps then
        const bool truncates = flags.truncate && type == NodeType::regular && !created;
        Ref<File> file = TRY(open_place(std::move(place), flags.mode, truncates, room));
        if (truncates) {
            TRY(attributes_.change_size(context.credentials, walk.named(node), 0));
        }
        has_opened(*file, &walk, node);
        return file;
    }
    /// An open file on a node that is already known; permissions are not checked. Error also:
    /// text_busy.
    [[nodiscard]] Result<Ref<File>> open_node(Ref<Vnode> node, OpenMode mode) noexcept {
        Room room(heap_);
        return open_node(std::move(node), mode, room);
    }

    // Making, moving and removing names: NameChanges, in name_changes.hpp.
    [[nodiscard]] Status make_node(const PathContext& context, std::string_view path,
                                   const NewNode& node, Place* made = nullptr) noexcept {
        return changes_.make_node(context, path, node, made);
    }
    [[nodiscard]] Status link(const PathContext& from, std::string_view old_path,
                              const PathContext& to, std::string_view new_path,
                              bool follow) noexcept {
        return link(TRY(place_at(from, old_path, follow)), to, new_path);
    }
    /// Error also: cross_device (the file never had a name, or not in a mount).
    [[nodiscard]] Status link(const Place& place, const PathContext& to,
                              std::string_view new_path) noexcept {
        return place.mount ? changes_.link(*place.mount, *place.node, to, new_path)
                           : Status(fail(Errc::cross_device));
    }
    [[nodiscard]] Status unlink(const PathContext& context, std::string_view path) noexcept {
        return changes_.unlink(context, path);
    }
    [[nodiscard]] Status remove_directory(const PathContext& context,
                                          std::string_view path) noexcept {
        return changes_.remove_directory(context, path);
    }
    [[nodiscard]] Status rename(const PathContext& from, std::string_view old_path,
                                const PathContext& to, std::string_view new_path,
                                RenameRule rule = RenameRule::replace) noexcept {
        return changes_.rename(from, old_path, to, new_path, rule);
    }

    // Changing attributes.
    /// chmod, chown, utimes and truncate on a path; on open files: AttributeChanges, in
    /// attribute_changes.hpp. Errors: not_permitted, permission_denied, read_only, is_directory and
    /// text_busy (truncate).
    [[nodiscard]] Status change(const PathContext& context, std::string_view path, bool follow,
                                const AttributeChange& change_, bool times_are_now) noexcept {
        Walk walk(tree_, heap_, context, path);
        const Place place = TRY(walk.to_place(follow));
        return attributes_.change(context.credentials, place.mount.get(), walk.named(*place.node),
                                  change_, times_are_now);
    }
    [[nodiscard]] AttributeChanges<Lock>& attribute_changes() noexcept { return attributes_; }

    // Telling of changes.
    /// From now on; with the first mount.
    void set_listener(ChangeListener& listener) noexcept { tree_.listener = &listener; }
    /// Whom changes of open files must be told; null: nobody.
    [[nodiscard]] ChangeListener* hearer() const noexcept { return tree_.hearer(); }

private:
    using Walk = PathWalk<Heap, Lock>;
    using Plain = PlainFile<Heap, FileLock>;

    /// Types whose bytes live in the file system itself.
    [[nodiscard]] static constexpr bool is_data(NodeType type) noexcept {
        return type == NodeType::regular || type == NodeType::directory ||
               type == NodeType::symlink;
    }

    /// Memory for a plain file, had before anything is done that cannot be taken back.
    class Room {
    public:
        explicit Room(Heap& heap) noexcept : heap_(heap) {}
        ~Room() {
            if (memory_ != nullptr) {
                mm::free_for<Plain>(heap_, memory_);
            }
        }
        Room(const Room&) = delete;
        Room& operator=(const Room&) = delete;
        [[nodiscard]] Status reserve() noexcept {
            memory_ = memory_ == nullptr ? TRY(mm::allocate_for<Plain>(heap_)) : memory_;
            return {};
        }
        [[nodiscard]] void* take() noexcept { return std::exchange(memory_, nullptr); }

    private:
        Heap& heap_;
        void* memory_ = nullptr;
    };

    /// Opens what was found by a path; the file belongs to the mount from then on. `truncates`: it
    /// is written even if the mode is not to write.
    [[nodiscard]] Result<Ref<File>> open_place(Place place, OpenMode mode, bool truncates,
                                               Room& room) noexcept {
        const NodeType type = place.node->type();
        if ((type == NodeType::character || type == NodeType::block) &&
            place.mount->flags().no_devices) {
            return fail(Errc::permission_denied);
        }
        std::optional<MountWriter> truncation;
        if (truncates) {
            TRY(truncation.emplace(*place.mount).status());
        }
        const bool writes = mode.write && is_data(type);
        if (writes) {
            TRY(place.mount->begin_writing());
        }
        Result<Ref<File>> file = open_node(std::move(place.node), mode, room);
        if (file) {
            (*file)->set_mount(std::move(place.mount), writes);
        } else if (writes) {
            place.mount->end_writing();
        }
        return file;
    }
    /// By the last component of `walk`, or by no name.
    void has_opened(File& file, const Walk* walk, Vnode& node) noexcept {
        if (tree_.listener == nullptr) {
            return;
        }
        std::string_view name;
        if (walk != nullptr && walk->last_is_name()) {
            name = walk->last();
            file.found() = {.directory = Ref<Vnode>::share(walk->directory()),
                            .lost_names = node.lost_names()};
        }
        tree_.listener->file_found(file, name);
        if (ChangeListener* const hearer = tree_.hearer()) {
            hearer->file_changed(file, Change::opened);
        }
    }
    [[nodiscard]] Result<Ref<File>> open_node(Ref<Vnode> node, OpenMode mode, Room& room) noexcept {
        if (Ref<File> own = TRY(node->open(mode))) {
            return own;
        }
        switch (node->type()) {
            case NodeType::regular:
            case NodeType::directory:
                TRY(room.reserve());
                if (mode.write) {
                    TRY(node->begin_writing());
                }
                return Ref<File>::adopt(::new (room.take()) Plain(heap_, std::move(node), mode));
            case NodeType::character:
            case NodeType::block:
            case NodeType::fifo:
                if (special_ != nullptr) {
                    return special_->open_special(*node, TRY(node->attributes()), mode);
                }
                break;
            case NodeType::symlink:
                return fail(Errc::too_many_symlinks);
            default:
                break;
        }
        return fail(Errc::no_device);
    }
    [[nodiscard]] Result<Ref<File>> open_path(Walk& walk, const OpenFlags& flags) noexcept {
        Place place = TRY(walk.to_place(!flags.no_follow));
        if (flags.directory && place.node->type() != NodeType::directory) {
            return fail(Errc::not_directory);
        }
        auto file = TRY(mm::make_ref<PathFile<Heap>>(heap_, heap_, place.node, flags.mode));
        file->set_mount(std::move(place.mount), false);
        return Ref<File>(std::move(file));
    }
    [[nodiscard]] Result<Ref<File>> open_unnamed(Walk& walk, const PathContext& context,
                                                 const OpenFlags& flags,
                                                 Permissions permissions) noexcept {
        Place place = TRY(walk.to_place(!flags.no_follow));
        const Ref<Vnode> directory = place.node;
        if (directory->type() != NodeType::directory) {
            return fail(Errc::not_directory);
        }
        if (place.is_read_only()) {
            return fail(Errc::read_only);
        }
        TRY(walk.check(*directory, Access::write | Access::execute));
        NewNode node{.type = NodeType::regular, .permissions = permissions};
        give_owner(node, context.credentials, TRY(directory->attributes()));
        Room room(heap_);
        place.node = TRY(directory->create_unnamed(node, !flags.exclusive));
        Vnode& made = *place.node;
        Ref<File> file = TRY(open_place(std::move(place), flags.mode, false, room));
        has_opened(*file, nullptr, made);
        return file;
    }

    [[nodiscard]] Result<Place> open_or_create(Walk& walk, const PathContext& context,
                                               const OpenFlags& flags, Permissions permissions,
                                               bool& created) noexcept {
        for (;;) {
            TRY(walk.to_last());
            if (walk.has_trailing_slash() && walk.last_is_name()) {
                return fail(Errc::is_directory);  // whatever is there
            }
            Place found = TRY(look_up_or_create(walk, context, flags, permissions, created));
            if (created) {
                return found;
            }
            if (flags.exclusive) {
                return fail(Errc::exists);
            }
            if (found.node->type() != NodeType::symlink) {
                return found;
            }
            if (flags.no_follow) {
                return fail(Errc::too_many_symlinks);
            }
            TRY(walk.follow_last(*found.node));
        }
    }
    /// What the last component names, made if there is nothing.
    [[nodiscard]] Result<Place> look_up_or_create(Walk& walk, const PathContext& context,
                                                  const OpenFlags& flags, Permissions permissions,
                                                  bool& created) noexcept {
        for (;;) {
            Result<Place> found = walk.look_up_last();
            if (found || found.error() != Errc::not_found) {
                return found;
            }
            Result<Ref<Vnode>> made = changes_.create_in(
                walk, context, {.type = NodeType::regular, .permissions = permissions});
            created = made.has_value();
            if (created) {
                return Place{Ref<Mount>::share(walk.mount()), std::move(*made)};
            }
            if (made.error() != Errc::exists || flags.exclusive) {
                return fail(made.error());
            }
            tree_.names.forget(walk.directory(), walk.last());  // somebody else was faster
        }
    }
    [[nodiscard]] Status check_open(const Walk& walk, const Place& place,
                                    const OpenFlags& flags) const noexcept {
        if ((flags.mode.write || flags.truncate) && is_data(place.node->type()) &&
            place.is_read_only()) {
            return fail(Errc::read_only);
        }
        Access wanted = flags.mode.read || flags.control ? Access::read : Access::exists;
        if (flags.mode.write || flags.truncate || flags.control) {
            wanted = wanted | Access::write;
        }
        return wanted == Access::exists ? Status() : walk.check(*place.node, wanted);
    }
    Heap& heap_;
    NameTree<Lock> tree_;
    NameChanges<Heap, Lock> changes_{tree_, heap_};
    AttributeChanges<Lock> attributes_{tree_};
    Mounting<Heap, Lock> mounting_{tree_, heap_};
    SpecialFiles* special_ = nullptr;
};

}  // namespace kidney::fs
