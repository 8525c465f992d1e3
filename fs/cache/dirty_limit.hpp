/// How much may be dirty, and who is told when it is too much.
#pragma once

#include "fs/cache/page_index.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>

namespace kidney::fs {

/// Brings home what is dirty, soon: the kernel's flusher. Called with the cache's lock held.
class DirtyWatcher {
public:
    virtual void flush_soon() noexcept = 0;

protected:
    ~DirtyWatcher() = default;
};

/// Concurrency: none, the cache's lock.
class DirtyLimit {
public:
    void set(std::size_t most, DirtyWatcher& watcher) noexcept {
        most_ = most;
        watcher_ = &watcher;
    }
    [[nodiscard]] bool is_exceeded(const CacheCounts& counts) const noexcept {
        return counts.dirty > most_;
    }
    void check(const CacheCounts& counts) noexcept {
        if (is_exceeded(counts)) {
            ask();
        }
    }
    void ask() noexcept {
        if (watcher_ != nullptr) {
            watcher_->flush_soon();
        }
    }
    /// Of the watcher that have ended.
    [[nodiscard]] std::uint32_t rounds() const noexcept { return rounds_; }
    void end_round() noexcept { ++rounds_; }

private:
    std::size_t most_ = std::numeric_limits<std::size_t>::max();
    DirtyWatcher* watcher_ = nullptr;
    std::uint32_t rounds_ = 0;
};

}  // namespace kidney::fs
