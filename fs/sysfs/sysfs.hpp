/// /sys: what hardware there is, for programs that look for it (lspci, blkid, mdev).
///
///     Sysfs sys(heap, clock, device);
///     TRY(sys.start());
///     auto* bus = TRY(sys.add_directory(sys.top(), "bus"));
///     TRY(sys.add_directory(*bus, "disk", attributes, &disk));
///     TRY(sys.add_link(*bus, "first", "disk"));
#pragma once

#include "fs/sysfs/node.hpp"
#include "kidney/fs/file_clock.hpp"
#include "kidney/fs/file_system.hpp"

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// Concurrency: any thread. `Lock` guards the tree and is held while entries of a directory are
/// fed; `PositionLock` is that of open files and ranks as PlainFile's. Nobody but the kernel
/// changes anything.
template <mm::ObjectAllocator Heap, BasicLockable Lock, BasicLockable PositionLock, FileClock Clock>
class Sysfs final : public FileSystem {
public:
    using Node = SysNode<Sysfs>;
    using HeapType = Heap;
    using FileLock = PositionLock;

    Sysfs(Heap& heap, Clock& clock, std::uint32_t device) noexcept
        : heap_(heap), clock_(clock), device_(device) {}
    ~Sysfs() {
        if (root_) {
            let_go(std::move(root_));
        }
    }
    Sysfs(const Sysfs&) = delete;
    Sysfs& operator=(const Sysfs&) = delete;

    /// Before use. Error: no_memory.
    [[nodiscard]] Status start() noexcept {
        booted_ = clock_();
        root_ = TRY(mm::make_ref<Node>(heap_, *this, next_number_++, Ref<Node>(), "", "",
                                       std::span<const SysAttribute>(), nullptr));
        return {};
    }
    [[nodiscard]] Node& top() noexcept { return *root_; }

    /// `attributes` (64 at most) and `context` live on, even when the directory is removed. Names
    /// have 32 bytes at most, targets 64. Errors: exists, name_too_long, no_memory.
    [[nodiscard]] Result<Node*> add_directory(Node& parent, std::string_view name,
                                              std::span<const SysAttribute> attributes = {},
                                              const void* context = nullptr) noexcept
        EXCLUDES(lock_) {
        return add(parent, name, "", attributes, context);
    }
    [[nodiscard]] Status add_link(Node& parent, std::string_view name,
                                  std::string_view target) noexcept EXCLUDES(lock_) {
        TRY(add(parent, name, target, {}, nullptr));
        return {};
    }
    /// The directory of this name, which is made if there is none. Errors: as add_directory().
    [[nodiscard]] Result<Node*> have_directory(Node& parent, std::string_view name) noexcept
        EXCLUDES(lock_) {
        Node* const there = find(parent, name);
        return there != nullptr ? Result<Node*>(there) : add_directory(parent, name);
    }
    /// A directory or link of this name; null: there is none.
    [[nodiscard]] Node* find(Node& parent, std::string_view name) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return parent.child(name);
    }
    /// A directory with all that is below it, or a link; nothing if there is none. Who has it open
    /// keeps it.
    void remove(Node& parent, std::string_view name) noexcept EXCLUDES(lock_) {
        if (Ref<Node> taken = take(parent, name)) {
            let_go(std::move(taken));
        }
    }

    [[nodiscard]] Ref<Vnode> root() noexcept override { return Ref<Vnode>(root_); }
    [[nodiscard]] FileSystemStatus status() noexcept override {
        FileSystemStatus s;
        s.magic = 0x6265'6572;
        s.read_only = false;
        return s;
    }
    [[nodiscard]] Status sync() noexcept override { return {}; }
    [[nodiscard]] const char* type_name() const noexcept override { return "sysfs"; }
    [[nodiscard]] bool names_are_stable() const noexcept override { return false; }

    // For the nodes.
    [[nodiscard]] Heap& heap() noexcept { return heap_; }
    [[nodiscard]] Lock& lock() noexcept RETURN_CAPABILITY(lock_) { return lock_; }
    [[nodiscard]] std::uint32_t device() const noexcept { return device_; }
    [[nodiscard]] FileTime booted() const noexcept { return booted_; }

private:
    [[nodiscard]] Result<Node*> add(Node& parent, std::string_view name, std::string_view target,
                                    std::span<const SysAttribute> attributes,
                                    const void* context) noexcept EXCLUDES(lock_) {
        if (name.size() > 32 || target.size() > 64) {
            return fail(Errc::name_too_long);
        }
        LockGuard guard(lock_);
        if (parent.child(name) != nullptr || parent.has_attribute(name)) {
            return fail(Errc::exists);
        }
        Ref<Node> made =
            TRY(mm::make_ref<Node>(heap_, *this, next_number_, Ref<Node>::share(parent), name,
                                   target, attributes, context));
        ++next_number_;
        Node* const node = made.get();
        parent.add_last(std::move(made));
        return node;
    }
    [[nodiscard]] Ref<Node> take(Node& parent, std::string_view name) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return parent.take(name);
    }
    [[nodiscard]] Ref<Node> take_first(Node& parent) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return parent.take_first();
    }
    /// Nodes refer to their parents, so a node that is cut off would keep those above it.
    void let_go(Ref<Node> node) noexcept EXCLUDES(lock_) {
        while (Ref<Node> below = take_first(*node)) {
            let_go(std::move(below));  // as deep as the tree, which the kernel makes
        }
    }

    Heap& heap_;
    Clock& clock_;
    const std::uint32_t device_;
    FileTime booted_;
    Lock lock_;
    std::uint64_t next_number_ = 0;  ///< under lock_, but for the first
    Ref<Node> root_;
};

}  // namespace kidney::fs
