/// Short programs for a file system, all of them: twelve operations over two directories with two
/// files each and a nested one, in the manner of ACE (Mohan et al., "Finding Crash-Consistency Bugs
/// with Bounded Black-Box Crash Testing", OSDI 2018).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::crash {

enum class Kind : std::uint8_t {
    create,
    mkdir,
    append,
    overwrite,
    truncate,
    extend,
    link,
    symlink,
    unlink,
    rmdir,
    rename,
    chmod,
    sync
};
inline constexpr std::array<std::string_view, 13> kind_names{
    "create",  "mkdir",  "append", "overwrite", "truncate", "extend", "link",
    "symlink", "unlink", "rmdir",  "rename",    "chmod",    "sync"};

struct Operation {
    Kind kind = Kind::sync;
    std::string_view path, second;  ///< in tables that stay
    std::uint32_t number = 0;       ///< bytes, or permissions
    friend bool operator==(const Operation&, const Operation&) = default;
};
using Workload = std::vector<Operation>;

/// What every workload begins with, synced.
inline const Workload& beginning() {
    static const Workload steps{{Kind::mkdir, "A", {}, 0},
                                {Kind::mkdir, "B", {}, 0},
                                {Kind::create, "A/foo", {}, 0},
                                {Kind::append, "A/foo", {}, 700},
                                {Kind::create, "B/bar", {}, 0},
                                {Kind::append, "B/bar", {}, 3000},
                                {Kind::append, "B/bar", {}, 3000},
                                {Kind::mkdir, "A/C", {}, 0},
                                {Kind::create, "A/C/foo", {}, 0},
                                {Kind::append, "A/C/foo", {}, 10},
                                {Kind::sync, {}, {}, 0}};
    return steps;
}

/// Every single step.
inline const Workload& all_operations() {
    static const Workload steps{
        {Kind::create, "A/bar", {}, 0},       {Kind::create, "B/foo", {}, 0},
        {Kind::create, "foo", {}, 0},         {Kind::mkdir, "B/C", {}, 0},
        {Kind::mkdir, "A/bar", {}, 0},        {Kind::append, "A/foo", {}, 500},
        {Kind::append, "B/bar", {}, 4000},    {Kind::append, "A/C/foo", {}, 4096},
        {Kind::append, "A/bar", {}, 100},     {Kind::overwrite, "A/foo", {}, 300},
        {Kind::overwrite, "B/bar", {}, 3000}, {Kind::truncate, "A/foo", {}, 10},
        {Kind::truncate, "B/bar", {}, 4096},  {Kind::truncate, "B/bar", {}, 1000},
        {Kind::truncate, "B/bar", {}, 0},     {Kind::extend, "A/foo", {}, 9000},
        {Kind::extend, "A/C/foo", {}, 85000}, {Kind::link, "A/foo", "A/bar", 0},
        {Kind::link, "A/foo", "B/foo", 0},    {Kind::link, "B/bar", "foo", 0},
        {Kind::symlink, "A/bar", "B/bar", 0}, {Kind::symlink, "foo", "A", 0},
        {Kind::unlink, "A/foo", {}, 0},       {Kind::unlink, "B/bar", {}, 0},
        {Kind::unlink, "A/C/foo", {}, 0},     {Kind::unlink, "A/bar", {}, 0},
        {Kind::unlink, "B/foo", {}, 0},       {Kind::rmdir, "A/C", {}, 0},
        {Kind::rmdir, "B/C", {}, 0},          {Kind::rename, "A/foo", "A/bar", 0},
        {Kind::rename, "A/foo", "B/foo", 0},  {Kind::rename, "A/foo", "B/bar", 0},
        {Kind::rename, "B/bar", "A/foo", 0},  {Kind::rename, "A/C/foo", "foo", 0},
        {Kind::rename, "A/bar", "A/foo", 0},  {Kind::rename, "A/C", "B/C", 0},
        {Kind::rename, "A/C", "A/bar", 0},    {Kind::rename, "B", "A/C", 0},
        {Kind::rename, "B", "A/B", 0},        {Kind::chmod, "A/foo", {}, 0600},
        {Kind::chmod, "A", {}, 0700},
    };
    return steps;
}

[[nodiscard]] inline std::string text_of(const Operation& step) {
    std::string text(kind_names[static_cast<std::size_t>(step.kind)]);
    for (const std::string_view word : {step.path, step.second}) {
        if (!word.empty()) {
            text += " " + std::string(word);
        }
    }
    return step.number == 0 && step.kind != Kind::truncate
               ? text
               : text + " " + std::to_string(step.number);
}
/// The operation with this text, among those that there are.
[[nodiscard]] inline std::optional<Operation> operation_of(std::string_view text) {
    if (text == "sync") {
        return Operation{};
    }
    for (const Operation& step : all_operations()) {
        if (text_of(step) == text) {
            return step;
        }
    }
    return std::nullopt;
}

/// The workloads of one length, by number: every sequence, with and without a sync between its
/// steps; one at the end always.
class Sequences {
public:
    explicit Sequences(std::uint32_t length) noexcept : length_(length) {
        for (std::uint32_t i = 0; i < length; ++i) {
            count_ *= all_operations().size();
        }
        count_ <<= length - 1;
    }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] Workload at(std::uint64_t number) const {
        Workload steps;
        const std::uint64_t syncs = number & ((std::uint64_t{1} << (length_ - 1)) - 1);
        number >>= length_ - 1;
        for (std::uint32_t i = 0; i < length_; ++i) {
            steps.push_back(all_operations()[number % all_operations().size()]);
            number /= all_operations().size();
            if (i + 1 == length_ || (syncs >> i & 1U) != 0) {
                steps.push_back({});
            }
        }
        return steps;
    }

private:
    std::uint32_t length_;
    std::uint64_t count_ = 1;
};

}  // namespace kidney::crash
