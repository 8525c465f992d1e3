/// What a heap policy runs on: frames, a lock, and the CPU that it is called on.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/hal/per_cpu.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <span>

namespace kidney::mm {

/// The types that a heap is composed of. `Frames` hands out contiguous blocks of direct frames.
/// A heap
/// holds one `Lock` at a time. A policy uses what it needs: one that serialises all calls does
/// without `Cpu` and `Pin`.
template <class E>
concept HeapEnvironment = FrameSource<typename E::Frames> && FrameSink<typename E::Frames> &&
                          hal::PhysMap<typename E::Phys> && BasicLockable<typename E::Lock> &&
                          hal::CpuIdentity<typename E::Cpu> &&
                          hal::AtomicsProvider<typename E::Cpu> && hal::CpuPin<typename E::Pin>;

/// The names of types whose objects are to lie together, `E::object_caches`; without them none.
template <HeapEnvironment E>
[[nodiscard]] constexpr std::span<const char* const> object_caches_of() noexcept {
    if constexpr (requires { E::object_caches; }) {
        return E::object_caches;
    } else {
        return {};
    }
}

}  // namespace kidney::mm
