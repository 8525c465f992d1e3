/// Priority inheritance by what can be seen of it: the scenarios that teaching kernels test it
/// with, and more, in virtual time; and the mistakes that real systems have made, each of which a
/// scenario must name.
#include "sched/policies/fixed_priority.hpp"
#include "tests/support/stage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace kidney::test {
namespace {

constexpr std::array<LockRank, 8> ranks_of_locks{{{10, "lock 0"},
                                                  {11, "lock 1"},
                                                  {12, "lock 2"},
                                                  {13, "lock 3"},
                                                  {14, "lock 4"},
                                                  {15, "lock 5"},
                                                  {16, "lock 6"},
                                                  {17, "lock 7"}}};

/// `Rule` may spoil the inheritance, `P` the policy.
template <class P, template <class> class Rule>
struct LockStage : Stage<P> {
    using typename Stage<P>::World;
    using typename Stage<P>::Thread;
    using Threads = Rule<typename World::Threads>;
    template <std::size_t N>
    using Lock = sched::Mutex<ranks_of_locks[N], Threads>;
    using Semaphore = sched::Semaphore<Threads>;
    using Condition = sched::ConditionVariable<Threads>;

    [[nodiscard]] int urgency(Thread& thread) {
        return static_cast<int>(this->world.dispatcher().urgency(thread));
    }
    [[nodiscard]] int urgency() { return urgency(World::current()); }
    void tell_urgency(std::string_view who) {
        this->tell(std::string(who) + ":" + std::to_string(urgency()));
    }
    void tell_urgency(std::string_view who, Thread& thread) {
        this->tell(std::string(who) + ":" + std::to_string(urgency(thread)));
    }
};

/// All scenarios, by a world. Lambdas that lock cannot name to the compiler what they lock.
template <class P, template <class> class Rule>
struct Scenarios {
    using LockStage = test::LockStage<P, Rule>;
    template <std::size_t N>
    using Lock = typename LockStage::template Lock<N>;

    static std::string one(LockStage& s) {
        Lock<0> lock;
        return s.play([&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
            lock.lock();
            for (const int p : {32, 33}) {
                s.spawn("waiter", p,
                        [&, p]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                            lock.lock();
                            s.tell_urgency("got");
                            lock.unlock();
                            s.tell("done:" + std::to_string(p));
                        });
                s.tell_urgency("main");
            }
            lock.unlock();
            s.tell_urgency("main");
        });
    }
    static std::string multiple(LockStage& s) {
        Lock<0> a;
        Lock<1> b;
        return s.play([&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
            a.lock();
            b.lock();
            s.spawn("a", 32, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                a.lock();
                s.tell("a");
                a.unlock();
            });
            s.tell_urgency("main");
            s.spawn("b", 33, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                b.lock();
                s.tell("b");
                b.unlock();
            });
            s.tell_urgency("main");
            b.unlock();
            s.tell_urgency("main");
            a.unlock();
            s.tell_urgency("main");
        });
    }
    static std::string multiple2(LockStage& s) {
        Lock<0> a;
        Lock<1> b;
        return s.play([&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
            a.lock();
            b.lock();
            s.spawn("a", 34, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                a.lock();
                s.tell("a");
                a.unlock();
            });
            s.tell_urgency("main");
            s.spawn("c", 32, [&] { s.tell("c"); });
            s.spawn("b", 36, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                b.lock();
                s.tell("b");
                b.unlock();
            });
            s.tell_urgency("main");
            a.unlock();
            s.tell_urgency("main");
            b.unlock();
            s.tell_urgency("main");
        });
    }
    /// The locks come back in another order than the waiters' urgency.
    static std::string most_urgent_first(LockStage& s) {
        Lock<0> a;
        Lock<1> b;
        return s.play([&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
            a.lock();
            b.lock();
            s.spawn("a", 36, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                a.lock(), a.unlock();
            });
            s.spawn("b", 34, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                b.lock(), b.unlock();
            });
            s.tell_urgency("main");
            a.unlock();
            s.tell_urgency("main");
            b.unlock();
            s.tell_urgency("main");
        });
    }
    static std::string nest(LockStage& s) {
        Lock<1> a;
        Lock<0> b;
        return s.play([&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
            a.lock();
            s.spawn("medium", 32, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                b.lock();
                a.lock();
                s.tell_urgency("medium");
                a.unlock();
                s.tell("medium");
                b.unlock();
                s.tell_urgency("medium");
            });
            s.tell_urgency("low");
            s.spawn("high", 33, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                b.lock();
                s.tell("high");
                b.unlock();
            });
            s.tell_urgency("low");
            a.unlock();
            s.tell_urgency("low");
        });
    }
    /// Seven locks, each held by a thread that waits for the one before.
    static std::string chain(LockStage& s) {
        std::tuple<Lock<7>, Lock<6>, Lock<5>, Lock<4>, Lock<3>, Lock<2>, Lock<1>> locks;
        return s.play(
            [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                std::get<0>(locks).lock();
                [&]<std::size_t... I>(std::index_sequence<I...>) {
                    (link<I + 1>(s, locks), ...);
                }(std::make_index_sequence<7>());
                std::get<0>(locks).unlock();
                s.tell_urgency("main");
            },
            0);
    }
    template <std::size_t I, class Locks>
    static void link(LockStage& s, Locks& locks) {
        constexpr int own = 3 * static_cast<int>(I);
        s.spawn("link", own, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
            if constexpr (I < 7) {
                std::get<I>(locks).lock();
            }
            std::get<I - 1>(locks).lock();
            s.tell_urgency("got" + std::to_string(I));
            std::get<I - 1>(locks).unlock();
            if constexpr (I < 7) {
                std::get<I>(locks).unlock();
            }
            s.tell_urgency("end" + std::to_string(I));
        });
        s.spawn("interloper", own - 1, [&] { s.tell("i" + std::to_string(I)); });
        s.tell_urgency("main");
    }
    /// A sleeper at a semaphore that is lent something is woken before others there.
    static std::string semaphore(LockStage& s) {
        Lock<0> lock;
        typename LockStage::Semaphore semaphore;
        return s.play([&] {
            s.spawn("L", 32, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                lock.lock();
                semaphore.acquire();
                s.tell_urgency("L");
                lock.unlock();
                s.tell("L");
            });
            s.spawn("M", 34, [&] {
                semaphore.acquire();
                s.tell("M");
            });
            s.spawn("H", 36, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                lock.lock();
                s.tell("H");
                semaphore.release();
                lock.unlock();
                s.tell("H");
            });
            semaphore.release();
            s.tell("main");
        });
    }
    static std::string lower(LockStage& s) {
        Lock<0> lock;
        return s.play([&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
            lock.lock();
            s.spawn("acquirer", 41, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                lock.lock(), s.tell("got"), lock.unlock();
            });
            s.tell_urgency("main");
            s.set_priority(LockStage::World::current(), 21);
            s.tell_urgency("main");
            lock.unlock();
            s.tell_urgency("main");
        });
    }
    static std::string raise(LockStage& s) {
        Lock<0> lock;
        return s.play([&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
            lock.lock();
            s.spawn("acquirer", 41, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                lock.lock(), s.tell("got"), lock.unlock();
            });
            s.set_priority(LockStage::World::current(), 50);
            s.tell_urgency("main");
            lock.unlock();
            s.tell_urgency("main");
            s.set_priority(LockStage::World::current(), 33);
            s.tell_urgency("main");
        });
    }
    /// Conditions wake the most urgent, one that sleeps with a lock held included.
    static std::string condition(LockStage& s) {
        Lock<0> held;
        Lock<1> monitor;
        typename LockStage::Condition changed;
        return s.play([&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
            for (const int p : {34, 36, 32, 35, 33}) {
                s.spawn("waiter", p,
                        [&, p]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                            if (p == 32) {
                                held.lock();
                            }
                            monitor.lock();
                            changed.wait(monitor);
                            s.tell_urgency("woken");
                            monitor.unlock();
                            if (p == 32) {
                                held.unlock();
                            }
                        });
            }
            s.spawn("H", 40, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                held.lock(), s.tell("H"), held.unlock();
            });
            for (int i = 0; i < 5; ++i) {
                monitor.lock();
                changed.signal();
                monitor.unlock();
            }
            s.tell_urgency("main");
        });
    }
    /// Whoever gives up takes its urgency back; those that stay go on lending.
    static std::string time_out(LockStage& s) {
        Lock<0> lock;
        return s.play([&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
            lock.lock();
            s.spawn("H", 50, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                const Status got = lock.lock({.deadline = sim::Clock::now() + ms(5)});
                s.tell(got ? "got" : "H gave up");
            });
            s.tell_urgency("main");
            s.spawn("M", 40, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                const Status got = lock.lock({.deadline = sim::Clock::now() + ms(10)});
                s.tell(got ? "got" : "M gave up");
            });
            LockStage::World::sleep(ms(7));
            s.tell_urgency("main");
            LockStage::World::sleep(ms(5));
            s.tell_urgency("main");
            lock.unlock();
            const bool free = lock.try_lock();
            s.tell(free ? "free" : "lost");
            if (free) {
                lock.unlock();
            }
        });
    }
    /// A waiter that is killed, at the end of a chain.
    static std::string abort(LockStage& s) {
        Lock<1> far;
        Lock<0> near;
        return s.play([&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
            far.lock();
            s.spawn("middle", 32, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                near.lock();
                far.lock();
                far.unlock();
                near.unlock();
            });
            Thread& victim = s.spawn("victim", 50,
                                     [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                                         const Status got = near.lock({.interruptible = true});
                                         s.tell(got ? "got" : "aborted");
                                     });
            s.tell_urgency("main");
            s.world.dispatcher().interrupt(victim);
            LockStage::World::sleep(ms(1));  // as urgent as its waiter: it would not run before
            s.tell_urgency("main");
            far.unlock();
            s.tell_urgency("main");
        });
    }
    /// A waiter's own priority changes: whoever it waits for follows, along the chain.
    static std::string change(LockStage& s) {
        Lock<1> far;
        Lock<0> near;
        return s.play([&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
            far.lock();
            s.spawn("middle", 32, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                near.lock();
                far.lock();
                far.unlock();
                near.unlock();
                s.tell("middle");
            });
            Thread& end =
                s.spawn("end", 33, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                    near.lock(), s.tell_urgency("end"), near.unlock();
                });
            s.tell_urgency("main");
            s.set_priority(end, 45);
            s.tell_urgency("main");
            s.set_priority(end, 20);
            s.tell_urgency("main");
            far.unlock();
            s.tell_urgency("main");
        });
    }
    /// Who inherits the waiters with the lock, and keeps them when its own priority falls.
    static std::string handed_over(LockStage& s) {
        Lock<0> lock;
        return s.play([&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
            lock.lock();
            Thread& first =
                s.spawn("first", 40, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                    lock.lock();
                    s.set_priority(LockStage::World::current(), 10);
                    s.tell_urgency("first");
                    lock.unlock();
                    s.tell_urgency("first");
                });
            static_cast<void>(first);
            s.spawn("second", 35, [&]() KIDNEY_NO_TSA("a lambda cannot name the lock it takes") {
                lock.lock(), s.tell("second"), lock.unlock();
            });
            s.tell_urgency("main");
            lock.unlock();
            s.tell_urgency("main");
        });
    }
    using Thread = typename LockStage::Thread;

    /// The first scenario that is told otherwise than expected, or nothing.
    static std::string first_wrong(bool explain) {
        struct Row {
            const char* name;
            std::string (*play)(LockStage&);
            const char* expected;
        };
        const Row rows[] = {
            {"one", one, "main:32 main:33 got:33 done:33 got:32 done:32 main:31"},
            {"multiple", multiple, "main:32 main:33 b main:32 a main:31"},
            {"multiple2", multiple2, "main:34 main:36 main:36 b a c main:31"},
            {"most urgent first", most_urgent_first, "main:36 main:34 main:31"},
            {"nest", nest, "low:32 low:33 medium:33 medium high medium:32 low:31"},
            {"chain", chain,
             "main:3 main:6 main:9 main:12 main:15 main:18 main:21 got1:21 got2:21 got3:21 got4:21 "
             "got5:21 got6:21 got7:21 end7:21 i7 end6:18 i6 end5:15 i5 end4:12 i4 end3:9 i3 end2:6 "
             "i2 end1:3 i1 main:0"},
            {"semaphore", semaphore, "L:36 H H M L main"},
            {"lower", lower, "main:41 main:41 got main:21"},
            {"raise", raise, "main:50 main:50 got main:33"},
            {"condition", condition, "woken:40 H woken:36 woken:35 woken:34 woken:33 main:31"},
            {"time-out", time_out, "main:50 H gave up main:40 M gave up main:31 free"},
            {"abort", abort, "main:50 aborted main:32 main:31"},
            {"change", change, "main:33 main:45 main:32 middle main:31 end:20"},
            {"handed over", handed_over, "main:40 first:35 second main:31 first:10"},
        };
        for (const Row& row : rows) {
            LockStage stage;
            const std::string told = row.play(stage);
            if (told != row.expected) {
                if (explain) {
                    ADD_FAILURE() << row.name << "\n  told:     " << told
                                  << "\n  expected: " << row.expected;
                }
                return row.name;
            }
        }
        return {};
    }
};

template <class T>
struct AsItIs : T {};

TEST(Donation, EveryScenario) {
    EXPECT_EQ((Scenarios<sched::FixedPriority, AsItIs>::first_wrong(true)), "");
}

/// Threads that lock, nest, give up and change their priorities as it comes, on several CPUs:
/// nobody who holds what somebody waits for is less urgent, and in the end nobody owes anything.
/// Returns how many gave up.
int mix(std::uint32_t cpus, std::uint64_t seed) {
    using World = SimWorld<sched::FixedPriority>;
    World world({.cpus = cpus, .seed = seed});
    World::Mutex<ranks_of_locks[0]> outer;
    World::Mutex<ranks_of_locks[1]> inner;
    std::vector<World::Thread*> threads;
    int gave_up = 0;
    int entered = 0;
    int changing = 0;  // a new priority is passed on a moment after it counts
    const auto chance = [&](std::uint32_t n) { return world.machine().random() % n; };
    const auto inside = [&] {
        ++entered;
        World::compute(Duration::microseconds(chance(200)));
        const LockGuard guard(world.dispatcher().inheritance_lock());
        World::Thread& self = World::current();
        for (sched::Lender& lock : self.borrower.lenders) {
            for (World::Thread* other : threads) {
                if (other->borrower.waits_at == &lock) {
                    const bool paid =
                        world.dispatcher().urgency(self) >= world.dispatcher().urgency(*other);
                    EXPECT_TRUE(paid || changing != 0) << cpus << " CPUs, seed " << seed;
                }
            }
        }
    };
    for (int i = 0; i < 6; ++i) {
        threads.push_back(&world.spawn(
            "mixed",
            [&]() KIDNEY_NO_TSA("limited locks") {
                for (int round = 0; round < 40; ++round) {
                    const Instant limit =
                        sim::Clock::now() + Duration::microseconds(100 + chance(300));
                    const bool has_outer =
                        chance(2) != 0 && outer.lock({.deadline = limit}).has_value();
                    if (inner.lock({.deadline = limit}).has_value()) {
                        inside();
                        inner.unlock();
                    } else {
                        ++gave_up;
                    }
                    if (has_outer) {
                        inside();
                        outer.unlock();
                    }
                    World::Thread& any =
                        *threads[chance(static_cast<std::uint32_t>(threads.size()))];
                    ++changing;
                    world.dispatcher().set_priority(
                        any, sched::Priority(static_cast<std::uint8_t>(chance(64))));
                    --changing;
                    World::sleep(Duration::microseconds(chance(100)));
                }
            },
            sched::Priority(static_cast<std::uint8_t>(i * 10))));
    }
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    for (const World::Thread* thread : threads) {
        EXPECT_EQ(thread->lent, sched::Urgency::none);
        EXPECT_TRUE(thread->borrower.lenders.empty());
        EXPECT_EQ(thread->borrower.waits_at, nullptr);
    }
    EXPECT_GT(entered, 100);
    return gave_up;
}

TEST(Donation, AnyMixOnSeveralCpus) {
    int gave_up = 0;
    for (const std::uint32_t cpus : {1U, 2U, 4U}) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            gave_up += mix(cpus, seed);
        }
    }
    EXPECT_GT(gave_up, 50);
}

// --- Mistakes ---

using sched::Urgency;

/// (a) Releasing one of several mutexes gives back everything.
template <class T>
struct DropsAllAtOnce : T {
    static bool lend(typename T::Thread& t, Urgency u) noexcept {
        return T::lend(t, u < t.lent ? Urgency::none : u);
    }
};
/// (b) A holder that waits itself passes nothing on.
template <class T>
struct NotTransitive : T {
    static bool lend(typename T::Thread& t, Urgency u) noexcept {
        static_cast<void>(T::lend(t, u));
        return false;
    }
};
/// (c) A waiter that gives up leaves its urgency behind.
template <class T>
struct KeepsAfterTimeOut : T {
    static bool lend(typename T::Thread& t, Urgency u) noexcept {
        return (u >= t.lent || &T::current() == &t) && T::lend(t, u);
    }
};
/// (d) What was lent becomes the thread's own.
template <class T>
struct LentBecomesBase : T {
    static bool lend(typename T::Thread& t, Urgency u) noexcept {
        const bool changed = T::lend(t, u);
        t.priority = std::max(t.priority, sched::Priority(static_cast<std::uint8_t>(u)));
        return changed;
    }
};
/// (e) It is given back with the last mutex only.
template <class T>
struct GivesBackAtTheEnd : T {
    static bool lend(typename T::Thread& t, Urgency u) noexcept {
        return (u >= t.lent || u == Urgency::none) && T::lend(t, u);
    }
};
/// (f) Setting a holder's priority ends what it was lent, ...
struct SettingEndsLending : sched::FixedPriority {
    void reconsider(sched::Entity& e, const sched::SchedulingParameters& old,
                    Instant now) noexcept {
        FixedPriority::reconsider(e, old, now);
        lend(e, Urgency::none, now);
    }
};
/// ... or does nothing while it lasts.
struct SettingIsForgotten : sched::FixedPriority {
    void reconsider(sched::Entity& e, const sched::SchedulingParameters& old,
                    Instant now) noexcept {
        FixedPriority::reconsider(e, old, now);
        if (e.lent != Urgency::none) {
            const sched::SchedulingParameters ignored = e;
            e.priority = old.priority;
            FixedPriority::reconsider(e, ignored, now);
        }
    }
};
/// Wakes whoever has the greatest priority of its own.
template <class T>
struct WakesByBase : T {
    static Urgency urgency(typename T::Thread& t) noexcept { return Urgency{t.priority.value()}; }
};
/// Lends once, and then never again.
template <class T>
struct FirstWaiterOnly : T {
    static bool lend(typename T::Thread& t, Urgency u) noexcept {
        return (u == Urgency::none || t.lent == Urgency::none) && T::lend(t, u);
    }
};

template <class P, template <class> class Rule>
void expect_named(const char* mutant, int& killed, int& all) {
    const std::string scenario = Scenarios<P, Rule>::first_wrong(false);
    EXPECT_NE(scenario, "") << mutant << " is wrong and no scenario shows it";
    std::printf("    %-20s %s\n", mutant, scenario.c_str());
    killed += scenario.empty() ? 0 : 1;
    ++all;
}

TEST(Donation, EveryMistakeIsNamedByAScenario) {
    using sched::FixedPriority;
    int killed = 0;
    int all = 0;
    expect_named<FixedPriority, DropsAllAtOnce>("DropsAllAtOnce", killed, all);
    expect_named<FixedPriority, NotTransitive>("NotTransitive", killed, all);
    expect_named<FixedPriority, KeepsAfterTimeOut>("KeepsAfterTimeOut", killed, all);
    expect_named<FixedPriority, LentBecomesBase>("LentBecomesBase", killed, all);
    expect_named<FixedPriority, GivesBackAtTheEnd>("GivesBackAtTheEnd", killed, all);
    expect_named<SettingEndsLending, AsItIs>("SettingEndsLending", killed, all);
    expect_named<SettingIsForgotten, AsItIs>("SettingIsForgotten", killed, all);
    expect_named<FixedPriority, WakesByBase>("WakesByBase", killed, all);
    expect_named<FixedPriority, FirstWaiterOnly>("FirstWaiterOnly", killed, all);
    std::printf("    inheritance mutants killed: %d of %d\n", killed, all);
}

}  // namespace
}  // namespace kidney::test
