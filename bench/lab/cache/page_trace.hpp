/// What is asked of a cache: page after page.
#pragma once

#include "kidney/fs/cache_replacement.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace kidney::lab {

/// The pages are numbered in the order of their names, so that pictures show files as stripes.
class PageTrace {
public:
    explicit PageTrace(const std::vector<fs::PageName>& accesses) {
        std::map<fs::PageName, std::uint32_t> numbers;
        for (const fs::PageName& name : accesses) {
            numbers.emplace(name, 0);
        }
        for (auto& [name, number] : numbers) {
            number = static_cast<std::uint32_t>(names_.size());
            names_.push_back(name);
        }
        for (const fs::PageName& name : accesses) {
            accesses_.push_back(numbers.at(name));
        }
    }

    [[nodiscard]] const std::vector<std::uint32_t>& accesses() const noexcept { return accesses_; }
    [[nodiscard]] fs::PageName name(std::uint32_t page) const { return names_[page]; }
    [[nodiscard]] std::uint32_t pages() const noexcept {
        return static_cast<std::uint32_t>(names_.size());
    }

private:
    std::vector<fs::PageName> names_;
    std::vector<std::uint32_t> accesses_;
};

}  // namespace kidney::lab
