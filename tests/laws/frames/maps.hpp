/// The memory maps that the laws are tried on: odd and tiny ones, holes, pieces that arrive in any
/// order, all of memory. Freestanding.
#pragma once

#include "tests/laws/frames/calls.hpp"
#include "tests/laws/report.hpp"

#include <algorithm>
#include <utility>

namespace kidney::laws::frames {

/// A span and the regions in it, in the order in which they are added.
struct Map {
    FrameRange span;
    std::array<FrameRange, 200> regions{};
    std::size_t count = 0;

    constexpr void add(std::uint32_t first, std::uint32_t frames) noexcept {
        if (count < regions.size()) {
            regions[count++] = {FrameNumber(first), frames};
        }
    }
    constexpr void shuffle(Random& random) noexcept {
        for (std::size_t i = count; i > 1; --i) {
            std::swap(regions[i - 1], regions[random.below(static_cast<std::uint32_t>(i))]);
        }
    }
    /// [first, first + frames) in adjacent pieces of 1 to `largest` frames.
    constexpr void add_in_pieces(std::uint32_t first, std::uint32_t frames, std::uint32_t largest,
                                 Random& random) noexcept {
        while (frames != 0) {
            const bool last = count + 1 == regions.size();
            const std::uint32_t piece = last ? frames : std::min(frames, 1 + random.below(largest));
            add(first, piece);
            first += piece;
            frames -= piece;
        }
    }
};

/// Maps below this number have few frames; the others take megabytes of books.
inline constexpr unsigned tiny_maps = 16;  ///< of up to about 2000 frames, for slow fakes
inline constexpr unsigned small_maps = 22;
inline constexpr unsigned all_maps = small_maps + 3;
inline constexpr std::uint32_t small_map_frames = 5000;  ///< at most

namespace detail {

constexpr void add_random_regions(Map& map, Random& random, std::uint32_t largest) noexcept {
    std::uint32_t at = map.span.first.value() + random.below(3);
    while (at < map.span.end().value() && map.count < 150) {
        const std::uint32_t room = map.span.end().value() - at;
        const std::uint32_t frames = std::min(room, 1 + random.below(largest));
        map.add(at, frames);
        at += frames + (random.below(3) == 0 ? 0 : random.below(largest / 2 + 2));
    }
    map.shuffle(random);
}

}  // namespace detail

/// Map `number` of all_maps. Some depend on the seed.
[[nodiscard]] constexpr Map make_map(unsigned number, std::uint32_t seed) noexcept {
    Map map;
    Random random(seed * 64 + number + 1);
    const auto whole = [&](std::uint32_t first, std::uint32_t frames) {
        map.span = {FrameNumber(first), frames};
        map.add(first, frames);
    };
    const auto span = [&](std::uint32_t first, std::uint32_t frames) {
        map.span = {FrameNumber(first), frames};
    };
    switch (number) {
        case 0:
            whole(5, 1);
            break;
        case 1:
            span(7, 2);
            map.add(8, 1);
            map.add(7, 1);
            break;
        case 2:
            whole(0x3ff, 3);
            break;
        case 3:
            whole(1, 31);
            break;
        case 4:
            whole(0x20, 32);
            break;
        case 5:
            whole(31, 33);
            break;
        case 6:
            whole(0, 1024);
            break;
        case 7:
            whole(1, 1023);
            break;
        case 8:  // ends with one frame on each side of a whole chunk
            whole(1023, 1026);
            break;
        case 16:  // odd ends, a chunk in two pieces, islands, holes
            span(0x1003, 0x2151 - 0x1003);
            map.add(0x1003, 0x17f1 - 0x1003);
            map.add(0x1800, 512);
            map.add(0x1a00, 512);
            map.add(0x2105, 1);
            map.add(0x2110, 65);
            break;
        case 10:  // much of the span has no memory
            span(0x100, 0x1200);
            map.add(0xd00, 3);
            map.add(0x8c5, 517);
            break;
        case 11:
            span(0x7fe, 2053);
            map.add_in_pieces(0x7fe, 2053, 40, random);
            map.shuffle(random);
            break;
        case 12:
            span(0x400, 640);
            for (std::uint32_t i = 0; i < 150; ++i) {
                map.add(0x401 + 4 * i, i % 7 == 0 ? 2 : 1);
            }
            map.shuffle(random);
            break;
        case 13:
            span(0x840, 96);
            map.add_in_pieces(0x840, 96, 1, random);
            map.shuffle(random);
            break;
        case 14:
            span(0x30, 100);
            break;
        case 15:
            span(0x60, 200);
            map.add(0x60, 0);
            map.add(0x64, 64);
            map.add(0x90 + 40, 0);
            map.add(0x127, 1);
            map.add(0x128, 0);
            break;
        case 9:  // the end of what 32-bit addresses can name
            whole((1U << 20) - 1500, 1500);
            break;
        case 17:  // four chunks, the last one first
            span(0x2000, 4096);
            for (std::uint32_t i = 4; i-- > 0;) {
                map.add(0x2000 + 1024 * i, 1024);
            }
            break;
        case small_maps:
            whole(0, 1U << 20);
            break;
        case small_maps + 1:
            span(3, (1U << 20) - 3);
            map.add((1U << 20) - 1500, 1500);
            map.add(3, 701);
            map.add(0x80000, 1024);
            break;
        case small_maps + 2:
            span(0x12345, 600'000);
            detail::add_random_regions(map, random, 9000);
            break;
        default:  // anything
            span(random.below(0x20000), 1 + random.below(random.below(2) == 0 ? 60 : 3000));
            detail::add_random_regions(map, random, 1 + map.span.count / (1 + random.below(9)));
            break;
    }
    return map;
}

}  // namespace kidney::laws::frames
