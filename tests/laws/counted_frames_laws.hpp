/// The laws of `mm::CountedFrames`, Z1 to Z4. Freestanding.
#pragma once

#include "kidney/mm/frame_service.hpp"
#include "tests/laws/report.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::laws::counted_frames {

template <mm::CountedFrames S>
struct Z1 {
    static constexpr const char* text =
        "Z1 allocate() gives a frame of the zone with one reference";
    static void check(Report& report, S& frames) noexcept {
        for (const mm::FrameZone zone :
             {mm::FrameZone::dma, mm::FrameZone::direct, mm::FrameZone::any}) {
            const std::size_t before = frames.free_frames();
            const Result<FrameNumber> frame = frames.allocate(zone);
            LAW_CHECK(report, frame.has_value());
            if (frame) {
                LAW_CHECK(report, zone != mm::FrameZone::dma || *frame < mm::dma_end);
                LAW_CHECK(report, frames.references(*frame) == 1);
                LAW_CHECK(report, frames.free_frames() + 1 == before);
                frames.release(*frame);
            }
            LAW_CHECK(report, frames.free_frames() == before);
        }
    }
};

template <mm::CountedFrames S>
struct Z2 {
    static constexpr const char* text = "Z2 a frame is freed by its last release, not before";
    static void check(Report& report, S& frames) noexcept {
        const std::size_t before = frames.free_frames();
        const Result<FrameNumber> frame = frames.allocate(mm::FrameZone::any);
        LAW_CHECK(report, frame.has_value());
        if (!frame) {
            return;
        }
        LAW_CHECK(report, frames.retain(*frame).has_value());
        LAW_CHECK(report, frames.retain(*frame).has_value());
        frames.release(*frame);
        frames.release(*frame);
        LAW_CHECK(report, frames.free_frames() + 1 == before);
        const Result<FrameNumber> other = frames.allocate(mm::FrameZone::any);
        LAW_CHECK(report, other.has_value() && *other != *frame);
        if (other) {
            frames.release(*other);
        }
        frames.release(*frame);
        LAW_CHECK(report, frames.free_frames() == before);
    }
};

template <mm::CountedFrames S>
struct Z3 {
    static constexpr const char* text = "Z3 references() counts the owners";
    static void check(Report& report, S& frames) noexcept {
        std::array<FrameNumber, 32> held{};
        std::size_t count = 0;
        while (count < held.size()) {
            const Result<FrameNumber> frame = frames.allocate(mm::FrameZone::direct);
            if (!frame) {
                break;
            }
            for (std::uint32_t i = 0; i < count % 4; ++i) {
                LAW_CHECK(report, frames.retain(*frame).has_value());
            }
            held[count++] = *frame;
        }
        for (std::size_t n = 0; n < count; ++n) {
            for (std::uint32_t left = n % 4 + 1; left > 0; --left) {
                LAW_CHECK(report, frames.references(held[n]) == left);
                frames.release(held[n]);
            }
        }
    }
};

template <mm::CountedFrames S>
struct Z4 {
    static constexpr const char* text = "Z4 a frame has any number of references";
    static void check(Report& report, S& frames) noexcept {
        constexpr std::uint32_t many = 1000;
        const std::size_t before = frames.free_frames();
        std::array<FrameNumber, 3> shared{};
        for (FrameNumber& frame : shared) {
            const Result<FrameNumber> taken = frames.allocate(mm::FrameZone::any);
            LAW_CHECK(report, taken.has_value());
            if (!taken) {
                return;
            }
            frame = *taken;
        }
        for (std::uint32_t n = 1; n <= many; ++n) {
            for (const FrameNumber frame : shared) {
                LAW_CHECK(report, frames.references(frame) == n);
                LAW_CHECK(report, frames.retain(frame).has_value());
            }
        }
        for (std::uint32_t left = many + 1; left > 0; --left) {
            for (const FrameNumber frame : shared) {
                LAW_CHECK(report, frames.references(frame) == left);
                frames.release(frame);
            }
        }
        LAW_CHECK(report, frames.free_frames() == before);
    }
};

}  // namespace kidney::laws::counted_frames

namespace kidney::laws {

/// Argument: the service; nobody else may use it meanwhile.
template <mm::CountedFrames S>
using CountedFramesLaws = TypeList<counted_frames::Z1<S>, counted_frames::Z2<S>,
                                   counted_frames::Z3<S>, counted_frames::Z4<S>>;

}  // namespace kidney::laws
