/// From laws and generated policy lists to GoogleTest.
#pragma once

#include "kidney/core/type_list.hpp"
#include "tests/laws/frames/player.hpp"
#include "tests/laws/report.hpp"

#include <gtest/gtest.h>

#include <csetjmp>
#include <string>

namespace kidney::test {

/// An assertion that fails from now on names this law in its message, and so does the end of a
/// policy that does not come back; nullptr: none. In host_world.cpp.
void note_law(const char* law) noexcept;

/// Where an assertion that fails goes on, instead of ending the process; nullptr: nowhere.
void go_on_after_assertion(std::jmp_buf* where) noexcept;

/// A world of frame allocators (player.hpp) in which an invariant failure is an answer. What the
/// allocator held then is lost: for policies and wrappers that own nothing.
class TrappingWorld {
public:
    explicit TrappingWorld(std::span<std::byte> memory) noexcept : plain_(memory) {}
    [[nodiscard]] std::span<std::byte> storage(unsigned instance, std::size_t bytes) noexcept {
        return plain_.storage(instance, bytes);
    }
    template <class F>
    [[nodiscard]] laws::frames::Answer::Outcome run(std::size_t, F&& call) noexcept {
        std::jmp_buf way_out;
        const bool trapped = setjmp(way_out) != 0;
        if (!trapped) {
            go_on_after_assertion(&way_out);
            call();
        }
        go_on_after_assertion(nullptr);
        return trapped ? laws::frames::Answer::Outcome::trapped
                       : laws::frames::Answer::Outcome::done;
    }

private:
    laws::frames::PlainWorld plain_;
};

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
    if (!report.explanation().empty()) {
        ADD_FAILURE() << report.explanation();
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
