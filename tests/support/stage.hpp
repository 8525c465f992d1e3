/// Scenarios of teaching kernels: one simulated CPU, and what its threads told in which order.
///
///     Stage<sched::FixedPriority> stage;
///     EXPECT_EQ(stage.play([&] { stage.spawn("other", 32, [&] { stage.tell("other"); }); }),
///     "other");
#pragma once

#include "kidney/core/time.hpp"
#include "kidney/sched/policy.hpp"
#include "tests/support/sim_world.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace kidney::test {

[[nodiscard]] constexpr Duration ms(std::int64_t n) {
    return Duration::milliseconds(n);
}

template <class P>
struct Stage {
    using World = SimWorld<P>;
    using Thread = typename World::Thread;

    [[nodiscard]] static Instant now() { return sim::Clock::now(); }
    static void sleep_until(Instant at) { World::Where::dispatcher().sleep_until(at); }
    static void yield() { World::Where::dispatcher().yield(); }
    Thread& spawn(std::string_view name, int priority, std::function<void()> body) {
        return world.spawn(name, std::move(body), level(priority));
    }
    void set_priority(Thread& thread, int priority) {
        world.dispatcher().set_priority(thread, level(priority));
    }
    void set_runs_on(Thread& thread) {
        world.dispatcher().change(thread, [](sched::SchedulingParameters& p) { p.runs_on = true; });
    }
    void tell(std::string_view what) { told += (told.empty() ? "" : " ") + std::string(what); }
    void tell(int what) { tell(std::to_string(what)); }
    /// The first thread, at the ordinary priority; the others come from it. What all have told.
    std::string play(std::function<void()> main, int priority = 31) {
        spawn("main", priority, std::move(main));
        if (world.run() != sim::Outcome::stopped) {
            tell("stuck");
        }
        return told;
    }

    World world{{.cpus = 1}};
    std::string told;

private:
    [[nodiscard]] static sched::Priority level(int n) {
        return sched::Priority(static_cast<std::uint8_t>(n));
    }
};

}  // namespace kidney::test
