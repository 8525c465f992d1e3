/// Every member of the engines, instantiated with the archetypes: they use nothing that their
/// contracts do not promise, and -Wthread-safety looks into all of them.
#include "sched/dispatcher.hpp"
#include "sched/policies/entity_queue.hpp"
#include "sched/sync/barrier.hpp"
#include "sched/sync/ceiling_mutex.hpp"
#include "sched/sync/condition_variable.hpp"
#include "sched/sync/event.hpp"
#include "sched/sync/mcs_lock.hpp"
#include "sched/sync/mutex.hpp"
#include "sched/sync/reader_writer_lock.hpp"
#include "sched/sync/semaphore.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sched/sync/wait_queue.hpp"
#include "sched/trace/traced.hpp"
#include "tests/archetypes/load_balancer.hpp"
#include "tests/archetypes/scheduler_policy.hpp"
#include "tests/archetypes/thread_control.hpp"
#include "tests/fakes/fake_heap.hpp"

namespace kidney {
namespace {

struct Clock {
    static Instant now() noexcept { return Instant(); }
};
struct Timer {
    static void arm(Instant) noexcept {}
    static void disarm() noexcept {}
};
struct Local {
    static void* thread() noexcept { return nullptr; }
    static void set_thread(void*) noexcept {}
    static void flag_work() noexcept {}
};
using Thread = sched::ThreadBase<test::StdCpu>;
struct Hooks {
    static void switching(Thread&, Thread&) noexcept {}
    static void exited(Thread&) noexcept {}
};

struct Config {
    using Cpu = test::StdCpu;
    using Clock = kidney::Clock;
    using Timer = kidney::Timer;
    using Local = kidney::Local;
    using Policy = archetypes::SchedulerPolicy;
    using Balancer = archetypes::LoadBalancer;
    using Thread = kidney::Thread;
    using Hooks = kidney::Hooks;
    static sched::PolicySetup policy_setup(CpuId cpu) noexcept { return {.cpu = cpu}; }
    static constexpr Duration tick = Duration::milliseconds(10);
    static constexpr LockRank run_queue_rank{80, "run queue"};
    static constexpr LockRank timer_rank{50, "timers"};
    static constexpr LockRank inheritance_rank{74, "inheritance"};
    static constexpr LockRank roster_rank{70, "roster"};
};

struct RefinedConfig : Config {
    using Policy = archetypes::RefinedSchedulerPolicy;
};

constexpr LockRank rank{1, "rank"};

}  // namespace

using Control = archetypes::ThreadControl;
using Lending = archetypes::LendingThreadControl;
template class sched::Dispatcher<Config>;
template class sched::Dispatcher<RefinedConfig>;
template class sched::Traced<archetypes::SchedulerPolicy>;
template class sched::Traced<archetypes::RefinedSchedulerPolicy>;
template Status sched::Dispatcher<RefinedConfig>::admit(Thread&, fakes::FakeHeap&) noexcept;
template class sched::SpinLock<rank, test::StdCpu>;
template class sched::Mutex<rank, Control>;
template class sched::Mutex<rank, Lending>;
template class sched::CeilingMutex<rank, Control>;
template class sched::CeilingMutex<rank, Lending>;
template class sched::Turnstile<Lending>;
template class sched::WaitList<Lending>;
template class sched::SpinLock<rank, test::StdCpu, sched::McsLock>;
template class sched::ReaderWriterLock<rank, Control>;
template class sched::ReaderWriterLock<rank, Lending>;
template class sched::Barrier<Control>;
template class sched::Semaphore<Control>;
template class sched::Semaphore<Lending>;
template class sched::WaitQueue<Lending>;
template class sched::Event<Control>;
template class sched::WaitQueue<Control>;
template class sched::ConditionVariable<Control>;

static_assert(BasicLockable<sched::SpinLock<rank, test::StdCpu>>);
static_assert(BasicLockable<sched::Mutex<rank, Control>>);

}  // namespace kidney
