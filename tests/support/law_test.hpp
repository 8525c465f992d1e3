/// From laws and generated policy lists to GoogleTest.
#pragma once

#include "kidney/core/type_list.hpp"
#include "tests/laws/report.hpp"

#include <gtest/gtest.h>

#include <string>

namespace kidney::test {

/// An assertion that fails from now on names this law in its message, and so does the end of a
/// policy that does not come back; nullptr: none. In host_world.cpp.
void note_law(const char* law) noexcept;

/// A report of laws in whose hands a policy may crash.
struct LawReport : laws::Report {
    LawReport() noexcept : Report(&note_law) {}
    LawReport(const LawReport&) = delete;
    LawReport& operator=(const LawReport&) = delete;
    ~LawReport() { note_law(nullptr); }
};

/// Every broken law becomes a test failure at its own line.
inline void expect_laws_held(const laws::Report& report) {
    for (const laws::Failure& failure : report.failures()) {
        ADD_FAILURE_AT((std::string("tests/laws/") + failure.file).c_str(), failure.line)
            << "broken law: " << failure.law << "\n  does not hold: " << failure.expression << "  ("
            << failure.times << " times)";
    }
    EXPECT_GT(report.checks(), 0U);
    EXPECT_EQ(report.failed(), 0U);
}

namespace detail {
template <class List, class... More>
struct ToTestTypes;
template <class... Ts, class... More>
struct ToTestTypes<TypeList<Ts...>, More...> {
    using type = testing::Types<Ts..., More...>;
};
}  // namespace detail

/// testing::Types of a policy list, and more.
template <class List, class... More>
using AsTestTypes = typename detail::ToTestTypes<List, More...>::type;

}  // namespace kidney::test
