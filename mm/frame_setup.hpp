/// From a memory map to a running frame service; the last step of early memory.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/hal/phys_map.hpp"
#include "mm/early_frames.hpp"

#include <cstddef>
#include <span>

namespace kidney::mm {

/// Takes the service's books from `early` (in direct memory, contiguous) and gives it all frames
/// that are left. Afterwards `early` is used up. Errors: no_memory if the books fit nowhere.
///
///     mm::EarlyFrames early(usable, reserved);     // from the boot loader's memory map
///     ... page tables from early.take(1, limit) ...
///     TRY(mm::set_up_frames(frames, early, phys, direct_end));
template <class Service, hal::PhysMap Phys>
[[nodiscard]] Status set_up_frames(Service& service, EarlyFrames& early, Phys& phys,
                                   FrameNumber direct_end) noexcept {
    const FrameRange span = early.span();
    const std::size_t bytes = Service::metadata_bytes(span, direct_end);
    const auto count = static_cast<std::uint32_t>((bytes + page_size - 1) / page_size);
    const FrameNumber first = TRY(early.take(count, direct_end));
    // The direct map is linear, so contiguous frames are contiguous bytes.
    service.attach(span, direct_end, {phys.direct(first).data(), count * std::size_t{page_size}},
                   phys);
    for (const FrameRange range : early.ranges()) {
        if (range.count != 0) {
            service.add_region(range);
        }
    }
    return {};
}

}  // namespace kidney::mm
