/// The free objects of one size that one CPU has at hand: an array.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

namespace kidney::mm {

/// Of whoever is inside of its CPU's doorway. Cost: O(1) each.
class alignas(4 * sizeof(void*)) ObjectMagazine {  // WHY: an index becomes a shift
public:
    /// Before the first object.
    void use(std::span<void*> slots) noexcept {
        bottom_ = slots.data();
        end_ = bottom_ + slots.size();
        set_size(0);
    }

    /// The one that came last, or null.
    [[nodiscard]] void* pop() noexcept { return top_ != bottom_ ? *--top_ : nullptr; }
    /// False: no room.
    [[nodiscard]] bool push(void* object) noexcept {
        if (top_ == end_) {
            return false;
        }
        *top_++ = object;
        return true;
    }

    [[nodiscard]] std::size_t size() const noexcept {
        return static_cast<std::size_t>(top_ - bottom_);
    }
    /// All places, the oldest object first.
    [[nodiscard]] std::span<void*> slots() noexcept { return {bottom_, end_}; }
    /// The first `n` places hold objects.
    void set_size(std::size_t n) noexcept { top_ = bottom_ + n; }
    void drop_oldest(std::size_t n) noexcept {
        const std::size_t left = size() - n;
        std::copy_n(bottom_ + n, left, bottom_);
        set_size(left);
    }

private:
    void** top_ = nullptr;  ///< the objects are below it
    void** bottom_ = nullptr;
    void** end_ = nullptr;
};

}  // namespace kidney::mm
