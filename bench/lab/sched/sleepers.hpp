/// Who wakes up when: a tournament of times, equal ones in the order in which they came.
#pragma once

#include "kidney/core/time.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kidney::lab {

/// WHY not the dispatcher's timer queue: the laboratory decides whether a wake-up comes before or
/// after the tick of the same instant (`TieRule`), and a simulation does little else than this. As
/// in sched/policies/tournament.hpp, where a task plays follows from its index alone, so that all
/// opponents are read at once. Cost: O(log tasks) for push() and pop().
template <class Task>
class Sleepers {
public:
    [[nodiscard]] Instant first() const noexcept { return Instant(winners_[1].time); }
    /// The task must not be in.
    void push(Instant when, Task& task) {
        if (task.index >= tasks_.size()) {
            make_room(task.index);
        }
        tasks_[task.index] = &task;
        const Entry entry{when.nanoseconds(), std::uint64_t{next_++} << 32 | task.index};
        std::size_t place = tasks_.size() + task.index;
        winners_[place] = entry;
        while (place != 1 && entry.is_before(winners_[place / 2])) {
            place /= 2;
            winners_[place] = entry;
        }
    }
    /// There must be one.
    Task& pop() noexcept {
        const auto index = static_cast<std::uint32_t>(winners_[1].order);
        std::size_t place = tasks_.size() + index;
        Entry winner;
        winners_[place] = winner;
        while (place != 1) {
            const Entry& opponent = winners_[place ^ 1];
            const bool wins = winner.is_before(opponent);
            winner.time = __builtin_unpredictable(wins) ? winner.time : opponent.time;
            winner.order = __builtin_unpredictable(wins) ? winner.order : opponent.order;
            place /= 2;
            winners_[place] = winner;
        }
        return *tasks_[index];
    }

private:
    struct Entry {
        std::uint64_t time = ~std::uint64_t{0};   ///< nobody: later than everything
        std::uint64_t order = ~std::uint64_t{0};  ///< number of the push, index of the task
        [[nodiscard]] bool is_before(const Entry& other) const noexcept {
            return (time < other.time) | ((time == other.time) & (order < other.order));
        }
    };
    void make_room(std::size_t index) {
        const std::size_t places = std::bit_ceil(index + 1);
        std::vector<Entry> larger(2 * places);
        std::copy_n(winners_.begin() + static_cast<std::ptrdiff_t>(tasks_.size()), tasks_.size(),
                    larger.begin() + static_cast<std::ptrdiff_t>(places));
        for (std::size_t place = places; --place != 0;) {
            const Entry& left = larger[2 * place];
            const Entry& right = larger[2 * place + 1];
            larger[place] = left.is_before(right) ? left : right;
        }
        winners_.swap(larger);
        tasks_.resize(places);
    }

    /// Place n is won by the winner of place 2n or of place 2n + 1; a task's own comes after those
    /// of the matches.
    std::vector<Entry> winners_ = std::vector<Entry>(2);
    std::vector<Task*> tasks_;  ///< by index; a power of two, or none
    std::uint32_t next_ = 0;
};

}  // namespace kidney::lab
