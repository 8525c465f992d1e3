/// Sets of files through the interleavings of those who wait, those who tell, and those who leave:
/// no wake-up is lost, and nobody is told by what has gone.
#include "fs/event/event_service.hpp"
#include "fs/poll_list.hpp"
#include "sched/sync/mutex.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sched/sync/wait_queue.hpp"
#include "sim/explorer.hpp"
#include "tests/fakes/fake_heap.hpp"
#include "tests/support/expect_all_pass.hpp"
#include "tests/support/explored_threads.hpp"

#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace kidney::test {
namespace {

using sim::ExploredCpu;
using sim::require;
constexpr LockRank scan_rank{9, "event scan"};
constexpr LockRank lamp_rank{65, "event"};
constexpr LockRank poll_rank{66, "poll"};
constexpr LockRank events_rank{68, "events"};
constexpr std::uint32_t can_read = 1;

/// Over threads that may lose wake-ups.
template <class T>
struct Environment {
    using Threads = T;
    using Heap = fakes::FakeHeap;
    using Lock = sched::SpinLock<lamp_rank, ExploredCpu>;
    using Queue = sched::WaitQueue<T>;
    using PollLock = sched::SpinLock<poll_rank, ExploredCpu>;
    using SetLock = sched::SpinLock<events_rank, ExploredCpu>;
    using SetQueue = sched::WaitQueue<T>;
    using ScanLock = sched::Mutex<scan_rank, T>;
    using Payers = NobodyPays;
    [[nodiscard]] static std::uint32_t events_of(fs::Readiness ready) noexcept {
        return ready.readable ? can_read : 0;
    }
};
using Good = Environment<ExploredThreads<false>>;
using Lossy = Environment<ExploredThreads<true>>;

/// Ready once it is lit.
template <class E>
class Lamp final : public mm::HeapObject<Lamp<E>, fakes::FakeHeap, fs::File> {
    using Base = mm::HeapObject<Lamp<E>, fakes::FakeHeap, fs::File>;

public:
    Lamp() noexcept : Base(fs::OpenMode{.read = true}) {}
    void light(bool on = true) noexcept {
        {
            LockGuard guard(lock_);
            is_lit_ = on;
        }
        if (on) {
            pollers_.notify({.readable = true});
        }
    }
    fs::Readiness poll(fs::PollWaiter* waiter) noexcept override {
        pollers_.enter(waiter);
        LockGuard guard(lock_);
        return {.readable = is_lit_};
    }
    Result<fs::Attributes> attributes() noexcept override { return fs::Attributes(); }
    void dispose() noexcept override { Base::dispose(); }

private:
    typename E::Lock lock_;
    bool is_lit_ = false;
    fs::PollList<typename E::PollLock> pollers_;
};

/// poll(2) of one file.
template <class E>
class Poller final : public fs::PollWaiter {
public:
    Poller() noexcept : PollWaiter(entries_), thread_(E::Threads::current()) {}
    ~Poller() { leave_all(); }
    void wake() noexcept override { E::Threads::wake(thread_, sched::WakeHint::none); }
    static void wait_for(fs::File& file) noexcept {
        for (;;) {
            Poller poller;
            if (file.poll(&poller).readable) {
                return;
            }
            E::Threads::block();
        }
    }

private:
    std::array<fs::PollEntry, 1> entries_;
    typename E::Threads::Thread& thread_;
};

template <class E>
struct Stage {
    using Service = fs::EventService<E>;
    using Set = fs::EventSetFile<Service>;

    fakes::FakeHeap heap;
    Service events{heap};

    Stage() { E::Threads::reset(); }
    [[nodiscard]] Ref<Lamp<E>> lamp() { return *mm::make_ref<Lamp<E>>(heap); }
    [[nodiscard]] Ref<fs::File> set() { return *events.create_set(); }
    [[nodiscard]] static Set& of(const Ref<fs::File>& file) { return *Service::set_of(*file); }
    static void add(const Ref<fs::File>& to, fs::File& file, bool edge = false,
                    bool exclusive = false) {
        require(
            of(to)
                .add(file, 1, {.events = can_read, .data = 1, .edge = edge, .exclusive = exclusive})
                .has_value(),
            "not added");
    }
    /// Sleeps until something is told.
    static std::size_t wait(const Ref<fs::File>& set, std::size_t most = 4, bool may_wait = true) {
        const auto told =
            of(set).wait(most, may_wait, Instant::never(),
                         [](std::uint32_t, std::uint64_t) noexcept { return Status(); });
        require(told.has_value(), "a strange error");
        return *told;
    }
    void expect_empty() { require(heap.used_bytes() == 0, "something was left behind"); }
};

/// One waits for each change, the other makes one; the file may be added at any moment.
template <class E, bool edge>
struct WaitAndTell : Stage<E> {
    static constexpr std::size_t threads = 2;
    Ref<fs::File> file = this->set();
    Ref<Lamp<E>> lamp = Stage<E>::lamp();
    void run(std::size_t thread) {
        if (thread == 0) {
            this->add(file, *lamp, edge);
            require(this->wait(file) == 1, "told of too many");
            if (edge) {
                // One that comes during the look is told again, as anywhere: but once at most.
                const std::size_t again = this->wait(file, 4, false);
                require(again + this->wait(file, 4, false) <= 1, "told of what has not changed");
            }
        } else {
            lamp->light();
        }
    }
    void check() {
        file.reset();
        lamp.reset();
        this->expect_empty();
    }
};

/// Two wait, and two files change: each has one to tell of.
template <class E>
struct TwoWait : Stage<E> {
    static constexpr std::size_t threads = 3;
    Ref<fs::File> file = this->set();
    Ref<Lamp<E>> one = this->lamp(), two = this->lamp();
    TwoWait() {
        this->add(file, *one, true);
        this->add(file, *two, true);
    }
    void run(std::size_t thread) {
        if (thread == 0) {
            one->light();
            two->light();
        } else {
            require(this->wait(file, 1) == 1, "told of too many");
        }
    }
    void check() {}
};

/// One polls the set, while another takes what is ready in it and leaves it ready.
template <class E>
struct PollAndWait : Stage<E> {
    static constexpr std::size_t threads = 3;
    Ref<fs::File> file = this->set();
    Ref<Lamp<E>> lamp = Stage<E>::lamp();
    PollAndWait() { this->add(file, *lamp); }
    void run(std::size_t thread) {
        if (thread == 0) {
            lamp->light();
        } else if (thread == 1) {
            require(this->wait(file) == 1, "told of too many");
        } else {
            Poller<E>::wait_for(*file);
        }
    }
    void check() {}
};

/// A file in a set in a set.
template <class E>
struct Nested : Stage<E> {
    static constexpr std::size_t threads = 2;
    Ref<fs::File> outer = this->set(), inner = this->set();
    Ref<Lamp<E>> lamp = Stage<E>::lamp();
    Nested() { this->add(outer, *inner); }
    void run(std::size_t thread) {
        if (thread == 0) {
            require(this->wait(outer) == 1, "told of too many");
            require(this->wait(inner) == 1, "nothing in it");
        } else {
            this->add(inner, *lamp);
            lamp->light();
        }
    }
    void check() {}
};

/// Whether a look found nothing before or after the change: nothing is forgotten.
template <class E>
struct LookAndTell : Stage<E> {
    static constexpr std::size_t threads = 2;
    Ref<fs::File> file = this->set();
    Ref<Lamp<E>> lamp = Stage<E>::lamp();
    LookAndTell() {
        lamp->light();
        this->add(file, *lamp);
        lamp->light(false);  // in the list of those that may be ready, and is not
    }
    void run(std::size_t thread) {
        if (thread == 0) {
            static_cast<void>(file->poll(nullptr));
            static_cast<void>(this->wait(file, 4, false));
        } else {
            lamp->light();
        }
    }
    void check() { require(this->wait(file, 4, false) == 1, "a change was forgotten"); }
};

/// The set, its file, and what is told, all at their end together.
template <class E>
struct Ends : Stage<E> {
    static constexpr std::size_t threads = 3;
    Ref<fs::File> file = this->set(), outer = this->set();
    Ref<Lamp<E>> lamp = Stage<E>::lamp(), mine = lamp;
    Ends() {
        this->add(file, *lamp);
        this->add(outer, *file);
    }
    void run(std::size_t thread) {
        if (thread == 0) {
            file.reset();
        } else if (thread == 1) {
            mine->light();
            mine.reset();
        } else {
            lamp.reset();
            outer.reset();
        }
    }
    void check() { this->expect_empty(); }
};

/// Removed while it is told, looked at and at its end.
template <class E>
struct RemoveAndTell : Stage<E> {
    static constexpr std::size_t threads = 2;
    Ref<fs::File> file = this->set();
    Ref<Lamp<E>> lamp = Stage<E>::lamp(), mine = lamp;
    RemoveAndTell() { this->add(file, *lamp); }
    void run(std::size_t thread) {
        if (thread == 0) {
            require(this->of(file).remove(*lamp, 1).has_value(), "not removed");
            lamp.reset();
            require(this->wait(file, 4, false) == 0, "told of what has left");
        } else {
            mine->light();
            static_cast<void>(file->poll(nullptr));
            mine.reset();
        }
    }
    void check() {
        file.reset();
        this->expect_empty();
    }
};

/// Two sets share the work; one waits, and must be the one that is told.
template <class E>
struct SharedWork : Stage<E> {
    static constexpr std::size_t threads = 2;
    Ref<fs::File> idle = this->set(), busy = this->set();
    Ref<Lamp<E>> lamp = Stage<E>::lamp();
    SharedWork() {
        this->add(idle, *lamp, false, true);
        this->add(busy, *lamp, false, true);
    }
    void run(std::size_t thread) {
        if (thread == 0) {
            require(this->wait(busy) == 1, "told of too many");
        } else {
            lamp->light();
        }
    }
    void check() {}
};

TEST(EventSetExploration, NoChangeIsLost) {
    expect_all_pass<WaitAndTell<Good, false>>(2);
    expect_all_pass<WaitAndTell<Good, true>>(2);
    expect_all_pass<LookAndTell<Good>>(2);
    expect_all_pass<TwoWait<Good>>(1);
    expect_all_pass<SharedWork<Good>>(2);
}
TEST(EventSetExploration, PollersAndOuterSetsHearOfIt) {
    expect_all_pass<PollAndWait<Good>>(1);
    expect_all_pass<Nested<Good>>(2);
}
TEST(EventSetExploration, NobodyIsToldByWhatHasGone) {
    expect_all_pass<Ends<Good>>(1);
    expect_all_pass<RemoveAndTell<Good>>(2);
}
TEST(EventSetExploration, ADispatcherThatForgetsWakeUpsIsFoundOut) {
    EXPECT_FALSE((sim::explore<WaitAndTell<Lossy, false>>({.preemptions = 2}).passed()));
}

}  // namespace
}  // namespace kidney::test
