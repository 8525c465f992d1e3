/// A page of the cache held for a scope.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"

#include <cstddef>
#include <span>
#include <utility>

namespace kidney::fs {

class CachedObject;

/// Keeps the frame from being reclaimed. `Cache` is a PageCache.
template <class Cache>
class BorrowedPage {
public:
    [[nodiscard]] static Result<BorrowedPage> get(Cache& cache, CachedObject& object,
                                                  std::uint32_t index) noexcept {
        return BorrowedPage(cache, TRY(cache.get(object, index)));
    }
    /// PageCache::get_fresh().
    [[nodiscard]] static Result<BorrowedPage> get_fresh(Cache& cache, CachedObject& object,
                                                        std::uint32_t index) noexcept {
        return BorrowedPage(cache, TRY(cache.get_fresh(object, index)));
    }
    BorrowedPage(BorrowedPage&& other) noexcept
        : cache_(std::exchange(other.cache_, nullptr)), frame_(other.frame_) {}
    BorrowedPage& operator=(BorrowedPage&& other) noexcept {
        std::swap(cache_, other.cache_);
        std::swap(frame_, other.frame_);
        return *this;
    }
    ~BorrowedPage() {
        if (cache_ != nullptr) {
            cache_->release(frame_);
        }
    }

    [[nodiscard]] std::span<const std::byte, page_size> bytes() const noexcept {
        return cache_->bytes(frame_);
    }
    /// Whoever changes them calls PageCache::mark_dirty() afterwards.
    [[nodiscard]] std::span<std::byte, page_size> writable_bytes() const noexcept {
        return cache_->bytes(frame_);
    }

private:
    BorrowedPage(Cache& cache, FrameNumber frame) noexcept : cache_(&cache), frame_(frame) {}

    Cache* cache_;
    FrameNumber frame_;
};

}  // namespace kidney::fs
