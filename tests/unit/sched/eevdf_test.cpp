/// EEVDF: the paper's example, and its bounds on lag, with entities that come, go, and change.
#include "sched/policies/eevdf.hpp"

#include "kidney/sched/with_tables.hpp"
#include "sched/policies/virtual_time.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace kidney::sched {
namespace {

constexpr Duration ms(std::int64_t n) {
    return Duration::milliseconds(n);
}
constexpr std::uint32_t slots = 64;
using Subject = WithTables<Eevdf, slots>;

std::array<Entity, slots> entities() {
    std::array<Entity, slots> all;
    for (std::uint32_t i = 0; i < slots; ++i) {
        all[i].id = i + 1;
        all[i].slot = i;
    }
    return all;
}

/// Client 1 asks for 2 quanta at a time, client 2, which joins at 1, for one.
TEST(Eevdf, G40TheExampleOfThePaper) {
    auto e = entities();
    Entity& one = e[1];  // of equals the lower slot comes first: client 2, as in the paper
    Entity& two = e[0];
    one.weight = two.weight = 2 * 1024;
    one.reservation.runtime = ms(2);
    two.reservation.runtime = ms(1);
    Subject policy(ms(1));
    policy.enqueue(one, EnqueueReason::woken, Instant());
    std::string order;
    Entity* running = policy.pick_next(Instant());
    for (int quantum = 0; quantum < 16; ++quantum) {
        if (quantum == 1) {
            policy.enqueue(two, EnqueueReason::woken, Instant());
        }
        // The paper decides anew after each quantum, also within a request.
        if (quantum != 0) {
            policy.enqueue(*running, EnqueueReason::preempted, Instant());
            running = policy.pick_next(Instant());
        }
        order += running == &one ? '1' : '2';
        static_cast<void>(policy.charge(*running, ms(1), Instant()));
        const double lag = static_cast<double>(policy.lag_of(one).count()) / 1e6;
        EXPECT_GE(lag, -0.01);
        EXPECT_LE(lag, 0.51);
    }
    EXPECT_EQ(order, "1212121212121212");
}

TEST(Eevdf, G41LagsOfThreeEquals) {
    auto e = entities();
    Subject policy(ms(30));
    for (int i = 0; i < 3; ++i) {
        policy.enqueue(e[static_cast<std::size_t>(i)], EnqueueReason::woken, Instant());
    }
    const std::array<std::array<double, 3>, 3> expected{{{-20, 10, 10}, {-10, -10, 20}, {0, 0, 0}}};
    for (std::size_t turn = 0; turn < 3; ++turn) {
        Entity* const running = policy.pick_next(Instant());
        ASSERT_EQ(running, &e[turn]);
        EXPECT_EQ(policy.charge(*running, ms(30), Instant()), TickVerdict::preempt);
        for (std::size_t i = 0; i < 3; ++i) {
            EXPECT_NEAR(static_cast<double>(policy.lag_of(e[i]).count()) / 1e6, expected[turn][i],
                        0.001)
                << turn << " " << i;
        }
        policy.enqueue(*running, EnqueueReason::preempted, Instant());
    }
}

/// Entities of random weights that sleep, wake, end, yield and change: after each quantum the lags
/// of those that want to run add up to nothing, and none exceeds a request.
void keep_the_bounds(std::uint32_t seed, bool is_static) {
    constexpr Duration quantum = ms(3);
    std::mt19937 random(seed);
    auto e = entities();
    Subject policy(quantum);
    const std::size_t n = 2 + random() % 20;
    std::vector<bool> runnable(n);
    const auto weight = [&] { return 15 + static_cast<std::uint32_t>(random() % 8000); };
    for (std::size_t i = 0; i < n; ++i) {
        e[i].weight = weight();
        policy.enqueue(e[i], EnqueueReason::woken, Instant());
        runnable[i] = true;
    }
    double worst = 0;
    for (int turn = 0; turn < 2000; ++turn) {
        Entity* const running = policy.pick_next(Instant());
        ASSERT_NE(running, nullptr);
        const auto ran = Duration::microseconds(1 + static_cast<std::int64_t>(random() % 3000));
        static_cast<void>(policy.charge(*running, is_static ? quantum : ran, Instant()));
        double sum = 0;
        for (std::size_t i = 0; i < n; ++i) {
            if (runnable[i]) {
                const double lag = static_cast<double>(policy.lag_of(e[i]).count()) /
                                   static_cast<double>(quantum.count());
                worst = std::max(worst, std::abs(lag));
                sum += lag;
            }
        }
        ASSERT_NEAR(sum, 0, 0.01) << "turn " << turn << " of seed " << seed;
        const std::size_t who = random() % n;
        const std::uint32_t dice = is_static ? 99 : static_cast<std::uint32_t>(random() % 8);
        if (dice == 0 && policy.size() != 0) {
            policy.leave(*running, LeaveReason::blocked, Instant());
            runnable[running->slot] = false;
            continue;
        }
        policy.enqueue(*running, dice == 1 ? EnqueueReason::yielded : EnqueueReason::preempted,
                       Instant());
        if (dice == 2 && !runnable[who]) {
            policy.enqueue(e[who],
                           random() % 4 == 0 ? EnqueueReason::started : EnqueueReason::woken,
                           Instant());
            runnable[who] = true;
        } else if (dice == 3) {
            const SchedulingParameters old = e[who];
            e[who].weight = weight();
            policy.reconsider(e[who], old, Instant());
        }
    }
    // The bound, -r < lag < max(r, q) and here r = q, is for systems that nobody leaves with a lag.
    if (is_static) {
        EXPECT_LT(worst, 1.001) << "seed " << seed;
    }
}

TEST(Eevdf, LagsOfStaticSystemsStayWithinAQuantum) {
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
        keep_the_bounds(seed, true);
    }
}

TEST(Eevdf, LagsAddUpToNothingWhateverHappens) {
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
        keep_the_bounds(seed, false);
    }
}

TEST(VirtualTime, DividesLikeTheProcessor) {
    std::mt19937_64 random(5);
    for (int i = 0; i < 20000; ++i) {
        const auto a = static_cast<std::int64_t>(random()) >> random() % 63;
        const auto b = static_cast<std::uint32_t>(random() >> (32 + random() % 31)) | 1U;
        ASSERT_EQ(divided(a, b), a / static_cast<std::int64_t>(b)) << a << " / " << b;
    }
}

}  // namespace
}  // namespace kidney::sched
