/// /proc: files whose text is written when somebody reads it.
///
/// Two kinds of entries: those that the kernel registers once (meminfo, kidney/policies, ...), and
/// a directory for each process, made up at every look from what `ProcessSource` says. Nothing is
/// stored and nothing is remembered; a node is an id with methods.
#pragma once

#include "fs/procfs/node.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/file_clock.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// Concurrency: any thread, once the entries are registered. `Lock` is the position lock of open
/// files: it ranks as PlainFile's.
template <mm::ObjectAllocator Heap, BasicLockable Lock, FileClock Clock>
class Procfs final : public FileSystem {
public:
    using Node = ProcNode<Procfs>;
    using HeapType = Heap;
    using LockType = Lock;
    static constexpr std::size_t capacity = 80;  ///< registered entries

    struct Entry {
        std::string_view name;
        ProcId parent;
        TextGenerator generate = nullptr;
        void* context = nullptr;
        std::string_view target{};     ///< of a link
        SpecialOpener open = nullptr;  ///< of a file that is no text
        std::uint16_t permissions = 0444;
        TextTaker take = nullptr;  ///< of a file that is written

        [[nodiscard]] ProcId::Kind kind() const noexcept {
            const bool is_file = generate != nullptr || open != nullptr || take != nullptr;
            return !target.empty() ? ProcId::Kind::fixed_link
                   : is_file       ? ProcId::Kind::file
                                   : ProcId::Kind::directory;
        }
    };

    Procfs(Heap& heap, ProcessSource& processes, Clock& clock, std::uint32_t device) noexcept
        : heap_(heap), processes_(processes), clock_(clock), device_(device) {}
    ~Procfs() { root_.reset(); }
    Procfs(const Procfs&) = delete;
    Procfs& operator=(const Procfs&) = delete;

    /// Before use. Error: no_memory.
    [[nodiscard]] Status start() noexcept {
        booted_ = clock_();
        root_ = TRY(mm::make_ref<Node>(heap_, *this, ProcId{}));
        return {};
    }
    /// At boot, before anybody looks. `name` must live on. Error: no_space.
    [[nodiscard]] Result<ProcId> add_directory(std::string_view name) noexcept {
        return add_directory(ProcId{}, name);
    }
    [[nodiscard]] Result<ProcId> add_directory(ProcId parent, std::string_view name) noexcept {
        return add({name, parent});
    }
    [[nodiscard]] Status add_file(ProcId directory, std::string_view name, TextGenerator generate,
                                  void* context = nullptr) noexcept {
        TRY(add({name, directory, generate, context}));
        return {};
    }
    /// For root's eyes only.
    [[nodiscard]] Status add_private_file(ProcId directory, std::string_view name,
                                          TextGenerator generate) noexcept {
        TRY(add({.name = name, .parent = directory, .generate = generate, .permissions = 0400}));
        return {};
    }
    /// Root writes to it, and nobody reads it.
    [[nodiscard]] Status add_command(ProcId directory, std::string_view name,
                                     TextTaker take) noexcept {
        TRY(add({.name = name, .parent = directory, .permissions = 0200, .take = take}));
        return {};
    }
    /// Everybody reads it, and root writes to it.
    [[nodiscard]] Status add_setting(ProcId directory, std::string_view name,
                                     TextGenerator generate, TextTaker take) noexcept {
        TRY(add({.name = name,
                 .parent = directory,
                 .generate = generate,
                 .permissions = 0644,
                 .take = take}));
        return {};
    }
    /// A link with a text of its own.
    [[nodiscard]] Status add_link(std::string_view name, std::string_view target) noexcept {
        TRY(add({.name = name, .parent = {}, .target = target}));
        return {};
    }
    /// A file that the kernel opens itself.
    [[nodiscard]] Status add_special(std::string_view name, std::uint16_t permissions,
                                     SpecialOpener open) noexcept {
        TRY(add({.name = name, .parent = {}, .open = open, .permissions = permissions}));
        return {};
    }
    [[nodiscard]] Status add_file(std::string_view name, TextGenerator generate,
                                  void* context = nullptr) noexcept {
        return add_file(ProcId{}, name, generate, context);
    }

    [[nodiscard]] Ref<Vnode> root() noexcept override { return Ref<Vnode>(root_); }
    [[nodiscard]] FileSystemStatus status() noexcept override {
        FileSystemStatus s;
        s.magic = 0x9FA0;
        s.read_only = false;
        return s;
    }
    [[nodiscard]] Status sync() noexcept override { return {}; }
    [[nodiscard]] const char* type_name() const noexcept override { return "proc"; }
    [[nodiscard]] bool names_are_stable() const noexcept override { return false; }

    // For the nodes.
    [[nodiscard]] Heap& heap() noexcept { return heap_; }
    [[nodiscard]] ProcessSource& processes() noexcept { return processes_; }
    [[nodiscard]] std::uint32_t device() const noexcept { return device_; }
    [[nodiscard]] FileTime booted() const noexcept { return booted_; }
    [[nodiscard]] std::span<const Entry> entries() const noexcept {
        return std::span(entries_).first(count_);
    }
    [[nodiscard]] Result<Ref<Node>> node(ProcId id) noexcept {
        if (id.kind == ProcId::Kind::root) {
            return root_;
        }
        return mm::make_ref<Node>(heap_, *this, id);
    }

private:
    [[nodiscard]] Result<ProcId> add(const Entry& entry) noexcept {
        if (count_ == capacity) {
            return fail(Errc::no_space);
        }
        entries_[count_] = entry;
        const auto number = static_cast<std::uint32_t>(count_++);
        return ProcId{entry.kind(), 0, number};
    }

    Heap& heap_;
    ProcessSource& processes_;
    Clock& clock_;
    const std::uint32_t device_;
    FileTime booted_;
    std::array<Entry, capacity> entries_;
    std::size_t count_ = 0;
    Ref<Node> root_;
};

}  // namespace kidney::fs
