/// Bytes on the heap for a scope: what a message brings, until whoever asked for it has it.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <cstddef>
#include <span>
#include <utility>

namespace kidney::fs::p9 {

template <mm::ObjectAllocator Heap>
class BytesOnHeap {
public:
    /// `count`, or fewer if memory is short. Error: no_memory.
    [[nodiscard]] static Result<BytesOnHeap> allocate(Heap& heap, std::size_t count) noexcept {
        constexpr std::size_t modest = 2048;
        Result<void*> memory = heap.allocate(count);
        if (!memory && count > modest) {
            count = modest;
            memory = heap.allocate(count);
        }
        return BytesOnHeap(heap, {static_cast<std::byte*>(TRY(memory)), count});
    }
    BytesOnHeap(BytesOnHeap&& other) noexcept
        : heap_(other.heap_), bytes_(std::exchange(other.bytes_, {})) {}
    BytesOnHeap& operator=(BytesOnHeap&&) = delete;
    ~BytesOnHeap() {
        if (!bytes_.empty()) {
            heap_.free(bytes_.data(), bytes_.size());
        }
    }
    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

private:
    BytesOnHeap(Heap& heap, std::span<std::byte> bytes) noexcept : heap_(heap), bytes_(bytes) {}

    Heap& heap_;
    std::span<std::byte> bytes_;
};

}  // namespace kidney::fs::p9
