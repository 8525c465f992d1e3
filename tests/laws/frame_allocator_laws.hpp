/// The laws of `mm::FrameAllocator`, F1 to F8, in one process with the allocator. Freestanding.
///
/// For the kernel's self-test, and for fakes and wrappers in host tests. Where it counts, a policy
/// is judged by a program that it has no access to: tests/judge, with the same plans and books.
#pragma once

#include "tests/laws/frames/director.hpp"
#include "tests/laws/frames/plans.hpp"
#include "tests/laws/frames/player.hpp"
#include "tests/laws/frames/shadow.hpp"
#include "tests/laws/report.hpp"

namespace kidney::laws {

/// Everything that the laws need to remember; too big for a kernel stack. `metadata` must have
/// frame_law_metadata_bytes<A>() bytes, aligned to 16.
struct FrameLawWorkspace {
    static constexpr std::size_t max_blocks = 8192;

    std::span<std::byte> metadata;
    unsigned maps = frames::small_maps;  ///< how many to try
    frames::PlanMaker maker;
    struct Memory {
        std::array<std::uint8_t, frames::small_map_frames> states{};
        std::array<frames::Blocks::Block, max_blocks> blocks{};
        std::array<std::uint32_t, max_blocks> live{};
    };
    std::array<Memory, frames::max_instances> memory{};
    std::array<frames::FrameBooks, frames::max_instances> books{};
    std::array<frames::Blocks, frames::max_instances> blocks{};
};

/// Enough for two allocators over every small map.
template <mm::FrameAllocator A>
[[nodiscard]] std::size_t frame_law_metadata_bytes() noexcept {
    constexpr std::uint32_t frames_in_chunks =
        frames::small_map_frames + 2 * mm::max_order.frames();
    return 2 * (A::metadata_bytes({FrameNumber(0), frames_in_chunks}) + 4096);
}

namespace frames {

/// One law, as a law of report.hpp. `World` is a PlayerWorld; what it cannot survive is not tried.
template <mm::FrameAllocator A, Law L>
struct FrameLaw {
    static constexpr const char* text = law_texts[static_cast<std::size_t>(L)];

    static void check(Report& report, FrameLawWorkspace& w, std::uint32_t seed) noexcept {
        PlainWorld world(w.metadata);
        check_in(world, report, w, seed);
    }
    template <PlayerWorld World>
    static void check_in(World& world, Report& report, FrameLawWorkspace& w,
                         std::uint32_t seed) noexcept {
        w.maker.for_each(L, seed, w.maps, [&](const Plan& plan) {
            std::array<std::uint64_t, max_instances> first{};
            for (unsigned v = 0; v < (L == Law::f8 ? variations : 1); ++v) {
                const Plan varied = vary(plan, v);
                const auto seen = play(world, report, w, varied);
                first = v == 0 ? seen : first;
                for (unsigned i = 0; i < max_instances; ++i) {
                    const bool takes_part = (varied.instances >> i & 1U) != 0;
                    report.check(!takes_part || seen[i] == first[i],
                                 "the same calls get the same answers", __FILE_NAME__, __LINE__);
                }
            }
        });
    }

private:
    /// Returns a hash of the answers of each allocator.
    template <class World>
    static std::array<std::uint64_t, max_instances> play(World& world, Report& report,
                                                         FrameLawWorkspace& w,
                                                         const Plan& plan) noexcept {
        for (unsigned i = 0; i < max_instances; ++i) {
            w.books[i].use(w.memory[i].states);
            w.blocks[i].use(w.memory[i].blocks, w.memory[i].live);
        }
        std::array<std::uint64_t, max_instances> hash{};
        Director director(plan, w.blocks, mm::largest_order_of<A>);
        Player<A, World> player(plan, world);
        Shadow shadow(w.books, mm::largest_order_of<A>);
        Call call;
        while (director.next(call)) {
            const Answer answer = player.play(call);
            director.hear(call, answer);
            hash[call.instance] = (hash[call.instance] + answer.frame.value() +
                                   static_cast<unsigned>(answer.outcome)) *
                                      0x9E37'79B9'7F4A'7C15 +
                                  answer.free_frames;
            const Shadow::Next next = shadow.judge(call, answer);
            if (next != Shadow::Next::goes_on) {
                report.check(next == Shadow::Next::ends, "a right call is no invariant failure",
                             __FILE_NAME__, __LINE__);
                break;
            }
        }
        for (std::size_t n = 0; n < shadow.checks(L); ++n) {
            report.check(true, text, __FILE_NAME__, __LINE__);
        }
        for (const Finding& finding : shadow.findings()) {
            report.check(false, law_texts[static_cast<std::size_t>(finding.law)], __FILE_NAME__,
                         static_cast<int>(finding.law));
            report.explain([&](auto& sink) { write_finding(sink, finding); });
        }
        return hash;
    }
};

}  // namespace frames

/// Without F6: a wrong free stops a world that cannot catch it. Arguments: FrameLawWorkspace&,
/// seed.
template <mm::FrameAllocator A>
using FrameAllocatorLaws =
    TypeList<frames::FrameLaw<A, frames::Law::f1>, frames::FrameLaw<A, frames::Law::f2>,
             frames::FrameLaw<A, frames::Law::f3>, frames::FrameLaw<A, frames::Law::f4>,
             frames::FrameLaw<A, frames::Law::f5>, frames::FrameLaw<A, frames::Law::f7>,
             frames::FrameLaw<A, frames::Law::f8>>;
template <mm::FrameAllocator A>
using WrongFreeLaw = frames::FrameLaw<A, frames::Law::f6>;

}  // namespace kidney::laws
