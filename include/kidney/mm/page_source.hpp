/// Pages of a file as the fault engine sees them, and the way back: who shows them.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <cstdint>

namespace kidney::mm {

class PageSource;
class MappingOwner;

/// One place where pages of a source are shown. Everything in it is guarded by the SourceMappings
/// that it was added to.
struct SourceMapping
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>> {
    MappingOwner* owner = nullptr;  ///< null: not added
    std::uint32_t round = 0;        ///< the last PageSource::unmap() that has been here
};

/// What happens to the copies of pages that private mappings have made.
enum class PrivateCopies : bool { keep, take };

/// Pages [first, first + count) of a source.
struct PageSpan {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
};

/// What a source is a part of, for those who look behind the interface: there is no RTTI.
enum class SourceKind : std::uint8_t { other, file, segment };

/// Knows who shows pages of which source; the engine is mm/reverse_map.hpp.
class SourceMappings {
public:
    virtual void unmap(PageSource& source, PageSpan pages, PrivateCopies copies) noexcept = 0;

protected:
    ~SourceMappings() = default;
};

/// Something whose pages can be mapped: a file in the page cache. A region keeps a Ref to it. There
/// is one per file, so that its mappings can be found.
///
/// A virtual interface, not a concept, because one address space maps many kinds of file at once.
/// Counts its references as the file that it is a part of does.
class PageSource {
public:
    PageSource(const PageSource&) = delete;
    PageSource& operator=(const PageSource&) = delete;

    /// The frame that holds page `index` (file offset index * page_size), with one reference for
    /// the caller. Bytes past the end of the file within the last page are zero. May sleep. Errors:
    /// out_of_range (page lies wholly past the end), io_error, no_memory.
    [[nodiscard]] virtual Result<FrameNumber> page(std::uint32_t index) noexcept = 0;
    /// The same for who must not wait for a disk; would_block, if the page must be read first.
    [[nodiscard]] virtual Result<FrameNumber> page_at_once(std::uint32_t index) noexcept {
        return is_resident(index) ? page(index) : Result<FrameNumber>(fail(Errc::would_block));
    }
    /// Called when a shared writable mapping is about to change the page.
    /// May sleep. Errors: no_space (the page is a hole, and there is no place for it), io_error,
    /// no_memory, read_only; then it must not be changed.
    [[nodiscard]] virtual Status mark_dirty(std::uint32_t index) noexcept = 0;
    /// Do stores through a shared mapping reach the object? If not, there is no such mapping.
    [[nodiscard]] virtual bool takes_stores() const noexcept { return true; }
    /// What programs have stored through shared mappings holds from now on, whatever happens to the
    /// machine. May sleep. Errors: io_error, no_memory.
    [[nodiscard]] virtual Status sync() noexcept { return {}; }
    /// How often it could not be stored behind the backs of those who have stored it. Each mapping
    /// tells of it once.
    [[nodiscard]] virtual std::uint32_t write_errors() noexcept { return 0; }
    /// Makes the pages a hole: the next page() has zeros. Mappings are told. May sleep. Errors:
    /// not_supported.
    [[nodiscard]] virtual Status remove(PageSpan) noexcept { return fail(Errc::not_supported); }
    /// Can the page be had without reading it from somewhere?
    [[nodiscard]] virtual bool is_resident(std::uint32_t index) noexcept = 0;
    /// Its pages have no other place: they are memory that programs share, not copies of a disk's.
    [[nodiscard]] virtual bool is_memory() const noexcept = 0;
    [[nodiscard]] virtual SourceKind kind() const noexcept { return SourceKind::other; }

    // As RefCounted's.
    virtual void retain() const noexcept = 0;
    [[nodiscard]] virtual bool release() const noexcept = 0;
    virtual void dispose() noexcept = 0;

    /// Takes pages away from every address space that shows them: the next touch asks page() again.
    /// For a file that is truncated (`PrivateCopies::take`, as Linux does) or gets a hole (`keep`).
    /// First change what page() answers, then call: a fault may come in between. The frames are
    /// released by their last user. Cost: O(mappings of this source), nothing if it was never
    /// mapped. May sleep; the caller holds a reference, no lock that page() takes and none that
    /// ranks behind the mappings' (kernel/lock_ranks.hpp).
    void unmap(PageSpan pages, PrivateCopies copies) noexcept {
        // acquire: pairs with the first add(), which comes before any page is shown.
        if (SourceMappings* const known = known_to_.load(std::memory_order_acquire)) {
            known->unmap(*this, pages, copies);
        }
    }

protected:
    PageSource() noexcept = default;
    ~PageSource() { KIDNEY_ASSERT(mappings_.empty()); }

private:
    template <BasicLockable M, BasicLockable L>
    friend class ReverseMap;
    std::atomic<SourceMappings*> known_to_ = nullptr;  ///< set by the first mapping, for good
    boost::intrusive::list<SourceMapping, boost::intrusive::constant_time_size<false>> mappings_;
    std::uint32_t round_ = 0;  ///< number of the last unmap()
};

}  // namespace kidney::mm
