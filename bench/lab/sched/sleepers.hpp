/// Who wakes up when: a heap of times, equal ones in the order in which they came.
#pragma once

#include "kidney/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kidney::lab {

/// WHY not the dispatcher's timer queue: the laboratory decides whether a wake-up comes before or
/// after the tick of the same instant (`TieRule`). Four children: half the levels, one cache line.
template <class Task>
class Sleepers {
public:
    [[nodiscard]] Instant first() const noexcept {
        return heap_.empty() ? Instant::never() : heap_.front().at;
    }
    void push(Instant at, Task& task) {
        const Entry entry{at, &task, next_++};
        std::size_t hole = heap_.size();
        heap_.push_back(entry);
        while (hole != 0) {
            const std::size_t parent = (hole - 1) / 4;
            if (!entry.is_before(heap_[parent])) {
                break;
            }
            heap_[hole] = heap_[parent];
            hole = parent;
        }
        heap_[hole] = entry;
    }
    /// There must be one.
    Task& pop() {
        Task& task = *heap_.front().task;
        const Entry last = heap_.back();
        heap_.pop_back();
        const std::size_t size = heap_.size();
        for (std::size_t hole = 0; size != 0;) {
            std::size_t least = 4 * hole + 1;
            if (least >= size) {
                heap_[hole] = last;
                break;
            }
            const std::size_t end = least + 4 < size ? least + 4 : size;
            for (std::size_t child = least + 1; child < end; ++child) {
                least = heap_[child].is_before(heap_[least]) ? child : least;
            }
            if (!heap_[least].is_before(last)) {
                heap_[hole] = last;
                break;
            }
            heap_[hole] = heap_[least];
            hole = least;
        }
        return task;
    }

private:
    struct Entry {
        Instant at;
        Task* task;
        std::uint64_t number;
        [[nodiscard]] bool is_before(const Entry& other) const noexcept {
            return at != other.at ? at < other.at : number < other.number;
        }
    };
    std::vector<Entry> heap_;
    std::uint64_t next_ = 0;
};

}  // namespace kidney::lab
