/// The page-fault engine on simulated CPUs: threads of one program fault, write and fork at the
/// same time, with the kernel's own locks and with TLBs that remember.
#include "arch/i686/mm/pae.hpp"
#include "arch/i686/mm/two_level.hpp"
#include "mm/address_space.hpp"
#include "mm/early_frames.hpp"
#include "mm/frame_service.hpp"
#include "mm/frame_setup.hpp"
#include "mm/frames/buddy_bitmap.hpp"
#include "mm/locked_frames.hpp"
#include "mm/magazines.hpp"
#include "mm/reference_counts.hpp"
#include "sim/mmu.hpp"
#include "sim/ram_arena.hpp"
#include "sim/user_memory.hpp"
#include "tests/fakes/fake_heap.hpp"
#include "tests/fakes/fake_page_source.hpp"
#include "tests/support/sim_world.hpp"

#include <gtest/gtest.h>

namespace kidney::test {
namespace {

constexpr LockRank turn_rank{22, "mappings' turn"};
constexpr LockRank space_rank{23, "address space"};
constexpr LockRank file_rank{34, "file"};
constexpr LockRank mappings_rank{91, "mappings"};
constexpr LockRank counts_rank{96, "frame references"};
constexpr LockRank frames_rank{98, "frames"};

using World = SimWorld<>;
using Frames =
    mm::FrameService<mm::Magazines<mm::Locked<mm::BuddyBitmap, World::SpinLock<frames_rank>>,
                                   sim::Cpu, hal::InterruptGuard<sim::Cpu>, mm::NoMarks>,
                     mm::ReferenceCounts<sim::Cpu, sim::RamArena, World::SpinLock<counts_rank>>>;

template <class Format>
class MemoryOnMachine : public testing::Test {
protected:
    using Mappings = mm::ReverseMap<World::Mutex<turn_rank>, World::SpinLock<mappings_rank>>;
    using Space = mm::AddressSpace<Format, Frames, sim::RamArena, sim::Mmu, fakes::FakeHeap,
                                   World::Mutex<space_rank>, Mappings>;
    using User = sim::UserMemory<Format, sim::RamArena, Space>;

    void SetUp() override {
        const FrameRange all{FrameNumber(0), ram.frames()};
        mm::EarlyFrames early({&all, 1}, {});
        ASSERT_TRUE(mm::set_up_frames(frames, early, ram, FrameNumber(ram.frames() / 2)));
        kernel_root = *frames.allocate(mm::FrameZone::direct);
        std::memset(ram.direct(kernel_root).data(), 0, page_size);
        tlbs.ask = []() noexcept { return sim::Cpu::id(); };
        sim::Mmu::use(tlbs);
    }

    sim::RamArena ram{4096, 2048};
    Frames frames;
    FrameNumber kernel_root;
    fakes::FakeHeap heap;
    sim::TlbBank tlbs;
};

using Formats = testing::Types<arch::TwoLevel, arch::Pae>;
TYPED_TEST_SUITE(MemoryOnMachine, Formats);

TYPED_TEST(MemoryOnMachine, ThreadsFaultAndForkAtTheSameTime) {
    using Space = typename TestFixture::Space;
    using User = typename TestFixture::User;
    constexpr std::uint32_t cpus = 3;
    constexpr std::uint32_t pages = 24;
    constexpr std::uint32_t writers = 3;
    const std::size_t idle_frames = this->frames.free_frames();
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        typename TestFixture::Mappings mappings;
        typename Space::Environment environment{this->frames, this->ram, this->heap, mappings,
                                                this->kernel_root};
        World world({.cpus = cpus, .seed = seed});
        world.spawn("main", [&] {
            Ref<Space> space = *Space::create(environment);
            // Every CPU runs this program only.
            for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
                this->tlbs.ask = nullptr;
                this->tlbs.current = CpuId(cpu);
                space->activate(CpuId(cpu));
            }
            this->tlbs.ask = []() noexcept { return sim::Cpu::id(); };
            User::use(this->ram, *space);
            mm::MapRequest request;
            request.size = pages * page_size;
            request.traits.protection = {.read = true, .write = true, .execute = false};
            const VirtAddr base = *space->map(request);
            World::Semaphore finished;

            const auto word = [&](std::uint32_t page, std::uint32_t writer) {
                return base + page * page_size + writer * 4;
            };
            for (std::uint32_t me = 0; me < writers; ++me) {
                world.spawn("writer", [&, me] {
                    for (std::uint32_t round = 1; round <= 6; ++round) {
                        for (std::uint32_t page = 0; page < pages; ++page) {
                            const std::uint32_t value = round << 16 | page << 4 | me;
                            EXPECT_EQ(
                                User::copy_out(word(page, me), std::as_bytes(std::span(&value, 1))),
                                4U);
                            World::compute(Duration::microseconds(2));
                            std::uint32_t seen = 0;
                            EXPECT_EQ(User::copy_in(std::as_writable_bytes(std::span(&seen, 1)),
                                                    word(page, me)),
                                      4U);
                            EXPECT_EQ(seen, value);
                        }
                    }
                    finished.release();
                });
            }
            // Children share all pages until somebody writes.
            for (int i = 0; i < 8; ++i) {
                Ref<Space> child = *space->fork();
                World::sleep(Duration::microseconds(50));
                child.reset();
            }
            for (std::uint32_t i = 0; i < writers; ++i) {
                finished.acquire();
            }
            for (std::uint32_t page = 0; page < pages; ++page) {
                for (std::uint32_t writer = 0; writer < writers; ++writer) {
                    std::uint32_t seen = 0;
                    EXPECT_EQ(User::copy_in(std::as_writable_bytes(std::span(&seen, 1)),
                                            word(page, writer)),
                              4U);
                    EXPECT_EQ(seen, 6U << 16 | page << 4 | writer);
                }
            }
            for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
                space->deactivate(CpuId(cpu));
                this->tlbs.cpus[cpu] = {};
            }
        });
        EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
        EXPECT_EQ(this->frames.free_frames(), idle_frames) << "frames leaked, seed " << seed;
        EXPECT_EQ(this->heap.live_objects(), 0U) << "seed " << seed;
        EXPECT_EQ(this->tlbs.stale_uses, 0U) << "a TLB was not told, seed " << seed;
        EXPECT_GT(this->tlbs.shoot_downs, 0U);
    }
}

TYPED_TEST(MemoryOnMachine, FilesLosePagesWhileProgramsUseThem) {
    using Space = typename TestFixture::Space;
    using User = typename TestFixture::User;
    using Source = fakes::FakePageSource<Frames, sim::RamArena, World::Mutex<file_rank>>;
    constexpr std::uint32_t cpus = 3;
    constexpr std::uint32_t pages = 8;
    constexpr std::uint32_t writers = 2;
    const std::size_t idle_frames = this->frames.free_frames();
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        typename TestFixture::Mappings mappings;
        typename Space::Environment environment{this->frames, this->ram, this->heap, mappings,
                                                this->kernel_root};
        World world({.cpus = cpus, .seed = seed});
        world.spawn("main", [&] {
            Ref<Space> space = *Space::create(environment);
            Ref<Source> file = Source::create(this->frames, this->ram, pages);
            for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
                this->tlbs.ask = nullptr;
                this->tlbs.current = CpuId(cpu);
                space->activate(CpuId(cpu));
            }
            this->tlbs.ask = []() noexcept { return sim::Cpu::id(); };
            User::use(this->ram, *space);
            mm::MapRequest request;
            request.size = pages * page_size;
            request.traits.protection = {.read = true, .write = true, .execute = false};
            request.traits.shared = true;
            request.traits.source = file;
            const VirtAddr base = *space->map(request);
            World::Semaphore finished;
            for (std::uint32_t me = 0; me < writers; ++me) {
                world.spawn("writer", [&, me] {
                    for (std::uint32_t n = 0; n < 100; ++n) {
                        const VirtAddr word = base + n * (me + 3) % pages * page_size + me * 4;
                        EXPECT_EQ(User::copy_out(word, std::as_bytes(std::span(&n, 1))), 4U);
                        World::compute(Duration::microseconds(3));
                    }
                    finished.release();
                });
            }
            world.spawn("forks", [&] {
                for (int n = 0; n < 10; ++n) {
                    Ref<Space> child = *space->fork();
                    World::sleep(Duration::microseconds(20));
                    child = *child->fork();
                }
                finished.release();
            });
            for (std::uint32_t n = 0; n < 40; ++n) {
                const std::uint32_t first = n * 5 % pages;
                file->lose(first, pages);
                file->unmap({first, pages - first}, mm::PrivateCopies::keep);
                for (std::uint32_t page = first; page < pages; ++page) {
                    if (const auto shown = space->query(base + page * page_size)) {
                        EXPECT_EQ(shown->frame, file->frame(page)) << "what was lost is shown";
                    }
                }
                World::sleep(Duration::microseconds(7));
            }
            for (std::uint32_t i = 0; i < writers + 1; ++i) {
                finished.acquire();
            }
            for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
                space->deactivate(CpuId(cpu));
                this->tlbs.cpus[cpu] = {};
            }
        });
        EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
        EXPECT_EQ(this->frames.free_frames(), idle_frames) << "frames leaked, seed " << seed;
        EXPECT_EQ(this->heap.live_objects(), 0U) << "seed " << seed;
        EXPECT_EQ(this->tlbs.stale_uses, 0U) << "a TLB was not told, seed " << seed;
    }
}

}  // namespace
}  // namespace kidney::test
