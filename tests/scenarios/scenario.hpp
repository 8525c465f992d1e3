/// What `./kidney explore` explores: scenarios (sim/explorer.hpp) that have a name.
///
///     #include "tests/scenarios/scenario.hpp"
///     struct MyLock { static constexpr std::size_t threads = 2; void run(std::size_t); void
///     check(); }; KIDNEY_SCENARIO(MyLock, "two threads and my lock");
#pragma once

#include "sim/explorer.hpp"

#include <string_view>

namespace kidney::scenarios {

struct Entry {
    std::string_view name;
    std::string_view about;
    const sim::explored::Program& program;
    Entry* next = nullptr;

    Entry(std::string_view its_name, std::string_view text, const sim::explored::Program& what)
        : name(its_name), about(text), program(what) {
        next = first;
        first = this;
    }
    static inline Entry* first = nullptr;
};

}  // namespace kidney::scenarios

/// Once for each scenario, after it, in its namespace. `text`: what it does, in a line.
#define KIDNEY_SCENARIO(Scenario, text)                                           \
    static const ::kidney::sim::explored::ProgramOf<Scenario> program_##Scenario; \
    static ::kidney::scenarios::Entry entry_##Scenario(#Scenario, text, program_##Scenario.get())
