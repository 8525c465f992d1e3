/// The clusters of one file in memory, as runs: where the n-th is, without a walk along the table.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/result.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

namespace kidney::fs::fat {

/// What an entry says of a file's clusters before anybody has walked along them.
struct ChainStart {
    std::uint32_t first = 0;
    std::uint32_t clusters = 0;  ///< that the size needs; to_the_end: as many as there are
    static constexpr std::uint32_t to_the_end = ~0U;
};

/// Clusters side by side.
struct ClusterRun {
    std::uint32_t first = 0, count = 0;
};

/// A file in few runs takes no memory of its own. Concurrency: the file system's lock.
template <mm::ObjectAllocator Heap>
class Chain {
public:
    Chain(Heap& heap, ChainStart start) noexcept
        : start(start), is_loaded(start.clusters == 0), heap_(heap) {}
    ~Chain() { clear(); }
    Chain(const Chain&) = delete;
    Chain& operator=(const Chain&) = delete;

    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    [[nodiscard]] bool is_empty() const noexcept { return size_ == 0; }
    /// Cost: O(log runs).
    [[nodiscard]] std::uint32_t at(std::uint32_t index) const noexcept { return run(index).first; }
    /// From that one on. Cost: as at().
    [[nodiscard]] ClusterRun run(std::uint32_t index) const noexcept {
        KIDNEY_ASSERT(index < size_);
        if (index < runs_[recent_].index || index >= end_of(recent_)) [[unlikely]] {
            const auto* const behind = std::upper_bound(
                runs_, runs_ + count_, index,
                [](std::uint32_t wanted, const Run& run) noexcept { return wanted < run.index; });
            recent_ = static_cast<std::size_t>(behind - runs_) - 1;
        }
        return {runs_[recent_].cluster + (index - runs_[recent_].index), end_of(recent_) - index};
    }
    [[nodiscard]] std::uint32_t first() const noexcept { return is_empty() ? 0 : at(0); }
    [[nodiscard]] std::uint32_t last() const noexcept { return is_empty() ? 0 : at(size_ - 1); }

    /// Room for one run more: then push() cannot fail. Error: no_memory.
    [[nodiscard]] Status reserve() noexcept {
        if (count_ < capacity_) {
            return {};
        }
        if (capacity_ > std::numeric_limits<std::size_t>::max() / sizeof(Run) / 4) {
            return fail(Errc::no_memory);
        }
        const std::size_t capacity = capacity_ * 4;
        void* const memory = TRY(heap_.allocate(capacity * sizeof(Run)));
        auto* const runs = static_cast<Run*>(memory);
        std::copy_n(runs_, count_, runs);
        give_back();
        runs_ = runs;
        capacity_ = capacity;
        return {};
    }
    void push(ClusterRun added) noexcept {
        if (size_ == 0 || added.first != last() + 1) {
            KIDNEY_ASSERT(count_ < capacity_);
            runs_[count_++] = {size_, added.first};
        }
        size_ += added.count;
    }
    /// Keeps the first `size` clusters.
    void cut(std::uint32_t size) noexcept {
        KIDNEY_ASSERT(size <= size_);
        size_ = size;
        while (count_ > 0 && runs_[count_ - 1].index >= size) {
            --count_;
        }
        recent_ = 0;
    }
    void clear() noexcept {
        cut(0);
        give_back();
        runs_ = own_.data();
        capacity_ = own_.size();
    }
    /// Takes over what `other` knows, which is empty then.
    void adopt(Chain& other) noexcept {
        if (!other.is_loaded || is_loaded) {
            return;
        }
        own_ = other.own_;
        runs_ = other.runs_ == other.own_.data() ? own_.data() : other.runs_;
        count_ = std::exchange(other.count_, 0);
        capacity_ = std::exchange(other.capacity_, own_.size());
        size_ = std::exchange(other.size_, 0);
        other.runs_ = other.own_.data();
        recent_ = other.recent_ = 0;
        is_loaded = true;
        on_disk = size_;
    }

    // For Clusters.
    const ChainStart start;
    bool is_loaded;
    std::uint32_t on_disk = 0;   ///< clusters that an entry on the disk leads to
    std::uint32_t deferred = 0;  ///< the link to the cluster at this index is not in the table yet
    std::uint32_t excess = 0;    ///< clusters that were cut off, and go with the next sync

private:
    struct Run {
        std::uint32_t index, cluster;
    };
    [[nodiscard]] std::uint32_t end_of(std::size_t run) const noexcept {
        return run + 1 < count_ ? runs_[run + 1].index : size_;
    }
    void give_back() noexcept {
        if (runs_ != own_.data()) {
            heap_.free(runs_, capacity_ * sizeof(Run));
        }
    }

    Heap& heap_;
    std::array<Run, 4> own_{};
    Run* runs_ = own_.data();
    std::size_t count_ = 0;
    std::size_t capacity_ = own_.size();
    std::uint32_t size_ = 0;
    mutable std::size_t recent_ = 0;  ///< where at() found the last one
};

}  // namespace kidney::fs::fat
