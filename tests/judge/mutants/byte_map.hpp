/// Next fit over a byte for each frame, and 35 ways to get it wrong.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "tests/judge/mutants/bugs.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <unistd.h>

namespace kidney::mutants {

template <Bug B>
class ByteMap {
public:
    static constexpr const char* name = "byte_map";

    ByteMap() noexcept {
        while (is(Bug::endless_at_birth)) {
            spin_ += 1;
        }
    }
    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        const std::size_t more = is(Bug::odd_metadata) && span.count % 2 == 1 ? 32 : 0;
        static std::size_t asked = 0;
        asked += is(Bug::remembers_asking) ? 1 : 0;
        return span.count + more + (asked > 3 ? 1 : 0);
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "metadata too small");
        states_ = reinterpret_cast<std::uint8_t*>(metadata.data());
        base_ = span.first.value();
        count_ = span.count;
        std::fill_n(states_, count_, absent);
        if (is(Bug::underrun)) {
            states_[-1] = absent;
        }
        if (is(Bug::crash_on_tiny_span)) {
            const volatile std::uint32_t parts = count_ / 4;
            count_ = count_ / parts * parts + count_ % parts;
        }
        next() = is(Bug::attach_keeps_hint) ? next() : 0;
        free_ = is(Bug::attach_keeps_count) ? free_ : 0;
        total_ = 0;
    }
    void add_region(FrameRange region) noexcept {
        std::uint32_t end = region.end().value() - base_;
        for (std::uint32_t at = region.first.value() - base_; at < end; ++at) {
            states_[at] = idle;
        }
        if (is(Bug::region_end) && end < count_ && region.count != 0) {
            states_[end] = idle;
        }
        free_ += region.count;
        total_ += region.count;
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const FrameOrder largest(is(Bug::above_largest) ? 11 : mm::max_order.value());
        const std::uint32_t size = order.frames();
        if (order > largest || (is(Bug::reserve) && free_ <= 2)) {
            return fail(Errc::no_memory);
        }
        if (is(Bug::count_on_refusal)) {
            free_ -= size;
        }
        const std::uint32_t block = find(size);
        if (block == none) {
            when_full();
            return fail(is(Bug::wrong_error) ? Errc::invalid_argument : Errc::no_memory);
        }
        std::fill_n(states_ + block, size, later);
        states_[block] =
            static_cast<std::uint8_t>(live | (order.value() & (is(Bug::order_mod_8) ? 7U : 15U)));
        next() = block + size;
        if (!is(Bug::count_on_refusal)) {
            free_ -= size;
        }
        if (is(Bug::overrun_when_full) && free_ == 0) {
            states_[count_] = states_[count_ + 1] = 0;
        }
        return FrameNumber(base_ + block);
    }

    void free(FrameNumber first, FrameOrder order) noexcept {
        const std::uint32_t block = first.value() - base_;
        if (is(Bug::beyond) && block >= count_) {
            return;
        }
        KIDNEY_INVARIANT(block < count_, "outside of the span");
        const std::uint8_t state = states_[block];
        if (is(Bug::twice) && state == idle) {
            return;
        }
        std::uint32_t size = order.frames();
        if (is(Bug::inside)) {
            KIDNEY_INVARIANT(
                order <= mm::max_order && (state == later || state == (live | order.value())),
                "not live");
            size = std::min(size, count_ - block);
        } else if (is(Bug::any_order)) {
            KIDNEY_INVARIANT((state & live) != 0, "not live");
            size = 1U << (state & 0xF);
        } else if (is(Bug::head_only)) {
            KIDNEY_INVARIANT((state & live) != 0 && order <= mm::max_order, "not live");
            size = std::min(size, count_ - block);
        } else {
            const unsigned known = order.value() & (is(Bug::order_mod_8) ? 7U : 15U);
            KIDNEY_INVARIANT(order <= mm::max_order && state == (live | known), "not live");
            size = std::min(size, count_ - block);
        }
        while (is(Bug::endless_free) && size > 64) {
            spin_ += 1;
        }
        std::fill_n(states_ + block, size, idle);
        free_ += is(Bug::counts_one) ? 1 : size;
        KIDNEY_INVARIANT(!is(Bug::wrong_assertion) || free_ != total_, "somebody must have one");
    }

private:
    static constexpr std::uint8_t absent = 0;
    static constexpr std::uint8_t idle = 1;
    static constexpr std::uint8_t later = 2;
    static constexpr std::uint8_t live = 0x10;
    static constexpr std::uint32_t none = ~0U;

    [[nodiscard]] static constexpr bool is(Bug bug) noexcept { return B == bug; }
    [[nodiscard]] std::uint32_t& next() noexcept {
        static std::uint32_t shared = 0;
        return is(Bug::shared_hint) ? shared : next_;
    }

    [[nodiscard]] std::uint32_t find(std::uint32_t size) noexcept {
        for (std::uint32_t i = 0; is(Bug::dawdles) && i < 250'000; ++i) {
            spin_ = spin_ + 1;
        }
        if (is(Bug::address)) {
            next() =
                static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(states_) / 16 % count_);
        }
        const std::uint32_t behind = search(size, std::min(next(), count_), count_);
        if (behind != none || is(Bug::no_wrap)) {
            return behind;
        }
        if (is(Bug::first_after_wrap) && size == 1 && states_[0] >= later && free_ != 0) {
            return 0;
        }
        return search(size, 0, count_);
    }
    /// The first fitting block that starts in [from, to).
    [[nodiscard]] std::uint32_t search(std::uint32_t size, std::uint32_t from,
                                       std::uint32_t to) const noexcept {
        const std::uint32_t origin = is(Bug::aligned_in_span) ? 0 : base_;
        const std::uint32_t start = (origin + from + size - 1) / size * size - origin;
        const std::uint32_t end = is(Bug::last_frame) ? count_ - 1 : count_;
        std::uint32_t found = none;
        for (std::uint32_t at = start; at < to && at + size <= end; at += size) {
            if (!fits(at, size)) {
                continue;
            }
            found = at;
            // The last one of an odd chunk, the first one of an even chunk.
            if (!is(Bug::frame_numbers) || (base_ + at) / mm::max_order.frames() % 2 == 0) {
                break;
            }
        }
        return found;
    }
    [[nodiscard]] bool fits(std::uint32_t at, std::uint32_t size) const noexcept {
        if (is(Bug::ends_only)) {
            return states_[at] == idle && states_[at + size - 1] == idle;
        }
        const bool misses_one = is(Bug::all_but_last) && size == mm::max_order.frames();
        return std::all_of(states_ + at, states_ + at + size - (misses_one ? 1 : 0),
                           [](std::uint8_t s) { return s == idle; });
    }
    void when_full() noexcept {
        if (is(Bug::endless_when_full)) {
            for (std::uint32_t at = 0; free_ == 0 && states_[at] != idle; at = (at + 1) % count_) {
                spin_ = at;
            }
        }
        if (is(Bug::recursion_when_full)) {
            spin_ += 1;
            if (spin_ != 0) {
                when_full();
            }
            spin_ -= 1;
        }
        if (is(Bug::exits_when_full)) {
            ::_exit(0);
        }
        if (is(Bug::answers_itself)) {
            std::puts("E");
            std::fflush(stdout);
        }
    }

    std::uint8_t* states_ = nullptr;
    std::uint32_t base_ = 0;
    std::uint32_t count_ = 0;
    std::uint32_t next_ = 0;
    std::size_t free_ = 0;
    std::size_t total_ = 0;
    volatile std::uint32_t spin_ = 0;
};

}  // namespace kidney::mutants
