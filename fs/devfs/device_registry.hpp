/// Which device numbers exist and who opens them; and the nodes in /dev.
///
/// /dev itself is a tmpfs with device nodes in it ("devtmpfs"), so links, mkdir and chmod work
/// there as anywhere. A node is only a number: opening it, wherever it lies, comes here.
#pragma once

#include "fs/vfs/special_files.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// A driver's side of open(2).
class DeviceOpener {
public:
    /// `node` is what was opened: its attributes are the file's. Errors: no_device, busy,
    /// no_memory ...
    [[nodiscard]] virtual Result<Ref<File>> open_device(DeviceNumber number, Vnode& node,
                                                        OpenMode mode) noexcept = 0;

protected:
    ~DeviceOpener() = default;
};

/// Devices of one kind with consecutive minor numbers.
struct DeviceRange {
    NodeType type = NodeType::character;
    DeviceNumber first;
    std::uint32_t count = 1;
    DeviceOpener* opener = nullptr;
    const char* name = "";  ///< for /proc/devices; empty: one of another range's
};

/// Concurrency: any thread; `Lock` is a leaf.
template <BasicLockable Lock>
class DeviceRegistry final : public SpecialFiles {
public:
    static constexpr std::size_t capacity = 64;

    /// The opener must outlive the registry. Error: no_space.
    [[nodiscard]] Status add(const DeviceRange& range) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (count_ == capacity) {
            return fail(Errc::no_space);
        }
        ranges_[count_++] = range;
        return {};
    }
    /// Calls f(const DeviceRange&) for each.
    template <class F>
    void for_each(F&& f) const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (const DeviceRange& range : std::span(ranges_).first(count_)) {
            f(range);
        }
    }
    /// Who opens fifos.
    void set_pipes(SpecialFiles& pipes) noexcept { pipes_ = &pipes; }

    [[nodiscard]] Result<Ref<File>> open_special(Vnode& node, const Attributes& attributes,
                                                 OpenMode mode) noexcept override EXCLUDES(lock_) {
        if (attributes.type == NodeType::fifo) {
            return pipes_ == nullptr ? fail(Errc::no_device)
                                     : pipes_->open_special(node, attributes, mode);
        }
        DeviceOpener* const opener = find(attributes.type, attributes.rdev);
        return opener == nullptr ? fail(Errc::no_device)
                                 : opener->open_device(attributes.rdev, node, mode);
    }

private:
    [[nodiscard]] DeviceOpener* find(NodeType type, DeviceNumber number) const noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (std::size_t n = 0; n < count_; ++n) {
            const DeviceRange& r = ranges_[n];
            if (r.type == type && r.first.major == number.major &&
                number.minor - r.first.minor < r.count) {
                return r.opener;
            }
        }
        return nullptr;
    }

    mutable Lock lock_;
    std::array<DeviceRange, capacity> ranges_ GUARDED_BY(lock_);
    std::size_t count_ GUARDED_BY(lock_) = 0;
    SpecialFiles* pipes_ = nullptr;
};

/// A device node of a fresh /dev: `add_device_node(*dev.root(), "null", NodeType::character, {1,
/// 3}, Permissions(0666))`. Errors as Vnode::create().
[[nodiscard]] inline Status add_device_node(Vnode& directory, std::string_view name, NodeType type,
                                            DeviceNumber number, Permissions permissions) noexcept {
    TRY(directory.create(name, {.type = type, .permissions = permissions, .rdev = number}));
    return {};
}

}  // namespace kidney::fs
