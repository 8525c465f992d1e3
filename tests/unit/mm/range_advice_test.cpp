/// madvise(), mlock(), mincore() and MAP_GROWSDOWN: what they do to regions and pages.
#include "tests/unit/mm/space_machine.hpp"

#include <gtest/gtest.h>

#include <array>

namespace kidney::test {
namespace {

using mm::Advice;

class RangeAdviceTest : public testing::Test {
protected:
    using Machine = SpaceMachine<arch::Pae>;

    void TearDown() override {
        m.idle();
        space.reset();
        m.expect_clean();
    }
    VirtAddr must_map(const mm::MapRequest& request) {
        const Result<VirtAddr> at = space->map(request);
        EXPECT_TRUE(at.has_value());
        return at.value_or(VirtAddr(0));
    }
    /// Four written pages with a hole where the third was.
    VirtAddr pages_with_a_hole() {
        const VirtAddr at = must_map(fixed_at(0x2000'0000, anonymous(4)));
        for (std::uint32_t i = 0; i < 4; ++i) {
            EXPECT_TRUE(m.store(at + i * page_size, i + 1));
        }
        EXPECT_TRUE(space->unmap({at + 2 * page_size, page_size}));
        return at;
    }

    Machine m;
    Ref<Machine::Space> space = [this] {
        auto fresh = m.new_space();
        m.run_in(*fresh);
        return fresh;
    }();
};

TEST_F(RangeAdviceTest, DiscardGoesOnBehindAHole) {
    const VirtAddr at = pages_with_a_hole();
    EXPECT_EQ(space->advise({at + page_size, 3 * page_size}, Advice::discard).error(),
              Errc::no_memory);
    EXPECT_EQ(m.load(at), 1U);
    EXPECT_EQ(m.load(at + page_size), 0U);
    EXPECT_EQ(m.load(at + 3 * page_size), 0U);
    EXPECT_EQ(space->advise({at + 2 * page_size, page_size}, Advice::none).error(),
              Errc::no_memory);
    EXPECT_EQ(space->advise({at + 1, page_size}, Advice::none).error(), Errc::invalid_argument);
}

TEST_F(RangeAdviceTest, DiscardedFilePagesAreTheFilesAgain) {
    auto file = Machine::Source::create(m.frames, m.ram(), 2);
    const VirtAddr shared = must_map(of_file(file, 2, true));
    const VirtAddr copied = must_map(of_file(file, 2, false));
    EXPECT_TRUE(m.store(copied, 1));
    EXPECT_TRUE(m.store(shared, 7));
    EXPECT_TRUE(space->advise({shared, 2 * page_size}, Advice::discard));
    EXPECT_TRUE(space->advise({copied, 2 * page_size}, Advice::discard));
    EXPECT_EQ(m.load(shared), 7U);
    EXPECT_EQ(m.load(copied), 7U);
    EXPECT_EQ(space->advise({shared, page_size}, Advice::free).error(), Errc::invalid_argument);
    EXPECT_EQ(space->advise({copied, page_size}, Advice::wipe_on_fork).error(),
              Errc::invalid_argument);
}

TEST_F(RangeAdviceTest, ForkLeavesOutAndWipes) {
    const VirtAddr at = must_map(anonymous(4));
    for (std::uint32_t i = 0; i < 4; ++i) {
        EXPECT_TRUE(m.store(at + i * page_size, i + 1));
    }
    EXPECT_TRUE(space->advise({at, page_size}, Advice::dont_fork));
    EXPECT_TRUE(space->advise({at + page_size, 2 * page_size}, Advice::wipe_on_fork));
    EXPECT_TRUE(space->advise({at + 2 * page_size, page_size}, Advice::keep_on_fork));
    auto child = *space->fork();
    EXPECT_EQ(child->resident().total(), 2U);
    m.run_in(*child);
    EXPECT_EQ(m.load(at), std::nullopt);
    EXPECT_EQ(m.load(at + page_size), 0U);
    EXPECT_EQ(m.load(at + 2 * page_size), 3U);
    EXPECT_EQ(m.load(at + 3 * page_size), 4U);
    m.run_in(*space);
    EXPECT_EQ(m.load(at + page_size), 2U);
    EXPECT_TRUE(space->advise({at, page_size}, Advice::do_fork));
    child = *space->fork();
    m.run_in(*child);
    EXPECT_EQ(m.load(at), 1U);
    m.run_in(*space);
}

TEST_F(RangeAdviceTest, LocksAreCounted) {
    const VirtAddr at = pages_with_a_hole();
    EXPECT_EQ(space->set_locked({at + page_size, 3 * page_size}, true).error(), Errc::no_memory);
    EXPECT_EQ(space->totals().locked, page_size) << "up to the hole";
    EXPECT_EQ(space->advise({at, 2 * page_size}, Advice::discard).error(), Errc::invalid_argument);
    EXPECT_EQ(m.load(at + page_size), 2U) << "locked";
    EXPECT_EQ(m.load(at), 0U) << "the page before it was not";
    EXPECT_TRUE(space->advise({at, 2 * page_size}, Advice::discard_locked));
    EXPECT_EQ(m.load(at + page_size), 0U);
    space->set_all_locked(true, true);
    EXPECT_EQ(space->totals().locked, 3 * page_size);
    EXPECT_TRUE(space->locks_new_regions());
    const VirtAddr more = must_map(anonymous(2));
    EXPECT_EQ(space->totals().locked, 5 * page_size);
    EXPECT_EQ((*space->fork())->totals().locked, 0U);
    EXPECT_TRUE(space->unmap({more, page_size}));
    EXPECT_EQ(space->totals().locked, 4 * page_size);
    space->set_all_locked(false, false);
    EXPECT_EQ(space->totals().locked, 0U);
    EXPECT_EQ(space->totals().bytes, 4 * page_size);
}

TEST_F(RangeAdviceTest, OnlySharedWritablePagesOfAFileCanBeRemoved) {
    auto file = Machine::Source::create(m.frames, m.ram(), 2);
    const VirtAddr shared = must_map(fixed_at(0x2000'0000, of_file(file, 2, true)));
    const VirtAddr copied = must_map(fixed_at(0x2000'3000, of_file(file, 2, false)));
    const VirtAddr seen = must_map(fixed_at(0x2000'6000, of_file(file, 2, true, read_only)));
    const VirtAddr memory = must_map(fixed_at(0x2000'9000, anonymous(1)));
    const auto remove = [&](VirtAddr at) {
        return remove_from_sources(*space, {at, page_size}).error();
    };
    EXPECT_EQ(remove(copied), Errc::permission_denied);
    EXPECT_EQ(remove(seen), Errc::permission_denied);
    EXPECT_EQ(remove(memory), Errc::invalid_argument);
    EXPECT_EQ(remove(shared + 2 * page_size), Errc::no_memory) << "a hole";
    EXPECT_TRUE(space->set_locked({shared, page_size}, true));
    EXPECT_EQ(space->locked_bytes({shared, 3 * page_size}), page_size);
    EXPECT_EQ(remove(shared), Errc::invalid_argument);
    const auto unless_locked = Advice::unless_locked;
    EXPECT_EQ(space->advise({shared, page_size}, unless_locked).error(), Errc::invalid_argument);
    EXPECT_TRUE(space->advise({shared + page_size, page_size}, unless_locked));
    EXPECT_TRUE(space->advise({shared, 2 * page_size}, Advice::none));
}

TEST_F(RangeAdviceTest, SyncReachesWhatIsSharedAndCanBeStoredInto) {
    auto first = Machine::Source::create(m.frames, m.ram(), 2);
    auto second = Machine::Source::create(m.frames, m.ram(), 2);
    auto copied = Machine::Source::create(m.frames, m.ram(), 2);
    must_map(fixed_at(0x2000'0000, of_file(first, 2, true)));
    must_map(fixed_at(0x2000'3000, of_file(copied, 2, false)));
    must_map(fixed_at(0x2000'6000, of_file(second, 2, true)));
    const auto sync = [&](std::uint32_t begin, std::uint32_t pages) {
        return sync_sources(*space, {VirtAddr(begin), pages * page_size});
    };
    EXPECT_TRUE(sync(0x2000'1000, 1));
    EXPECT_EQ(first->syncs, 1U);
    EXPECT_TRUE(sync(0x2000'2000, 4)) << "holes and private pages";
    EXPECT_EQ(first->syncs + second->syncs + copied->syncs, 1U);
    first->broken = true;
    EXPECT_EQ(sync(0x2000'0000, 8).error(), Errc::io_error);
    EXPECT_EQ(first->syncs, 2U);
    EXPECT_EQ(second->syncs, 1U) << "also after an error";
}

TEST_F(RangeAdviceTest, SyncTellsOfEarlierErrorsOnce) {
    auto file = Machine::Source::create(m.frames, m.ram(), 4);
    const auto map = [&](std::uint32_t address) {
        mm::MapRequest request = fixed_at(address, of_file(file, 4, true));
        request.traits.told_errors = file->errors;
        must_map(request);
    };
    file->errors = 3;  // before it was mapped
    map(0x2000'0000);
    const auto sync = [&](std::uint32_t begin, std::uint32_t pages) {
        return sync_sources(*space, {VirtAddr(begin), pages * page_size});
    };
    EXPECT_TRUE(sync(0x2000'0000, 4));
    file->errors = 4;
    map(0x2001'0000);
    EXPECT_EQ(sync(0x2000'1000, 1).error(), Errc::io_error);
    EXPECT_EQ(file->syncs, 2U);
    EXPECT_TRUE(sync(0x2000'0000, 4)) << "told";
    EXPECT_TRUE(sync(0x2001'0000, 4)) << "mapped later";
    file->errors = 5;
    const auto child = *space->fork();
    EXPECT_EQ(sync(0x2001'0000, 1).error(), Errc::io_error);
    EXPECT_EQ(sync(0x2000'0000, 1).error(), Errc::io_error) << "each mapping";
    EXPECT_TRUE(sync(0x2000'0000, 4));
    EXPECT_TRUE(sync(0x2001'0000, 4));
    EXPECT_EQ(sync_sources(*child, {VirtAddr(0x2000'0000), page_size}).error(), Errc::io_error);
    file->broken = true;
    file->errors = 6;
    EXPECT_EQ(sync(0x2000'0000, 1).error(), Errc::io_error);
    file->broken = false;
    EXPECT_TRUE(sync(0x2000'0000, 1)) << "the same error was told as that of the sync";
}

TEST_F(RangeAdviceTest, TotalsFollowRights) {
    const VirtAddr at = must_map(anonymous(4));
    EXPECT_EQ(space->totals().data, 4 * page_size);
    EXPECT_TRUE(space->protect({at, page_size}, read_only));
    EXPECT_EQ(space->totals().data, 3 * page_size);
    EXPECT_TRUE(space->remap({{at + page_size, 3 * page_size}, 9 * page_size, true}));
    EXPECT_EQ(space->totals().data, 9 * page_size);
    EXPECT_EQ(space->totals().bytes, 10 * page_size);
}

TEST_F(RangeAdviceTest, ResidencyIsOfPagesAndOfTheFile) {
    auto file = Machine::Source::create(m.frames, m.ram(), 3);
    const VirtAddr at = must_map(fixed_at(0x2000'0000, anonymous(2)));
    must_map(fixed_at(0x2000'2000, of_file(file, 3, false, read_write)));
    EXPECT_TRUE(m.store(at + page_size, 1));
    m.frames.release(*file->page(1));
    std::array<std::uint8_t, 5> pages{};
    EXPECT_TRUE(space->residency(at, pages));
    EXPECT_EQ(pages, (std::array<std::uint8_t, 5>{0, 1, 0, 1, 0}));
    std::array<std::uint8_t, 6> too_many{};
    EXPECT_EQ(space->residency(at, too_many).error(), Errc::no_memory);
}

TEST_F(RangeAdviceTest, RightsOfWhatHasGrown) {
    mm::MapRequest stack = fixed_at(0x2000'4000, anonymous(4));
    stack.traits.lowest = VirtAddr(0x2000'0000);
    const VirtAddr at = must_map(stack);
    EXPECT_TRUE(m.store(at - 2 * page_size, 1));
    EXPECT_TRUE(space->protect({at + page_size, page_size}, read_only, true));
    EXPECT_FALSE(m.store(at - 2 * page_size, 1));
    EXPECT_FALSE(m.store(at + page_size, 1));
    EXPECT_TRUE(m.store(at + 2 * page_size, 1));
    const VirtAddr flat = must_map(anonymous(1));
    EXPECT_EQ(space->protect({flat, page_size}, read_only, true).error(), Errc::invalid_argument);
    EXPECT_EQ(space->protect({VirtAddr(0x1000'0000), page_size}, read_only, true).error(),
              Errc::no_memory);
}

}  // namespace
}  // namespace kidney::test
