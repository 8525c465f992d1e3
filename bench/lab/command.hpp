/// What the programs of the laboratory read from their command lines and write to their output.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace kidney::lab {

/// The names of a list of types, as JSON.
template <class List>
void print_names(const char* what, bool is_last) {
    std::printf("\"%s\": [", what);
    const char* separator = "";
    List::for_each([&]<class T>() {
        std::printf("%s\"%s\"", separator, T::name);
        separator = ", ";
    });
    std::printf(is_last ? "]" : "], ");
}

template <class Values>
void print_list(const char* name, const Values& values) {
    std::printf(",\n \"%s\": [", name);
    const char* separator = "";
    for (const auto value : values) {
        std::printf("%s%llu", separator, static_cast<unsigned long long>(value));
        separator = ",";
    }
    std::printf("]");
}

[[nodiscard]] inline std::optional<std::uint32_t> number(const char* text, std::uint32_t low,
                                                         std::uint32_t high) {
    char* end = nullptr;
    const unsigned long value = std::strtoul(text, &end, 10);
    if (end == text || *end != '\0' || value < low || value > high) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(value);
}

}  // namespace kidney::lab
