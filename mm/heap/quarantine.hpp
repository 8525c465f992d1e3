/// Where freed objects wait before their memory is used again, a lane for each CPU.
#pragma once

#include "kidney/hal/cpu.hpp"
#include "kidney/hal/doorway.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// The objects that one CPU has freed last, oldest first. Concurrency: who is inside of the
/// doorway. Cost: O(1) each. Memory: 0.5 KiB, and that of the objects.
template <hal::AtomicsProvider Cpu, class Object>
class QuarantineLane : public hal::Doorway<Cpu> {
public:
    static constexpr std::uint32_t most = 128;
    static constexpr std::size_t most_bytes = std::size_t{32} * 1024;

    [[nodiscard]] bool is_worth_a_visit() const noexcept {
        return length_.load(std::memory_order_relaxed) != 0;
    }
    /// There is room for one more than `most`.
    void push(Object& object) noexcept {
        const std::uint32_t length = length_.load(std::memory_order_relaxed);
        objects_[(oldest_ + length) % objects_.size()] = &object;
        length_.store(length + 1, std::memory_order_relaxed);
        bytes_ += object.bytes;
    }
    /// The oldest one if there are too many or too large ones; else null.
    [[nodiscard]] Object* pop_surplus() noexcept {
        return length_.load(std::memory_order_relaxed) > most || bytes_ > most_bytes ? pop()
                                                                                     : nullptr;
    }
    /// The oldest one, or null.
    [[nodiscard]] Object* pop() noexcept {
        const std::uint32_t length = length_.load(std::memory_order_relaxed);
        if (length == 0) {
            return nullptr;
        }
        Object* const object = objects_[oldest_];
        oldest_ = (oldest_ + 1) % objects_.size();
        length_.store(length - 1, std::memory_order_relaxed);
        bytes_ -= object->bytes;
        return object;
    }

private:
    std::array<Object*, most + 1> objects_{};  ///< a ring
    std::size_t oldest_ = 0;
    typename Cpu::template Atomic<std::uint32_t> length_{0};  ///< for visitors who only look
    std::size_t bytes_ = 0;
};

}  // namespace kidney::mm
