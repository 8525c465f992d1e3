/// By which names open files and nodes are known to those who watch directories.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/fs/change_listener.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// A single name, behind its object.
template <mm::ObjectAllocator Heap>
class NameText final : public NodePath {
public:
    /// Error: no_memory.
    [[nodiscard]] static Result<Ref<NodePath>> create(Heap& heap, std::string_view name) noexcept {
        void* const memory = TRY(heap.allocate(sizeof(NameText) + name.size()));
        return Ref<NodePath>(Ref<NameText>::adopt(::new (memory) NameText(heap, name)));
    }
    [[nodiscard]] std::string_view text() const noexcept override {
        return {reinterpret_cast<const char*>(this + 1), size_};
    }
    [[nodiscard]] bool is_deleted() const noexcept override { return false; }
    void dispose() noexcept override {
        Heap& heap = heap_;
        const std::size_t bytes = sizeof(NameText) + size_;
        this->~NameText();
        heap.free(this, bytes);
    }

private:
    NameText(Heap& heap, std::string_view name) noexcept : heap_(heap), size_(name.size()) {
        name.copy(reinterpret_cast<char*>(this + 1), size_);
    }
    ~NameText() = default;

    Heap& heap_;
    const std::size_t size_;
};

/// A name of `inode` in a directory. Cost: as the directory is long.
class NameInDirectory final : public DirectorySink {
public:
    [[nodiscard]] bool find(Vnode& directory, Vnode& node) noexcept {
        const Result<Attributes> attributes = node.attributes();
        if (!attributes) {
            return false;
        }
        inode_ = attributes->inode;
        return directory.read_directory(0, *this) && size_ != 0;
    }
    bool accept(const DirectoryEntry& entry) noexcept override {
        if (entry.inode != inode_ || entry.name == "." || entry.name == "..") {
            return true;
        }
        size_ = entry.name.copy(name_.data(), name_.size());
        return false;
    }
    [[nodiscard]] std::string_view view() const noexcept { return {name_.data(), size_}; }

private:
    std::uint64_t inode_ = 0;
    std::size_t size_ = 0;
    std::array<char, max_name> name_;
};

/// Looks for names, with no lock held. Without memory a name is not found.
template <mm::ObjectAllocator Heap>
class FoundNames {
public:
    FoundNames(Heap& heap, NameSource& source) noexcept : heap_(heap), source_(source) {}

    [[nodiscard]] Ref<NodePath> text(std::string_view name) noexcept {
        return NameText<Heap>::create(heap_, name).value_or(nullptr);
    }
    /// Null: it has none there.
    [[nodiscard]] Ref<NodePath> in(Vnode& directory, Vnode& node) noexcept {
        NameInDirectory name;
        return name.find(directory, node) ? text(name.view()) : nullptr;
    }
    /// Of a directory: it knows the one above it. Nothing, if nobody watches that.
    [[nodiscard]] FoundName in_parent(Vnode& node) noexcept {
        if (node.type() != NodeType::directory) {
            return {};
        }
        Result<Ref<Vnode>> above = node.parent();
        if (!above || above->get() == &node || !(*above)->is_watched()) {
            return {};
        }
        Ref<NodePath> name = in(**above, node);
        return {.directory = *std::move(above), .name = std::move(name)};
    }
    /// A name that the name cache knows, of a node that was not found by one, or not any more.
    [[nodiscard]] FoundName remembered(Vnode& node) noexcept {
        const std::uint32_t lost_names = node.lost_names();
        std::array<char, NameSource::longest> known_text;
        auto known = source_.name_of(node, known_text);
        if (!known || node.type() == NodeType::directory) {
            return {};
        }
        Ref<NodePath> name = text(known->second);
        return name ? FoundName{std::move(known->first), std::move(name), lost_names} : FoundName();
    }
    /// A name of the node was moved or removed: perhaps this one.
    void find_again(FoundName& found, Vnode& node) noexcept {
        if (!found.name) {
            found.name = in(*found.directory, node);
        }
        if (found.name) {
            const Result<Ref<Vnode>> there = found.directory->lookup(found.name->text());
            found.is_gone = !there || there->get() != &node;
        } else {
            found.is_gone = true;
        }
        if (found.is_gone) {
            if (FoundName known = remembered(node); known.name) {
                found = std::move(known);
            }
        }
    }

private:
    Heap& heap_;
    NameSource& source_;
};

}  // namespace kidney::fs
