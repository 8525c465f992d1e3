/// Shared ownership without an allocation of its own: `Ref<T>` over an intrusive count.
///
/// `T` derives from `RefCounted` and says what happens at zero in `void dispose() noexcept`,
/// because only it knows its heap. One that must tell others before that has a
/// `void last_reference_gone() noexcept`. Copying a Ref is one atomic increment; use `T&` to
/// borrow.
#pragma once

#include "kidney/core/assert.hpp"

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney {

/// Base class; starts at one reference, owned by whoever adopts it. Concurrency: any.
class RefCounted {
public:
    RefCounted(const RefCounted&) = delete;
    RefCounted& operator=(const RefCounted&) = delete;

    // relaxed: a new reference is only made from an existing one, which keeps the object alive.
    void retain() const noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
    /// For tables that remember objects without owning them: a reference, unless the last one is
    /// already gone and the object is on its way out.
    [[nodiscard]] bool try_retain() const noexcept {
        std::uint32_t seen = count_.load(std::memory_order_relaxed);
        while (seen != 0) {
            // acquire: what earlier owners wrote must be visible to the new one.
            if (count_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
                return true;
            }
        }
        return false;
    }
    /// True for the last one out. acq_rel: the last owner must see every other owner's writes.
    [[nodiscard]] bool release() const noexcept {
        const std::uint32_t before = count_.fetch_sub(1, std::memory_order_acq_rel);
        KIDNEY_INVARIANT(before != 0, "reference released twice");
        return before == 1;
    }
    [[nodiscard]] std::uint32_t references() const noexcept {
        return count_.load(std::memory_order_relaxed);
    }

protected:
    RefCounted() noexcept = default;
    ~RefCounted() = default;

private:
    mutable std::atomic<std::uint32_t> count_{1};
};

template <class T>
class Ref {
public:
    constexpr Ref() noexcept = default;
    constexpr Ref(std::nullptr_t) noexcept {}
    /// Takes over the reference that the caller holds.
    [[nodiscard]] static Ref adopt(T* object) noexcept {
        Ref r;
        r.object_ = object;
        return r;
    }
    /// Adds a reference to a borrowed object.
    [[nodiscard]] static Ref share(T& object) noexcept {
        object.retain();
        return adopt(&object);
    }
    Ref(const Ref& other) noexcept : object_(other.object_) {
        if (object_ != nullptr) {
            object_->retain();
        }
    }
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    template <class U>
        requires std::convertible_to<U*, T*>
    Ref(Ref<U> other) noexcept : object_(other.detach()) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref() { reset(); }

    void reset() noexcept {
        if (T* object = std::exchange(object_, nullptr); object != nullptr && object->release()) {
            if constexpr (requires { object->last_reference_gone(); }) {
                object->last_reference_gone();
            }
            object->dispose();
        }
    }
    /// Gives the reference away without releasing it.
    [[nodiscard]] T* detach() noexcept { return std::exchange(object_, nullptr); }
    [[nodiscard]] T* get() const noexcept { return object_; }
    T& operator*() const noexcept { return *object_; }
    T* operator->() const noexcept { return object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }
    friend bool operator==(const Ref& a, const Ref& b) noexcept { return a.object_ == b.object_; }

private:
    T* object_ = nullptr;
};

}  // namespace kidney
