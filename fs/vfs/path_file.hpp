/// An open file that only says where it is (O_PATH): a place to start paths from, something to ask
/// attributes of, and nothing else. No permission on the node itself was needed to get it.
#pragma once

#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <utility>

namespace kidney::fs {

/// Whoever hands out files by descriptor must not lend it for anything else: is_path_only().
template <mm::ObjectAllocator Heap>
class PathFile final : public File {
public:
    PathFile(Heap& heap, Ref<Vnode> node, OpenMode mode) noexcept
        : File(mode), heap_(heap), node_(std::move(node)) {}

    [[nodiscard]] Vnode* vnode() noexcept override { return node_.get(); }
    [[nodiscard]] Result<Attributes> attributes() noexcept override { return node_->attributes(); }
    void dispose() noexcept override { mm::destroy(heap_, this); }

private:
    Heap& heap_;
    const Ref<Vnode> node_;
};

}  // namespace kidney::fs
