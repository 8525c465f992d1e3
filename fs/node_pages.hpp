/// A node's pages for mmap and exec: keeps the node alive as long as something maps them.
#pragma once

#include "kidney/core/ref.hpp"
#include "kidney/mm/make.hpp"
#include "kidney/mm/page_source.hpp"

#include <cstdint>
#include <utility>

namespace kidney::fs {

/// `Node` has `Result<FrameNumber> page(index)` and `void page_changed(index)`; `in_memory`: see
/// PageSource::is_memory().
template <class Node, mm::ObjectAllocator Heap, bool in_memory = false>
class NodePages final : public mm::PageSource {
public:
    NodePages(Heap& heap, Ref<Node> node) noexcept : heap_(heap), node_(std::move(node)) {}

    [[nodiscard]] Result<FrameNumber> page(std::uint32_t index) noexcept override {
        return node_->page(index);
    }
    void mark_dirty(std::uint32_t index) noexcept override { node_->page_changed(index); }
    [[nodiscard]] bool is_memory() const noexcept override { return in_memory; }
    void dispose() noexcept override { mm::destroy(heap_, this); }

private:
    Heap& heap_;
    Ref<Node> node_;
};

}  // namespace kidney::fs
