/// What a heap costs when it does nothing but its job: a list of free objects for every size class.
#pragma once

#include "mm/heap/size_classes.hpp"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <sys/mman.h>

namespace kidney::bench {

/// Intrusive lists, filled from one mapping in address order. Gives nothing back, checks nothing,
/// knows one thread.
class ObjectLists {
public:
    static constexpr const char* name = "baseline_object_lists";

    ObjectLists() {
        next_ = static_cast<std::byte*>(mmap(nullptr, span, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        mapping_ = next_;
    }
    ~ObjectLists() { munmap(mapping_, span); }
    ObjectLists(const ObjectLists&) = delete;
    ObjectLists& operator=(const ObjectLists&) = delete;

    void* allocate(std::size_t bytes) noexcept {
        const std::size_t index = mm::size_classes::index_of(bytes);
        if (Free* const object = lists_[index]; object != nullptr) {
            lists_[index] = object->next;
            return object;
        }
        return fresh(index);
    }
    void free(void* object, std::size_t bytes) noexcept {
        auto* const freed = static_cast<Free*>(object);
        Free*& list = lists_[mm::size_classes::index_of(bytes)];
        freed->next = list;
        list = freed;
    }

    [[nodiscard]] std::size_t footprint() const noexcept {
        return static_cast<std::size_t>(next_ - mapping_);
    }

private:
    static constexpr std::size_t span = std::size_t{16} << 30;
    static constexpr std::size_t chunk = 64 * 1024;
    struct Free {
        Free* next;
    };
    struct Fresh {
        std::byte* next = nullptr;
        std::byte* end = nullptr;
    };

    void* fresh(std::size_t index) noexcept {
        Fresh& f = fresh_[index];
        const std::size_t bytes = mm::size_classes::bytes_of(index);
        if (static_cast<std::size_t>(f.end - f.next) < bytes) {
            f = {next_, next_ + chunk};
            next_ += chunk;
        }
        void* const object = f.next;
        f.next += bytes;
        return object;
    }

    std::array<Free*, mm::size_classes::count> lists_{};
    std::array<Fresh, mm::size_classes::count> fresh_{};
    std::byte* next_ = nullptr;
    std::byte* mapping_ = nullptr;
};

}  // namespace kidney::bench
