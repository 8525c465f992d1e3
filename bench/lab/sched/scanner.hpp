/// Words, numbers, times and signs of a workload's text, with their places.
#pragma once

#include "bench/lab/sched/workload_text.hpp"

#include <cctype>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace kidney::lab {

/// Throws TextFault: this is a program of the host, and the fault ends the reading.
class Scanner {
public:
    explicit Scanner(std::string_view text) noexcept : text_(text) { skip_space(); }

    /// What times without a unit are counted in; zero: they need one.
    void use_unit(std::uint64_t nanoseconds) noexcept { unit_ = nanoseconds; }

    [[nodiscard]] bool is_at_end() const noexcept { return at_ == text_.size(); }
    [[nodiscard]] std::uint32_t line() const noexcept { return line_; }
    [[nodiscard]] bool is_at_number() const noexcept {
        return !is_at_end() && (std::isdigit(static_cast<unsigned char>(text_[at_])) != 0);
    }

    [[noreturn]] void fail(const std::string& message) const {
        throw TextFault{line_, column(), message};
    }
    /// As fail(), of what was read last.
    [[noreturn]] void fail_before(const std::string& message) const {
        throw TextFault{last_line_, last_column_, message};
    }

    /// A word that is next is read, another one is not.
    bool accept(std::string_view word) {
        if (peek() != word) {
            return false;
        }
        take(word.size());
        return true;
    }
    void expect(std::string_view sign, const char* after) {
        if (!accept(sign)) {
            fail("'" + std::string(sign) + "' is missing after " + after + found());
        }
    }
    [[nodiscard]] std::string name(const char* of_what) {
        const std::string_view word = peek();
        if (word.empty() || (std::isalpha(static_cast<unsigned char>(word[0])) == 0)) {
            fail(std::string(of_what) + " needs a name" + found());
        }
        take(word.size());
        return std::string(word);
    }
    [[nodiscard]] std::string quoted(const char* of_what) {
        if (is_at_end() || text_[at_] != '"') {
            fail(std::string(of_what) + " needs text in \"quotes\"" + found());
        }
        const std::size_t end = text_.find_first_of("\"\n", at_ + 1);
        if (end == std::string_view::npos || text_[end] == '\n') {
            fail("a quote that does not end on its line");
        }
        std::string text(text_.substr(at_ + 1, end - at_ - 1));
        take(end + 1 - at_);
        return text;
    }
    /// What stands between here and the end of the line, but for a comment.
    [[nodiscard]] std::string rest_of_line() {
        const std::size_t end = std::min(text_.find_first_of("\n#", at_), text_.size());
        std::string_view rest = text_.substr(at_, end - at_);
        while (!rest.empty() && rest.back() == ' ') {
            rest.remove_suffix(1);
        }
        take(rest.size());
        return std::string(rest);
    }
    [[nodiscard]] std::uint64_t number(const char* of_what, std::uint64_t low, std::uint64_t high) {
        if (!is_at_number()) {
            fail(std::string(of_what) + " needs a number" + found());
        }
        const std::string_view word = peek();
        std::uint64_t value = 0;
        for (const char c : word) {
            if ((std::isdigit(static_cast<unsigned char>(c)) == 0) || value > high) {
                value = high + 1;
                break;
            }
            value = value * 10 + static_cast<std::uint64_t>(c - '0');
        }
        if (value < low || value > high) {
            fail(std::string(of_what) + " must be a number from " + std::to_string(low) + " to " +
                 std::to_string(high) + ", not '" + std::string(word) + "'");
        }
        take(word.size());
        return value;
    }
    /// A number that may have a point, times `scale`, without a rest.
    [[nodiscard]] std::uint64_t scaled(const char* of_what, std::uint64_t scale) {
        const std::uint64_t value = decimal(of_what, scale);
        skip_space();
        return value;
    }
    /// In nanoseconds: `10 ms`, `1.5us`, or `4` if there is a unit.
    [[nodiscard]] std::uint64_t time(const char* of_what) {
        const std::size_t begins = at_;
        const std::uint32_t begins_line = line_;
        const std::uint32_t begins_column = column();
        // Where the digits end the unit may follow at once.
        std::size_t end = at_;
        while (end < text_.size() &&
               (std::isdigit(static_cast<unsigned char>(text_[end])) != 0 || text_[end] == '.')) {
            ++end;
        }
        std::size_t unit_at = end;
        while (unit_at < text_.size() && text_[unit_at] == ' ') {
            ++unit_at;
        }
        std::size_t unit_end = unit_at;
        while (unit_end < text_.size() &&
               (std::isalpha(static_cast<unsigned char>(text_[unit_end])) != 0)) {
            ++unit_end;
        }
        const std::uint64_t named = unit_named(text_.substr(unit_at, unit_end - unit_at));
        if (begins != end && named == 0 && unit_ == 0) {
            fail(std::string(of_what) + " needs a unit: ns, us, ms or s");
        }
        const std::uint64_t value = decimal(of_what, named != 0 ? named : unit_);
        if (named != 0) {
            skip_space();
            take(unit_end - at_);
            last_line_ = begins_line;  // faults are told where the number is
            last_column_ = begins_column;
        } else {
            skip_space();
        }
        return value;
    }
    [[nodiscard]] std::string found() const {
        const std::string_view word = peek();
        return word.empty() ? ", but the text ends" : ", not '" + std::string(word) + "'";
    }
    [[nodiscard]] std::string_view peek() const noexcept {
        std::size_t end = at_;
        while (end < text_.size() && is_of_word(text_[end])) {
            ++end;
        }
        return text_.substr(at_, end == at_ ? (is_at_end() ? 0 : 1) : end - at_);
    }

private:
    [[nodiscard]] static bool is_of_word(char c) noexcept {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' ||
               c == '.' || c == '/';
    }
    [[nodiscard]] static std::uint64_t unit_named(std::string_view word) noexcept {
        return word == "ns"   ? 1
               : word == "us" ? 1'000
               : word == "ms" ? 1'000'000
               : word == "s"  ? 1'000'000'000
                              : 0;
    }
    [[nodiscard]] std::uint64_t decimal(const char* of_what, std::uint64_t scale) {
        if (!is_at_number()) {
            fail(std::string(of_what) + " needs a number" + found());
        }
        const std::size_t begins = at_;
        constexpr std::uint64_t most = std::uint64_t{1} << 60;
        std::uint64_t value = 0;
        std::uint64_t part = scale;
        bool has_point = false;
        for (; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (c == '.' && !has_point) {
                has_point = true;
                continue;
            }
            if (std::isdigit(static_cast<unsigned char>(c)) == 0) {
                break;
            }
            const auto digit = static_cast<std::uint64_t>(c - '0');
            if (!has_point) {
                value = value > most / 16 / scale ? most : value * 10 + digit;
            } else {
                if (part % 10 != 0 && digit != 0) {
                    at_ = begins;
                    fail(std::string(of_what) + " has more digits behind the point than it can");
                }
                part /= 10;
                fraction_ += digit * part;
            }
        }
        if (value > most / scale) {
            at_ = begins;
            fail(std::string(of_what) + " is too large");
        }
        const std::uint64_t result = value * scale + fraction_;
        fraction_ = 0;
        remember(begins);
        return result;
    }
    [[nodiscard]] std::uint32_t column() const noexcept {
        return static_cast<std::uint32_t>(at_ - line_begins_ + 1);
    }
    void remember(std::size_t at) noexcept {
        last_line_ = line_;
        last_column_ = static_cast<std::uint32_t>(at - line_begins_ + 1);
    }
    void take(std::size_t characters) noexcept {
        remember(at_);
        at_ += characters;
        skip_space();
    }
    void skip_space() noexcept {
        while (at_ < text_.size()) {
            if (text_[at_] == '#') {
                at_ = std::min(text_.find('\n', at_), text_.size());
            } else if (text_[at_] == '\n') {
                ++at_;
                ++line_;
                line_begins_ = at_;
            } else if (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r' ||
                       text_[at_] == ';') {
                ++at_;
            } else {
                return;
            }
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_begins_ = 0;
    std::uint32_t line_ = 1;
    std::uint32_t last_line_ = 1;
    std::uint32_t last_column_ = 1;
    std::uint64_t unit_ = 0;
    std::uint64_t fraction_ = 0;
};

}  // namespace kidney::lab
