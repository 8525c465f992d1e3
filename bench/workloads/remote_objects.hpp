/// Objects that one thread allocates and another one frees, through a ring between them.
#pragma once

#include "bench/workloads/objects.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <thread>

namespace kidney::bench {

/// Timed from the first allocation of a round until the last object of it is freed. The ring holds
/// 1024 objects, so neither thread waits for each single one.
struct RemoteObjectPair {
    static constexpr const char* name = "heap.remote_pair64";
    static constexpr std::size_t operations = 2 * 64 * 1024;

    template <class H>
    void prepare(H& heap) {
        consumer_ = std::thread([this, &heap] {
            heap.become(1);
            std::size_t head = 0;
            for (;;) {
                const std::size_t tail = tail_.load(std::memory_order_acquire);
                for (; head != tail; ++head) {
                    void* const object = ring_[head % ring_.size()];
                    if (object == nullptr) {
                        return;
                    }
                    use(object);
                    heap.free(object, 64);
                }
                if (head_.load(std::memory_order_relaxed) != head) {
                    head_.store(head, std::memory_order_release);
                } else {
                    std::this_thread::yield();
                }
            }
        });
        round(heap);
    }
    template <class H>
    void round(H& heap) {
        for (std::size_t i = 0; i < operations / 2; ++i) {
            void* const object = heap.allocate(64);
            use(object);
            send(object);
        }
        while (head_.load(std::memory_order_acquire) != tail_.load(std::memory_order_relaxed)) {
            std::this_thread::yield();
        }
    }
    template <class H>
    void finish(H&) {
        send(nullptr);
        consumer_.join();
    }

private:
    void send(void* object) {
        const std::size_t tail = tail_.load(std::memory_order_relaxed);
        while (tail - head_.load(std::memory_order_acquire) == ring_.size()) {
            std::this_thread::yield();
        }
        ring_[tail % ring_.size()] = object;
        tail_.store(tail + 1, std::memory_order_release);
    }
    alignas(64) std::atomic<std::size_t> tail_{0};
    alignas(64) std::atomic<std::size_t> head_{0};
    alignas(64) std::array<void*, 1024> ring_{};
    std::thread consumer_;
};

}  // namespace kidney::bench
