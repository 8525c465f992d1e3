/// Out of memory at every possible moment of a program's life: the error comes back, what was
/// there stays right, nothing leaks.
#include "tests/unit/mm/space_machine.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace kidney::test {
namespace {

using Machine = SpaceMachine<arch::TwoLevel>;
using Space = Machine::Space;

constexpr VirtAddr data{0x1000'0000};
constexpr VirtAddr file_pages{0x2000'0000};

/// A program with written pages in several tables, and a file.
Ref<Space> build(Machine& m, const Ref<Machine::Source>& file) {
    auto space = m.new_space();
    m.run_in(*space);
    EXPECT_TRUE(space->map(fixed_at(data.value(), anonymous(6))));
    EXPECT_TRUE(space->map(fixed_at(0x3000'0000, anonymous(3))));
    EXPECT_TRUE(space->map(fixed_at(file_pages.value(), of_file(file, 4, false))));
    for (std::uint32_t i = 0; i < 4; ++i) {
        EXPECT_TRUE(m.store(data + i * page_size, i));
    }
    EXPECT_TRUE(m.store(VirtAddr(0x3000'0000), 7));
    EXPECT_EQ(m.load(file_pages), 0x01010101U);
    return space;
}

void expect_unharmed(Machine& m, Space& space) {
    m.run_in(space);
    for (std::uint32_t i = 0; i < 4; ++i) {
        EXPECT_EQ(m.load(data + i * page_size), i);
        EXPECT_TRUE(m.store(data + i * page_size, i));
    }
    EXPECT_EQ(m.load(VirtAddr(0x3000'0000)), 7U);
}

/// Runs `operation` with allocation n failing, for all n until it succeeds.
void sweep(const std::function<Status(Machine&, Space&)>& operation) {
    for (const bool fail_heap : {false, true}) {
        std::size_t n = 1;
        for (;; ++n) {
            SCOPED_TRACE(testing::Message() << (fail_heap ? "heap" : "frame") << " call " << n);
            Machine m;
            auto file = Machine::Source::create(m.frames, m.ram(), 4);
            auto space = build(m, file);
            fakes::CallCounter& counter =
                fail_heap ? static_cast<fakes::CallCounter&>(m.heap) : m.frames;
            counter.fail_at(n);
            const Status status = operation(m, *space);
            const bool failed = counter.has_failed();
            counter.fail_at(0);
            EXPECT_EQ(status.has_value(), !failed);
            if (!status) {
                EXPECT_EQ(status.error(), Errc::no_memory);
                expect_unharmed(m, *space);
            }
            m.idle();
            space.reset();
            file.reset();
            m.expect_clean();
            if (!failed) {
                break;
            }
            ASSERT_LT(n, 200U);
        }
        EXPECT_GT(n, 1U) << "the sweep must have had something to fail";
    }
}

/// A touch by the program, with the fault handler's own answer.
Status touch(Space& space, VirtAddr at, hal::Access access) {
    return space.handle_fault({at, access, false, true});
}

TEST(OutOfMemory, ForkAndItsPageFaults) {
    sweep([](Machine& m, Space& parent) -> Status {
        const auto child = TRY(parent.fork());
        m.run_in(*child);
        Status status = touch(*child, data, hal::Access::write);
        for (const VirtAddr at : {data + page_size, data + 5 * page_size, VirtAddr(0x3000'1000),
                                  file_pages + page_size, file_pages}) {
            if (status) {
                status = touch(*child, at, hal::Access::write);
            }
        }
        m.run_in(parent);
        return status;
    });
}

TEST(OutOfMemory, PlainPageFaults) {
    sweep([](Machine&, Space& space) -> Status {
        TRY(space.map(fixed_at(0x5000'0000, anonymous(4))));
        TRY(touch(space, VirtAddr(0x5000'0000), hal::Access::read));
        TRY(touch(space, VirtAddr(0x5000'1000), hal::Access::write));
        TRY(touch(space, file_pages + 2 * page_size, hal::Access::read));
        return touch(space, file_pages + 3 * page_size, hal::Access::write);
    });
}

TEST(OutOfMemory, MapUnmapProtectRemap) {
    sweep([](Machine&, Space& space) -> Status {
        TRY(space.map(fixed_at(0x6100'0000, anonymous(5))));
        TRY(space.populate({VirtAddr(0x6100'0000), 5 * page_size}, hal::Access::write));
        TRY(space.protect({VirtAddr(0x6100'1000), page_size}, read_only));
        TRY(space.unmap({VirtAddr(0x6100'3000), page_size}));
        TRY(space.remap({{VirtAddr(0x6100'0000), page_size}, 64 * page_size, true}));
        const VirtAddr start{0x7000'0000};
        space.set_break_start(start);
        return space.set_break(start + page_size) == start ? Status(fail(Errc::no_memory))
                                                           : Status();
    });
}

/// The new place ends where the old one begins, and the two would be one region.
TEST(OutOfMemory, RemapToRightBelow) {
    sweep([](Machine& m, Space& space) -> Status {
        const VirtAddr top = mm::user_layout::mmap_ceiling - 2 * page_size;
        TRY(space.map(
            fixed_at((top + 2 * page_size - page_size).value(), anonymous(1, read_only))));
        const VirtAddr old = top - page_size;
        TRY(space.map(fixed_at(old.value(), anonymous(2))));
        TRY(touch(space, old, hal::Access::write));
        EXPECT_TRUE(m.store(old, 11));
        const Result<VirtAddr> to = space.remap({{old, 2 * page_size}, 4 * page_size, true});
        EXPECT_EQ(m.load(to.value_or(old)), 11U);
        if (to) {
            EXPECT_EQ(*to, old - 4 * page_size);
            EXPECT_EQ(m.load(old), std::nullopt);
        }
        return to ? Status() : fail(to.error());
    });
}

/// What a fixed mapping replaces is still there if the mapping fails.
TEST(OutOfMemory, FixedMappingsReplaceAllOrNothing) {
    sweep([](Machine& m, Space& space) -> Status {
        const VirtAddr at{0x3000'1000};
        const auto mapped = space.map(fixed_at(at.value(), anonymous(1, read_only)));
        EXPECT_NE(m.store(at, 1), mapped.has_value());
        return mapped ? touch(space, data + 4 * page_size, hal::Access::write)
                      : fail(mapped.error());
    });
}

TEST(OutOfMemory, MovesReplaceAllOrNothing) {
    for (const bool keep : {false, true}) {
        sweep([keep](Machine& m, Space& space) -> Status {
            TRY(space.map(fixed_at(0x5000'0000, anonymous(4))));
            const VirtAddr target{0x5000'1000};  // no page table there yet
            const auto to = space.remap({.old = {data + page_size, 2 * page_size},
                                         .new_size = 2 * page_size,
                                         .may_move = true,
                                         .keep_old = keep,
                                         .target = target});
            EXPECT_EQ(m.load(target), to ? 1U : 0U);
            EXPECT_EQ(m.load(target + page_size), to ? 2U : 0U);
            return to ? Status() : fail(to.error());
        });
    }
}

TEST(OutOfMemory, AdviceAndLocks) {
    sweep([](Machine&, Space& space) -> Status {
        TRY(space.advise({data + page_size, 2 * page_size}, mm::Advice::dont_fork));
        TRY(space.advise({data + 3 * page_size, page_size}, mm::Advice::wipe_on_fork));
        TRY(space.set_locked({data + page_size, 4 * page_size}, true));
        TRY(space.set_locked({data + 2 * page_size, page_size}, false));
        space.set_all_locked(false, true);
        TRY(space.map(fixed_at(0x6000'0000, anonymous(2))));
        TRY(space.set_locked({VirtAddr(0x6000'0000), page_size}, false));
        return touch(space, VirtAddr(0x6000'0000), hal::Access::write);
    });
}

TEST(OutOfMemory, NewSpace) {
    Machine m;
    m.frames.fail_at(1);
    EXPECT_EQ(Space::create(m.environment).error(), Errc::no_memory);
    m.heap.fail_at(1);
    EXPECT_EQ(Space::create(m.environment).error(), Errc::no_memory);
    m.expect_clean();
    SpaceMachine<arch::Pae> pae;
    for (std::size_t n = 1; n <= 4; ++n) {
        pae.frames.fail_at(n);
        EXPECT_EQ(SpaceMachine<arch::Pae>::Space::create(pae.environment).error(), Errc::no_memory);
    }
    pae.expect_clean();
}

}  // namespace
}  // namespace kidney::test
