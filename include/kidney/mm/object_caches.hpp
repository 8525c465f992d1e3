/// Object caches: slabs that hold objects of one type only.
///
///     struct Region { static constexpr const char* cache_name = "region"; ... };   // asks for one
///     static constexpr std::array object_caches{"region", "thread"};   // a HeapEnvironment has it
///
/// A type asks by its name, and whoever composes a heap says which names are heard; everybody
/// else's objects lie with others of about their size. make.hpp does the rest: the name is looked
/// up while the kernel is compiled, and costs nothing after that.
///
/// Source: Bonwick, "The Slab Allocator", USENIX 1994. His caches also keep objects constructed
/// between two lives. Ours do not: docs/subsystems/heap.md says why.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::mm {

/// One of a heap's caches.
class ObjectCache {
public:
    explicit constexpr ObjectCache(std::size_t n) noexcept : n_(static_cast<std::uint8_t>(n)) {}
    [[nodiscard]] constexpr std::uint8_t value() const noexcept { return n_; }
    friend constexpr bool operator==(ObjectCache, ObjectCache) noexcept = default;

private:
    std::uint8_t n_;
};

/// A heap with caches. Laws O1 to O6 hold for their objects as well, and
///   O7 all calls for a cache name the same number of bytes, at most 8192; an object goes back to
///      the cache that it came from
/// Concurrency: as allocate() and free(). `caches` has the names.
template <class A>
concept CachingHeap =
    ObjectAllocator<A> && requires(A& a, ObjectCache cache, void* object, std::size_t bytes) {
        { A::caches } -> std::convertible_to<std::span<const char* const>>;
        { a.allocate_cached(cache, bytes) } noexcept -> std::same_as<Result<void*>>;
        { a.free_cached(cache, object, bytes) } noexcept -> std::same_as<void>;
    };

/// Where `name` stands in `names`; behind the last: nowhere.
[[nodiscard]] constexpr std::size_t find_cache(std::span<const char* const> names,
                                               std::string_view name) noexcept {
    std::size_t n = 0;
    while (n < names.size() && name != names[n]) {
        ++n;
    }
    return n;
}

/// Does the heap have a cache for objects of type T?
template <class T, class Heap>
concept IsCached = CachingHeap<Heap> && requires { T::cache_name; } &&
                   find_cache(Heap::caches, T::cache_name) < Heap::caches.size();

template <class T, class Heap>
    requires IsCached<T, Heap>
inline constexpr ObjectCache cache_of = [] {
    static_assert(sizeof(T) <= 8192, "a cache's objects are small");
    return ObjectCache(find_cache(Heap::caches, T::cache_name));
}();

}  // namespace kidney::mm
