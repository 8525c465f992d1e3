/// What file systems in memory may take, and the heap through which they take it.
#pragma once

#include "fs/quota/quota_table.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/core/result.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace kidney::fs {

/// Bytes; one for several file systems, so that they do not exceed it together. Everything counts:
/// pages, and the objects that names, nodes and targets of links are. Concurrency: any thread.
class TmpfsBudget {
public:
    explicit TmpfsBudget(std::size_t bytes) noexcept : bytes_(bytes) {}
    TmpfsBudget(const TmpfsBudget&) = delete;
    TmpfsBudget& operator=(const TmpfsBudget&) = delete;

    // relaxed throughout: numbers only, which say nothing about other memory
    /// Error: no_space.
    [[nodiscard]] Status take(std::size_t bytes) noexcept {
        std::size_t now = used();
        do {
            if (bytes > bytes_ - now) {
                return fail(Errc::no_space);
            }
        } while (!used_.compare_exchange_weak(now, now + bytes, std::memory_order_relaxed));
        return {};
    }
    void give_back(std::size_t bytes) noexcept {
        const std::size_t before = used_.fetch_sub(bytes, std::memory_order_relaxed);
        KIDNEY_INVARIANT(before >= bytes, "tmpfs gives back more than it took");
    }
    [[nodiscard]] std::size_t used() const noexcept {
        return used_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::size_t free() const noexcept { return bytes_ - used(); }

    /// The part of it that is pages of file data.
    [[nodiscard]] Status take_page() noexcept {
        TRY(take(page_size));
        pages_.fetch_add(1, std::memory_order_relaxed);
        return {};
    }
    void give_back_page() noexcept {
        pages_.fetch_sub(1, std::memory_order_relaxed);
        give_back(page_size);
    }
    [[nodiscard]] std::size_t pages() const noexcept {
        return pages_.load(std::memory_order_relaxed);
    }

private:
    const std::size_t bytes_;
    std::atomic<std::size_t> pages_{0};
    std::atomic<std::size_t> used_{0};
};

/// How much a tmpfs may hold, and what it is called: /dev is one, too ("devtmpfs"). A second name
/// of a node counts like a node: both are memory that only the file system can give back. `pages`
/// are of file data; the budget, if there is one, pays for everything.
struct TmpfsLimits {
    std::uint32_t pages = std::numeric_limits<std::uint32_t>::max();
    std::uint32_t nodes = std::numeric_limits<std::uint32_t>::max();
    const char* type_name = "tmpfs";
    std::uint32_t magic = 0x0102'1994;  ///< statfs f_type
    TmpfsBudget* budget = nullptr;
    QuotaSettings quotas{};
};

/// The pages of one file system: no more than a number, and at the expense of a budget (or of
/// none).
class TmpfsPageCount {
public:
    TmpfsPageCount(std::uint32_t most, TmpfsBudget* budget) noexcept
        : most_(most), budget_(budget) {}

    /// Counts one. Error: no_space.
    [[nodiscard]] Status take() noexcept {
        Status paid;
        if (count_.fetch_add(1, std::memory_order_relaxed) >= most_) {
            paid = fail(Errc::no_space);
        } else if (budget_ != nullptr) {
            paid = budget_->take_page();
        }
        if (!paid) {
            count_.fetch_sub(1, std::memory_order_relaxed);
        }
        return paid;
    }
    void give_back() noexcept {
        count_.fetch_sub(1, std::memory_order_relaxed);
        if (budget_ != nullptr) {
            budget_->give_back_page();
        }
    }
    [[nodiscard]] std::uint32_t count() const noexcept {
        return count_.load(std::memory_order_relaxed);
    }

private:
    const std::uint32_t most_;
    TmpfsBudget* const budget_;
    std::atomic<std::uint32_t> count_{0};
};

/// The kernel's heap, at the expense of a budget (or of none). Errors: no_space, no_memory.
template <mm::ObjectAllocator Heap>
class TmpfsHeap {
public:
    static constexpr const char* name = Heap::name;

    TmpfsHeap(Heap& heap, TmpfsBudget* budget) noexcept : heap_(heap), budget_(budget) {}
    TmpfsHeap(const TmpfsHeap&) = delete;
    TmpfsHeap& operator=(const TmpfsHeap&) = delete;

    [[nodiscard]] Result<void*> allocate(std::size_t bytes) noexcept {
        if (budget_ != nullptr) {
            TRY(budget_->take(bytes));
        }
        Result<void*> object = heap_.allocate(bytes);
        if (object) {
            used_.fetch_add(bytes, std::memory_order_relaxed);
        } else if (budget_ != nullptr) {
            budget_->give_back(bytes);
        }
        return object;
    }
    void free(void* object, std::size_t bytes) noexcept {
        heap_.free(object, bytes);
        used_.fetch_sub(bytes, std::memory_order_relaxed);
        if (budget_ != nullptr) {
            budget_->give_back(bytes);
        }
    }
    [[nodiscard]] std::size_t used_bytes() const noexcept {
        return used_.load(std::memory_order_relaxed);
    }

private:
    Heap& heap_;
    TmpfsBudget* const budget_;
    std::atomic<std::size_t> used_{0};
};

}  // namespace kidney::fs
