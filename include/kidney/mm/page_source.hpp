/// Pages of a file as the fault engine sees them.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"

#include <cstdint>

namespace kidney::mm {

/// Something whose pages can be mapped: a file in the page cache. A region keeps a Ref to it.
///
/// A virtual interface, not a concept, because one address space maps many kinds of file at once.
class PageSource : public RefCounted {
public:
    /// The frame that holds page `index` (file offset index * page_size), with one reference for
    /// the caller. Bytes past the end of the file within the last page are zero. May sleep. Errors:
    /// out_of_range (page lies wholly past the end), io_error, no_memory.
    [[nodiscard]] virtual Result<FrameNumber> page(std::uint32_t index) noexcept = 0;
    /// Called when a shared writable mapping is about to change the page.
    virtual void mark_dirty(std::uint32_t index) noexcept = 0;
    /// Its pages have no other place: they are memory that programs share, not copies of a disk's.
    [[nodiscard]] virtual bool is_memory() const noexcept = 0;
    /// Called by Ref at zero references.
    virtual void dispose() noexcept = 0;

protected:
    PageSource() noexcept = default;
    ~PageSource() = default;
};

}  // namespace kidney::mm
