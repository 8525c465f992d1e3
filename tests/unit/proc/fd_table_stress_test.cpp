/// The table of descriptors under real threads: it earns its keep under ThreadSanitizer and ASan.
#include "proc/files/fd_table.hpp"
#include "sched/sync/spin_lock.hpp"
#include "tests/fakes/fake_file.hpp"
#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace kidney::test {
namespace {

using fakes::FakeFile;
using proc::Fd;
constexpr LockRank view_rank{62, "process view"};
using Table = proc::FdTableWith<sched::SpinLock<view_rank, StdCpu>>;

struct CountingListener final : proc::CloseListener {
    void closing(fs::File& file) noexcept override {
        ++heard;
        EXPECT_GE(file.references(), 1U);
    }
    std::atomic<int> heard{0};
};

/// What the threads of a program do with few numbers, each in its own order.
void use_descriptors(Table& table, std::uint32_t me) {
    for (std::uint32_t i = 0; i < 500; ++i) {
        if (auto number = table.reserve()) {
            const Fd fd = number->fd();
            EXPECT_EQ(table.get(fd).error(), Errc::bad_descriptor) << "reserved by this thread";
            table.place(std::move(*number), FakeFile::create(), i % 2 == 0);
        }
        const Fd some((i * 7 + me) % 16);
        if (const auto file = table.get(some)) {
            EXPECT_TRUE((*file)->attributes());
        }
        switch ((i + me) % 5) {
            case 0: {
                Table child;
                child.copy_from(table);
                break;
            }
            case 1:
                static_cast<void>(table.duplicate_to(some, Fd((i + me) % 16), false));
                break;
            case 2:
                table.mark_close_on_exec(Fd(2), Fd(5));
                static_cast<void>(table.next_open(some));
                break;
            default:
                static_cast<void>(table.close(some));
                break;
        }
        if (i % 100 == 99) {
            table.close_for_exec();
        }
    }
}

TEST(FdTableStress, ThreadsShareOneTable) {
    FakeFile::live = 0;
    CountingListener listener;
    {
        Table table;
        table.set_listener(listener);
        table.set_limit(24);
        table.share_among_threads();
        std::vector<std::thread> threads;
        for (std::uint32_t me = 0; me < 3; ++me) {
            threads.emplace_back([&table, me] {
                StdCpu::become(CpuId(me));
                use_descriptors(table, me);
            });
        }
        for (std::thread& t : threads) {
            t.join();
        }
        EXPECT_TRUE(table.reserve()) << "a reserved number was not given back";
        table.close_all();
        EXPECT_EQ(table.install(FakeFile::create(), false)->value(), 0U);
    }
    EXPECT_EQ(FakeFile::live, 0);
    EXPECT_GT(listener.heard, 0);
}

}  // namespace
}  // namespace kidney::test
