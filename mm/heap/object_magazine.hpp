/// The free objects that one CPU has at hand: an array for each size, and for each type with a
/// cache.
#pragma once

#include "mm/heap/size_classes.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace kidney::mm {

/// Of whoever is inside of its CPU's doorway. Cost: O(1) each.
class alignas(4 * sizeof(void*)) ObjectMagazine {  // WHY: an index becomes a shift
public:
    /// Before the first object.
    void use(void** slots, std::size_t capacity) noexcept {
        bottom_ = slots;
        set_capacity(capacity);
        set_size(0);
    }
    /// Before the first object; there are so many slots.
    void set_capacity(std::size_t capacity) noexcept { end_ = bottom_ + capacity; }
    [[nodiscard]] std::size_t capacity() const noexcept {
        return static_cast<std::size_t>(end_ - bottom_);
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

/// Those of one CPU: of the size classes, then of caches, whose magazines have no room before it is
/// known for objects of how many bytes.
template <std::size_t Classes>
class ObjectMagazines {
public:
    ObjectMagazines() noexcept {
        void** next = slots_.data();
        for (std::size_t i = 0; i < Classes; ++i) {
            magazines_[i].use(next, i < size_classes::count ? slots_of(i) : 0);
            next += slots_of(i);
        }
    }
    ObjectMagazines(const ObjectMagazines&) = delete;
    ObjectMagazines& operator=(const ObjectMagazines&) = delete;

    /// In a cache's magazine that has none.
    void make_room(ObjectMagazine& magazine, std::size_t bytes) noexcept {
        magazine.set_capacity(capacity(bytes, most_of_a_cache));
    }
    [[nodiscard]] ObjectMagazine& operator[](std::size_t index) noexcept {
        return magazines_[index];
    }
    [[nodiscard]] std::size_t index_of(const ObjectMagazine& magazine) const noexcept {
        return static_cast<std::size_t>(&magazine - magazines_.data());
    }
    [[nodiscard]] auto begin() noexcept { return magazines_.begin(); }
    [[nodiscard]] auto end() noexcept { return magazines_.end(); }

private:
    [[nodiscard]] static constexpr std::size_t capacity(std::size_t bytes,
                                                        std::size_t most) noexcept {
        return std::clamp<std::size_t>(16 * 1024 / bytes & ~std::size_t{1}, 8, most);
    }
    static constexpr std::size_t most_of_a_cache = 128;
    [[nodiscard]] static constexpr std::size_t slots_of(std::size_t index) noexcept {
        return index < size_classes::count ? capacity(size_classes::bytes_of(index), 256)
                                           : most_of_a_cache;
    }
    static constexpr std::size_t all_slots = [] {
        std::size_t sum = 0;
        for (std::size_t i = 0; i < Classes; ++i) {
            sum += slots_of(i);
        }
        return sum;
    }();

    std::array<ObjectMagazine, Classes> magazines_;
    std::array<void*, all_slots> slots_;
};

}  // namespace kidney::mm
