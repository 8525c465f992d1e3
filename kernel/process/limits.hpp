/// Resource limits of a process (getrlimit, prlimit64).
#pragma once

#include "kidney/abi/resource.hpp"
#include "kidney/core/result.hpp"

#include <array>
#include <cstdint>
namespace kidney::kernel {

inline constexpr std::uint64_t unlimited = ~std::uint64_t{0};

struct Limit {
    std::uint64_t current = unlimited;
    std::uint64_t maximum = unlimited;
};

class Limits {
public:
    static constexpr std::uint32_t count = abi::limit_kinds;

    Limits() noexcept {
        limits_[abi::limit_stack].current = 8U << 20;
        limits_[abi::limit_core].current = 0;
        limits_[abi::limit_open_files] = {1024, 1024};
        limits_[abi::limit_processes] = {4096, 4096};
        limits_[abi::limit_nice] = limits_[abi::limit_realtime_priority] = {0, 0};
    }
    /// Error: invalid_argument.
    [[nodiscard]] Result<Limit> get(std::uint32_t resource) const noexcept {
        if (resource >= count) {
            return fail(Errc::invalid_argument);
        }
        return limits_[resource];
    }
    /// Errors: invalid_argument; not_permitted when an unprivileged process raises the maximum.
    Status set(std::uint32_t resource, Limit l, bool privileged) noexcept {
        if (resource >= count || l.current > l.maximum) {
            return fail(Errc::invalid_argument);
        }
        if (l.maximum > limits_[resource].maximum && !privileged) {
            return fail(Errc::not_permitted);
        }
        limits_[resource] = l;
        return {};
    }

private:
    std::array<Limit, count> limits_;
};

}  // namespace kidney::kernel
