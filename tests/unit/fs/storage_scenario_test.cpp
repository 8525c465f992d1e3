/// A read() from the path to the disk's interrupt, on the simulated machine: the kernel's
/// dispatcher, mutexes and wait queues with the kernel's lock ranks, VFS, ext2, page cache and
/// virtio-blk driver, over a disk that takes its time. One to four CPUs, several seeds.
#include "drivers/block/virtio_blk.hpp"
#include "drivers/pci.hpp"
#include "fs/block/waiting_device.hpp"
#include "fs/ext2/ext2.hpp"
#include "fs/page_cache.hpp"
#include "fs/pipe/pipe_service.hpp"
#include "fs/vfs/vfs.hpp"
#include "kernel/lock_ranks.hpp"
#include "tests/fakes/arena_dma.hpp"
#include "tests/fakes/fake_virtio_blk.hpp"
#include "tests/support/sim_world.hpp"
#include "tests/unit/fs/ext2_image.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace kidney::fs_test {
namespace {

namespace ranks = kernel::ranks;
using Sim = test::SimWorld<>;
using SimCache = fs::PageCache<fakes::FakeHeap, Frames, sim::RamArena,
                               Sim::Mutex<ranks::page_cache>, Sim::WaitQueue>;
using SimLocks = fs::DiskLocks<Sim::Mutex<ranks::file_bytes>, Sim::Mutex<ranks::way_home>,
                               Sim::Mutex<ranks::file_system>, Sim::Mutex<ranks::nodes>>;
using SimExt2 = fs::Ext2<fakes::FakeHeap, SimCache, SimLocks, Clock>;
using SimVfs = fs::Vfs<fakes::FakeHeap, Sim::Mutex<ranks::file>, Sim::Mutex<ranks::vfs>>;
using SimPipes =
    fs::PipeService<fakes::FakeHeap, Frames, sim::RamArena, Sim::Mutex<ranks::pipe>, Sim::WaitQueue,
                    Sim::Mutex<ranks::vfs>, Sim::SpinLock<ranks::signals>, Clock>;

using SimDriver = drivers::VirtioBlk<fakes::FakeVirtioBlk, fakes::ArenaDma, sim::Clock,
                                     Sim::SpinLock<ranks::disk>>;
using SimDisk = fs::WaitingDevice<SimDriver, fs::SleepingWait<Sim::Event, sim::Clock>>;

/// The storage of the machine, from the disk up.
struct Storage {
    Storage(const std::vector<std::byte>& image, Sim& sim_world, World& lent)
        : world(lent), sim(sim_world), hardware(world.arena, image.size() / 512) {
        hardware.disk() = image;
        hardware.defer = [this](std::function<void()> work) {
            const CpuId target(
                static_cast<std::uint32_t>(sim.machine().random() % sim.machine().cpus()));
            sim.machine().interrupt_in(Duration::microseconds(80), target, std::move(work));
        };
        hardware.interrupt = [this] { EXPECT_TRUE(driver.on_interrupt()); };
        for (std::size_t n = 0; n < SimDriver::memory_frames; ++n) {
            dma_frames.push_back(*world.frames.allocate(mm::FrameZone::direct));
            EXPECT_EQ(dma_frames[n], dma_frames[0] + static_cast<std::uint32_t>(n));
        }
    }
    ~Storage() {
        for (const FrameNumber frame : dma_frames) {
            world.frames.release(frame);
        }
    }

    World& world;
    Sim& sim;
    fakes::FakeVirtioBlk hardware;
    fakes::ArenaDma dma{world.arena};
    std::vector<FrameNumber> dma_frames;
    SimDriver driver{
        hardware,
        dma,
        {{world.arena.direct(FrameNumber(0)).data(), SimDriver::memory_frames* page_size},
         FrameNumber(0).address()}};
    SimDisk disk{driver};
    SimCache cache{world.heap, world.frames, world.arena};
    SimExt2 ext2{world.heap, cache, fs::AnyBlockDevice(disk), world.clock, read_only};
    SimVfs vfs{world.heap};
    SimPipes pipes{world.heap, world.frames, world.arena, world.clock};
};

std::vector<std::byte> scenario_image() {
    const TemporaryDirectory tree;
    std::filesystem::create_directories(tree.path() / "a/b");
    for (char name = 'p'; name < 't'; ++name) {
        write_file(tree.path() / "a/b" / std::string(1, name), std::string(30'000, name));
    }
    std::filesystem::create_symlink("a/b", tree.path() / "link");
    return make_image(tree.path(), 1024, "512k", "-N 32");
}

struct Outcome {
    std::uint64_t trace = 0;
    std::uint64_t requests = 0;
    std::size_t piped = 0;
};

Outcome run(const std::vector<std::byte>& image, std::uint32_t cpus, std::uint64_t seed) {
    Sim sim({.cpus = cpus, .seed = seed});
    World world;
    auto storage = std::make_unique<Storage>(image, sim, world);
    Storage& s = *storage;
    Outcome result{};
    int finished = 0;
    const auto read_all = [&s](char name) {
        const fs::Place root = s.vfs.root();
        const fs::PathContext at{root, root, {}};
        const std::string path = std::string("/link/../b/") + name;
        const auto file = s.vfs.open(at, path, {.mode = {.read = true}}, {});
        EXPECT_TRUE(file) << path;
        std::string text(40'000, '?');
        fs::SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        text.resize(file ? (*file)->read(to).value_or(0) : 0);
        EXPECT_EQ(text, std::string(30'000, name));
        return text;
    };
    sim.spawn("boot", [&] {
        drivers::Pci<fakes::FakeVirtioBlk, NullLock>(s.hardware).enable({0, 3, 0});
        EXPECT_TRUE(s.driver.start(fakes::FakeVirtioBlk::port_base));
        EXPECT_TRUE(s.ext2.mount());
        EXPECT_TRUE(s.vfs.mount_root(s.ext2, "vda"));
        for (int n = 0; n < 6; ++n) {
            sim.spawn("reader", [&, n] {
                for (int i = 0; i < 4; ++i) {
                    read_all(static_cast<char>('p' + (n + i) % 4));
                    if (n == 0) {
                        s.cache.reclaim(20);
                    }
                }
                ++finished;
            });
        }
        auto ends = *s.pipes.create(false);
        sim.spawn("writer", [&, writer = std::move(ends.writer)]() mutable {
            for (char name = 'p'; name < 't'; ++name) {
                const std::string text = read_all(name);
                fs::SpanWriteBuffer from(std::as_bytes(std::span(text)));
                EXPECT_EQ(writer->write(from), text.size());
            }
            writer.reset();
            ++finished;
        });
        sim.spawn("sink", [&, reader = std::move(ends.reader)]() mutable {
            std::array<std::byte, 9000> bytes{};
            for (;;) {
                fs::SpanReadBuffer to(bytes);
                const auto count = reader->read(to);
                if (!count || *count == 0) {
                    break;
                }
                result.piped += *count;
            }
            reader.reset();
            ++finished;
        });
        while (finished < 8) {
            Sim::sleep(Duration::milliseconds(1));
        }
        result.requests = s.hardware.requests;
        storage.reset();  // in here, because its locks belong to threads
    });
    const sim::Outcome end = sim.run();
    EXPECT_EQ(end, sim::Outcome::stopped) << sim.report();
    result.trace = sim.machine().trace_hash();
    EXPECT_TRUE(world.is_clean());
    return result;
}

TEST(StorageScenario, ManyReadersOnManyCpus) {
    const auto image = scenario_image();
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    for (std::uint32_t cpus = 1; cpus <= 4; ++cpus) {
        for (std::uint64_t seed = 1; seed <= 6; ++seed) {
            const Outcome first = run(image, cpus, seed);
            EXPECT_EQ(first.piped, 4U * 30'000);
            // 4 files of 8 pages, read ahead, and the metadata; reclaim() makes it a few more.
            EXPECT_LT(first.requests, 100U);
            if (seed == 1) {
                const Outcome again = run(image, cpus, seed);
                EXPECT_EQ(first.trace, again.trace) << cpus << " CPUs: not deterministic";
            }
        }
    }
}

}  // namespace
}  // namespace kidney::fs_test
