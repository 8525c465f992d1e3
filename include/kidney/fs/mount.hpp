/// A place in the tree of names where a file system, or a part of one, shows.
#pragma once

#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"

#include <atomic>
#include <cstdint>

namespace kidney::fs {

class FileSystem;
class Vnode;

/// What a mount does not allow, whatever the file system would; the times are only told to people.
struct MountFlags {
    bool read_only = false;
    bool no_set_id = false;   ///< set-user-ID and set-group-ID bits mean nothing
    bool no_devices = false;  ///< device nodes cannot be opened
    bool no_execute = false;  ///< nothing can be run, or mapped to be run
    bool no_access_times = false;
    bool relative_access_times = true;
};

/// Who has an open file, a current directory or another mount in it holds a reference, so a mount
/// without any others can be taken away.
///   M1 begin_writing() succeeds only while the mount can be written
///   M2 while somebody writes, set_flags() does not make it read-only
/// Where it is in the tree is the mount table's business. Concurrency: any thread.
class Mount : public RefCounted {
public:
    [[nodiscard]] FileSystem& file_system() const noexcept { return file_system_; }
    /// What is at the mount point; a bind mount shows a part only, perhaps a single file.
    [[nodiscard]] Vnode& root() const noexcept { return root_; }
    /// mnt_id in mountinfo and statx(2); never used twice.
    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }

    [[nodiscard]] MountFlags flags() const noexcept {
        const std::uint32_t bits = flags_.load(std::memory_order_relaxed);
        return {(bits & read_only) != 0,  (bits & no_set_id) != 0, (bits & no_devices) != 0,
                (bits & no_execute) != 0, (bits & no_atime) != 0,  (bits & relatime) != 0};
    }
    /// Error: busy (somebody writes, and it was to become read-only).
    [[nodiscard]] Status set_flags(const MountFlags& flags) noexcept {
        const std::uint32_t wanted = bits_of(flags);
        // seq_cst on both sides (begin_writing): the mark and the count, whoever comes first.
        const std::uint32_t before = flags_.fetch_or(wanted & read_only);
        if (flags.read_only && writers_.load() != 0) {
            flags_.store(before);
            return fail(Errc::busy);
        }
        flags_.store(wanted);
        return {};
    }
    [[nodiscard]] bool is_read_only() const noexcept {
        return (flags_.load(std::memory_order_relaxed) & read_only) != 0;
    }

    /// For each file that is open for writing, and around each change of names or attributes. Each
    /// that succeeds has its end_writing(). Error: read_only.
    [[nodiscard]] Status begin_writing() noexcept {
        writers_.fetch_add(1);
        if ((flags_.load() & read_only) != 0) {
            end_writing();
            return fail(Errc::read_only);
        }
        return {};
    }
    void end_writing() noexcept { writers_.fetch_sub(1, std::memory_order_release); }

    virtual void dispose() noexcept = 0;

protected:
    /// The model keeps `root` alive.
    Mount(FileSystem& file_system, Vnode& root, std::uint32_t number,
          const MountFlags& flags) noexcept
        : file_system_(file_system), root_(root), number_(number), flags_(bits_of(flags)) {}
    ~Mount() = default;

private:
    enum Bits : std::uint32_t {
        read_only = 1,
        no_set_id = 2,
        no_devices = 4,
        no_execute = 8,
        no_atime = 16,
        relatime = 32
    };
    [[nodiscard]] static std::uint32_t bits_of(const MountFlags& f) noexcept {
        return (f.read_only ? read_only : 0U) | (f.no_set_id ? no_set_id : 0U) |
               (f.no_devices ? no_devices : 0U) | (f.no_execute ? no_execute : 0U) |
               (f.no_access_times ? no_atime : 0U) | (f.relative_access_times ? relatime : 0U);
    }

    FileSystem& file_system_;
    Vnode& root_;
    const std::uint32_t number_;
    std::atomic<std::uint32_t> flags_;
    std::atomic<std::uint32_t> writers_ = 0;
};

/// Somebody changes something in a mount, for a scope.
class MountWriter {
public:
    explicit MountWriter(Mount& mount) noexcept : mount_(mount), began_(mount.begin_writing()) {}
    ~MountWriter() {
        if (began_) {
            mount_.end_writing();
        }
    }
    MountWriter(const MountWriter&) = delete;
    MountWriter& operator=(const MountWriter&) = delete;
    /// Error: read_only.
    [[nodiscard]] Status status() const noexcept { return began_; }

private:
    Mount& mount_;
    const Status began_;
};

}  // namespace kidney::fs
