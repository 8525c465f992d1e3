/// From laws and generated policy lists to GoogleTest.
#pragma once

#include "kidney/core/type_list.hpp"
#include "tests/laws/report.hpp"

#include <gtest/gtest.h>

namespace kidney::test {

/// Every broken law becomes a test failure at its own line.
inline void expect_laws_held(const laws::Report& report) {
    for (const laws::Failure& failure : report.failures()) {
        ADD_FAILURE_AT(failure.file, failure.line)
            << failure.law << "\n  does not hold: " << failure.expression;
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
