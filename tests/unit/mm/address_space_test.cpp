/// Address spaces in action: what programs see after map, fork, fault and friends.
#include "mm/address_space.hpp"

#include "tests/archetypes/counted_frames.hpp"
#include "tests/archetypes/object_allocator.hpp"
#include "tests/unit/mm/space_machine.hpp"

#include <gtest/gtest.h>

namespace kidney {

// The engine needs no more than the contracts promise.
template class mm::AddressSpace<arch::TwoLevel, archetypes::CountedFramesArchetype, sim::RamArena,
                                sim::Mmu, archetypes::ObjectAllocatorArchetype, NullLock,
                                mm::ReverseMap<NullLock, NullLock>>;

namespace test {
namespace {

template <class Format>
class AddressSpaceTest : public testing::Test {
protected:
    using Machine = SpaceMachine<Format>;
    using Space = typename Machine::Space;

    void TearDown() override {
        machine.idle();
        space.reset();
        machine.expect_clean();
    }
    VirtAddr must_map(const mm::MapRequest& request) {
        const Result<VirtAddr> at = space->map(request);
        EXPECT_TRUE(at.has_value());
        return at.value_or(VirtAddr(0));
    }

    Machine machine;
    Ref<Space> space = [this] {
        auto fresh = machine.new_space();
        machine.run_in(*fresh);
        return fresh;
    }();
};

using Formats = testing::Types<arch::TwoLevel, arch::Pae>;
TYPED_TEST_SUITE(AddressSpaceTest, Formats);

TYPED_TEST(AddressSpaceTest, AnonymousPagesComeAsZerosWhenTouched) {
    auto& m = this->machine;
    const std::size_t before = m.frames.free_frames();
    const VirtAddr at = this->must_map(anonymous(100));
    EXPECT_GE(m.frames.free_frames() + 1, before) << "mapping costs no pages";
    EXPECT_EQ(m.load(at + 5 * page_size), 0U);
    EXPECT_TRUE(m.store(at + 7, 0x12345678));
    EXPECT_EQ(m.load(at + 7), 0x12345678U);
    EXPECT_EQ(m.load(at + 100 * page_size), std::nullopt);
    const auto page = this->space->query(at);
    ASSERT_TRUE(page);
    EXPECT_FALSE(m.ram().is_direct(page->frame)) << "user pages rather come from high memory";
    EXPECT_FALSE(this->space->query(at + page_size));
    EXPECT_EQ(this->space->usage().bytes, 100U * page_size);
    EXPECT_EQ(this->space->usage().resident.anonymous, 2U);
}

TYPED_TEST(AddressSpaceTest, ResidentPagesAreCountedByKind) {
    auto& m = this->machine;
    using Source = typename TestFixture::Machine::Source;
    const auto counts = [](auto& space) {
        const mm::ResidentPages r = space.resident();
        return std::array{r.anonymous, r.file, r.shared_memory, r.peak};
    };
    using Counts = std::array<std::uint32_t, 4>;
    auto file = Source::create(m.frames, m.ram(), 4);
    auto memory = Source::create(m.frames, m.ram(), 4);
    memory->in_memory = true;
    const VirtAddr own = this->must_map(of_file(file, 4, false));
    const VirtAddr shared = this->must_map(of_file(memory, 4, true));
    EXPECT_EQ(counts(*this->space), (Counts{0, 0, 0, 0}));
    EXPECT_TRUE(m.load(own) && m.load(own + page_size) && m.load(shared));
    EXPECT_TRUE(m.store(shared + page_size, 1));
    EXPECT_EQ(counts(*this->space), (Counts{0, 2, 2, 4}));
    EXPECT_TRUE(m.store(own, 1)) << "a copy of the file's page is the program's own";
    EXPECT_EQ(counts(*this->space), (Counts{1, 1, 2, 4}));

    auto child = *this->space->fork();
    EXPECT_EQ(counts(*child), (Counts{1, 1, 2, 4}));
    EXPECT_TRUE(this->space->protect({own, 4 * page_size}, read_only));
    EXPECT_TRUE(this->space->remap({{own, 4 * page_size}, 64 * page_size, true}));
    EXPECT_EQ(counts(*this->space), (Counts{1, 1, 2, 4})) << "moved, and with other rights";
    EXPECT_TRUE(this->space->unmap({shared, 4 * page_size}));
    EXPECT_EQ(counts(*this->space), (Counts{1, 1, 0, 4}));
}

TYPED_TEST(AddressSpaceTest, RightsAreKept) {
    auto& m = this->machine;
    const VirtAddr at = this->must_map(anonymous(4));
    EXPECT_TRUE(m.store(at, 1));
    EXPECT_TRUE(this->space->protect({at, page_size}, read_only));
    EXPECT_FALSE(m.store(at, 2));
    EXPECT_EQ(m.load(at), 1U);
    EXPECT_TRUE(this->space->protect({at, page_size}, no_access));
    EXPECT_EQ(m.load(at), std::nullopt);
    EXPECT_TRUE(this->space->protect({at, 4 * page_size}, read_write));
    EXPECT_EQ(m.load(at), 1U) << "contents survive PROT_NONE";
    EXPECT_TRUE(m.store(at, 3));
    using enum hal::Access;
    EXPECT_EQ(this->space->handle_fault({at, execute}).error(), Errc::permission_denied);
    EXPECT_EQ(this->space->handle_fault({VirtAddr(0), read}).error(), Errc::bad_address);
    EXPECT_EQ(this->space->handle_fault({hal::user_end, read}).error(), Errc::bad_address);
    EXPECT_EQ(this->space->handle_fault({VirtAddr(0xFFFFFFFF), write}).error(), Errc::bad_address);
    EXPECT_EQ(m.load(hal::user_end), std::nullopt)
        << "what copies for programs ends where they end";
}

TYPED_TEST(AddressSpaceTest, RequestsAreChecked) {
    auto& s = *this->space;
    EXPECT_EQ(s.map(anonymous(0)).error(), Errc::invalid_argument);
    mm::MapRequest huge;
    huge.size = 0xFFFF'FFFF;
    EXPECT_EQ(s.map(huge).error(), Errc::no_memory) << "rounds up to zero";
    EXPECT_EQ(s.map(anonymous(0xF'0000)).error(), Errc::no_memory);
    EXPECT_EQ(s.map(fixed_at(0x20001, anonymous(1))).error(), Errc::invalid_argument);
    EXPECT_EQ(s.map(fixed_at(0x1000, anonymous(1))).error(), Errc::not_permitted);
    EXPECT_EQ(s.map(fixed_at(0xBFFF'E000, anonymous(2))).error(), Errc::no_memory);
    EXPECT_EQ(s.map(fixed_at(0xFFFF'F000, anonymous(1))).error(), Errc::no_memory);
    EXPECT_EQ(s.unmap({VirtAddr(0x20001), page_size}).error(), Errc::invalid_argument);
    EXPECT_EQ(s.unmap({VirtAddr(0x20000), 0xFFFF'0000}).error(), Errc::invalid_argument);
    EXPECT_EQ(s.protect({VirtAddr(0x20000), page_size}, read_only).error(), Errc::no_memory);
}

TYPED_TEST(AddressSpaceTest, UnmapSplitsAndFixedReplaces) {
    auto& m = this->machine;
    const VirtAddr at = this->must_map(anonymous(10));
    for (std::uint32_t i = 0; i < 10; ++i) {
        EXPECT_TRUE(m.store(at + i * page_size, i));
    }
    EXPECT_TRUE(this->space->unmap({at + 3 * page_size, 2 * page_size}));
    EXPECT_EQ(m.load(at + 2 * page_size), 2U);
    EXPECT_EQ(m.load(at + 3 * page_size), std::nullopt);
    EXPECT_EQ(m.load(at + 5 * page_size), 5U);
    mm::MapRequest again = fixed_at((at + 5 * page_size).value(), anonymous(1));
    again.replace = false;
    EXPECT_EQ(this->space->map(again).error(), Errc::exists);
    again.replace = true;
    EXPECT_EQ(this->must_map(again), at + 5 * page_size);
    EXPECT_EQ(m.load(at + 5 * page_size), 0U);
    EXPECT_EQ(m.load(at + 6 * page_size), 6U);
}

TYPED_TEST(AddressSpaceTest, NeighboursBecomeOneRegion) {
    this->must_map(fixed_at(0x100000, anonymous(1)));
    this->must_map(fixed_at(0x102000, anonymous(1)));
    this->must_map(fixed_at(0x101000, anonymous(1)));
    this->must_map(fixed_at(0x103000, anonymous(1, read_only)));
    std::vector<VirtRange> regions;
    this->space->for_each_region([&](const mm::Region& r, const auto&) {
        regions.push_back(r.range);
        return true;
    });
    ASSERT_EQ(regions.size(), 2U);
    EXPECT_EQ(regions[0], (VirtRange{VirtAddr(0x100000), 0x3000}));
}

TYPED_TEST(AddressSpaceTest, EqualNeighboursBecomeOneAgain) {
    const VirtAddr at = this->must_map(fixed_at(0x100000, anonymous(8)));
    const auto count = [&] {
        std::size_t regions = 0;
        this->space->for_each_region([&](const mm::Region&, const auto&) { return ++regions > 0; });
        return regions;
    };
    for (std::uint32_t i = 0; i < 8; i += 2) {
        EXPECT_TRUE(this->space->protect({at + i * page_size, page_size}, read_only));
    }
    EXPECT_EQ(count(), 8U);
    EXPECT_TRUE(this->space->protect({at + 3 * page_size, page_size}, read_only));
    EXPECT_EQ(count(), 6U);
    EXPECT_TRUE(this->space->protect({at, 8 * page_size}, read_write));
    EXPECT_EQ(count(), 1U);
}

TYPED_TEST(AddressSpaceTest, AHoleEndsProtect) {
    auto& m = this->machine;
    const VirtAddr at = this->must_map(fixed_at(0x100000, anonymous(2)));
    this->must_map(fixed_at(0x103000, anonymous(1)));
    EXPECT_EQ(this->space->protect({at + page_size, 3 * page_size}, read_only).error(),
              Errc::no_memory);
    EXPECT_TRUE(m.store(at, 1));
    EXPECT_FALSE(m.store(at + page_size, 1)) << "what lies before it has changed, as on Linux";
    EXPECT_TRUE(m.store(at + 3 * page_size, 1));
    EXPECT_EQ(this->space->protect({at + 2 * page_size, 2 * page_size}, read_only).error(),
              Errc::no_memory);
    EXPECT_TRUE(m.store(at + 3 * page_size, 1));
}

TYPED_TEST(AddressSpaceTest, ThereIsALimitToRegions) {
    constexpr std::size_t most = 65'530;
    auto& m = this->machine;
    auto& s = *this->space;
    constexpr std::uint32_t base = 0x1000'0000;
    const VirtAddr whole = this->must_map(fixed_at(0x9000'0000, anonymous(8)));
    std::uint32_t n = 1;
    for (; n < most; ++n) {
        const mm::MapRequest request =
            fixed_at(base + n * page_size, anonymous(1, n % 2 == 0 ? read_only : read_write));
        if (!s.map(request)) {
            break;
        }
    }
    // A fixed mapping may make one region more than its own.
    EXPECT_EQ(n, most - 1);
    EXPECT_TRUE(s.map(anonymous(1, no_access))) << "and one anywhere";
    EXPECT_EQ(s.map(anonymous(1, read_only)).error(), Errc::no_memory);
    EXPECT_EQ(s.unmap({whole + page_size, page_size}).error(), Errc::no_memory);
    EXPECT_EQ(s.protect({whole + page_size, page_size}, read_only).error(), Errc::no_memory);
    EXPECT_TRUE(m.store(whole + page_size, 1)) << "nothing has changed";
    EXPECT_TRUE(s.unmap({whole, page_size})) << "an end needs no other region";
    EXPECT_TRUE(s.unmap({whole + 7 * page_size, page_size}));
    EXPECT_TRUE(s.unmap({VirtAddr(base), 0x4000'0000}));
    EXPECT_TRUE(s.unmap({whole + 3 * page_size, page_size}));
}

TYPED_TEST(AddressSpaceTest, StackGrowsToItsLimitAndNoFurther) {
    auto& m = this->machine;
    mm::MapRequest stack = fixed_at(0xBFFF'D000, anonymous(2));
    stack.traits.lowest = VirtAddr(0xBFFF'0000);
    stack.traits.kind = mm::RegionKind::stack;
    this->must_map(stack);
    EXPECT_TRUE(m.store(VirtAddr(0xBFFF'C000), 1));
    EXPECT_TRUE(m.store(VirtAddr(0xBFFF'0000), 2));
    EXPECT_FALSE(m.store(VirtAddr(0xBFFE'FFFC), 3));
    EXPECT_EQ(m.load(VirtAddr(0xBFFF'8000)), 0U);
}

TYPED_TEST(AddressSpaceTest, StackKeepsItsDistance) {
    auto& m = this->machine;
    mm::MapRequest stack = fixed_at(0xBFFF'D000, anonymous(2));
    stack.traits.lowest = VirtAddr(0xBF00'0000);
    this->must_map(stack);
    this->must_map(fixed_at(0xBFE0'0000, anonymous(1)));
    EXPECT_FALSE(m.store(VirtAddr(0xBFE0'1000), 1));
    EXPECT_FALSE(m.store(VirtAddr(0xBFF0'0000), 1)) << "a mebibyte stays free";
    EXPECT_TRUE(m.store(VirtAddr(0xBFF0'1000), 1));
    EXPECT_TRUE(this->space->protect({VirtAddr(0xBFE0'0000), page_size}, no_access));
    EXPECT_TRUE(m.store(VirtAddr(0xBFE0'1000), 1)) << "next to what nobody can touch";
}

TYPED_TEST(AddressSpaceTest, GrowthHasTheLimitOfTheRequest) {
    auto& m = this->machine;
    mm::MapRequest request = fixed_at(0x3000'0000, anonymous(2));
    request.growth = 10 * page_size;
    const VirtAddr at = this->must_map(request);
    EXPECT_TRUE(m.store(at - 8 * page_size, 1));
    EXPECT_FALSE(m.store(at - 9 * page_size, 1));
    request = fixed_at(0x20000, anonymous(1));
    request.growth = 0xF000'0000;
    EXPECT_TRUE(m.store(this->must_map(request) - 0x1'0000, 1));
    EXPECT_FALSE(m.store(mm::user_layout::lowest - 4, 1));
}

TYPED_TEST(AddressSpaceTest, ForkSharesUntilSomebodyWrites) {
    auto& m = this->machine;
    const VirtAddr at = this->must_map(anonymous(8));
    for (std::uint32_t i = 0; i < 8; ++i) {
        EXPECT_TRUE(m.store(at + i * page_size, 100 + i));
    }
    const std::size_t before = m.frames.free_frames();
    auto child = *this->space->fork();
    EXPECT_LE(before - m.frames.free_frames(), 5U) << "tables only";
    EXPECT_TRUE(m.store(at, 200)) << "parent writes";
    m.run_in(*child);
    EXPECT_EQ(m.load(at), 100U);
    EXPECT_TRUE(m.store(at + page_size, 301));
    m.run_in(*this->space);
    EXPECT_EQ(m.load(at), 200U);
    EXPECT_EQ(m.load(at + page_size), 101U);
    // With the child gone, its pages are ours alone: the next write copies nothing.
    child.reset();
    const auto frame = this->space->query(at + 2 * page_size)->frame;
    EXPECT_TRUE(m.store(at + 2 * page_size, 5));
    EXPECT_EQ(this->space->query(at + 2 * page_size)->frame, frame);
}

TYPED_TEST(AddressSpaceTest, GrandchildrenSeeTheRightVersions) {
    auto& m = this->machine;
    const VirtAddr at = this->must_map(anonymous(1));
    EXPECT_TRUE(m.store(at, 1));
    auto child = *this->space->fork();
    m.run_in(*child);
    EXPECT_TRUE(m.store(at, 2));
    auto grandchild = *child->fork();
    m.run_in(*grandchild);
    EXPECT_EQ(m.load(at), 2U);
    EXPECT_TRUE(m.store(at, 3));
    m.run_in(*child);
    EXPECT_EQ(m.load(at), 2U);
    m.run_in(*this->space);
    EXPECT_EQ(m.load(at), 1U);
}

TYPED_TEST(AddressSpaceTest, AFileThatMayNotBeWrittenStaysThatWay) {
    auto& m = this->machine;
    auto file = TestFixture::Machine::Source::create(m.frames, m.ram(), 2);
    mm::MapRequest request = fixed_at(0x2000'1000, of_file(file, 2, true, read_only));
    request.traits.never_writable = true;
    const VirtAddr at = this->must_map(request);
    this->must_map(fixed_at(0x2000'0000, anonymous(1, read_only)));
    this->must_map(fixed_at(0x2000'3000, anonymous(1, read_only)));
    EXPECT_EQ(this->space->protect({at, page_size}, read_write).error(), Errc::permission_denied);
    EXPECT_EQ(this->space->protect({at - page_size, 2 * page_size}, read_write).error(),
              Errc::permission_denied);
    EXPECT_TRUE(m.store(at - page_size, 1)) << "what lies before it has changed, as on Linux";
    EXPECT_TRUE(this->space->protect({at - page_size, page_size}, read_only));
    EXPECT_TRUE(this->space->protect({at + 2 * page_size, page_size}, read_write));
    EXPECT_TRUE(this->space->protect({at - page_size, page_size}, read_write));
    EXPECT_TRUE(this->space->protect({at, page_size}, {}));
    EXPECT_TRUE(this->space->protect({at, page_size}, read_only));
    EXPECT_EQ(m.load(at), 0x01010101U);
    EXPECT_FALSE(m.store(at, 1));
}

TYPED_TEST(AddressSpaceTest, PrivateFileMappingsDoNotChangeTheFile) {
    auto& m = this->machine;
    auto file = TestFixture::Machine::Source::create(m.frames, m.ram(), 4);
    const VirtAddr at = this->must_map(of_file(file, 3, false, read_write, 1));
    EXPECT_EQ(m.load(at), 0x02020202U);
    EXPECT_EQ(this->space->query(at)->frame, *file->page(1)) << "reading maps the cache's frame";
    m.frames.release(this->space->query(at)->frame);
    EXPECT_TRUE(m.store(at, 9)) << "after a read";
    EXPECT_TRUE(m.store(at + page_size, 9)) << "without one";
    EXPECT_EQ(file->first_byte(1), 2);
    EXPECT_EQ(file->first_byte(2), 3);
    EXPECT_TRUE(file->dirty.empty());
    EXPECT_EQ(m.load(at + page_size + 4), 0x03030303U) << "the rest of the copy";
}

TYPED_TEST(AddressSpaceTest, StoresThatTheFileCannotTakeAreRefused) {
    auto& m = this->machine;
    auto file = TestFixture::Machine::Source::create(m.frames, m.ram(), 2);
    const VirtAddr at = this->must_map(of_file(file, 2, true));
    file->full = true;
    EXPECT_EQ(this->space->handle_fault({at, hal::Access::write}).error(), Errc::no_space);
    EXPECT_EQ(m.load(at), 0x01010101U) << "it can be read";
    EXPECT_EQ(this->space->handle_fault({at, hal::Access::write}).error(), Errc::no_space)
        << "also when the page is mapped";
    EXPECT_EQ(file->first_byte(0), 1);
    file->full = false;
    EXPECT_TRUE(m.store(at, 9));
    EXPECT_EQ(file->first_byte(0), 9);
}

TYPED_TEST(AddressSpaceTest, SharedFileMappingsDo) {
    auto& m = this->machine;
    auto file = TestFixture::Machine::Source::create(m.frames, m.ram(), 2);
    const VirtAddr at = this->must_map(of_file(file, 3, true));
    EXPECT_EQ(m.load(at), 0x01010101U);
    EXPECT_TRUE(file->dirty.empty());
    EXPECT_TRUE(m.store(at, 9));
    EXPECT_TRUE(m.store(at + page_size, 8));
    EXPECT_EQ(file->first_byte(0), 9);
    EXPECT_EQ(file->first_byte(1), 8);
    EXPECT_EQ(file->dirty, (std::set<std::uint32_t>{0, 1}));
    EXPECT_EQ(this->space->handle_fault({at + 2 * page_size, hal::Access::read}).error(),
              Errc::out_of_range)
        << "beyond the end: SIGBUS";
    file->broken = true;
    EXPECT_TRUE(this->space->unmap({at, page_size}));
    this->must_map(fixed_at(at.value(), of_file(file, 1, true)));
    EXPECT_EQ(this->space->handle_fault({at, hal::Access::read}).error(), Errc::io_error);
}

TYPED_TEST(AddressSpaceTest, SplitFileMappingsShowTheRightPages) {
    auto& m = this->machine;
    auto file = TestFixture::Machine::Source::create(m.frames, m.ram(), 6);
    const VirtAddr at = this->must_map(of_file(file, 6, false, read_only));
    EXPECT_TRUE(this->space->unmap({at + 2 * page_size, page_size}));
    EXPECT_TRUE(this->space->protect({at + 4 * page_size, page_size}, read_write));
    EXPECT_EQ(m.load(at + page_size), 0x02020202U);
    EXPECT_EQ(m.load(at + 3 * page_size), 0x04040404U);
    EXPECT_TRUE(m.store(at + 4 * page_size + 8, 1));
    EXPECT_EQ(m.load(at + 4 * page_size), 0x05050505U);
    EXPECT_EQ(m.load(at + 5 * page_size), 0x06060606U);
}

TYPED_TEST(AddressSpaceTest, BreakMovesBothWays) {
    auto& m = this->machine;
    auto& s = *this->space;
    s.set_break_start(VirtAddr(0x0804'9123));
    EXPECT_EQ(s.set_break(VirtAddr(0)), VirtAddr(0x0804'9123));
    EXPECT_EQ(s.set_break(VirtAddr(0x0805'0010)), VirtAddr(0x0805'0010));
    EXPECT_TRUE(m.store(VirtAddr(0x0805'0000), 1));
    EXPECT_FALSE(m.store(VirtAddr(0x0804'9000), 1)) << "the page of the start is the program's";
    EXPECT_EQ(s.set_break(VirtAddr(0x0804'B000)), VirtAddr(0x0804'B000));
    EXPECT_EQ(m.load(VirtAddr(0x0804'B000)), std::nullopt);
    EXPECT_EQ(s.set_break(VirtAddr(0x0805'0010)), VirtAddr(0x0805'0010));
    EXPECT_EQ(m.load(VirtAddr(0x0805'0000)), 0U) << "fresh again";
    this->must_map(fixed_at(0x0900'0000, anonymous(1)));
    EXPECT_EQ(s.set_break(VirtAddr(0x0900'0001)), VirtAddr(0x0805'0010)) << "in the way";
    EXPECT_EQ(s.set_break(VirtAddr(0xD000'0000)), VirtAddr(0x0805'0010));
}

TYPED_TEST(AddressSpaceTest, ExecWritesIntoASpaceThatIsNotActive) {
    auto& m = this->machine;
    auto other = m.new_space();
    const VirtAddr at = *other->map(anonymous(3));
    const std::uint32_t words[] = {1, 2, 3, 4};
    EXPECT_TRUE(other->copy_to(at + page_size - 8, std::as_bytes(std::span(words))));
    std::uint32_t back[4] = {};
    EXPECT_TRUE(other->copy_from(at + page_size - 8, std::as_writable_bytes(std::span(back))));
    EXPECT_EQ(back[3], 4U);
    EXPECT_TRUE(other->fill_zero(at + page_size, 4));
    EXPECT_EQ(other->copy_to(at + 3 * page_size - 2, std::as_bytes(std::span(words))).error(),
              Errc::bad_address);
    EXPECT_TRUE(other->populate({at, 3 * page_size}, hal::Access::write));
    m.run_in(*other);
    EXPECT_EQ(m.load(at + page_size - 4), 2U);
    EXPECT_EQ(m.load(at + page_size), 0U);
    EXPECT_EQ(m.load(at + page_size + 4), 4U);
    m.run_in(*this->space);
}

TYPED_TEST(AddressSpaceTest, OtherCpusForgetWhatIsTakenAway) {
    auto& m = this->machine;
    const VirtAddr at = this->must_map(anonymous(2));
    EXPECT_TRUE(m.store(at, 1));
    m.tlbs.current = CpuId(1);
    m.run_in(*this->space);
    EXPECT_EQ(m.load(at), 1U);
    EXPECT_TRUE(m.store(at, 2));
    m.tlbs.current = CpuId(0);
    m.run_in(*this->space);
    auto child = *this->space->fork();
    m.tlbs.current = CpuId(1);
    EXPECT_TRUE(m.store(at, 3)) << "through a fault, not through the old right";
    m.tlbs.current = CpuId(0);
    EXPECT_EQ(m.load(at), 3U) << "the copy, not the old frame";
    EXPECT_TRUE(this->space->unmap({at, page_size}));
    m.tlbs.current = CpuId(1);
    EXPECT_EQ(m.load(at), std::nullopt);
    m.tlbs.current = CpuId(0);
}

TYPED_TEST(AddressSpaceTest, OtherCpusReadTheCopyAndNotTheOldFrame) {
    auto& m = this->machine;
    const VirtAddr at = this->must_map(anonymous(1));
    EXPECT_TRUE(m.store(at, 1));
    const auto child = *this->space->fork();
    m.tlbs.current = CpuId(1);
    m.run_in(*this->space);
    EXPECT_EQ(m.load(at), 1U);  // remembers the shared frame, read-only
    m.tlbs.current = CpuId(0);
    EXPECT_TRUE(m.store(at, 2));  // gets a frame of its own
    m.tlbs.current = CpuId(1);
    EXPECT_EQ(m.load(at), 2U);
    m.tlbs.current = CpuId(0);
}

TYPED_TEST(AddressSpaceTest, TheKernelHalfIsShared) {
    auto& m = this->machine;
    using Entry = typename TypeParam::Entry;
    const auto root_of = [&](PhysAddr root) {
        return reinterpret_cast<Entry*>(m.ram().direct(FrameNumber::containing(root)).data());
    };
    constexpr unsigned top = TypeParam::levels - 1;
    const std::uint32_t index = TypeParam::index(top, VirtAddr(0xF800'0000));
    root_of(m.environment.kernel_root.address())[index] = TypeParam::table(top, FrameNumber(7));
    const auto fresh = m.new_space();
    EXPECT_EQ(root_of(fresh->root())[index], TypeParam::table(top, FrameNumber(7)));
    const auto child = *fresh->fork();
    EXPECT_EQ(root_of(child->root())[index], TypeParam::table(top, FrameNumber(7)));
}

}  // namespace
}  // namespace test
}  // namespace kidney
