/// Pages for the cache, each with a frame: made and given back.
#pragma once

#include "fs/cache/page_index.hpp"
#include "kidney/mm/frame_service.hpp"
#include "kidney/mm/make.hpp"

#include <span>

namespace kidney::fs {

/// Concurrency: as the heap's and the frames'.
template <mm::ObjectAllocator Heap, mm::CountedFrames Frames>
class PageSupply {
public:
    PageSupply(Heap& heap, Frames& frames) noexcept : heap_(heap), frames_(frames) {}

    [[nodiscard]] Frames& frames() noexcept { return frames_; }
    [[nodiscard]] const Frames& frames() const noexcept { return frames_; }

    /// Adds one. Error: no_memory.
    [[nodiscard]] Status make(FillRun& batch) noexcept {
        CachedPage* const page = TRY(mm::make<CachedPage>(heap_));
        const Result<FrameNumber> frame = frames_.allocate(mm::FrameZone::direct);
        if (!frame) {
            mm::destroy(heap_, page);
            return fail(frame.error());
        }
        page->frame = *frame;
        batch.pages[batch.count++] = page;
        return {};
    }
    void free(CachedPage& page) noexcept {
        frames_.release(page.frame);
        mm::destroy(heap_, &page);
    }
    void free(const FillRun& batch) noexcept {
        for (CachedPage* const page : std::span(batch.pages).first(batch.count)) {
            free(*page);
        }
    }

private:
    Heap& heap_;
    Frames& frames_;
};

}  // namespace kidney::fs
