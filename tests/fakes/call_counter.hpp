/// Fault injection for sweeps: "the n-th allocation fails".
///
///     for (std::size_t n = 1;; ++n) {
///         frames.fail_at(n);
///         const Status status = operation();
///         ... on failure: the error is no_memory and nothing leaked ...
///         if (!frames.has_failed()) break;    // the operation makes fewer than n calls
///     }
#pragma once

#include <cstddef>

namespace kidney::fakes {

class CallCounter {
public:
    /// Call number n from now (1 is the next) fails, once. 0: none.
    void fail_at(std::size_t n) noexcept {
        remaining_ = n;
        failed_ = lasts_ = false;
    }
    /// Call number n from now and all behind it fail, until fail_at(0).
    void fail_from(std::size_t n) noexcept {
        fail_at(n);
        lasts_ = true;
    }
    [[nodiscard]] bool has_failed() const noexcept { return failed_; }
    /// Counts a call; true if this one must fail.
    [[nodiscard]] bool next_fails() noexcept {
        if (remaining_ == 0 || --remaining_ != 0) {
            return false;
        }
        failed_ = true;
        remaining_ = lasts_ ? 1 : 0;
        return true;
    }

private:
    std::size_t remaining_ = 0;
    bool failed_ = false, lasts_ = false;
};

}  // namespace kidney::fakes
