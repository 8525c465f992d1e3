/// Objects on a heap: made by `make`, `make_box` or `make_ref`, which fail with no_memory instead
/// of throwing.
///
///     Box<Region, Heap> region = TRY(make_box<Region>(heap, range));   // one owner
///     Ref<Pipe> pipe = TRY(make_ref<Pipe>(heap));  // shared; Pipe is a HeapObject
#pragma once

#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/mm/object_caches.hpp"

#include <concepts>
#include <new>
#include <type_traits>
#include <utility>

namespace kidney::mm {

/// Memory for a T, of its type's cache if the heap has one. Errors: no_memory.
template <class T, ObjectAllocator Heap>
[[nodiscard, gnu::always_inline]] inline Result<void*> allocate_for(Heap& heap) noexcept {
    static_assert(alignof(T) <= 16, "the heap aligns to 16");
    if constexpr (IsCached<T, Heap>) {
        return heap.allocate_cached(cache_of<T, Heap>, sizeof(T));
    } else {
        return heap.allocate(sizeof(T));
    }
}
/// Takes back what allocate_for<T>() gave.
template <class T, ObjectAllocator Heap>
[[gnu::always_inline]] inline void free_for(Heap& heap, void* memory) noexcept {
    if constexpr (IsCached<T, Heap>) {
        heap.free_cached(cache_of<T, Heap>, memory, sizeof(T));
    } else {
        heap.free(memory, sizeof(T));
    }
}

/// A new T; destroy() is the caller's duty. Errors: no_memory.
template <class T, ObjectAllocator Heap, class... Args>
[[nodiscard]] Result<T*> make(Heap& heap, Args&&... arguments) noexcept {
    static_assert(std::is_nothrow_constructible_v<T, Args...>, "constructors cannot fail");
    void* memory = TRY(allocate_for<T>(heap));
    return ::new (memory) T(std::forward<Args>(arguments)...);
}

/// Ends a T that make() made. T is the object's own type, not a base.
template <class T, ObjectAllocator Heap>
void destroy(Heap& heap, T* object) noexcept {
    object->~T();
    free_for<T>(heap, object);
}

/// The one owner of an object on a heap.
template <class T, class Heap>
class Box {
public:
    constexpr Box() noexcept = default;
    Box(Heap& heap, T* object) noexcept : heap_(&heap), object_(object) {}
    Box(Box&& other) noexcept
        : heap_(other.heap_), object_(std::exchange(other.object_, nullptr)) {}
    Box& operator=(Box other) noexcept {
        std::swap(heap_, other.heap_);
        std::swap(object_, other.object_);
        return *this;
    }
    ~Box() { reset(); }

    void reset() noexcept {
        if (T* object = release(); object != nullptr) {
            destroy(*heap_, object);
        }
    }
    /// Gives the object away: somebody else calls destroy().
    [[nodiscard]] T* release() noexcept { return std::exchange(object_, nullptr); }
    [[nodiscard]] T* get() const noexcept { return object_; }
    T& operator*() const noexcept { return *object_; }
    T* operator->() const noexcept { return object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }

private:
    Heap* heap_ = nullptr;
    T* object_ = nullptr;
};

template <class T, ObjectAllocator Heap, class... Args>
[[nodiscard]] Result<Box<T, Heap>> make_box(Heap& heap, Args&&... arguments) noexcept {
    return Box<T, Heap>(heap, TRY(make<T>(heap, std::forward<Args>(arguments)...)));
}

/// Base of a reference-counted object that returns itself to its heap: `class Pipe final : public
/// HeapObject<Pipe, Heap>`. `Base` is RefCounted, or an interface derived from it that declares a
/// virtual dispose(), such as PageSource.
template <class T, class Heap, class Base = RefCounted>
class HeapObject : public Base {
public:
    void dispose() noexcept {
        // Read before the object ends.
        Heap* heap = heap_;
        destroy(*heap, static_cast<T*>(this));
    }

protected:
    using Base::Base;
    ~HeapObject() = default;

private:
    template <class U, ObjectAllocator H, class... Args>
    friend Result<Ref<U>> make_ref(H& heap, Args&&... arguments) noexcept;
    Heap* heap_ = nullptr;
};

/// A new shared T with one reference. T derives from HeapObject, or has its own dispose(). Errors:
/// no_memory.
template <class T, ObjectAllocator Heap, class... Args>
[[nodiscard]] Result<Ref<T>> make_ref(Heap& heap, Args&&... arguments) noexcept {
    T* object = TRY(make<T>(heap, std::forward<Args>(arguments)...));
    if constexpr (requires { object->heap_ = &heap; }) {
        object->heap_ = &heap;
    }
    return Ref<T>::adopt(object);
}

}  // namespace kidney::mm
