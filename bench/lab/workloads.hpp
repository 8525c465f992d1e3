/// What the laboratory asks of frame allocators besides the protocols of
/// bench/workloads/fragmentation.hpp. Same seed, same wishes; a refusal is taken as an answer.
#pragma once

#include "bench/lab/subject.hpp"
#include "tests/laws/report.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace kidney::lab {

struct Block {
    FrameNumber first;
    FrameOrder order;
};

/// Blocks that belong together, and go together.
class Holdings {
public:
    bool take(Subject& frames, unsigned order) {
        const FrameOrder wanted(static_cast<std::uint8_t>(order));
        const Result<FrameNumber> block = frames.allocate(wanted);
        if (block) {
            blocks_.push_back({*block, wanted});
        }
        return block.has_value();
    }
    void give_back(Subject& frames, std::size_t which) {
        std::swap(blocks_[which], blocks_.back());
        frames.free(blocks_.back().first, blocks_.back().order);
        blocks_.pop_back();
    }
    void give_back_all(Subject& frames) {
        while (!blocks_.empty()) {
            give_back(frames, blocks_.size() - 1);
        }
    }
    [[nodiscard]] std::uint32_t size() const noexcept {
        return static_cast<std::uint32_t>(blocks_.size());
    }

private:
    std::vector<Block> blocks_;
};

/// A machine at work. A file cache takes what nobody needs, one frame at a time, and gives back
/// what it has not used for long when less than an eighth is free. Processes come with a kernel
/// stack (order 1 or 2) and memory that they touch bit by bit; most are soon gone, one in sixteen
/// stays. The kernel's heap takes orders 0 to 2 and frees at random; now and then somebody wants a
/// large page (order 9) or a buffer (order 3 to 5).
class Machine {
public:
    static constexpr const char* name = "machine";

    static void run(Subject& frames, laws::Random& random) { Machine(frames, random).run(); }

private:
    struct Process {
        Holdings memory;
        std::uint32_t wants;     ///< frames that it has yet to touch
        std::uint32_t dies_at;   ///< turn
        std::uint32_t per_turn;  ///< frames it touches
    };
    static constexpr std::uint32_t turns = 3000;

    Machine(Subject& frames, laws::Random& random)
        : frames_(frames), random_(random), total_(frames.map().frames()) {}

    void run() {
        for (turn_ = 0; turn_ < turns; ++turn_) {
            if (random_.below(4) == 0) {
                start_process();
            }
            for (Process& process : processes_) {
                touch(process);
            }
            std::erase_if(processes_, [&](Process& process) {
                const bool is_over = process.dies_at <= turn_;
                if (is_over) {
                    process.memory.give_back_all(frames_);
                }
                return is_over;
            });
            kernel_heap();
            buffers();
            read_files();
        }
    }

    void start_process() {
        const bool stays = random_.below(16) == 0;
        Process process{{}, 0, turn_ + 2 + random_.below(stays ? turns : 60), 0};
        process.wants = total_ / 512 + random_.below(total_ / (stays ? 128 : 48));
        process.per_turn = 1 + process.wants / (4 + random_.below(24));
        if (process.memory.take(frames_, 1 + random_.below(2))) {  // no stack: it does not start
            processes_.push_back(std::move(process));
        }
    }
    void touch(Process& process) {
        for (std::uint32_t i = std::min(process.per_turn, process.wants); i > 0; --i) {
            make_room(1);
            if (!process.memory.take(frames_, 0)) {
                return;
            }
            --process.wants;
        }
    }
    void kernel_heap() {
        for (std::uint32_t i = random_.below(6); i > 0; --i) {
            const bool is_large = heap_.size() > total_ / 64;
            if (heap_.size() != 0 && random_.below(2) < (is_large ? 2U : 1U)) {
                heap_.give_back(frames_, random_.below(heap_.size()));
            } else {
                heap_.take(frames_, random_.below(3));
            }
        }
    }
    void buffers() {
        if (random_.below(3) == 0) {
            make_room(64);
            buffers_.take(frames_, 3 + random_.below(3));
        }
        if (buffers_.size() > 8 || (buffers_.size() != 0 && random_.below(4) == 0)) {
            buffers_.give_back(frames_, random_.below(buffers_.size()));
        }
        if (random_.below(16) == 0) {
            make_room(512);
            large_pages_.take(frames_, 9);
        }
        if (large_pages_.size() > 6) {
            large_pages_.give_back(frames_, random_.below(large_pages_.size()));
        }
    }
    void read_files() {
        for (std::uint32_t i = random_.below(2 * (1 + total_ / 1024)); i > 0; --i) {
            make_room(1);
            const Result<FrameNumber> page = frames_.allocate(FrameOrder(0));
            if (!page) {
                return;
            }
            cache_.push_back(*page);
        }
    }
    /// The oldest of the cache goes, but what was used meanwhile gets another life.
    void make_room(std::uint32_t frames) {
        if (frames_.map().free() >= total_ / 8 + frames) {
            return;
        }
        for (std::uint32_t i = 0; i < 32 + frames && !cache_.empty(); ++i) {
            const FrameNumber page = cache_.front();
            cache_.pop_front();
            if (random_.below(4) == 0) {
                cache_.push_back(page);
            } else {
                frames_.free(page, FrameOrder(0));
            }
        }
    }

    Subject& frames_;
    laws::Random& random_;
    std::uint32_t total_;
    std::uint32_t turn_ = 0;
    std::vector<Process> processes_;
    std::deque<FrameNumber> cache_;
    Holdings heap_;
    Holdings buffers_;
    Holdings large_pages_;
};

/// A producer takes buffers, a consumer gives them back in the same order, much later. Now the one
/// is faster, now the other: between 10 and 85 % of memory waits in the queue. Seven of eight
/// buffers are single frames, the others have orders 1 to 3; one in 64 gets lost in a side queue
/// and is delivered a whole swing later.
struct Queue {
    static constexpr const char* name = "queue";

    static void run(Subject& frames, laws::Random& random) {
        std::deque<Block> queue;
        std::deque<Block> side;
        const std::uint32_t total = frames.map().frames();
        bool is_filling = true;
        for (std::uint32_t i = 0; i < 16 * total / 2; ++i) {
            const std::uint32_t used = total - frames.map().free();
            const std::uint64_t high = std::uint64_t{total} * 85 / 100;
            is_filling = is_filling ? used < high : used < total / 10;
            if (random.below(3) < (is_filling ? 2U : 1U)) {
                const unsigned k = random.below(8) != 0 ? 0 : 1 + random.below(3);
                const FrameOrder order(static_cast<std::uint8_t>(k));
                if (const Result<FrameNumber> block = frames.allocate(order)) {
                    (random.below(64) == 0 ? side : queue).push_back({*block, order});
                }
                continue;
            }
            std::deque<Block>& from = side.size() > total / 256 || queue.empty() ? side : queue;
            if (!from.empty()) {
                frames.free(from.front().first, from.front().order);
                from.pop_front();
            }
        }
    }
};

}  // namespace kidney::lab
