/// What the laboratory asks of heaps. Same seed, same wishes; a refusal is taken as an answer. When
/// a workload is over, its objects are still there.
#pragma once

#include "bench/lab/heap_subject.hpp"
#include "tests/laws/report.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace kidney::lab {

using Objects = std::vector<HeapSubject::Object>;

/// Each size between two bounds as likely as any other.
struct EvenSizes {
    std::uint32_t least;
    std::uint32_t most;
    std::uint32_t operator()(laws::Random& random) const {
        return least + random.below(most - least + 1);
    }
};
/// Each doubling as likely as any other: many small ones, few large ones.
struct SkewedSizes {
    std::uint32_t least;
    std::uint32_t doublings;
    std::uint32_t operator()(laws::Random& random) const {
        const std::uint32_t base = least << random.below(doublings);
        return base + random.below(base);
    }
};

/// Until so much is asked for, or the first refusal.
template <class Sizes>
void grow_to(HeapSubject& heap, laws::Random& random, Objects& objects, std::size_t bytes,
             Sizes sizes) {
    while (heap.asked() < bytes && heap.allocate(objects, sizes(random))) {
    }
}
/// Whatever chance points to goes.
inline void shrink_to(HeapSubject& heap, laws::Random& random, Objects& objects,
                      std::size_t bytes) {
    while (heap.asked() > bytes && !objects.empty()) {
        heap.free(objects, random.below(static_cast<std::uint32_t>(objects.size())));
    }
}

inline void release_all(HeapSubject& heap, Objects& objects) {
    while (!objects.empty()) {
        heap.free(objects, objects.size() - 1);
    }
}

/// Objects of random sizes until half of memory is asked for.
template <std::uint32_t Most>
struct Fill {
    static constexpr const char* name = Most == 128 ? "fill128" : "fill2048";
    static void run(HeapSubject& heap, laws::Random& random, Objects& objects) {
        grow_to(heap, random, objects, heap.memory() / 2, EvenSizes{16, Most});
    }
};

/// A third of memory, of which a random object makes room for another one again and again, four
/// times as many as there are.
struct Churn {
    static constexpr const char* name = "churn";
    static void run(HeapSubject& heap, laws::Random& random, Objects& objects) {
        constexpr EvenSizes sizes{16, 2048};
        const std::size_t level = heap.memory() / 3;
        grow_to(heap, random, objects, level, sizes);
        for (std::size_t n = 4 * objects.size(); n > 0; --n) {
            shrink_to(heap, random, objects, level - 1);
            heap.allocate(objects, sizes(random));
        }
    }
};

/// It grows to half of memory and shrinks to a tenth of that, four times.
struct Tides {
    static constexpr const char* name = "tides";
    static void run(HeapSubject& heap, laws::Random& random, Objects& objects) {
        for (int tide = 0; tide < 4; ++tide) {
            grow_to(heap, random, objects, heap.memory() / 2, SkewedSizes{16, 7});
            shrink_to(heap, random, objects, heap.memory() / 20);
        }
    }
};

/// What is wanted changes: a quarter of memory in objects of 16 to 31 bytes, of which one in ten
/// stays, then of 32 to 63, and so on up to 4 KiB. What stays must not keep the others' pages.
struct Shift {
    static constexpr const char* name = "shift";
    static void run(HeapSubject& heap, laws::Random& random, Objects& objects) {
        for (std::uint32_t least = 16; least <= 2048; least *= 2) {
            const std::size_t before = heap.asked();
            Objects fresh;
            grow_to(heap, random, fresh, before + heap.memory() / 4,
                    EvenSizes{least, 2 * least - 1});
            shrink_to(heap, random, fresh, before + heap.memory() / 40);
            objects.insert(objects.end(), fresh.begin(), fresh.end());
        }
    }
};

/// A server. A connection comes with a state, buffers and a handful of headers, asks for small
/// things while it lasts, and goes with all of it; one in sixteen lasts long. What was answered
/// stays in a cache of old and new.
class Server {
public:
    static constexpr const char* name = "server";
    static void run(HeapSubject& heap, laws::Random& random, Objects& objects) {
        Server(heap, random, objects).run();
    }

private:
    struct Connection {
        Objects objects;
        std::uint32_t ends_at;
    };
    static constexpr std::uint32_t turns = 6000;

    Server(HeapSubject& heap, laws::Random& random, Objects& cache)
        : heap_(heap), random_(random), cache_(cache) {}

    void run() {
        for (std::uint32_t turn = 0; turn < turns; ++turn) {
            // Busy hours and quiet ones.
            const std::uint32_t most =
                turn / 750 % 2 == 0 ? 1 + static_cast<std::uint32_t>(heap_.memory() >> 16) : 8;
            if (connections_.size() < most) {
                connect(turn);
            }
            for (Connection& connection : connections_) {
                serve(connection);
            }
            std::erase_if(connections_, [&](Connection& connection) {
                if (connection.ends_at > turn) {
                    return false;
                }
                release_all(heap_, connection.objects);
                return true;
            });
            heap_.allocate(cache_, SkewedSizes{64, 6}(random_));
            if (heap_.asked() > heap_.memory() / 2) {
                for (int n = 0; n < 8 && !cache_.empty(); ++n) {
                    heap_.free(cache_, random_.below(static_cast<std::uint32_t>(cache_.size())));
                }
            }
        }
        for (Connection& connection : connections_) {
            cache_.insert(cache_.end(), connection.objects.begin(), connection.objects.end());
        }
    }
    void connect(std::uint32_t turn) {
        const bool lasts = random_.below(16) == 0;
        Connection connection{{}, turn + 4 + random_.below(lasts ? turns : 80)};
        heap_.allocate(connection.objects, 720);
        heap_.allocate(connection.objects, 4096);
        heap_.allocate(connection.objects, lasts ? 16384 : 2048);
        for (int n = 0; n < 6; ++n) {
            heap_.allocate(connection.objects, 24 + random_.below(200));
        }
        connections_.push_back(std::move(connection));
    }
    void serve(Connection& connection) {
        if (random_.below(4) != 0) {
            return;
        }
        Objects& objects = connection.objects;
        if (objects.size() > 3 && random_.below(2) == 0) {
            heap_.free(objects, random_.below(static_cast<std::uint32_t>(objects.size())));
        } else {
            heap_.allocate(objects, SkewedSizes{16, 6}(random_));
        }
    }

    HeapSubject& heap_;
    laws::Random& random_;
    Objects& cache_;
    std::vector<Connection> connections_;
};

/// A kernel's mix: processes with their threads, regions and open files; path names and argument
/// lists that live for a call; inodes and page descriptors of a file cache that grows until memory
/// is half full and is then used in turns. Sizes are those of this kernel, as /proc/slabinfo told
/// them (i686-release; 20 pipelines of two, `ls -R /`, a file read): the caches by name, a pipe
/// from the class that 20 of them filled; 44 processes had 7 regions each.
class KernelMix {
public:
    static constexpr const char* name = "kernel";
    static void run(HeapSubject& heap, laws::Random& random, Objects& objects) {
        KernelMix(heap, random, objects).run();
    }

private:
    static constexpr std::uint32_t calls = 16000;
    static constexpr std::uint32_t process = 7856, address_space = 160, thread = 752, region = 80,
                                   file = 80, inode = 224, page = 48, path = 4096, pipe = 640;

    KernelMix(HeapSubject& heap, laws::Random& random, Objects& cache)
        : heap_(heap), random_(random), cache_(cache) {}

    void run() {
        for (std::uint32_t n = 0; n < calls; ++n) {
            switch (random_.below(16)) {
                case 0:
                    fork();
                    break;
                case 1:
                    exit();
                    break;
                case 2:
                case 3:
                    exec();
                    break;
                case 4:
                case 5:
                case 6:
                    open();
                    break;
                default:
                    read();
            }
        }
        for (Objects& mine : processes_) {
            cache_.insert(cache_.end(), mine.begin(), mine.end());
        }
    }
    void fork() {
        if (processes_.size() * 32768 > heap_.memory()) {
            return;
        }
        Objects mine;
        heap_.allocate(mine, process);
        heap_.allocate(mine, address_space);
        heap_.allocate(mine, thread);
        for (std::uint32_t n = 4 + random_.below(7); n > 0; --n) {
            heap_.allocate(mine, region);
        }
        for (std::uint32_t n = 3 + random_.below(4); n > 0; --n) {
            heap_.allocate(mine, file);
        }
        processes_.push_back(std::move(mine));
    }
    void exit() {
        if (processes_.size() < 4) {
            return;
        }
        std::swap(processes_[random_.below(static_cast<std::uint32_t>(processes_.size()))],
                  processes_.back());
        release_all(heap_, processes_.back());
        processes_.pop_back();
    }
    /// Path, arguments, and what maps the program.
    void exec() {
        Objects call;
        heap_.allocate(call, path);
        heap_.allocate(call, 512 << random_.below(5));
        if (!processes_.empty()) {
            heap_.allocate(some_process(), region);
        }
        release_all(heap_, call);
    }
    void open() {
        Objects call;
        heap_.allocate(call, path);
        heap_.allocate(cache_, inode);
        if (!processes_.empty()) {
            heap_.allocate(some_process(), random_.below(8) == 0 ? pipe : file);
        }
        release_all(heap_, call);
    }
    void read() {
        for (std::uint32_t n = 1 + random_.below(16); n > 0; --n) {
            heap_.allocate(cache_, page);
        }
        while (heap_.asked() > heap_.memory() / 2 && !cache_.empty()) {
            heap_.free(cache_, random_.below(static_cast<std::uint32_t>(cache_.size())));
        }
    }
    [[nodiscard]] Objects& some_process() {
        return processes_[random_.below(static_cast<std::uint32_t>(processes_.size()))];
    }

    HeapSubject& heap_;
    laws::Random& random_;
    Objects& cache_;
    std::vector<Objects> processes_;
};

/// What objects of one size cost, size by size.
struct SizeCost {
    std::uint32_t bytes;
    std::size_t objects;
    std::size_t held;  ///< bytes of frames for all of them
};

/// Objects of one size at a time: an eighth of memory, at least 64. Leaves nothing to chance.
struct OneSize {
    static constexpr const char* name = "sizes";
    static std::vector<SizeCost> costs(HeapSubject& heap) {
        std::vector<SizeCost> costs;
        for (std::uint32_t power = 16; power <= 8192; power *= 2) {
            for (const std::uint32_t bytes :
                 {power, power + 1, power + power / 4, power + power / 2, power + power / 4 * 3}) {
                costs.push_back(cost(heap, bytes));
            }
        }
        return costs;
    }

private:
    static SizeCost cost(HeapSubject& heap, std::uint32_t bytes) {
        Objects objects;
        const std::size_t before = heap.held_bytes();
        const std::size_t wanted = std::max<std::size_t>(heap.memory() / 8 / bytes, 64);
        while (objects.size() < wanted && heap.allocate(objects, bytes)) {
        }
        const SizeCost cost{bytes, objects.size(), heap.held_bytes() - before};
        release_all(heap, objects);
        heap.reclaim();
        return cost;
    }
};

}  // namespace kidney::lab
