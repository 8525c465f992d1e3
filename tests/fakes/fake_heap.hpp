/// A heap over the host's own, which sanitizers can watch. Fails at call n on demand, and knows
/// what is still allocated.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "tests/fakes/call_counter.hpp"

#include <cstddef>
#include <cstdlib>
#include <map>

namespace kidney::fakes {

class FakeHeap : public CallCounter {
public:
    static constexpr const char* name = "fake";
    static constexpr std::size_t max_object_bytes = std::size_t{4} << 20;

    FakeHeap() = default;
    FakeHeap(const FakeHeap&) = delete;
    FakeHeap& operator=(const FakeHeap&) = delete;
    ~FakeHeap() {
        for (const auto& [object, bytes] : live_) {
            std::free(object);
        }
    }

    [[nodiscard]] Result<void*> allocate(std::size_t bytes) noexcept {
        if (next_fails() || bytes > max_object_bytes) {
            return fail(Errc::no_memory);
        }
        void* object = std::aligned_alloc(16, (bytes + 15) & ~std::size_t{15});
        live_.emplace(object, bytes);
        used_ += bytes;
        return object;
    }
    void free(void* object, std::size_t bytes) noexcept {
        const auto found = live_.find(object);
        KIDNEY_INVARIANT(found != live_.end() && found->second == bytes,
                         "fake heap: freed with the wrong size, or twice");
        live_.erase(found);
        used_ -= bytes;
        std::free(object);
    }
    [[nodiscard]] std::size_t used_bytes() const noexcept { return used_; }
    [[nodiscard]] std::size_t live_objects() const noexcept { return live_.size(); }

private:
    std::map<void*, std::size_t> live_;
    std::size_t used_ = 0;
};

static_assert(mm::ObjectAllocator<FakeHeap>);

}  // namespace kidney::fakes
