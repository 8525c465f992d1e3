/// A frame policy that owns its books and has all of a span: as the workloads want it.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kidney::bench {

template <mm::FrameAllocator A>
class Ready : public A {
public:
    explicit Ready(std::uint32_t frames) {
        const FrameRange span{FrameNumber(0), frames};
        metadata_.resize(A::metadata_bytes(span));
        A::attach(span, metadata_);
        A::add_region(span);
    }
    [[nodiscard]] static double metadata_bits_per_frame(std::uint32_t frames) noexcept {
        return 8.0 * static_cast<double>(A::metadata_bytes({FrameNumber(0), frames})) / frames;
    }

private:
    std::vector<std::byte> metadata_;
};

}  // namespace kidney::bench
