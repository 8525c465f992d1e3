/// Files that lose pages while programs show them.
#include "tests/laws/report.hpp"
#include "tests/unit/mm/space_machine.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace kidney::test {
namespace {

using mm::PrivateCopies;

class MappedFilesTest : public testing::Test {
protected:
    using Machine = SpaceMachine<arch::TwoLevel>;
    using Space = Machine::Space;

    void TearDown() override {
        m.idle();
        space.reset();
        file.reset();
        m.expect_clean();
    }
    VirtAddr must_map(const mm::MapRequest& request) {
        const Result<VirtAddr> at = space->map(request);
        EXPECT_TRUE(at.has_value());
        return at.value_or(VirtAddr(0));
    }
    void truncate(std::uint32_t pages) {
        file->truncate(pages);
        file->unmap({pages, 0xFFFF'FFFF - pages}, PrivateCopies::take);
    }
    Errc fault(VirtAddr at) {
        const Status status = space->handle_fault({at, hal::Access::read});
        return status ? Errc{} : status.error();
    }

    std::vector<std::pair<Space*, VirtAddr>> shown;
    Machine m;
    Ref<Machine::Source> file = Machine::Source::create(m.frames, m.ram(), 8);
    Ref<Space> space = [this] {
        auto fresh = m.new_space();
        m.run_in(*fresh);
        return fresh;
    }();
};

TEST_F(MappedFilesTest, PagesBehindTheNewEndAreGone) {
    const VirtAddr shared = must_map(of_file(file, 3, true, read_write, 1));
    const VirtAddr copied = must_map(of_file(file, 3, false, read_write, 1));
    for (std::uint32_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(m.store(shared + i * page_size, 10 + i));
        EXPECT_TRUE(m.store(copied + i * page_size, 20 + i));
    }
    truncate(2);
    EXPECT_EQ(m.load(shared), 10U);
    EXPECT_EQ(m.load(copied), 20U);
    for (const VirtAddr at : {shared + page_size, shared + 2 * page_size, copied + page_size}) {
        EXPECT_EQ(m.load(at), std::nullopt);
        EXPECT_EQ(fault(at), Errc::out_of_range) << "SIGBUS, not SIGSEGV";
    }
    file->grow(8);
    EXPECT_TRUE(m.store(shared + page_size, 99));
    EXPECT_EQ(m.load(copied + page_size), 99U) << "mapping and file agree again";
    EXPECT_EQ(file->first_byte(2), 99);
}

TEST_F(MappedFilesTest, AHoleLeavesPrivateCopiesAlone) {
    const VirtAddr shared = must_map(of_file(file, 4, true));
    const VirtAddr copied = must_map(of_file(file, 4, false));
    EXPECT_TRUE(m.store(shared + page_size, 7));
    EXPECT_TRUE(m.store(shared + 3 * page_size, 8));
    EXPECT_TRUE(m.store(copied + page_size, 9));
    EXPECT_EQ(m.load(copied + 2 * page_size), 0x03030303U);
    file->lose(1, 3);
    file->unmap({1, 2}, PrivateCopies::keep);
    EXPECT_EQ(m.load(shared + page_size), 0x02020202U) << "the source's new page";
    EXPECT_EQ(m.load(shared + 3 * page_size), 8U);
    EXPECT_EQ(m.load(copied + page_size), 9U);
    EXPECT_FALSE(space->query(shared + 2 * page_size));
    EXPECT_FALSE(space->query(copied + 2 * page_size)) << "it was the file's page";
}

TEST_F(MappedFilesTest, EveryMappingOfEverySpaceIsFound) {
    const VirtAddr at = must_map(of_file(file, 8, true));
    for (std::uint32_t i = 0; i < 8; ++i) {
        EXPECT_TRUE(m.store(at + i * page_size, i));
    }
    auto child = *space->fork();
    // Pieces, moved, doubled, joined again.
    EXPECT_TRUE(space->protect({at + 2 * page_size, page_size}, read_only));
    EXPECT_TRUE(space->unmap({at + 5 * page_size, page_size}));
    const VirtAddr moved =
        *space->remap({{at + 6 * page_size, 2 * page_size}, 3 * page_size, true});
    const VirtAddr twice = *space->remap({{at, 0}, 8 * page_size, true});
    EXPECT_EQ(m.load(twice + 4 * page_size), 4U);
    EXPECT_TRUE(space->protect({at + 2 * page_size, page_size}, read_write));
    auto grandchild = *child->fork();
    truncate(1);
    m.run_in(*grandchild);
    EXPECT_EQ(m.load(at), 0U);
    EXPECT_EQ(m.load(at + page_size), std::nullopt);
    EXPECT_EQ(m.load(at + 7 * page_size), std::nullopt);
    m.run_in(*child);
    EXPECT_EQ(m.load(at + 5 * page_size), std::nullopt);
    m.run_in(*space);
    for (std::uint32_t i = 1; i < 8; ++i) {
        EXPECT_EQ(m.load(at + i * page_size), std::nullopt);
        EXPECT_EQ(m.load(twice + i * page_size), std::nullopt);
    }
    EXPECT_EQ(m.load(moved), std::nullopt);
    EXPECT_EQ(m.load(twice), 0U);
}

TEST_F(MappedFilesTest, ASpaceThatEndsIsNoLongerLookedAt) {
    must_map(of_file(file, 8, true));
    auto child = *space->fork();
    child.reset();
    truncate(0);
    EXPECT_TRUE(space->unmap({VirtAddr(0x10000), 0xB000'0000}));
    truncate(0);
}

/// Random mappings and truncations: no program ever sees a page that the file has lost, and TLBs
/// are told.
TEST_F(MappedFilesTest, RandomLossesAreSeenEverywhere) {
    for (std::uint32_t seed = 1; seed <= 10; ++seed) {
        laws::Random random(seed);
        std::vector<Ref<Space>> spaces{m.new_space()};
        for (int step = 0; step < 400; ++step) {
            Space& some = *spaces[random.below(static_cast<std::uint32_t>(spaces.size()))];
            m.tlbs.current = CpuId(random.below(2));
            m.run_in(some);
            const VirtAddr at{0x1000'0000 + random.below(16) * page_size};
            const std::uint32_t pages = 1 + random.below(4);
            const std::uint32_t first = random.below(8);
            switch (random.below(7)) {
                case 0:
                    EXPECT_TRUE(some.map(
                        fixed_at(at.value(), of_file(file, pages, true, read_write, first))));
                    break;
                case 1:
                    EXPECT_TRUE(some.unmap({at, pages * page_size}));
                    break;
                case 2:
                    ignore_error(some.protect({at, pages * page_size}, read_only), "holes");
                    break;
                case 3:
                    if (spaces.size() < 4) {
                        spaces.push_back(*some.fork());
                    }
                    break;
                case 4:
                    if (const auto to = some.remap({{at, page_size}, pages * page_size, true});
                        to) {
                        ignore_error(some.remap({.old = {*to, page_size},
                                                 .new_size = page_size,
                                                 .may_move = true,
                                                 .target = at}),
                                     "back to where it was");
                    }
                    break;
                case 5:
                    m.load(at);
                    break;
                default: {
                    const std::uint32_t end = std::min(8U, first + pages);
                    file->lose(first, end);
                    file->unmap({first, end - first}, PrivateCopies::keep);
                    for (const auto& one : spaces) {
                        one->for_each_region([&](const mm::Region& region, const auto&) {
                            const VirtRange part = region.part_that_shows({first, end - first});
                            for (std::uint32_t n = 0; n < part.size; n += page_size) {
                                shown.push_back({one.get(), part.start + n});
                            }
                            return true;
                        });
                    }
                    for (const auto& [one, page] : shown) {
                        ASSERT_FALSE(one->query(page)) << "seed " << seed << " step " << step;
                    }
                    shown.clear();
                }
            }
        }
        m.idle();
        spaces.clear();
    }
    m.tlbs.current = CpuId(0);
    m.run_in(*space);
}

}  // namespace
}  // namespace kidney::test
