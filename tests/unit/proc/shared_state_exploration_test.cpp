/// What threads of one process share besides descriptors: a call goes on with what it saw.
#include "proc/standpoint.hpp"
#include "tests/support/proc_world.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace kidney::test {
namespace {

using World = ProcWorld<OnExplorer>;
using Process = TestProcess<OnExplorer>;

/// One thread looks who the process is, and where; the other changes that meanwhile. `Shared`:
/// false is the mistake, a process that is not told of its second thread.
template <bool Shared>
class ChangeMeetsCall {
public:
    static constexpr std::size_t threads = 2;

    ChangeMeetsCall() {
        World::begin(machine_);
        auto& first = machine_.spawn([this] { call(); });
        machine_.spawn([this] { change(); });
        process_ = &World::make_process(nullptr);
        World::add_thread(*process_, first);
        if (Shared) {
            process_->share_among_threads();
        }
    }
    ~ChangeMeetsCall() {
        Ref<Process> gone;
        LockGuard guard(World::process_lock);
        gone = World::state->table.remove(*process_);
    }
    void run(std::size_t cpu) { machine_.run_cpu(cpu); }
    void on_reschedule() { machine_.on_reschedule(); }
    void check() {
        const Identity& now = process_->identity;
        sim::require(now.groups().size() == 2 && now.user.file == 5, "nothing was lost");
    }

private:
    using Identity = proc::Identity;

    void call() {
        const proc::Standpoint here(*process_);
        const fs::PathContext context = here;
        const std::size_t groups = context.credentials.groups.size();
        sim::explored::switch_point();
        sim::require(here.who().groups().size() == groups, "it went on as who it was");
        sim::require((here.who().user.file == 5) == (groups == 2), "it was somebody");
    }
    void change() {
        process_->amend(process_->identity, [](Identity& i) {
            constexpr std::array<std::uint32_t, 2> groups{3, 4};
            sim::require(i.set_groups(groups).has_value(), "there is room");
            i.user.set_file(5, true);
        });
    }

    World::Machine machine_;
    Process* process_ = nullptr;
};

TEST(SharedStateExploration, ACallGoesOnAsWhoItWas) {
    const auto all = sim::explore<ChangeMeetsCall<true>>({.preemptions = 1});
    EXPECT_TRUE(all.passed()) << all.failure << sim::story<ChangeMeetsCall<true>>(all.schedule);
    EXPECT_FALSE(sim::explore<ChangeMeetsCall<false>>({.preemptions = 1}).passed());
}

}  // namespace
}  // namespace kidney::test
