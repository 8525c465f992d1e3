/// The storage path on simulated CPUs: ext2, page cache and pipes with the kernel's own locks, over
/// a disk that answers by interrupt while the reader sleeps.
#include "fs/pipe/pipe_service.hpp"
#include "tests/support/sim_world.hpp"
#include "tests/unit/fs/ext2_image.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace kidney::test {
namespace {

constexpr LockRank file_bytes_rank{22, "file bytes"};
constexpr LockRank way_home_rank{23, "way home"};
constexpr LockRank file_system_rank{30, "file system"};
constexpr LockRank nodes_rank{36, "nodes"};
constexpr LockRank page_cache_rank{34, "page cache"};
constexpr LockRank disk_rank{38, "block device"};
constexpr LockRank pipe_rank{42, "pipe"};
constexpr LockRank pipe_table_rank{43, "pipe table"};
constexpr LockRank poll_rank{60, "poll list"};

using World = SimWorld<>;

/// One request at a time; the data are there when the interrupt says so, on some CPU.
class InterruptingDisk {
public:
    InterruptingDisk(World& world, std::span<const std::byte> image)
        : world_(world), disk_(image, 512) {}

    [[nodiscard]] Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept {
        LockGuard guard(mutex_);
        ++requests_;
        World::Event done;
        const std::uint32_t cpu = world_.machine().random() % world_.machine().cpus();
        world_.machine().interrupt_in(Duration::microseconds(100), CpuId(cpu),
                                      [&done] { done.set(); });
        done.wait();
        return disk_.read(first, to);
    }
    [[nodiscard]] Status write(fs::BlockIndex, std::span<const std::byte>) noexcept {
        return fail(Errc::read_only);
    }
    [[nodiscard]] Status flush() noexcept { return {}; }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return disk_.block_size(); }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return disk_.block_count(); }
    [[nodiscard]] std::size_t requests() const noexcept { return requests_; }

private:
    World& world_;
    fakes::FakeDisk disk_;
    World::Mutex<disk_rank> mutex_;
    std::size_t requests_ = 0;
};

using Cache = fs::PageCache<fakes::FakeHeap, fs_test::Frames, sim::RamArena,
                            World::Mutex<page_cache_rank>, World::WaitQueue>;
using Locks = fs::DiskLocks<World::Mutex<file_bytes_rank>, World::Mutex<way_home_rank>,
                            World::Mutex<file_system_rank>, World::Mutex<nodes_rank>>;
using FileSystem = fs::Ext2<fakes::FakeHeap, Cache, Locks, fs_test::Clock>;

/// Small files, one with indirect blocks, directories in directories, a link.
void make_small_tree(const std::filesystem::path& root) {
    std::filesystem::permissions(root, std::filesystem::perms(0755));
    fs_test::write_file(root / "short", "hello, machine\n");
    fs_test::write_file(root / "indirect", std::string(150'000, 'i'));
    std::filesystem::create_directories(root / "a/b");
    fs_test::write_file(root / "a/b/deep", std::string(20'000, 'd'));
    std::filesystem::create_symlink("a/b/deep", root / "link");
}

struct Shape {
    std::uint32_t cpus;
    std::uint64_t seed;
};
void PrintTo(const Shape& shape, std::ostream* out) {
    *out << shape.cpus << " CPUs, seed " << shape.seed;
}

class StorageOnMachine : public testing::TestWithParam<Shape> {};
INSTANTIATE_TEST_SUITE_P(Seeds, StorageOnMachine,
                         testing::Values(Shape{1, 1}, Shape{2, 1}, Shape{2, 2}, Shape{3, 1},
                                         Shape{4, 1}, Shape{4, 2}),
                         [](const auto& info) {
                             return "cpus" + std::to_string(info.param.cpus) + "seed" +
                                    std::to_string(info.param.seed);
                         });

TEST_P(StorageOnMachine, ReadersShareOneTreeThroughThePageCache) {
    const fs_test::TemporaryDirectory tree;
    make_small_tree(tree.path());
    const auto image = fs_test::make_image(tree.path(), 1024, "1M", "");
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    fs_test::Seen expected;
    fs_test::walk_host(tree.path(), "", expected);

    fs_test::World memory;
    World world({.cpus = GetParam().cpus, .seed = GetParam().seed});
    InterruptingDisk disk(world, image);
    std::size_t cold_requests = 0;
    world.spawn("main", [&] {
        Cache cache(memory.heap, memory.frames, memory.arena);
        {
            FileSystem ext2(memory.heap, cache, fs::AnyBlockDevice(disk), memory.clock,
                            fs_test::read_only);
            EXPECT_TRUE(ext2.mount());
            const Ref<fs::Vnode> root = ext2.root();
            World::Semaphore finished;
            const auto read_everything = [&] {
                fs_test::Seen seen;
                EXPECT_TRUE(fs_test::walk(*root, "", seen));
                EXPECT_EQ(seen.files, expected.files);
                finished.release();
            };
            constexpr int readers = 4;
            for (int i = 0; i < readers; ++i) {
                world.spawn("reader", read_everything);
            }
            // Memory is short meanwhile: pages go while others read them.
            for (int i = 0; i < 5; ++i) {
                World::sleep(Duration::milliseconds(1));
                cache.reclaim(20);
            }
            for (int i = 0; i < readers; ++i) {
                finished.acquire();
            }
            cold_requests = disk.requests();
            read_everything();
        }
        EXPECT_EQ(cache.size(), 0U);
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_TRUE(memory.is_clean());
    // Four readers cost hardly more than one: a page that several miss is read once.
    EXPECT_GT(cold_requests, 0U);
    EXPECT_LT(cold_requests, 150U);
}

TEST_P(StorageOnMachine, PipelineOfThreads) {
    using Pipes =
        fs::PipeService<fakes::FakeHeap, fs_test::Frames, sim::RamArena, World::Mutex<pipe_rank>,
                        World::WaitQueue, World::Mutex<pipe_table_rank>, World::SpinLock<poll_rank>,
                        fs_test::Clock>;
    fs_test::World memory;
    World world({.cpus = GetParam().cpus, .seed = GetParam().seed});
    Pipes pipes(memory.heap, memory.frames, memory.arena, memory.clock);
    constexpr std::size_t total = 200'000;
    std::string received;
    world.spawn("main", [&] {
        fs::PipeEnds first = *pipes.create(false);
        fs::PipeEnds second = *pipes.create(false);
        World::Semaphore finished;
        world.spawn("source", [&, out = first.writer]() mutable {
            std::string text(total, ' ');
            for (std::size_t i = 0; i < total; ++i) {
                text[i] = static_cast<char>(i * 7 & 0xFF);
            }
            fs::SpanWriteBuffer from(std::as_bytes(std::span(text)));
            EXPECT_EQ(out->write(from), total);
            out.reset();
            finished.release();
        });
        world.spawn("filter", [&, in = first.reader, out = second.writer]() mutable {
            std::array<char, 3000> piece;
            for (;;) {
                fs::SpanReadBuffer to(std::as_writable_bytes(std::span(piece)));
                const std::size_t length = *in->read(to);
                if (length == 0) {
                    break;
                }
                World::compute(Duration::microseconds(20));
                fs::SpanWriteBuffer from(std::as_bytes(std::span(piece).first(length)));
                EXPECT_EQ(out->write(from), length);
            }
            in.reset();
            out.reset();
            finished.release();
        });
        world.spawn("sink", [&, in = second.reader]() mutable {
            std::array<char, 7000> piece;
            for (;;) {
                fs::SpanReadBuffer to(std::as_writable_bytes(std::span(piece)));
                const std::size_t length = *in->read(to);
                if (length == 0) {
                    break;
                }
                received.append(piece.data(), length);
            }
            in.reset();
            finished.release();
        });
        first = {};
        second = {};
        for (int i = 0; i < 3; ++i) {
            finished.acquire();
        }
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    ASSERT_EQ(received.size(), total);
    for (std::size_t i = 0; i < total; ++i) {
        ASSERT_EQ(received[i], static_cast<char>(i * 7 & 0xFF)) << "byte " << i;
    }
    EXPECT_TRUE(memory.is_clean());
}

}  // namespace
}  // namespace kidney::test
