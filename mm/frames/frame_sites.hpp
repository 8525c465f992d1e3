/// Remembers which place took each frame: what is left when all should be gone is the leak report.
///
/// A wrapper around the frame service. A place is a return address, one word for each frame,
/// written when the frame is handed out and never erased: whether the frame is still out, its count
/// of references says. So giving frames back costs nothing, and a question looks at every frame.
/// What the heap takes (blocks by order) has no place here: of its objects the heap keeps books of
/// its own (heap/debug_heap.hpp).
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "kidney/mm/frame_service.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

namespace kidney::mm {

/// Concurrency: as `Base`; for_each_taken() wants nobody to take frames meanwhile, or counts them
/// or not. Cost: a store for each frame that is taken. Metadata: that of `Base` and a word a frame.
template <class Base>
class FrameSites : public Base {
public:
    using Site = std::uintptr_t;
    static constexpr Site no_site = 0;

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span,
                                                    FrameNumber direct_end) noexcept {
        return base_bytes(span, direct_end) + span.count * sizeof(Entry);
    }
    void attach(FrameRange span, FrameNumber direct_end, std::span<std::byte> metadata,
                auto& phys) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span, direct_end),
                         "frames: metadata too small");
        const std::size_t bytes = base_bytes(span, direct_end);
        Base::attach(span, direct_end, metadata.first(bytes), phys);
        span_ = span;
        sites_ = reinterpret_cast<Entry*>(metadata.data() + bytes);
        for (std::uint32_t n = 0; n < span.count; ++n) {
            ::new (static_cast<void*>(&sites_[n])) Entry(no_site);
        }
    }

    [[nodiscard, gnu::noinline]] Result<FrameNumber> allocate(FrameZone zone) noexcept {
        return took(Base::allocate(zone), 1, caller());
    }
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        return took(Base::allocate(order), order.frames(), no_site);
    }
    [[nodiscard, gnu::noinline]] Result<FrameNumber> allocate_range(FrameZone zone,
                                                                    std::uint32_t count,
                                                                    FrameOrder alignment) noexcept {
        return took(Base::allocate_range(zone, count, alignment), count, caller());
    }

    /// What is out now is nobody's.
    void forget_sites() noexcept {
        for (std::uint32_t n = 0; n < span_.count; ++n) {
            sites_[n].store(no_site, std::memory_order_relaxed);
        }
    }
    /// Calls visit(site, frames) for each block that was taken since then and did not come back.
    template <class Visit>
    void for_each_taken(Visit&& visit) const {
        for (std::uint32_t n = 0; n < span_.count; ++n) {
            const Site site = sites_[n].load(std::memory_order_relaxed);
            if (site != no_site) {
                if (const std::uint32_t frames = Base::frames_out(span_.first + n); frames != 0) {
                    visit(site, frames);
                }
            }
        }
    }

private:
    using Entry = std::atomic<Site>;

    [[nodiscard, gnu::always_inline]] static Site caller() noexcept {
        return reinterpret_cast<Site>(__builtin_return_address(0));
    }
    [[nodiscard]] static std::size_t base_bytes(FrameRange span, FrameNumber direct_end) noexcept {
        return (Base::metadata_bytes(span, direct_end) + 15) & ~std::size_t{15};
    }
    [[nodiscard]] Result<FrameNumber> took(Result<FrameNumber> first, std::uint32_t count,
                                           Site site) noexcept {
        for (std::uint32_t n = 0; first && n < count; ++n) {
            // relaxed: whoever asks has stopped all others, or takes what it finds.
            sites_[*first + n - span_.first].store(site, std::memory_order_relaxed);
        }
        return first;
    }

    FrameRange span_;
    Entry* sites_ = nullptr;
};

}  // namespace kidney::mm
