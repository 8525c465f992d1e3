/// The pages of one file: page index -> frame, sparse, in a radix tree.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

namespace kidney::fs {

/// Up to 64 pages (256 KiB) cost one tree node and one step; each further level takes 6 bits more.
/// Holds frame numbers, not references: its owner retains and releases. Concurrency: none.
template <mm::ObjectAllocator Heap>
class PageTree {
public:
    explicit PageTree(Heap& heap) noexcept : heap_(heap) {}
    /// Must be empty of frames by then: clear_from(0, ...).
    ~PageTree() { KIDNEY_ASSERT(root_ == nullptr); }
    PageTree(const PageTree&) = delete;
    PageTree& operator=(const PageTree&) = delete;

    [[nodiscard]] std::optional<FrameNumber> find(std::uint32_t index) const noexcept {
        if (root_ == nullptr || !covers(index)) {
            return std::nullopt;
        }
        const Node* node = root_;
        for (unsigned level = levels_; level > 1; --level) {
            node = node->children[slot(index, level)];
            if (node == nullptr) {
                return std::nullopt;
            }
        }
        const std::uint32_t value = node->frames[slot(index, 1)];
        return value == 0 ? std::nullopt : std::optional(FrameNumber(value - 1));
    }

    /// `index` must be empty. Error: no_memory, and nothing has changed that anybody could see.
    [[nodiscard]] Status insert(std::uint32_t index, FrameNumber frame) noexcept {
        if (root_ == nullptr) {
            root_ = TRY(make_node());
            levels_ = 1;
        }
        while (!covers(index)) {
            Node* const above = TRY(make_node());
            above->children[0] = std::exchange(root_, above);
            ++levels_;
        }
        Node* node = root_;
        for (unsigned level = levels_; level > 1; --level) {
            Node*& child = node->children[slot(index, level)];
            if (child == nullptr) {
                child = TRY(make_node());
            }
            node = child;
        }
        KIDNEY_ASSERT(node->frames[slot(index, 1)] == 0);
        node->frames[slot(index, 1)] = frame.value() + 1;
        return {};
    }

    /// Takes out every frame at `first` and behind it, handing each to `release`.
    template <class Release>
    void clear_from(std::uint32_t first, Release&& release) noexcept {
        clear(first, no_end, release);
    }
    /// The same for the pages [first, end).
    template <class Release>
    void clear(std::uint64_t first, std::uint64_t end, Release&& release) noexcept {
        if (root_ != nullptr && clear(root_, levels_, 0, {first, end}, release)) {
            root_ = nullptr;
            levels_ = 0;
        }
    }

    /// The first page at `from` or behind it that has a frame.
    [[nodiscard]] std::optional<std::uint32_t> next_present(std::uint32_t from) const noexcept {
        const std::uint64_t found =
            root_ == nullptr ? no_end : first_present(*root_, levels_, 0, from);
        return found == no_end ? std::nullopt : std::optional(static_cast<std::uint32_t>(found));
    }

private:
    static constexpr unsigned bits = 6;
    static constexpr std::uint32_t fanout = 1U << bits;
    static constexpr unsigned max_levels = 6;  // 36 bits cover every index
    static constexpr std::uint64_t no_end = ~std::uint64_t{0};
    struct Range {
        std::uint64_t first, end;
    };

    union Node {
        static constexpr const char* cache_name = "page_tree";
        std::array<Node*, fanout> children;
        std::array<std::uint32_t, fanout> frames;  ///< frame number + 1; 0 is a hole
    };

    [[nodiscard]] static constexpr std::uint32_t slot(std::uint32_t index,
                                                      unsigned level) noexcept {
        return index >> (bits * (level - 1)) & (fanout - 1);
    }
    [[nodiscard]] bool covers(std::uint32_t index) const noexcept {
        return levels_ >= max_levels || index >> (bits * levels_) == 0;
    }
    [[nodiscard]] Result<Node*> make_node() noexcept {
        auto* const node = static_cast<Node*>(TRY(mm::allocate_for<Node>(heap_)));
        ::new (node) Node{.children = {}};
        return node;
    }
    /// `base` is the first index below `node`. True if the node was left empty and freed.
    template <class Release>
    [[nodiscard]] bool clear(Node* node, unsigned level, std::uint64_t base, Range range,
                             Release& release) noexcept {
        const std::uint64_t span = std::uint64_t{1} << (bits * (level - 1));
        bool empty = true;
        for (std::uint32_t i = 0; i < fanout; ++i) {
            const std::uint64_t begin = base + i * span;
            if (level == 1) {
                std::uint32_t& frame = node->frames[i];
                if (frame != 0 && begin >= range.first && begin < range.end) {
                    release(FrameNumber(std::exchange(frame, 0) - 1));
                }
                empty = empty && frame == 0;
            } else {
                Node*& child = node->children[i];
                if (child != nullptr && begin + span > range.first && begin < range.end &&
                    clear(child, level - 1, begin, range, release)) {
                    child = nullptr;
                }
                empty = empty && child == nullptr;
            }
        }
        if (empty) {
            mm::free_for<Node>(heap_, node);
        }
        return empty;
    }

    /// no_end: there is none below `node`.
    [[nodiscard]] static std::uint64_t first_present(const Node& node, unsigned level,
                                                     std::uint64_t base,
                                                     std::uint64_t from) noexcept {
        const std::uint64_t span = std::uint64_t{1} << (bits * (level - 1));
        for (std::uint32_t i = 0; i < fanout; ++i) {
            const std::uint64_t begin = base + i * span;
            if (begin + span <= from) {
                continue;
            }
            if (level == 1) {
                if (node.frames[i] != 0) {
                    return begin;
                }
            } else if (const Node* const child = node.children[i]; child != nullptr) {
                if (const std::uint64_t found = first_present(*child, level - 1, begin, from);
                    found != no_end) {
                    return found;
                }
            }
        }
        return no_end;
    }

    Heap& heap_;
    Node* root_ = nullptr;
    unsigned levels_ = 0;
};

}  // namespace kidney::fs
