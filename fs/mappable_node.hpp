/// A node whose pages can be mapped.
#pragma once

#include "kidney/fs/vnode.hpp"
#include "kidney/mm/page_source.hpp"

namespace kidney::fs {

/// The node is its own PageSource: whoever maps it keeps it alive, and all its mappings can be
/// found. The page functions are asked only if pages() gives the source out.
class MappableNode : public Vnode, public mm::PageSource {
public:
    void retain() const noexcept final { Vnode::retain(); }
    [[nodiscard]] bool release() const noexcept final { return Vnode::release(); }
    void dispose() noexcept override = 0;
    [[nodiscard]] mm::SourceKind kind() const noexcept final { return mm::SourceKind::file; }

protected:
    MappableNode() noexcept = default;
    ~MappableNode() = default;
};

}  // namespace kidney::fs
