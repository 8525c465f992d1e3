/// What the programs of the laboratory read from their command lines and write to their output.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

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

/// The whole of a program that is called with a policy, a workload and a seed, or asked for its
/// names. `run` is false if it knows one of them not.
template <class PrintNames, class Run>
int one_run(const char* program, int count, char** arguments, PrintNames&& print, Run&& run) {
    if (count == 2 && std::string_view(arguments[1]) == "--list") {
        std::printf("{");
        print();
        std::printf("}\n");
        return 0;
    }
    if (count == 4) {
        const auto seed = number(arguments[3], 1, ~std::uint32_t{0});
        if (seed && run(arguments[1], arguments[2], *seed)) {
            return 0;
        }
    }
    std::fprintf(stderr, "usage: %s POLICY WORKLOAD SEED\n       %s --list\n", program, program);
    return 2;
}
template <class Policies, class Workloads, class Run>
int one_run(const char* program, int count, char** arguments, Run&& run) {
    return one_run(
        program, count, arguments,
        [] {
            print_names<Policies>("policies", false);
            print_names<Workloads>("workloads", true);
        },
        run);
}

}  // namespace kidney::lab
