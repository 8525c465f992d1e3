/// LLFree on threads, which ThreadSanitizer looks at, and after a crash.
#include "mm/frames/llfree.hpp"

#include "tests/laws/report.hpp"
#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <set>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace kidney::mm {
namespace {

using test::StdCpu;
using Frames = LlFreeAllocator<StdCpu>;
static_assert(SharedFrameAllocator<Frames> && FrameBatches<Frames>);
static_assert(std::same_as<FramesOf<LlFree, StdCpu>, Frames>);

constexpr FrameRange span{FrameNumber(0x400), 0x1000};
struct Block {
    FrameNumber first;
    FrameOrder order;
};

/// Each thread stamps what it has; who gets a frame that another one has destroys a stamp.
TEST(LlFreeStress, BlocksOfThreadsAreDisjoint) {
    constexpr std::uint32_t threads = 4;
    std::vector<std::byte> metadata(Frames::metadata_bytes(span));
    Frames frames;
    frames.attach(span, metadata);
    frames.add_region(span);
    std::vector<std::atomic<std::uint32_t>> owner(span.count);
    std::atomic<std::uint32_t> stolen{0};

    std::vector<std::thread> all;
    for (std::uint32_t t = 0; t < threads; ++t) {
        all.emplace_back([&, t] {
            StdCpu::become(CpuId(t));
            laws::Random random(t + 1);
            std::vector<Block> live;
            const auto give_back_any = [&] {
                std::swap(live[random.below(static_cast<std::uint32_t>(live.size()))], live.back());
                for (std::uint32_t i = 0; i < live.back().order.frames(); ++i) {
                    stolen += owner[live.back().first - span.first + i].exchange(0) != t + 1;
                }
                frames.free(live.back().first, live.back().order);
                live.pop_back();
            };
            for (int step = 0; step < 8000; ++step) {
                const FrameOrder order(static_cast<std::uint8_t>(
                    random.below(4) == 0 ? random.below(11) : random.below(3)));
                FrameNumber batch[40];
                if (step % 16 == 0 && live.size() < 160) {
                    const std::size_t n = frames.take_some(batch);
                    for (std::size_t i = 0; i < n; ++i) {
                        stolen += owner[batch[i] - span.first].exchange(t + 1) != 0;
                    }
                    for (std::size_t i = 0; i < n; ++i) {
                        stolen += owner[batch[i] - span.first].exchange(0) != t + 1;
                    }
                    frames.give_back_some(std::span(batch).first(n));
                }
                const Result<FrameNumber> got = random.below(9) < 5 && live.size() < 200
                                                    ? frames.allocate(order)
                                                    : fail(Errc::no_memory);
                if (got) {
                    for (std::uint32_t i = 0; i < order.frames(); ++i) {
                        stolen += owner[*got - span.first + i].exchange(t + 1) != 0;
                    }
                    live.push_back({*got, order});
                } else if (!live.empty()) {
                    give_back_any();
                }
            }
            while (!live.empty()) {
                give_back_any();
            }
        });
    }
    for (std::thread& thread : all) {
        thread.join();
    }
    EXPECT_EQ(stolen.load(), 0U);
    EXPECT_EQ(frames.free_frames(), span.count);
    for (std::uint32_t i = 0; i < span.count / max_order.frames(); ++i) {
        EXPECT_TRUE(frames.allocate(max_order)) << "everything is whole again";
    }
}

// --- Recovery ---

/// A processor that stops before its n-th change of memory, as if the machine had lost power.
struct MortalCpu {
    static inline std::uint32_t changes_left = ~0U;
    static void change() noexcept {
        if (changes_left-- == 0) {
            ::_exit(0);
        }
    }
    [[nodiscard]] static CpuId id() noexcept { return CpuId(0); }

    template <class T>
    class Atomic : std::atomic<T> {
        using Base = std::atomic<T>;

    public:
        using Base::Base;
        using Base::load;
        void store(T v, std::memory_order o = std::memory_order_seq_cst) noexcept {
            change();
            Base::store(v, o);
        }
        T exchange(T v, std::memory_order o = std::memory_order_seq_cst) noexcept {
            change();
            return Base::exchange(v, o);
        }
        T fetch_add(T v, std::memory_order o = std::memory_order_seq_cst) noexcept {
            change();
            return Base::fetch_add(v, o);
        }
        T fetch_and(T v, std::memory_order o = std::memory_order_seq_cst) noexcept {
            change();
            return Base::fetch_and(v, o);
        }
        T fetch_or(T v, std::memory_order o = std::memory_order_seq_cst) noexcept {
            change();
            return Base::fetch_or(v, o);
        }
        bool compare_exchange_strong(T& e, T v,
                                     std::memory_order o = std::memory_order_seq_cst) noexcept {
            change();
            return Base::compare_exchange_strong(e, v, o);
        }
    };
};

/// In memory that survives the process.
struct Diary {
    Block live[64];
    std::uint32_t count = 0;
    std::uint32_t in_flight = 0;  ///< frames of the block that a call is about
};

void live_and_die(LlFreeAllocator<MortalCpu>& frames, Diary& diary) {
    laws::Random random(5);
    for (int step = 0; step < 60; ++step) {
        if (diary.count < 64 && random.below(3) != 0) {
            const FrameOrder order(static_cast<std::uint8_t>(random.below(11)));
            diary.in_flight = order.frames();
            if (const Result<FrameNumber> got = frames.allocate(order)) {
                diary.live[diary.count++] = {*got, order};
            }
        } else if (diary.count != 0) {
            const Block victim = diary.live[--diary.count];
            diary.in_flight = victim.order.frames();
            frames.free(victim.first, victim.order);
        }
        diary.in_flight = 0;
    }
}

TEST(LlFreeRecovery, LosesOnlyWhatWasInFlight) {
    const std::size_t bytes = LlFreeAllocator<MortalCpu>::metadata_bytes(span);
    void* const shared = ::mmap(nullptr, bytes + sizeof(Diary), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    const std::span metadata(static_cast<std::byte*>(shared), bytes);
    auto& diary = *reinterpret_cast<Diary*>(metadata.data() + bytes);
    bool died = true;
    for (std::uint32_t changes = 0; died; changes += 23) {
        diary = {};
        const pid_t child = ::fork();
        if (child == 0) {
            LlFreeAllocator<MortalCpu> frames;
            frames.attach(span, metadata);
            frames.add_region(span);
            MortalCpu::changes_left = changes;
            live_and_die(frames, diary);
            ::_exit(1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        died = WEXITSTATUS(status) == 0;

        SCOPED_TRACE(testing::Message() << "after " << changes << " changes");
        LlFreeAllocator<MortalCpu> frames;
        frames.recover(span, metadata);
        std::uint32_t in_use = 0;
        for (std::uint32_t i = 0; i < diary.count; ++i) {
            in_use += diary.live[i].order.frames();
        }
        EXPECT_LE(frames.free_frames() + in_use, span.count);
        EXPECT_GE(frames.free_frames() + in_use + diary.in_flight, span.count);
        // What was live can be freed, and what it counts as free can be taken.
        for (std::uint32_t i = 0; i < diary.count; ++i) {
            frames.free(diary.live[i].first, diary.live[i].order);
        }
        const std::size_t free = frames.free_frames();
        std::size_t taken = 0;
        while (frames.allocate(FrameOrder(0))) {
            ++taken;
        }
        EXPECT_EQ(taken, free);
    }
    ::munmap(shared, bytes + sizeof(Diary));
}

}  // namespace
}  // namespace kidney::mm
