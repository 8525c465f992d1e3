/// Faults on pages that must be read: the address space is free meanwhile, and what has changed by
/// then counts.
#include "tests/unit/mm/space_machine.hpp"

#include <gtest/gtest.h>

namespace kidney::test {
namespace {

/// Knows whether somebody holds it.
struct WatchedLock {
    static inline int held = 0;
    void lock() noexcept { ++held; }
    void unlock() noexcept { --held; }
};

class MissingPageTest : public testing::Test {
protected:
    using Machine = SpaceMachine<arch::TwoLevel>;
    using Space = mm::AddressSpace<arch::TwoLevel, Machine::Frames, sim::RamArena, sim::Mmu,
                                   fakes::FakeHeap, WatchedLock, Machine::Mappings>;

    void TearDown() override {
        space.reset();
        file.reset();
        m.expect_clean();
        EXPECT_EQ(WatchedLock::held, 0);
    }
    VirtAddr must_map(const mm::MapRequest& request) {
        const Result<VirtAddr> at = space->map(request);
        EXPECT_TRUE(at.has_value());
        return at.value_or(VirtAddr(0));
    }
    Errc fault(VirtAddr at, hal::Access access = hal::Access::read) {
        const Status status = space->handle_fault({at, access});
        return status ? Errc{} : status.error();
    }
    /// Runs `meanwhile` at the next read of a page, and only there.
    template <class F>
    void while_it_reads(F&& meanwhile) {
        file->reading = [this, meanwhile] {
            ++reads;
            EXPECT_EQ(WatchedLock::held, 0) << "others must be able to go on";
            file->reading = nullptr;
            meanwhile();
        };
    }

    Machine m;
    int reads = 0;
    Ref<Machine::Source> file = Machine::Source::create(m.frames, m.ram(), 8);
    Ref<Space> space = *Space::create(m.environment);
};

TEST_F(MissingPageTest, IsReadWithoutTheLock) {
    const VirtAddr shared = must_map(of_file(file, 4, true));
    const VirtAddr own = must_map(of_file(file, 4, false, read_write, 4));
    while_it_reads([] {});
    EXPECT_EQ(fault(shared), Errc{});
    while_it_reads([] {});
    EXPECT_EQ(fault(shared + page_size, hal::Access::write), Errc{});
    EXPECT_TRUE(file->dirty.contains(1));
    while_it_reads([] {});
    EXPECT_EQ(fault(own, hal::Access::write), Errc{});
    EXPECT_EQ(reads, 3);
    EXPECT_TRUE(space->query(shared) && space->query(shared + page_size) && space->query(own));
}

TEST_F(MissingPageTest, AMappingThatGoesMeanwhileIsGone) {
    const VirtAddr at = must_map(of_file(file, 2, true));
    while_it_reads([&] { EXPECT_TRUE(space->unmap({at, 2 * page_size})); });
    EXPECT_EQ(fault(at), Errc::bad_address);
    EXPECT_EQ(reads, 1);
}

TEST_F(MissingPageTest, RightsThatGoMeanwhileAreGone) {
    const VirtAddr at = must_map(of_file(file, 2, true));
    while_it_reads([&] { EXPECT_TRUE(space->protect({at, page_size}, read_only)); });
    EXPECT_EQ(fault(at, hal::Access::write), Errc::permission_denied);
}

TEST_F(MissingPageTest, AFileThatEndsMeanwhileHasEnded) {
    const VirtAddr at = must_map(of_file(file, 4, true));
    while_it_reads([&] {
        file->truncate(1);
        file->unmap({1, 100}, mm::PrivateCopies::take);
    });
    EXPECT_EQ(fault(at + 2 * page_size), Errc::out_of_range);
    EXPECT_FALSE(space->query(at + 2 * page_size));
}

TEST_F(MissingPageTest, AnotherThreadMayHaveBeenFaster) {
    const VirtAddr at = must_map(of_file(file, 2, true));
    while_it_reads([&] { EXPECT_EQ(fault(at, hal::Access::write), Errc{}); });
    EXPECT_EQ(fault(at), Errc{});
    EXPECT_TRUE(space->query(at)->flags.writable) << "as the faster one left it";
}

TEST_F(MissingPageTest, APageThatDoesNotStayIsReadUnderTheLockInTheEnd) {
    const VirtAddr at = must_map(of_file(file, 2, true));
    int held_once = 0;
    file->reading = [&] {
        ++reads;
        held_once += WatchedLock::held;
        ASSERT_LT(reads, 20);
    };
    // Nobody keeps it: each attempt finds it missing again.
    file->forgets = true;
    EXPECT_EQ(fault(at), Errc{});
    EXPECT_EQ(held_once, 1) << "in the last attempt";
    EXPECT_GT(reads, 1);
    file->forgets = false;
}

TEST_F(MissingPageTest, APageThatCannotBeReadIsSaidToBeSo) {
    const VirtAddr at = must_map(of_file(file, 2, true));
    file->broken = true;
    EXPECT_EQ(fault(at), Errc::io_error);
    file->broken = false;
    EXPECT_EQ(fault(at), Errc{});
}

}  // namespace
}  // namespace kidney::test
