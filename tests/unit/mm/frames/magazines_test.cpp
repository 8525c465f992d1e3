/// Magazines over every policy: the laws of the contract they model, and what only they do.
#include "mm/magazines.hpp"

#include "mm/frames/buddy.hpp"
#include "mm/locked_frames.hpp"
#include "policies/frame_allocator.hpp"
#include "sim/explorer.hpp"
#include "tests/archetypes/frame_allocator.hpp"
#include "tests/laws/frame_allocator_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kidney {

// With exactly what the contracts promise.
template class mm::Locked<archetypes::FrameAllocatorArchetype, NullLock>;
template class mm::Magazines<mm::Locked<archetypes::FrameAllocatorArchetype, NullLock>,
                             test::StdCpu, hal::NoPin>;
template class mm::Magazines<archetypes::FullFrameAllocatorArchetype, test::StdCpu, hal::NoPin>;

namespace {

/// Plays any CPU on one thread.
struct PlayedCpu {
    template <class T>
    using Atomic = std::atomic<T>;
    static inline std::uint32_t now = 0;
    static CpuId id() noexcept { return CpuId(now); }
    static void relax() noexcept {}
    static void fence_everywhere() noexcept {}
};

template <class Policy, class Lock = NullLock>
using MagazinesOver =
    mm::Magazines<mm::SharedFrames<mm::FramesOf<Policy, PlayedCpu>, Lock>, PlayedCpu, hal::NoPin>;

template <class A>
class MagazinesConformance : public testing::Test {};

struct PolicyName {
    template <class A>
    static std::string GetName(int) {
        return A::name;
    }
};

using Policies = test::AsTestTypes<policies::frame_allocator::All>;
TYPED_TEST_SUITE(MagazinesConformance, Policies, PolicyName);

TYPED_TEST(MagazinesConformance, Laws) {
    using Frames = MagazinesOver<TypeParam>;
    static_assert(mm::SharedFrameAllocator<Frames>);
    auto workspace = std::make_unique<laws::FrameLawWorkspace>();
    std::vector<std::byte> metadata(laws::frame_law_metadata_bytes<Frames>());
    workspace->metadata = metadata;
    workspace->maps = laws::frames::tiny_maps;
    test::LawReport report;
    laws::run_laws<laws::FrameAllocatorLaws<Frames>>(report, *workspace, 1U);
    test::expect_laws_held(report);
}

constexpr FrameRange all{FrameNumber(0x400), 0x1000};

/// Magazines with memory of their own.
template <class Frames>
struct Machine {
    Machine() : books(Frames::metadata_bytes(all)), frames(std::make_unique<Frames>()) {
        frames->attach(all, books);
        frames->add_region(all);
    }
    std::vector<std::byte> books;
    std::unique_ptr<Frames> frames;
};

TYPED_TEST(MagazinesConformance, AHighOrderIsNotRefusedWhileCpusKeepFrames) {
    Machine<MagazinesOver<TypeParam>> machine;
    auto& frames = *machine.frames;
    for (PlayedCpu::now = 0; PlayedCpu::now < max_cpus; ++PlayedCpu::now) {
        std::vector<FrameNumber> taken;
        for (int i = 0; i < 100; ++i) {
            taken.push_back(*frames.allocate(FrameOrder(0)));
        }
        for (const FrameNumber frame : taken) {
            frames.free(frame, FrameOrder(0));
        }
    }
    PlayedCpu::now = 2;
    EXPECT_EQ(frames.free_frames(), all.count);
    EXPECT_LT(frames.free_below(), all.count);
    for (int block = 0; block < 4; ++block) {
        EXPECT_TRUE(frames.allocate(mm::max_order).has_value()) << block;
    }
    EXPECT_EQ(frames.free_frames(), 0U);
    EXPECT_FALSE(frames.allocate(FrameOrder(0)).has_value());
    PlayedCpu::now = 0;
}

TYPED_TEST(MagazinesConformance, OneCpuGetsWhatTheOthersKeep) {
    Machine<MagazinesOver<TypeParam>> machine;
    auto& frames = *machine.frames;
    std::vector<FrameNumber> taken;
    while (auto frame = frames.allocate(FrameOrder(0))) {
        taken.push_back(*frame);
    }
    EXPECT_EQ(taken.size(), all.count);
    EXPECT_EQ(std::set(taken.begin(), taken.end()).size(), all.count);
    for (std::size_t i = 0; i < taken.size(); ++i) {
        PlayedCpu::now = i % max_cpus;
        frames.free(taken[i], FrameOrder(0));
    }
    EXPECT_EQ(frames.free_frames(), all.count);
    PlayedCpu::now = 5;
    std::set<FrameNumber> again;
    while (auto frame = frames.allocate(FrameOrder(0))) {
        again.insert(*frame);
    }
    EXPECT_EQ(again.size(), all.count);
    PlayedCpu::now = 0;
}

template <class A>
class MagazinesDeathTest : public testing::Test {};
TYPED_TEST_SUITE(MagazinesDeathTest, Policies, PolicyName);

TYPED_TEST(MagazinesDeathTest, WrongFreesAreCaughtWhereverTheFrameLies) {
    Machine<MagazinesOver<TypeParam>> machine;
    auto& frames = *machine.frames;
    const FrameNumber single = *frames.allocate(FrameOrder(0));
    const FrameNumber block = *frames.allocate(FrameOrder(3));
    EXPECT_DEATH(frames.free(block, FrameOrder(0)), "not live") << "head of a block";
    EXPECT_DEATH(frames.free(block + 5, FrameOrder(0)), "not live") << "inside a block";
    EXPECT_DEATH(frames.free(block, FrameOrder(2)), "not live") << "half a block";
    EXPECT_DEATH(frames.free(all.end(), FrameOrder(0)), "not live") << "outside";
    EXPECT_DEATH(frames.free(all.first + (all.count - 1), FrameOrder(0)), "not live")
        << "never handed out";
    frames.free(single, FrameOrder(0));
    EXPECT_DEATH(frames.free(single, FrameOrder(0)), "not live") << "twice, in a magazine";
    PlayedCpu::now = 3;
    EXPECT_DEATH(frames.free(single, FrameOrder(0)), "not live") << "in another CPU's magazine";
    frames.drain();
    EXPECT_DEATH(frames.free(single, FrameOrder(0)), "not live") << "back with the policy";
    PlayedCpu::now = 0;
}

/// Says what it is told, and counts the calls.
class Observed : public mm::Buddy {
public:
    static inline std::size_t batches = 0;
    static inline std::size_t largest = 0;
    static inline bool reuses = true;

    [[nodiscard]] std::size_t take_some(std::span<FrameNumber> out) noexcept {
        ++batches;
        std::size_t n = 0;
        for (; n < std::min<std::size_t>(out.size(), 32); ++n) {
            const auto frame = allocate(FrameOrder(0));
            if (!frame) {
                break;
            }
            out[n] = *frame;
        }
        return n;
    }
    void give_back_some(std::span<const FrameNumber> in) noexcept {
        ++batches;
        largest = std::max(largest, in.size());
        for (const FrameNumber frame : in) {
            free(frame, FrameOrder(0));
        }
    }
    [[nodiscard]] bool reuse_at_once(FrameNumber, FrameOrder) const noexcept { return reuses; }
};

TEST(Magazines, AFreedFrameIsNextUnlessThePolicyWantsItBack) {
    Machine<MagazinesOver<Observed>> machine;
    auto& frames = *machine.frames;
    Observed::reuses = true;
    const FrameNumber warm = *frames.allocate(FrameOrder(0));
    frames.free(warm, FrameOrder(0));
    EXPECT_EQ(*frames.allocate(FrameOrder(0)), warm);
    Observed::reuses = false;
    frames.free(warm, FrameOrder(0));
    EXPECT_NE(*frames.allocate(FrameOrder(0)), warm);
    Observed::reuses = true;
}

TEST(Magazines, AFreedBlockIsNextIfThePolicySaysSo) {
    Machine<MagazinesOver<Observed>> machine;
    auto& frames = *machine.frames;
    for (FrameOrder order(1); order < mm::max_order; order = FrameOrder(order.value() + 1)) {
        const std::size_t below = frames.free_below();
        const FrameNumber first = *frames.allocate(order);
        frames.free(first, order);
        EXPECT_EQ(frames.free_below(), below - order.frames()) << "at hand";
        EXPECT_EQ(frames.free_frames(), all.count);
        EXPECT_EQ(*frames.allocate(order), first);
        Observed::reuses = false;
        frames.free(first, order);
        EXPECT_EQ(frames.free_below(), below) << "back in its place";
        Observed::reuses = true;
    }
    frames.free(*frames.allocate(mm::max_order), mm::max_order);
    EXPECT_EQ(frames.free_below(), all.count) << "nobody searches for the largest";
}

TEST(Magazines, AFewBlocksStayAtHandAndNobodyIsRefusedForThem) {
    Machine<MagazinesOver<Observed>> machine;
    auto& frames = *machine.frames;
    constexpr FrameOrder order(4);
    std::vector<FrameNumber> taken;
    while (auto block = frames.allocate(order)) {
        taken.push_back(*block);
    }
    for (std::size_t i = 0; i < taken.size(); ++i) {
        PlayedCpu::now = i % max_cpus;
        frames.free(taken[i], order);
    }
    EXPECT_EQ(frames.free_frames(), all.count);
    const std::size_t at_hand = (all.count - frames.free_below()) / order.frames();
    EXPECT_GT(at_hand, max_cpus);
    EXPECT_LT(at_hand, taken.size() / 2);
    PlayedCpu::now = 0;
    EXPECT_FALSE(frames.allocate(FrameOrder(mm::max_order.value() + 1)).has_value());
    for (std::uint32_t block = 0; block < all.count / mm::max_order.frames(); ++block) {
        EXPECT_TRUE(frames.allocate(mm::max_order).has_value()) << block;
    }
    EXPECT_EQ(frames.free_frames(), 0U);
}

TEST(MagazinesDeathTest, WrongFreesOfABlockAtHandAreCaught) {
    Machine<MagazinesOver<Observed>> machine;
    auto& frames = *machine.frames;
    constexpr FrameOrder order(3);
    const FrameNumber first = *frames.allocate(order);
    EXPECT_DEATH(frames.free(first, FrameOrder(4)), "not live") << "twice its size";
    EXPECT_DEATH(frames.free(first, FrameOrder(200)), "not live") << "no order at all";
    frames.free(first, order);
    EXPECT_DEATH(frames.free(first, order), "not live") << "twice";
    EXPECT_DEATH(frames.free(first + 4, FrameOrder(2)), "not live") << "a part of it";
    PlayedCpu::now = 3;
    EXPECT_DEATH(frames.free(first, order), "not live") << "at hand of another CPU";
    PlayedCpu::now = 0;
}

TEST(Magazines, FramesComeAndGoInBatches) {
    Machine<MagazinesOver<Observed>> machine;
    auto& frames = *machine.frames;
    for (const bool reuses : {true, false}) {
        Observed::reuses = reuses;
        Observed::batches = 0;
        Observed::largest = 0;
        std::vector<FrameNumber> taken;
        for (int i = 0; i < 1024; ++i) {
            taken.push_back(*frames.allocate(FrameOrder(0)));
        }
        EXPECT_LE(Observed::batches, 1024 / 32 + 2U);
        Observed::batches = 0;
        for (const FrameNumber frame : taken) {
            frames.free(frame, FrameOrder(0));
        }
        EXPECT_EQ(Observed::largest, 64U);
        EXPECT_LE(Observed::batches, 1024 / 64 + 1U);
    }
    Observed::reuses = true;
    EXPECT_EQ(frames.free_frames(), all.count);
}

TEST(Magazines, TheLastFramesGoOneByOne) {
    Machine<MagazinesOver<mm::Buddy>> machine;
    auto& frames = *machine.frames;
    constexpr std::size_t kept = 300;
    frames.keep(kept);
    std::vector<FrameNumber> taken;
    while (frames.free_below() > kept) {
        taken.push_back(*frames.allocate(FrameOrder(0)));
    }
    EXPECT_EQ(frames.free_below(), kept) << "no batch may be cut out of what is kept";
    while (frames.free_frames() > kept) {
        taken.push_back(*frames.allocate(FrameOrder(0)));
    }
    taken.push_back(*frames.allocate(FrameOrder(0)));
    EXPECT_EQ(frames.free_below(), kept - 1);
    frames.free(taken.back(), FrameOrder(0));
    taken.pop_back();
    EXPECT_EQ(frames.free_below(), kept) << "what is short goes back at once";
    for (const FrameNumber frame : taken) {
        frames.free(frame, FrameOrder(0));
    }
    const FrameNumber frame = *frames.allocate(FrameOrder(0));
    const std::size_t below = frames.free_below();
    frames.free(frame, FrameOrder(0));
    EXPECT_EQ(frames.free_below(), below) << "and is kept at hand when there is enough";
}

// Two CPUs in every order of their steps.

using Explored = sim::ExploredCpu;

class CAPABILITY("spin") ExploredLock {
public:
    void lock() noexcept ACQUIRE() KIDNEY_NO_TSA("the capability is this object")
    {
        while (taken_.exchange(1) != 0) {
            Explored::relax();
        }
    }
    void unlock() noexcept RELEASE() KIDNEY_NO_TSA("the capability is this object")
    {
        taken_.store(0);
    }

private:
    Explored::Atomic<std::uint32_t> taken_{0};
};

template <class Policy, class Lock>
struct Exploration {
    using Frames = mm::Magazines<mm::SharedFrames<Policy, Lock>, Explored, hal::NoPin>;
    static constexpr FrameRange span{FrameNumber(0), 1024};

    Exploration() : books(Frames::metadata_bytes(span)) {
        frames.attach(span, books);
        frames.add_region(span);
    }
    /// Takes a frame, unless the other has all of them, and returns it.
    void use_a_frame() { use_a_block(FrameOrder(0)); }
    void use_a_block(FrameOrder order) {
        if (const auto first = frames.allocate(order)) {
            sim::require(!std::exchange(live[first->value()], true), "nobody else has the block");
            Explored::fence_everywhere();  // the other may run meanwhile
            live[first->value()] = false;
            frames.free(*first, order);
        }
    }
    /// The same with all of memory.
    void use_everything() {
        if (const auto block = frames.allocate(mm::max_order)) {
            sim::require(std::ranges::count(live, true) == 0, "the block is nobody else's");
            live.fill(true);
            Explored::fence_everywhere();
            live.fill(false);
            frames.free(*block, mm::max_order);
        }
    }
    void check() {
        sim::require(frames.free_frames() == span.count, "no frame is lost");
        sim::require(frames.allocate(mm::max_order).has_value(),
                     "all of memory, whoever keeps frames at hand");
    }

    std::vector<std::byte> books;
    Frames frames;
    std::array<bool, 1024> live{};
};

/// One CPU asks for all of memory while the other takes a frame and returns it.
struct DrainWhileBusy : Exploration<mm::Buddy, ExploredLock> {
    static constexpr std::size_t threads = 2;
    void run(std::size_t thread) {
        if (thread == 0) {
            use_a_frame();
        } else {
            use_everything();
            use_everything();
        }
    }
};

/// Both want everything, and return it.
struct TwoDrains : Exploration<mm::Buddy, ExploredLock> {
    static constexpr std::size_t threads = 2;
    void run(std::size_t thread) {
        if (thread == 0) {
            use_a_frame();
        }
        use_everything();
    }
};

/// Keeps blocks at hand, too.
struct ReusingBuddy : mm::Buddy {
    [[nodiscard]] bool reuse_at_once(FrameNumber, FrameOrder) const noexcept { return true; }
};
struct DrainOfBlocks : Exploration<ReusingBuddy, ExploredLock> {
    static constexpr std::size_t threads = 2;
    void run(std::size_t thread) {
        if (thread == 0) {
            use_a_block(FrameOrder(2));
            use_a_block(FrameOrder(2));
        } else {
            use_everything();
        }
    }
};

TEST(MagazinesExploration, ADrainMeetsTheOwnerOfBlocks) {
    const sim::Exploration every = sim::explore<DrainOfBlocks>({.preemptions = 2});
    EXPECT_TRUE(every.passed()) << every.failure << " in schedule " << every.schedule << " after "
                                << every.schedules;
    EXPECT_GT(every.schedules, 100U);
}

TEST(MagazinesExploration, ADrainMeetsTheOwner) {
    const sim::Exploration every = sim::explore<DrainWhileBusy>({.preemptions = 2});
    EXPECT_TRUE(every.passed()) << every.failure << " in schedule " << every.schedule << " after "
                                << every.schedules;
    EXPECT_GT(every.schedules, 100U);
}

TEST(MagazinesExploration, TwoDrainsMeet) {
    const sim::Exploration every = sim::explore<TwoDrains>({.preemptions = 1});
    EXPECT_TRUE(every.passed()) << every.failure << " in schedule " << every.schedule << " after "
                                << every.schedules;
}

}  // namespace
}  // namespace kidney
