/// `FileSystem`: what is mounted.
#pragma once

#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/attributes.hpp"

#include <atomic>
#include <cstdint>

namespace kidney::fs {

class Quotas;  // kidney/fs/quotas.hpp
class Vnode;   // kidney/fs/vnode.hpp

class FileSystem;

/// Who makes file systems for mounts.
class FileSystemOwner {
public:
    /// It is mounted nowhere and nobody uses it. May sleep.
    virtual void unmounted(FileSystem& file_system) noexcept = 0;
    /// What it had to write down could not be written: it changes nothing any more. Called with its
    /// locks held.
    virtual void became_read_only(FileSystem&) noexcept {}

protected:
    ~FileSystemOwner() = default;
};

/// A mounted file system.
///   S1 root() is one directory, always the same node, which is its own parent
///   S2 status() counts: what is free is part of what there is; operations that take something
///      and operations that give it back leave the numbers as they were, after a sync() at most
///   S3 what was done before a sync() that succeeds is there after any loss of power; an error
///      of the disk is an error of the sync, never silence
///   S4 one that is_read_only() says so in status() and answers read_only to every change
///   S5 after any loss of power a mount finds each operation done or not done, as far as the
///      file system promises that (each says what it promises)
/// S3 and S5 are what the crash machine (`./kidney crash`) checks.
class FileSystem {
public:
    [[nodiscard]] virtual Ref<Vnode> root() noexcept = 0;
    [[nodiscard]] virtual FileSystemStatus status() noexcept { return {}; }
    /// Everything that was done so far becomes durable. Error: io_error.
    [[nodiscard]] virtual Status sync() noexcept { return fail(Errc::not_supported); }
    [[nodiscard]] virtual const char* type_name() const noexcept = 0;
    [[nodiscard]] virtual bool is_read_only() const noexcept { return false; }
    /// No byte of a file is at or behind this position, and no open file stands there.
    [[nodiscard]] virtual std::uint64_t max_file_size() const noexcept { return max_small_file; }
    /// References to a node that has a name which the file system itself keeps.
    [[nodiscard]] virtual std::uint32_t own_references() const noexcept { return 0; }
    /// False where names come and go by themselves (/proc): then the VFS does not remember them.
    [[nodiscard]] virtual bool names_are_stable() const noexcept { return true; }

    /// False where one name has several spellings (FAT): then the VFS does not remember them,
    /// either, because it knows a name by its bytes.
    [[nodiscard]] virtual bool names_are_exact() const noexcept { return true; }

    /// False where somebody else changes names as well, and does not say so (a shared folder): then
    /// the VFS does not remember them, either.
    [[nodiscard]] virtual bool names_are_ours() const noexcept { return true; }

    /// Its quotas; null: it has none.
    [[nodiscard]] virtual Quotas* quotas() noexcept { return nullptr; }
    /// Can be written from here on, or not; what was written before is stored. Errors: read_only
    /// (it never can be), io_error.
    [[nodiscard]] virtual Status remount(bool read_only) noexcept {
        return is_read_only() && !read_only ? Status(fail(Errc::read_only)) : Status();
    }
    /// Does anybody hold a node, but the file system itself, the roots of its mounts and
    /// watchers (idle_references())? Such a file system stays when its last mount goes. May take
    /// its lock.
    [[nodiscard]] virtual bool is_in_use() noexcept { return false; }
    /// Changed and read under the mount table's lock; any recent value to others.
    void count_mount(std::int32_t change) noexcept {
        mounts_.fetch_add(change, std::memory_order_relaxed);
    }
    [[nodiscard]] std::int32_t mount_count() const noexcept {
        return mounts_.load(std::memory_order_relaxed);
    }
    /// References to nodes that are there only to hear what happens to them: no use of the file
    /// system. One is counted after it is there, and no more before it goes.
    void count_watch(std::int32_t change) noexcept {
        watches_.fetch_add(change, std::memory_order_acq_rel);
    }
    /// Those, and one for each mount.
    [[nodiscard]] std::int32_t idle_references() const noexcept {
        return mount_count() + watches_.load(std::memory_order_acquire);
    }
    /// Who made it for a mount, and takes it back; null: it is there for ever.
    FileSystemOwner* owner = nullptr;
    // Belong to the VFS, which keeps those that are mounted no more in a list.
    FileSystem* next_retired = nullptr;
    bool is_retired = false;

protected:
    ~FileSystem() = default;

private:
    std::atomic<std::int32_t> mounts_ = 0, watches_ = 0;
};

}  // namespace kidney::fs
