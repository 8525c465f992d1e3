/// From a path to a node: the walk that every call with a path begins with.
///
/// A walk stops in front of the last component, because open, mkdir, unlink and rename each do
/// something else with it. Nothing is recursive: a symbolic link puts its target in front of the
/// rest of the path, and the walk goes on.
#pragma once

#include "fs/vfs/credentials.hpp"
#include "fs/vfs/mount_table.hpp"
#include "fs/vfs/name_cache.hpp"
#include "fs/vfs/permission_rules.hpp"
#include "kidney/fs/change_listener.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// What a walk must not do, beyond what permissions say (openat2).
struct WalkLimits {
    bool no_mounts = false;       ///< cross from one file system to another: cross_device
    bool no_symlinks = false;     ///< follow any link: too_many_symlinks
    bool no_magic_links = false;  ///< follow one that knows its target itself: too_many_symlinks
    bool beneath = false;         ///< leave the directory that it starts in: cross_device
    bool in_root = false;         ///< the same, but that directory is the root: PathContext::root
};

/// Where a walk starts and on whose behalf. The places must stay alive during the call.
struct [[gsl::Pointer]] PathContext {
    const Place& root;   ///< of the process: "/" and the end of ".."
    const Place& start;  ///< of relative paths: the current directory, or an open directory
    Credentials credentials;
    WalkLimits limits{};
};

/// What all walks share: the tree that the mounts make, and the memory of it.
template <BasicLockable Lock>
struct NameTree {
    MountTable<Lock> mounts;
    NameCache<Lock> names;
    ChangeListener* listener = nullptr;  ///< null: nobody hears of changes

    /// Whom a change must be told; null: nobody.
    [[nodiscard]] ChangeListener* hearer() const noexcept {
        return listener != nullptr && listener->is_listening() ? listener : nullptr;
    }
};

inline constexpr unsigned max_symlinks = 40;  ///< followed in one walk, as in Linux

/// One walk. Errors of its functions: not_found, not_directory, permission_denied, name_too_long,
/// too_many_symlinks, and whatever the file systems say.
template <mm::ObjectAllocator Heap, BasicLockable Lock>
class PathWalk {
public:
    /// `path` must outlive the walk.
    PathWalk(NameTree<Lock>& tree, Heap& heap, const PathContext& context,
             std::string_view path) noexcept
        : tree_(tree), heap_(heap), context_(context), rest_(path) {}
    ~PathWalk() {
        if (large_ != nullptr) {
            heap_.free(large_, large_bytes);
        }
    }
    PathWalk(const PathWalk&) = delete;
    PathWalk& operator=(const PathWalk&) = delete;

    /// Walks up to the directory of the last component.
    [[nodiscard]] Status to_last() noexcept {
        if (!at_) {
            TRY(begin());
        }
        for (;;) {
            const bool is_last = take_component();
            TRY(check_directory());
            if (is_last) {
                return {};
            }
            Place next = TRY(look_up(name_));
            if (next.node->type() == NodeType::symlink) {
                TRY(expand(*next.node));
            } else {
                at_ = std::move(next);
            }
        }
    }
    [[nodiscard]] Vnode& directory() const noexcept { return *at_.node; }
    /// In which the directory is seen.
    [[nodiscard]] Mount& mount() const noexcept { return *at_.mount; }
    /// Can names in the directory be changed?
    [[nodiscard]] bool is_read_only() const noexcept { return at_.is_read_only(); }
    /// The last component: empty for "/", else a name, "." or "..".
    [[nodiscard]] std::string_view last() const noexcept { return name_; }
    /// Can the last component be created or removed, or is it "/", "." or ".."?
    [[nodiscard]] bool last_is_name() const noexcept {
        return !name_.empty() && name_ != "." && name_ != "..";
    }
    /// Slashes behind the last component: it must be a directory, and a link there is followed.
    [[nodiscard]] bool has_trailing_slash() const noexcept { return !rest_.empty(); }

    /// `node`, which was found by the last component.
    [[nodiscard]] NamedNode named(Vnode& node) const noexcept {
        return last_is_name() ? NamedNode{node, &directory(), last()} : NamedNode{node};
    }

    /// What the last component names; a symbolic link is not followed.
    [[nodiscard]] Result<Place> look_up_last() noexcept { return look_up(name_); }

    /// Goes on where the symbolic link `link` points; then to_last() again.
    [[nodiscard]] Status expand(Vnode& link) noexcept {
        if (++links_ > max_symlinks || context_.limits.no_symlinks) {
            return fail(Errc::too_many_symlinks);
        }
        if (Ref<Vnode> target = TRY(link.follow())) {
            TRY(check_jump(*target));
            // Perhaps no directory: then it must be the last. Nodes that nobody mounted (a pipe's)
            // are where the link is.
            if (Ref<Mount> mount = tree_.mounts.mount_of(target->file_system())) {
                at_.mount = std::move(mount);
            }
            at_.node = std::move(target);
            return {};
        }
        TRY(prepend_target(link));
        if (rest_.front() == '/') {
            if (context_.limits.beneath ||
                (context_.limits.no_mounts && context_.root.mount != at_.mount)) {
                return fail(Errc::cross_device);
            }
            at_ = context_.root;
        }
        return {};
    }

    /// The same for the last component of a path that was asked for. Error also: permission_denied.
    [[nodiscard]] Status follow_last(Vnode& link) noexcept {
        TRY(check_follow(context_.credentials, TRY(directory().attributes()),
                         TRY(link.attributes())));
        return expand(link);
    }

    /// The whole walk, with the last component. `follow`: what if that is a symbolic link?
    [[nodiscard]] Result<Place> to_place(bool follow) noexcept {
        for (;;) {
            TRY(to_last());
            Place found = TRY(look_up_last());
            // A link that a link with follow() leads to (/proc/self/fd/3) is the end of it.
            if (found.node->type() == NodeType::symlink && (follow || has_trailing_slash()) &&
                !name_.empty()) {
                TRY(follow_last(*found.node));
                continue;
            }
            if (has_trailing_slash() && found.node->type() != NodeType::directory) {
                return fail(Errc::not_directory);
            }
            return found;
        }
    }
    [[nodiscard]] Result<Ref<Vnode>> to_node(bool follow) noexcept {
        return TRY(to_place(follow)).node;
    }

    /// Permission check on any node, without asking its attributes where the answer is clear.
    [[nodiscard]] Status check(Vnode& node, Access wanted) const noexcept {
        if (context_.credentials.is_root() && !includes(wanted, Access::execute)) {
            return {};
        }
        return check_attributes(node, wanted);
    }

private:
    [[gnu::noinline]] Status check_attributes(Vnode& node, Access wanted) const noexcept {
        return check_access(TRY(node.attributes()), context_.credentials, wanted);
    }
    static constexpr std::size_t large_bytes = 2 * max_path;

    [[nodiscard]] Status begin() noexcept {
        if (rest_.empty()) {
            return fail(Errc::not_found);
        }
        if (rest_.size() >= max_path) {
            return fail(Errc::name_too_long);
        }
        const bool absolute = rest_.front() == '/';
        if (absolute && context_.limits.beneath) {
            return fail(Errc::cross_device);
        }
        at_ = absolute ? context_.root : context_.start;
        return {};
    }
    [[nodiscard]] bool leaves_mount(const Vnode& target) const noexcept {
        return context_.limits.no_mounts && &target.file_system() != &directory().file_system();
    }
    /// May the walk go on at what a link with follow() means?
    [[nodiscard]] Status check_jump(const Vnode& target) const noexcept {
        const WalkLimits& limits = context_.limits;
        if (limits.no_magic_links) {
            return fail(Errc::too_many_symlinks);
        }
        return limits.beneath || limits.in_root || leaves_mount(target)
                   ? Status(fail(Errc::cross_device))
                   : Status();
    }

    /// Moves the next component from rest_ to name_. True if it is the last one.
    [[nodiscard]] bool take_component() noexcept {
        const char* const end = rest_.data() + rest_.size();
        const char* const begin = skip_slashes(rest_.data(), end);
        if (begin == end) {
            name_ = {};
            return true;
        }
        const char* at = begin;
        while (at != end && *at != '/') {
            ++at;
        }
        name_ = std::string_view(begin, static_cast<std::size_t>(at - begin));
        rest_ = std::string_view(at, static_cast<std::size_t>(end - at));
        return skip_slashes(at, end) == end;
    }
    [[nodiscard]] static const char* skip_slashes(const char* at, const char* end) noexcept {
        while (at != end && *at == '/') {
            ++at;
        }
        return at;
    }

    /// directory_ must be a directory, and searchable unless nothing is looked up in it.
    [[nodiscard]] Status check_directory() noexcept {
        if (directory().type() != NodeType::directory) {
            const bool is_target = name_.empty() && rest_.empty();  // of a link with follow()
            return is_target ? Status() : Status(fail(Errc::not_directory));
        }
        if (context_.credentials.is_root() || name_.empty()) {
            return {};
        }
        return check(directory(), Access::execute);
    }

    [[nodiscard]] Result<Place> look_up(std::string_view name) noexcept {
        if (name.empty() || name == ".") {
            return at_;
        }
        if (name == "..") {
            return parent();
        }
        if (name.size() > max_name) {
            return fail(Errc::name_too_long);
        }
        Ref<Vnode> node;
        if (auto known = tree_.names.find(directory(), name)) {
            if (!*known) {
                return fail(Errc::not_found);
            }
            node = std::move(*known);
        } else {
            node = TRY(ask_file_system(name));
        }
        Place found{at_.mount, std::move(node)};
        if (!found.node->is_mount_point()) [[likely]] {
            return found;
        }
        return cross(std::move(found));
    }
    [[nodiscard]] Result<Ref<Vnode>> ask_file_system(std::string_view name) noexcept {
        const auto version = tree_.names.version();
        Result<Ref<Vnode>> found = directory().lookup(name);
        if (may_remember_names(directory().file_system())) {
            if (found) {
                tree_.names.insert(version, directory(), name, found->get());
            } else if (found.error() == Errc::not_found) {
                tree_.names.insert(version, directory(), name, nullptr);
            }
        }
        return found;
    }
    /// To what is mounted there, if anything is in this mount.
    [[nodiscard]] Result<Place> cross(Place found) noexcept {
        Place above = tree_.mounts.covering(std::move(found));
        return context_.limits.no_mounts && above.mount != at_.mount
                   ? fail(Errc::cross_device)
                   : Result<Place>(std::move(above));
    }
    [[nodiscard]] Result<Place> parent() noexcept {
        Place at = at_;
        if (context_.limits.beneath && at == context_.start) {
            return fail(Errc::cross_device);
        }
        while (at != context_.root) {
            if (at.node.get() != &at.mount->root()) {
                Ref<Vnode> above = TRY(at.node->parent());
                return tree_.mounts.covering({std::move(at.mount), std::move(above)});
            }
            Place point = tree_.mounts.covered_by(at);
            if (!point) {
                break;  // the root of all, or of a mount that was taken away
            }
            if (context_.limits.no_mounts) {
                return fail(Errc::cross_device);
            }
            at = std::move(point);
        }
        return at;
    }

    /// Makes rest_ = target + rest_. The rest is kept at the end of a buffer and grows downwards.
    [[nodiscard]] Status prepend_target(Vnode& link) noexcept {
        for (;;) {
            const std::span<char> buffer =
                large_ != nullptr ? std::span<char>(large_, large_bytes) : std::span<char>(small_);
            // A target that fills all the room may have been cut: take it as too long.
            if (rest_.size() + 1 < buffer.size()) {
                char* const tail = buffer.data() + buffer.size() - rest_.size();
                std::memmove(tail, rest_.data(), rest_.size());
                rest_ = std::string_view(tail, rest_.size());
                const std::span<char> room = buffer.first(buffer.size() - rest_.size());
                const std::size_t length = TRY(link.read_link(room));
                if (length == 0) {
                    return fail(Errc::not_found);
                }
                if (length < room.size()) {
                    char* const front = tail - length;
                    std::memmove(front, buffer.data(), length);
                    rest_ = std::string_view(front, length + rest_.size());
                    return {};
                }
            }
            if (large_ != nullptr) {
                return fail(Errc::name_too_long);
            }
            TRY(grow());
        }
    }
    [[nodiscard]] Status grow() noexcept {
        auto* const large = static_cast<char*>(TRY(heap_.allocate(large_bytes)));
        char* const tail = large + large_bytes - rest_.size();
        std::memcpy(tail, rest_.data(), rest_.size());
        rest_ = std::string_view(tail, rest_.size());
        large_ = large;
        return {};
    }

    NameTree<Lock>& tree_;
    Heap& heap_;
    const PathContext& context_;
    Place at_;               ///< the directory
    std::string_view name_;  ///< the component at hand
    std::string_view rest_;  ///< what follows it
    unsigned links_ = 0;
    char* large_ = nullptr;
    std::array<char, 256> small_;
};

}  // namespace kidney::fs
