/// Storage for a global that boot constructs explicitly.
///
/// The kernel has no dynamic initialisation (no code runs before kernel_entry, in no unknown
/// order). An object that cannot be a constant lives in a BootObject and comes to life in
/// kernel/boot's order.
#pragma once

#include "kidney/core/assert.hpp"

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace kidney::kernel {

/// Never destroyed. Using it before create() is an assertion failure. Concurrency: create() once,
/// before a second CPU runs.
template <class T>
class BootObject {
public:
    constexpr BootObject() noexcept = default;
    BootObject(const BootObject&) = delete;
    BootObject& operator=(const BootObject&) = delete;

    template <class... Args>
    T& create(Args&&... arguments) noexcept {
        KIDNEY_INVARIANT(!is_created_, "boot object created twice");
        is_created_ = true;
        return *::new (static_cast<void*>(storage_)) T(std::forward<Args>(arguments)...);
    }
    [[nodiscard]] T& get() noexcept {
        KIDNEY_ASSERT(is_created_);
        return *std::launder(reinterpret_cast<T*>(storage_));
    }
    [[nodiscard]] bool is_created() const noexcept { return is_created_; }

private:
    alignas(T) std::byte storage_[sizeof(T)]{};
    bool is_created_ = false;
};

}  // namespace kidney::kernel
