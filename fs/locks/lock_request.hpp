/// Advisory locks, the values: who locks which bytes how.
#pragma once

#include <cstdint>
#include <limits>

namespace kidney::fs {

/// Bytes first .. last, both included, so that "to the end of any file" has no special case.
struct LockRange {
    static constexpr std::uint64_t end_of_all = std::numeric_limits<std::int64_t>::max();

    std::uint64_t first = 0;
    std::uint64_t last = end_of_all;

    [[nodiscard]] constexpr bool overlaps(LockRange other) const noexcept {
        return first <= other.last && other.first <= last;
    }
    /// Overlaps, or begins where the other ends.
    [[nodiscard]] constexpr bool touches(LockRange other) const noexcept {
        return (first == 0 || first - 1 <= other.last) &&
               (other.first == 0 || other.first - 1 <= last);
    }
    friend constexpr bool operator==(LockRange, LockRange) noexcept = default;
};

enum class LockKind : std::uint8_t { shared, exclusive };

/// A process (fcntl's record locks) or an open file (flock and OFD locks).
class LockOwner {
public:
    [[nodiscard]] static constexpr LockOwner process(std::int32_t pid) noexcept {
        return LockOwner(true, static_cast<std::uintptr_t>(pid));
    }
    [[nodiscard]] static LockOwner open_file(const void* file) noexcept {
        return LockOwner(false, reinterpret_cast<std::uintptr_t>(file));
    }
    [[nodiscard]] constexpr bool is_process() const noexcept { return is_process_; }
    /// As F_GETLK tells it: -1 if no single process holds the lock.
    [[nodiscard]] constexpr std::int32_t pid() const noexcept {
        return is_process_ ? static_cast<std::int32_t>(number_) : -1;
    }
    friend constexpr bool operator==(LockOwner, LockOwner) noexcept = default;

private:
    constexpr LockOwner(bool is_process, std::uintptr_t number) noexcept
        : is_process_(is_process), number_(number) {}

    bool is_process_;
    std::uintptr_t number_;
};

struct LockRequest {
    LockOwner owner;
    LockKind kind = LockKind::exclusive;
    LockRange range{};
};

/// Two locks on the same bytes go together if both are shared, or both are the same owner's.
[[nodiscard]] constexpr bool conflict(const LockRequest& a, const LockRequest& b) noexcept {
    return a.owner != b.owner && a.range.overlaps(b.range) &&
           (a.kind == LockKind::exclusive || b.kind == LockKind::exclusive);
}

}  // namespace kidney::fs
