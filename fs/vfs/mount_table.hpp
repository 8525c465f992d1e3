/// Which file system is mounted where.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/fs/vnode.hpp"

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// A row for /proc/mounts. `source` is what mount(8) would show: a device path or a type name.
struct MountRecord {
    FileSystem* file_system = nullptr;  ///< null: free row
    Ref<Vnode> root;
    Ref<Vnode> point;  ///< the covered directory; null for the root file system
    const char* source = "";
};

/// A file system is mounted in at most one place, so a node alone says where in the tree it is.
/// Concurrency: any thread; `Lock` is a leaf, not held while a file system works.
template <BasicLockable Lock>
class MountTable {
public:
    static constexpr std::size_t capacity = 16;

    /// Mounts on `point` (null: as root). Errors: busy (the point is taken, or the file system is
    /// mounted already), no_space (table full), not_directory, not_found (the point has been
    /// removed). `source` must live on.
    [[nodiscard]] Status add(FileSystem& file_system, Ref<Vnode> point, const char* source) noexcept
        EXCLUDES(lock_) {
        if (point && point->type() != NodeType::directory) {
            return fail(Errc::not_directory);
        }
        Ref<Vnode> root = file_system.root();
        LockGuard guard(lock_);
        MountRecord* free = nullptr;
        for (MountRecord& mount : mounts_) {
            if (mount.file_system == nullptr) {
                free = free == nullptr ? &mount : free;
            } else if (mount.file_system == &file_system || mount.point == point) {
                return fail(Errc::busy);
            }
        }
        if (free == nullptr) {
            return fail(Errc::no_space);
        }
        if (point && !point->become_mount_point()) {
            return fail(Errc::not_found);
        }
        *free = {&file_system, std::move(root), std::move(point), source};
        return {};
    }
    /// Takes row `n` out; the caller releases what it holds. Rows are not moved.
    [[nodiscard]] MountRecord remove(std::size_t n) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        MountRecord removed = std::exchange(mounts_[n], MountRecord{});
        if (removed.point) {
            removed.point->end_mount_point();
        }
        return removed;
    }
    /// A copy of row `n`, n < capacity; rows may be free.
    [[nodiscard]] MountRecord at(std::size_t n) const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return mounts_[n];
    }

    /// Lets every file system write back. Returns the first error, after trying all.
    [[nodiscard]] Status sync() const noexcept EXCLUDES(lock_) {
        Status outcome;
        for (std::size_t n = 0; n < capacity; ++n) {
            if (const MountRecord mount = at(n); mount.file_system != nullptr) {
                if (Status s = mount.file_system->sync(); !s && outcome) {
                    outcome = s;
                }
            }
        }
        return outcome;
    }

    /// The root of what is mounted on `node`, or `node` itself.
    [[nodiscard]] Ref<Vnode> covering(Ref<Vnode> node) const noexcept EXCLUDES(lock_) {
        while (node->is_mount_point()) {
            Ref<Vnode> root = root_on(*node);
            if (!root) {
                break;  // unmounted meanwhile
            }
            node = std::move(root);
        }
        return node;
    }
    /// The directory that `node` covers if it is the root of a mount; null otherwise and for "/".
    [[nodiscard]] Ref<Vnode> covered_by(const Vnode& node) const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (const MountRecord& mount : mounts_) {
            if (mount.root.get() == &node) {
                return mount.point;
            }
        }
        return nullptr;
    }
    /// The root of the root file system; null before it is mounted.
    [[nodiscard]] Ref<Vnode> root() const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (const MountRecord& mount : mounts_) {
            if (mount.file_system != nullptr && !mount.point) {
                return mount.root;
            }
        }
        return nullptr;
    }

private:
    [[nodiscard]] Ref<Vnode> root_on(const Vnode& point) const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (const MountRecord& mount : mounts_) {
            if (mount.point.get() == &point) {
                return mount.root;
            }
        }
        return nullptr;
    }

    mutable Lock lock_;
    std::array<MountRecord, capacity> mounts_ GUARDED_BY(lock_);
};

}  // namespace kidney::fs
