/// Laws of `hal::PhysMap`. The subjects are a map and two different frames that nobody else uses.
#pragma once

#include "kidney/core/type_list.hpp"
#include "kidney/hal/phys_map.hpp"
#include "tests/laws/report.hpp"

#include <algorithm>
#include <cstddef>

namespace kidney::laws {

struct PhysMapM1 {
    static constexpr const char* text =
        "M1 windows on one frame see the same bytes, windows on different frames never overlap";
    template <hal::PhysMap Map>
    static void check(Report& report, Map& map, FrameNumber a, FrameNumber b) noexcept {
        const auto first = map.window(a);
        const auto second = map.window(b);
        const auto again = map.window(a);
        std::ranges::fill(first.bytes(), std::byte{0x5a});
        std::ranges::fill(second.bytes(), std::byte{0xa5});
        const auto all = [](const auto& window, std::byte value) {
            return std::ranges::all_of(window.bytes(), [&](std::byte x) { return x == value; });
        };
        LAW_CHECK(report, all(again, std::byte{0x5a}));
        LAW_CHECK(report, all(first, std::byte{0x5a}) && all(second, std::byte{0xa5}));
    }
};

struct PhysMapM2 {
    static constexpr const char* text = "M2 what a window wrote is there when the next one opens";
    template <hal::PhysMap Map>
    static void check(Report& report, Map& map, FrameNumber a, FrameNumber b) noexcept {
        for (const FrameNumber frame : {a, b}) {
            const auto window = map.window(frame);
            window.bytes()[17] = std::byte{0x77};
        }
        for (const FrameNumber frame : {b, a}) {
            const auto window = map.window(frame);
            LAW_CHECK(report, window.bytes()[17] == std::byte{0x77});
        }
    }
};

struct PhysMapM3 {
    static constexpr const char* text = "M3 direct() of a direct frame reaches the same bytes";
    template <hal::PhysMap Map>
    static void check(Report& report, Map& map, FrameNumber a, FrameNumber b) noexcept {
        for (const FrameNumber frame : {a, b}) {
            const auto window = map.window(frame);
            window.bytes()[page_size - 1] = std::byte{0x33};
            LAW_CHECK(report,
                      !map.is_direct(frame) || map.direct(frame)[page_size - 1] == std::byte{0x33});
        }
    }
};

using PhysMapLaws = TypeList<PhysMapM1, PhysMapM2, PhysMapM3>;

}  // namespace kidney::laws
