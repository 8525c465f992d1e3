/// Laws of `hal::CharacterSink`. The subject is a harness: `sink()` and `text()`, what the device
/// has received so far.
#pragma once

#include "kidney/core/type_list.hpp"
#include "kidney/hal/character_sink.hpp"
#include "tests/laws/report.hpp"

#include <string_view>

namespace kidney::laws {

/// `connected` tells whether a device is there: an absent one must swallow everything, and at once.
struct CharacterSinkS1 {
    static constexpr const char* text =
        "S1 bytes appear in the order written, none lost or invented";
    template <class H>
    static void check(Report& report, H& harness) noexcept {
        constexpr std::string_view words = "The quick brown fox; 0123456789, and then some more.";
        hal::put_all(harness.sink(), words);
        LAW_CHECK(report, !harness.connected() || harness.text() == words);
    }
};

struct CharacterSinkS2 {
    static constexpr const char* text =
        "S2 put() returns in bounded time even if the device is stuck";
    template <class H>
    static void check(Report& report, H& harness) noexcept {
        const auto before = harness.accesses();
        harness.get_stuck();
        harness.sink().put('x');
        constexpr unsigned patience = 1'000'000;  // device accesses, about a second
        LAW_CHECK(report, harness.accesses() - before < patience);
    }
};

using CharacterSinkLaws = TypeList<CharacterSinkS1, CharacterSinkS2>;

}  // namespace kidney::laws
