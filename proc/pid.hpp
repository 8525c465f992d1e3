/// Process numbers.
#pragma once

#include <compare>
#include <cstdint>

namespace kidney::proc {

/// Names a process, a process group or a session; positive when it names one. As an argument of
/// kill or wait4 also 0 and negative, with the meanings of POSIX.
class Pid {
public:
    constexpr Pid() noexcept = default;
    explicit constexpr Pid(std::int32_t value) noexcept : value_(value) {}
    [[nodiscard]] constexpr std::int32_t value() const noexcept { return value_; }
    [[nodiscard]] constexpr std::uint32_t word() const noexcept {
        return static_cast<std::uint32_t>(value_);
    }
    friend constexpr auto operator<=>(Pid, Pid) noexcept = default;

private:
    std::int32_t value_ = 0;
};

inline constexpr Pid init_pid{1};
inline constexpr std::int32_t max_pid = 32768;

}  // namespace kidney::proc
