/// What the file systems stand on in these tests: a heap and frames that count and can fail, a
/// clock that stands still until it is told, locks that check nothing.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/fs/file_clock.hpp"
#include "kidney/mm/frame_service.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "kidney/sched/waiting.hpp"
#include "sim/ram_arena.hpp"
#include "tests/fakes/call_counter.hpp"
#include "tests/fakes/fake_heap.hpp"

#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <vector>

namespace kidney::fs_test {

/// `CountedFrames` over an arena, most recently freed first, so that reuse shows stale bytes.
/// Concurrency: any thread, for the stress tests.
class Frames : public fakes::CallCounter {
public:
    explicit Frames(sim::RamArena& arena) : arena_(arena), references_(arena.frames()) {
        for (std::uint32_t f = arena.frames(); f-- > 0;) {
            free_.push_back(f);
        }
    }
    [[nodiscard]] Result<FrameNumber> allocate(mm::FrameZone) noexcept {
        std::lock_guard guard(mutex_);
        if (next_fails() || free_.empty()) {
            return fail(Errc::no_memory);
        }
        const FrameNumber frame(free_.back());
        free_.pop_back();
        references_[frame.value()] = 1;
        // Whoever forgets to clear a page shows it.
        std::memset(arena_.direct(frame).data(), 0xAA, page_size);
        return frame;
    }
    [[nodiscard]] Status retain(FrameNumber frame) noexcept {
        std::lock_guard guard(mutex_);
        KIDNEY_INVARIANT(references_[frame.value()] > 0, "retained a free frame");
        if (next_fails()) {
            return fail(Errc::no_memory);
        }
        ++references_[frame.value()];
        return {};
    }
    void release(FrameNumber frame) noexcept {
        std::lock_guard guard(mutex_);
        KIDNEY_INVARIANT(references_[frame.value()] > 0, "released a free frame");
        if (--references_[frame.value()] == 0) {
            free_.push_back(frame.value());
        }
    }
    [[nodiscard]] std::uint32_t references(FrameNumber frame) const noexcept {
        std::lock_guard guard(mutex_);
        return references_[frame.value()];
    }
    [[nodiscard]] std::size_t free_frames() const noexcept {
        std::lock_guard guard(mutex_);
        return free_.size();
    }

private:
    mutable std::mutex mutex_;
    sim::RamArena& arena_;
    std::vector<std::uint32_t> references_;
    std::vector<std::uint32_t> free_;
};
static_assert(mm::CountedFrames<Frames>);

struct Clock {
    fs::FileTime now{1'000'000, 0};
    fs::FileTime operator()() noexcept { return now; }
};
static_assert(fs::FileClock<Clock>);

/// The machine of a single-threaded test. What it lends must come back: see is_clean().
struct World {
    explicit World(std::uint32_t pages = 4096) : arena(pages) {}
    sim::RamArena arena;
    Frames frames{arena};
    fakes::FakeHeap heap;
    Clock clock;

    [[nodiscard]] bool is_clean() const {
        return heap.used_bytes() == 0 && frames.free_frames() == arena.frames();
    }
};

/// For tests with one thread: nobody can be waiting, and waiting would last for ever.
struct NullQueue {
    struct Limit {
        bool interruptible = false;
    };
    template <class Lock>
    void wait(Lock&) noexcept {
        KIDNEY_INVARIANT(false, "the only thread waits");
    }
    template <class Lock>
    Status wait(Lock&, Limit) noexcept {
        KIDNEY_INVARIANT(false, "the only thread waits");
        return {};
    }
    void wake_all(sched::WakeHint = sched::WakeHint::none) noexcept {}
};

/// For tests with threads.
class StdLock {
public:
    void lock() noexcept { mutex_.lock(); }
    void unlock() noexcept { mutex_.unlock(); }

private:
    std::mutex mutex_;
};
class StdQueue {
public:
    struct Limit {
        bool interruptible = false;
    };
    void wait(StdLock& lock) noexcept { condition_.wait(lock); }
    Status wait(StdLock& lock, Limit) noexcept {
        condition_.wait(lock);
        return {};
    }
    void wake_all(sched::WakeHint = sched::WakeHint::none) noexcept { condition_.notify_all(); }

private:
    std::condition_variable_any condition_;
};

/// A heap that threads can share.
class LockedHeap : public fakes::FakeHeap {
public:
    Result<void*> allocate(std::size_t bytes) noexcept {
        std::lock_guard guard(mutex_);
        return FakeHeap::allocate(bytes);
    }
    void free(void* object, std::size_t bytes) noexcept {
        std::lock_guard guard(mutex_);
        FakeHeap::free(object, bytes);
    }

private:
    std::mutex mutex_;
};

}  // namespace kidney::fs_test
