/// How a law says that it was broken. Freestanding: the same laws run under GoogleTest and in the
/// kernel's self-test.
///
/// A law is a struct:
///
///     template <class A>
///     struct F3 {
///         static constexpr const char* text = "F3 free_frames() moves by exactly 2^order";
///         static void check(Report& report, ...subject...) { LAW_CHECK(report, condition); }
///     };
///
/// and a suite is a TypeList of laws. `run_laws<Suite>(report, ...)` runs them all; a host test
/// prints `report.failures()`, the self-test counts them.
#pragma once

#include "kidney/core/type_list.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::laws {

/// One broken check.
struct Failure {
    const char* law = "";         ///< the law's text
    const char* expression = "";  ///< what did not hold
    const char* file = "";
    int line = 0;
    std::size_t times = 0;
};

/// Collects the outcome of laws; keeps the first few different failures, counts all.
class Report {
public:
    static constexpr std::size_t capacity = 8;
    using Observer = void (*)(const char* law);

    /// `observer` hears which law is next, so that a crash in a policy can be laid at its door.
    explicit Report(Observer observer = nullptr) noexcept : observer_(observer) {}

    void begin(const char* law) noexcept {
        law_ = law;
        if (observer_ != nullptr) {
            observer_(law);
        }
    }
    void check(bool held, const char* expression, const char* file, int line) noexcept {
        ++checks_;
        if (held) {
            return;
        }
        ++failed_;
        // One law that is broken all the time must not hide the others.
        for (std::size_t i = 0; i < kept_; ++i) {
            if (failures_[i].line == line && failures_[i].law == law_ &&
                failures_[i].expression == expression) {
                ++failures_[i].times;
                return;
            }
        }
        if (kept_ < capacity) {
            failures_[kept_++] = {law_, expression, file, line, 1};
        }
    }
    /// Values for the first failure: `write(sink)` is called at most once, after a failed check.
    template <class F>
    void explain(F&& write) noexcept {
        if (explanation_length_ == 0 && failed_ != 0) {
            Sink sink{*this};
            write(sink);
        }
    }
    [[nodiscard]] std::string_view explanation() const noexcept {
        return {explanation_.data(), explanation_length_};
    }
    [[nodiscard]] bool passed() const noexcept { return failed_ == 0; }
    [[nodiscard]] std::size_t checks() const noexcept { return checks_; }
    [[nodiscard]] std::size_t failed() const noexcept { return failed_; }
    /// The first failures, at most `capacity`; each check of a law once.
    [[nodiscard]] std::span<const Failure> failures() const noexcept {
        return std::span(failures_).first(kept_);
    }

private:
    struct Sink {
        Report& report;
        void write(std::string_view text) noexcept {
            const std::size_t room = report.explanation_.size() - report.explanation_length_;
            const std::size_t n = text.size() < room ? text.size() : room;
            for (std::size_t i = 0; i < n; ++i) {
                report.explanation_[report.explanation_length_++] = text[i];
            }
        }
    };

    Observer observer_;
    const char* law_ = "";
    std::size_t kept_ = 0;
    std::size_t checks_ = 0;
    std::size_t failed_ = 0;
    std::array<Failure, capacity> failures_{};
    std::size_t explanation_length_ = 0;
    std::array<char, 160> explanation_{};
};

/// Seeded, so that a failing run can be repeated (xorshift, Marsaglia 2003).
class Random {
public:
    explicit constexpr Random(std::uint32_t seed) noexcept : state_(seed == 0 ? 1 : seed) {}
    constexpr std::uint32_t next() noexcept {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 17;
        state_ ^= state_ << 5;
        return state_;
    }
    /// Uniform enough in [0, bound).
    constexpr std::uint32_t below(std::uint32_t bound) noexcept { return next() % bound; }

private:
    std::uint32_t state_;
};

/// Runs every law of the TypeList `Suite` with the same arguments.
template <class Suite, class... Args>
void run_laws(Report& report, Args&&... arguments) noexcept {
    Suite::for_each([&]<class Law>() {
        report.begin(Law::text);
        Law::check(report, arguments...);
    });
}

}  // namespace kidney::laws

/// Records whether `condition` holds; the law goes on either way.
#define LAW_CHECK(report, condition) \
    (report).check(static_cast<bool>(condition), #condition, __FILE_NAME__, __LINE__)
