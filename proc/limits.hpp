/// Resource limits of a process (getrlimit, prlimit64), and what those that are enforced mean.
///
/// Portable: host tests check the rules. Open files are the descriptor table's business.
#pragma once

#include "kidney/abi/resource.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/time.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
namespace kidney::proc {

inline constexpr std::uint64_t unlimited = ~std::uint64_t{0};

struct Limit {
    std::uint64_t current = unlimited;
    std::uint64_t maximum = unlimited;
};

/// What RLIMIT_CPU has to say to a process.
enum class CpuVerdict : std::uint8_t { go_on, warn, end };

/// How many processes a machine with so many frames may have: an eighth of its memory goes into
/// their stacks and tables. No more than there is address space for stacks.
[[nodiscard]] constexpr std::uint32_t processes_for(std::size_t frames) noexcept {
    constexpr std::size_t frames_each = 32, least = 64, most = 3000;
    return static_cast<std::uint32_t>(std::clamp(frames / frames_each, least, most));
}
/// Of so many, those that ordinary users cannot take.
[[nodiscard]] constexpr std::uint32_t slots_for_root(std::uint32_t processes) noexcept {
    return std::max(processes / 16, 8U);
}

class Limits {
public:
    static constexpr std::uint32_t count = abi::limit_kinds;

    Limits() noexcept {
        limits_[abi::limit_stack].current = 8U << 20;
        limits_[abi::limit_core].current = 0;
        limits_[abi::limit_open_files] = {1024, 1024};
        limits_[abi::limit_locked] = {8U << 20, 8U << 20};
        limits_[abi::limit_message_queue] = {819200, 819200};
        limits_[abi::limit_nice] = limits_[abi::limit_realtime_priority] = {0, 0};
    }
    /// Those that depend on how many processes the machine may have.
    void set_for(std::uint32_t processes) noexcept {
        limits_[abi::limit_processes] =
            limits_[abi::limit_pending_signals] = {processes / 2, processes / 2};
    }
    [[nodiscard]] std::uint64_t current(abi::LimitKind kind) const noexcept {
        return limits_[kind].current;
    }
    /// Error: invalid_argument.
    [[nodiscard]] Result<Limit> get(std::uint32_t resource) const noexcept {
        if (resource >= count) {
            return fail(Errc::invalid_argument);
        }
        return limits_[resource];
    }
    /// Errors: invalid_argument; not_permitted when an unprivileged process raises the maximum, or
    /// that of open files is absurd.
    Status set(std::uint32_t resource, Limit l, bool privileged) noexcept {
        if (resource >= count || l.current > l.maximum) {
            return fail(Errc::invalid_argument);
        }
        constexpr std::uint64_t most_files = 1U << 20;  // for root, too
        if ((l.maximum > limits_[resource].maximum && !privileged) ||
            (resource == abi::limit_open_files && l.maximum > most_files)) {
            return fail(Errc::not_permitted);
        }
        limits_[resource] = l;
        return {};
    }

    /// RLIMIT_FSIZE: no write stores a byte of a regular file at this position or behind it.
    [[nodiscard]] std::uint64_t file_size() const noexcept {
        return limits_[abi::limit_file_size].current;
    }
    [[nodiscard]] bool limits_file_size() const noexcept { return file_size() != unlimited; }
    /// RLIMIT_FSIZE: may a file of `old_size` bytes get `new_size`? Smaller it may always become.
    [[nodiscard]] bool allows_file_size(std::uint64_t old_size,
                                        std::uint64_t new_size) const noexcept {
        return new_size <= old_size || new_size <= file_size();
    }

    /// RLIMIT_AS and RLIMIT_DATA: may `more` bytes join the `mapped` ones, of which `data` are
    /// private and writable, as the new ones are if `more_is_data`?
    [[nodiscard]] bool allows_memory(std::uint64_t mapped, std::uint64_t data, std::uint64_t more,
                                     bool more_is_data) const noexcept {
        return mapped + more <= limits_[abi::limit_address_space].current &&
               (!more_is_data || data + more <= limits_[abi::limit_data].current);
    }
    [[nodiscard]] bool limits_memory() const noexcept {
        return limits_[abi::limit_address_space].current != unlimited ||
               limits_[abi::limit_data].current != unlimited;
    }

    /// RLIMIT_CPU, for a process that has used `used` so far. A warning moves the limit by a second
    /// as Linux does, so that the next one comes then.
    [[nodiscard]] CpuVerdict judge_cpu_time(Duration used) noexcept {
        Limit& l = limits_[abi::limit_cpu];
        if (l.current == unlimited) {
            return CpuVerdict::go_on;
        }
        const auto seconds = static_cast<std::uint64_t>(used.count()) / 1'000'000'000;
        if (seconds >= l.maximum) {
            return CpuVerdict::end;
        }
        if (seconds < l.current) {
            return CpuVerdict::go_on;
        }
        ++l.current;
        return CpuVerdict::warn;
    }
    /// RLIMIT_SIGPENDING: queued signals of a process, timers included.
    [[nodiscard]] std::uint64_t pending_signals() const noexcept {
        return limits_[abi::limit_pending_signals].current;
    }
    [[nodiscard]] bool limits_cpu_time() const noexcept {
        return limits_[abi::limit_cpu].current != unlimited;
    }

private:
    std::array<Limit, count> limits_;
};

}  // namespace kidney::proc
