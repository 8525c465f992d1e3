/// The laws of `mm::FrameRanges`, N1 and N2. Freestanding.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "tests/laws/report.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::laws::frame_ranges {

/// A map with a hole, ends that are no multiples of anything, and room for longer ranges than any
/// block.
inline constexpr FrameRange span{FrameNumber(0x400), 0x1800};
inline constexpr std::array added{FrameRange{FrameNumber(0x403), 0x5EE},
                                  FrameRange{FrameNumber(0xA00), 0x11FF}};

/// An allocator over that map, what the caller knows about it, and random requests.
template <mm::FrameRanges A>
class Tenant {
public:
    Tenant(Report& report, std::span<std::byte> metadata, std::uint32_t seed) noexcept
        : report_(report), random_(seed) {
        frames_.attach(span, metadata.first(A::metadata_bytes(span)));
        for (const FrameRange range : added) {
            frames_.add_region(range);
            set(range, true);
        }
        all_ = frames_.free_frames();
    }

    /// Small ones mostly; now and then longer than any block.
    void ask() noexcept {
        const std::uint32_t most = 1U << random_.below(12);
        const std::uint32_t count = 1 + random_.below(most);
        const FrameOrder alignment(static_cast<std::uint8_t>(random_.below(4) * random_.below(4)));
        const std::size_t before = frames_.free_frames();
        const Result<FrameNumber> first = frames_.take_range(count, alignment);
        if (!first) {
            LAW_CHECK(report_, first.error() == Errc::no_memory);
            LAW_CHECK(report_, frames_.free_frames() == before);
            LAW_CHECK(report_, !is_there(count, alignment));
            return;
        }
        LAW_CHECK(report_, first->value() % alignment.frames() == 0);
        LAW_CHECK(report_, frames_.free_frames() + count == before);
        LAW_CHECK(report_, is_free({*first, count}));
        set({*first, count}, false);
        if (held_ == ranges_.size()) {
            give_back();
        }
        ranges_[held_++] = {*first, count};
    }
    /// A range, block by block, from either end; others may come in between.
    void give_back() noexcept {
        if (held_ == 0) {
            return;
        }
        std::swap(ranges_[random_.below(static_cast<std::uint32_t>(held_))], ranges_[held_ - 1]);
        const FrameRange range = ranges_[--held_];
        struct Block {
            FrameNumber first;
            FrameOrder order;
        };
        std::array<Block, 64> blocks{};
        std::size_t count = 0;
        mm::for_each_block(
            range, [&](FrameNumber first, FrameOrder order) { blocks[count++] = {first, order}; });
        if (random_.below(2) != 0) {
            std::reverse(blocks.begin(), blocks.begin() + count);
        }
        for (const Block& block : std::span(blocks).first(count)) {
            frames_.free(block.first, block.order);
        }
        set(range, true);
    }
    /// Nothing is lost, and what was in pieces is whole again.
    void end() noexcept {
        while (held_ != 0) {
            give_back();
        }
        LAW_CHECK(report_, frames_.free_frames() == all_);
        static_assert(added[1].count > added[0].count, "the longer one first: it fits only there");
        for (const FrameRange range : {added[1], added[0]}) {
            const Result<FrameNumber> first = frames_.take_range(range.count, FrameOrder(0));
            LAW_CHECK(report_, first.has_value() && *first == range.first);
        }
        LAW_CHECK(report_, frames_.free_frames() == 0);
    }
    [[nodiscard]] Random& random() noexcept { return random_; }

private:
    void set(FrameRange range, bool is_free) noexcept {
        for (std::uint32_t i = 0; i < range.count; ++i) {
            free_[range.first - span.first + i] = is_free;
        }
    }
    [[nodiscard]] bool is_free(FrameRange range) const noexcept {
        for (std::uint32_t i = 0; i < range.count; ++i) {
            const std::uint32_t at = range.first.value() + i - span.first.value();
            if (at >= span.count || !free_[at]) {
                return false;
            }
        }
        return true;
    }
    [[nodiscard]] bool is_there(std::uint32_t count, FrameOrder alignment) const noexcept {
        std::uint32_t run = 0;
        for (std::uint32_t end = span.count;
             end-- > 0;) {  // from behind: so long a run starts here
            run = free_[end] ? run + 1 : 0;
            if (run >= count && (span.first.value() + end) % alignment.frames() == 0) {
                return true;
            }
        }
        return false;
    }

    Report& report_;
    Random random_;
    A frames_;
    std::size_t all_ = 0;
    std::array<bool, span.count> free_{};
    std::array<FrameRange, 48> ranges_{};
    std::size_t held_ = 0;
};

template <mm::FrameRanges A>
struct N1 {
    static constexpr const char* text = "N1 a range is free, aligned, and consists of live blocks";
    static void check(Report& report, std::span<std::byte> metadata, std::uint32_t seed) noexcept {
        Tenant<A> tenant(report, metadata, seed);
        for (int turn = 0; turn < 400; ++turn) {
            tenant.ask();
            if (tenant.random().below(3) == 0) {
                tenant.give_back();
            }
        }
        tenant.end();
    }
};

template <mm::FrameRanges A>
struct N2 {
    static constexpr const char* text = "N2 a range is refused only if no such range is free";
    static void check(Report& report, std::span<std::byte> metadata, std::uint32_t seed) noexcept {
        Tenant<A> tenant(report, metadata, seed + 1);
        // Nearly full, in other pieces each time.
        for (int turn = 0; turn < 100; ++turn) {
            for (int i = 0; i < 16; ++i) {
                tenant.ask();
            }
            for (std::uint32_t n = tenant.random().below(24); n > 0; --n) {
                tenant.give_back();
            }
        }
        tenant.end();
    }
};

}  // namespace kidney::laws::frame_ranges

namespace kidney::laws {

/// Arguments: metadata for frame_ranges::span, seed. Several KiB of stack.
template <mm::FrameRanges A>
using FrameRangesLaws = TypeList<frame_ranges::N1<A>, frame_ranges::N2<A>>;

}  // namespace kidney::laws
