/// Who wakes up when: a heap of times, equal ones in the order in which they came.
#pragma once

#include "kidney/core/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kidney::lab {

/// WHY not the dispatcher's timer queue: the laboratory decides whether a wake-up comes before or
/// after the tick of the same instant (`TieRule`), and a simulation does little else than this. So:
/// four children, which are one cache line; no branch that depends on which of them is the least;
/// and a hole that sinks to the bottom before the last entry looks for its place, which is near
/// there.
template <class Task>
class Sleepers {
public:
    [[nodiscard]] Instant first() const noexcept {
        return end_ == root ? Instant::never() : Instant(at(root).time);
    }
    void push(Instant when, Task& task) {
        if (task.index >= tasks_.size()) {
            tasks_.resize(task.index + 1);
        }
        tasks_[task.index] = &task;
        if (end_ / children == lines_.size()) {
            lines_.emplace_back();
        }
        const Entry entry{when.nanoseconds(), std::uint64_t{next_++} << 32 | task.index};
        rise(end_++, entry);
    }
    /// There must be one.
    Task& pop() {
        Task& task = *tasks_[static_cast<std::uint32_t>(at(root).order)];
        const Entry last = at(--end_);
        at(end_) = {};  // later than everything: a line may be read whole
        std::size_t hole = root;
        for (std::size_t line = below(hole); line < end_; line = below(hole)) {
            std::size_t least = line;
            for (std::size_t child = line + 1; child < line + children; ++child) {
                least = at(child).is_before(at(least)) ? child : least;
            }
            at(hole) = at(least);
            hole = least;
        }
        if (hole != end_) {
            rise(hole, last);
        }
        return task;
    }

private:
    static constexpr std::size_t children = 4;
    static constexpr std::size_t root = children - 1;  ///< so that siblings share a line

    struct Entry {
        std::uint64_t time = ~std::uint64_t{0};
        std::uint64_t order = ~std::uint64_t{0};  ///< number of the push, index of the task
        [[nodiscard]] bool is_before(const Entry& other) const noexcept {
            return (time < other.time) | ((time == other.time) & (order < other.order));
        }
    };
    struct alignas(children * sizeof(Entry)) Line {
        std::array<Entry, children> entries;
    };

    [[nodiscard]] static std::size_t below(std::size_t place) noexcept {
        return children * (place - root) + root + 1;
    }
    [[nodiscard]] static std::size_t above(std::size_t place) noexcept {
        return (place - root - 1) / children + root;
    }
    [[nodiscard]] Entry& at(std::size_t place) noexcept {
        return lines_[place / children].entries[place % children];
    }
    [[nodiscard]] const Entry& at(std::size_t place) const noexcept {
        return lines_[place / children].entries[place % children];
    }
    void rise(std::size_t hole, const Entry& entry) noexcept {
        while (hole != root && entry.is_before(at(above(hole)))) {
            at(hole) = at(above(hole));
            hole = above(hole);
        }
        at(hole) = entry;
    }

    std::vector<Line> lines_ = std::vector<Line>(1);
    std::vector<Task*> tasks_;  ///< by index
    std::size_t end_ = root;
    std::uint32_t next_ = 0;
};

}  // namespace kidney::lab
