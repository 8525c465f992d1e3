/// What file systems stand on where nothing may cost more than it must: nothing here checks, waits
/// or fails. For what is measured, and for what is done millions of times.
#pragma once

#include "kidney/fs/file_clock.hpp"
#include "kidney/mm/frame_service.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "sim/ram_arena.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace kidney::test {

/// The host's heap, with nothing around it.
struct PlainHeap {
    static constexpr const char* name = "plain";
    static constexpr std::size_t max_object_bytes = std::size_t{1} << 30;
    [[nodiscard]] Result<void*> allocate(std::size_t bytes) noexcept {
        void* const memory = std::malloc(bytes);  // aligned to 16
        return memory == nullptr ? Result<void*>(fail(Errc::no_memory)) : memory;
    }
    void free(void* memory, std::size_t) noexcept { std::free(memory); }
    [[nodiscard]] std::size_t used_bytes() const noexcept { return 0; }
};
static_assert(mm::ObjectAllocator<PlainHeap>);

struct StillClock {
    fs::FileTime operator()() noexcept { return {1'000'000, 0}; }
};
static_assert(fs::FileClock<StillClock>);

/// The frames of an arena, the most recently freed first.
class PlainFrames {
public:
    explicit PlainFrames(sim::RamArena& arena) : references_(arena.frames()) {
        for (std::uint32_t f = arena.frames(); f-- > 0;) {
            free_.push_back(f);
        }
    }
    [[nodiscard]] Result<FrameNumber> allocate(mm::FrameZone) noexcept {
        if (free_.empty()) {
            return fail(Errc::no_memory);
        }
        const FrameNumber frame(free_.back());
        free_.pop_back();
        references_[frame.value()] = 1;
        return frame;
    }
    [[nodiscard]] Status retain(FrameNumber frame) noexcept {
        ++references_[frame.value()];
        return {};
    }
    void release(FrameNumber frame) noexcept {
        if (--references_[frame.value()] == 0) {
            free_.push_back(frame.value());
        }
    }
    [[nodiscard]] std::uint32_t references(FrameNumber frame) const noexcept {
        return references_[frame.value()];
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return free_.size(); }

private:
    std::vector<std::uint32_t> references_;
    std::vector<std::uint32_t> free_;
};
static_assert(mm::CountedFrames<PlainFrames>);

}  // namespace kidney::test
