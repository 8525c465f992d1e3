/// The `ObjectAllocator` policy slot: the kernel heap.
#pragma once

#include "kidney/core/result.hpp"

#include <concepts>
#include <cstddef>

namespace kidney::mm {

/// Memory for kernel objects, with sized free: the owner knows what it allocated.
///   O1 allocate(n) gives n usable bytes aligned to min(16, the power of two below n);
///      1 <= n <= max_object_bytes
///   O2 live objects are disjoint
///   O3 fails only with no_memory, changing nothing
///   O4 free(p, n) takes the n of the allocation; used_bytes() returns to where it was
///   O5 what was freed can be had again, by requests of any size that fits
/// Concurrency: any thread. Not for interrupt handlers.
template <class A>
concept ObjectAllocator = requires(A& a, const A& ca, void* object, std::size_t bytes) {
    { a.allocate(bytes) } noexcept -> std::same_as<Result<void*>>;
    { a.free(object, bytes) } noexcept -> std::same_as<void>;
    { ca.used_bytes() } noexcept -> std::same_as<std::size_t>;
    { A::name } -> std::convertible_to<const char*>;
};

/// A heap that keeps free memory for later.
///   O6 reclaim() gives what it can do without to its frames, and returns how many frames; it
///      touches no live object
/// Where it is missing, freed memory goes back at once.
template <class A>
concept ReclaimableHeap = ObjectAllocator<A> && requires(A& a) {
    { a.reclaim() } noexcept -> std::same_as<std::size_t>;
};

}  // namespace kidney::mm
