/// Resource limits of a process (getrlimit, prlimit64), and what those that are enforced mean.
///
/// Portable: host tests check the rules. Open files are the descriptor table's business.
#pragma once

#include "kidney/abi/resource.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/time.hpp"

#include <algorithm>
#include <array>
#include <atomic>
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

/// Concurrency: who changes them holds a lock that all of those share; anybody reads, and sees each
/// limit as it was at some moment.
class Limits {
public:
    static constexpr std::uint32_t count = abi::limit_kinds;

    Limits() noexcept {
        put(abi::limit_stack, {8U << 20, unlimited});
        put(abi::limit_core, {0, unlimited});
        put(abi::limit_open_files, {1024, 1024});
        put(abi::limit_locked, {8U << 20, 8U << 20});
        put(abi::limit_message_queue, {819200, 819200});
        put(abi::limit_nice, {0, 0});
        put(abi::limit_realtime_priority, {0, 0});
    }
    Limits(const Limits& other) noexcept { *this = other; }
    /// Nobody else knows this one yet.
    Limits& operator=(const Limits& other) noexcept {
        other.read_whole([&] {
            for (std::uint32_t n = 0; n < count; ++n) {
                limits_[n].current.store(other.limits_[n].current.load());
                limits_[n].maximum.store(other.limits_[n].maximum.load());
            }
            limited_.store(other.limited_.load(std::memory_order_relaxed),
                           std::memory_order_relaxed);
        });
        return *this;
    }
    ~Limits() = default;
    /// Those that depend on how many processes the machine may have.
    void set_for(std::uint32_t processes) noexcept {
        write(abi::limit_processes, {processes / 2, processes / 2});
        write(abi::limit_pending_signals, {processes / 2, processes / 2});
    }
    [[nodiscard]] std::uint64_t current(abi::LimitKind kind) const noexcept {
        return read(kind).current;
    }
    /// Error: invalid_argument.
    [[nodiscard]] Result<Limit> get(std::uint32_t resource) const noexcept {
        if (resource >= count) {
            return fail(Errc::invalid_argument);
        }
        return read(resource);
    }
    /// Errors: invalid_argument; not_permitted when an unprivileged process raises the maximum, or
    /// that of open files is absurd.
    Status set(std::uint32_t resource, Limit l, bool privileged) noexcept {
        if (resource >= count || l.current > l.maximum) {
            return fail(Errc::invalid_argument);
        }
        constexpr std::uint64_t most_files = 1U << 20;  // for root, too
        if ((l.maximum > read(resource).maximum && !privileged) ||
            (resource == abi::limit_open_files && l.maximum > most_files)) {
            return fail(Errc::not_permitted);
        }
        write(resource, l);
        return {};
    }

    /// RLIMIT_FSIZE: no write stores a byte of a regular file at this position or behind it.
    [[nodiscard]] std::uint64_t file_size() const noexcept {
        return is_limited(abi::limit_file_size) ? current(abi::limit_file_size) : unlimited;
    }
    [[nodiscard]] bool limits_file_size() const noexcept {
        return is_limited(abi::limit_file_size);
    }
    /// RLIMIT_FSIZE: may a file of `old_size` bytes get `new_size`? Smaller it may always become.
    [[nodiscard]] bool allows_file_size(std::uint64_t old_size,
                                        std::uint64_t new_size) const noexcept {
        return new_size <= old_size || new_size <= file_size();
    }

    /// RLIMIT_AS and RLIMIT_DATA: may `more` bytes join the `mapped` ones, of which `data` are
    /// private and writable, as the new ones are if `more_is_data`?
    [[nodiscard]] bool allows_memory(std::uint64_t mapped, std::uint64_t data, std::uint64_t more,
                                     bool more_is_data) const noexcept {
        return mapped + more <= current(abi::limit_address_space) &&
               (!more_is_data || data + more <= current(abi::limit_data));
    }
    [[nodiscard]] bool limits_memory() const noexcept {
        return is_limited(abi::limit_address_space) || is_limited(abi::limit_data);
    }

    /// RLIMIT_CPU, for a process that has used `used` so far. A warning moves the limit by a second
    /// as Linux does, so that the next one comes then.
    [[nodiscard]] CpuVerdict judge_cpu_time(Duration used) noexcept {
        Limit l = read(abi::limit_cpu);
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
        write(abi::limit_cpu, l);
        return CpuVerdict::warn;
    }
    /// RLIMIT_SIGPENDING: queued signals of a process, timers included.
    [[nodiscard]] std::uint64_t pending_signals() const noexcept {
        return current(abi::limit_pending_signals);
    }
    [[nodiscard]] bool limits_cpu_time() const noexcept { return is_limited(abi::limit_cpu); }

private:
    /// A number in words of the machine, so that each is read and written at once.
    struct Words {
        std::atomic<std::uint32_t> low{~0U}, high{~0U};

        // relaxed: the version says whether the words belong together.
        [[nodiscard]] std::uint64_t load() const noexcept {
            return std::uint64_t{high.load(std::memory_order_relaxed)} << 32 |
                   low.load(std::memory_order_relaxed);
        }
        void store(std::uint64_t n) noexcept {
            low.store(static_cast<std::uint32_t>(n), std::memory_order_relaxed);
            high.store(static_cast<std::uint32_t>(n >> 32), std::memory_order_relaxed);
        }
    };
    struct Pair {
        Words current, maximum;
    };

    /// What is asked for often: one word.
    [[nodiscard]] bool is_limited(abi::LimitKind kind) const noexcept {
        return (limited_.load(std::memory_order_relaxed) >> kind & 1U) != 0;
    }
    /// Calls f(), and once more if somebody wrote meanwhile. Writers are short: they hold a lock.
    template <class F>
    void read_whole(F&& f) const noexcept {
        for (;;) {
            const std::uint32_t before = version_.load(std::memory_order_acquire);
            f();
            // acquire: the words have been read when the version is looked at again.
            std::atomic_thread_fence(std::memory_order_acquire);
            if (before % 2 == 0 && version_.load(std::memory_order_relaxed) == before) {
                return;
            }
        }
    }
    [[nodiscard]] Limit read(std::uint32_t kind) const noexcept {
        Limit limit;
        read_whole([&] { limit = {limits_[kind].current.load(), limits_[kind].maximum.load()}; });
        return limit;
    }
    void write(std::uint32_t kind, const Limit& limit) noexcept {
        const std::uint32_t before = version_.load(std::memory_order_relaxed);
        version_.store(before + 1, std::memory_order_relaxed);
        // release: who sees one of the words sees that the version is odd.
        std::atomic_thread_fence(std::memory_order_release);
        put(kind, limit);
        version_.store(before + 2, std::memory_order_release);
    }
    void put(std::uint32_t kind, const Limit& limit) noexcept {
        limits_[kind].current.store(limit.current);
        limits_[kind].maximum.store(limit.maximum);
        const std::uint32_t bit = 1U << kind, others = limited_.load(std::memory_order_relaxed);
        limited_.store(limit.current != unlimited ? others | bit : others & ~bit,
                       std::memory_order_relaxed);
    }

    std::array<Pair, count> limits_;
    std::atomic<std::uint32_t> version_{0};  ///< odd while one is written
    std::atomic<std::uint32_t> limited_{0};  ///< bit n: the current limit of kind n is one
};

}  // namespace kidney::proc
