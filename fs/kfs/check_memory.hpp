/// What the checker of kfs remembers of an image: who claims which block, who has which names.
#pragma once

#include "fs/kfs/format.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace kidney::fs::kfs {

struct CheckedInode {
    std::uint32_t names = 0, subdirectories = 0;
    bool reached = false;
};

/// Grows, and is used again. Concurrency: none.
template <mm::ObjectAllocator Heap>
class CheckMemory {
public:
    explicit CheckMemory(Heap& heap) noexcept
        : claimed_(heap), inodes_(heap), queue_(heap), names_(heap) {}

    /// Error: no_memory.
    [[nodiscard]] Status prepare(const Geometry& g) noexcept {
        TRY(claimed_.clear(g.data_blocks()));
        TRY(inodes_.clear(g.inode_count));
        TRY(queue_.clear(g.inode_count));
        waiting_ = 0;
        return {};
    }
    /// By number of data block.
    [[nodiscard]] std::uint8_t& claimed(std::uint32_t n) noexcept { return claimed_[n]; }
    [[nodiscard]] CheckedInode& inode(std::uint32_t n) noexcept { return inodes_[n]; }
    /// Directories that are still to be looked at; 0: there are no more.
    void push(std::uint32_t inode) noexcept { queue_[waiting_++] = inode; }
    [[nodiscard]] std::uint32_t pop() noexcept { return waiting_ == 0 ? 0 : queue_[--waiting_]; }

    /// A directory with so many names at most begins. Error: no_memory.
    [[nodiscard]] Status forget_names(std::uint64_t most) noexcept {
        const std::uint64_t limit = std::min<std::uint64_t>(most, std::uint64_t{1} << 24);
        std::size_t slots = 16;
        while (slots < 2 * limit) {
            slots *= 2;
        }
        mask_ = slots - 1;
        left_ = slots / 2;
        return names_.clear(slots);
    }
    /// Names are told apart by 64 bits of a hash: that two share it is as likely as a broken disk.
    [[nodiscard]] bool is_new(std::string_view name) noexcept {
        std::uint64_t hash = 14695981039346656037U;
        for (const char c : name) {
            hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
        }
        hash |= 1;  // 0: an empty slot
        std::size_t at = static_cast<std::size_t>(hash >> 20) & mask_;
        while (names_[at] != 0) {
            if (names_[at] == hash) {
                return false;
            }
            at = (at + 1) & mask_;
        }
        if (left_ > 0) {
            --left_;
            names_[at] = hash;
        }
        return true;
    }

private:
    template <class T>
    class Array {
    public:
        explicit Array(Heap& heap) noexcept : heap_(heap) {}
        ~Array() { drop(); }
        Array(const Array&) = delete;
        Array& operator=(const Array&) = delete;
        [[nodiscard]] Status clear(std::size_t count) noexcept {
            if (count > count_) {
                drop();
                bytes_ = static_cast<T*>(TRY(heap_.allocate(count * sizeof(T))));
                count_ = count;
            }
            std::memset(static_cast<void*>(bytes_), 0, count * sizeof(T));
            return {};
        }
        [[nodiscard]] T& operator[](std::size_t n) noexcept { return bytes_[n]; }

    private:
        void drop() noexcept {
            if (bytes_ != nullptr) {
                heap_.free(bytes_, count_ * sizeof(T));
            }
            bytes_ = nullptr;
            count_ = 0;
        }
        Heap& heap_;
        T* bytes_ = nullptr;
        std::size_t count_ = 0;
    };

    Array<std::uint8_t> claimed_;
    Array<CheckedInode> inodes_;
    Array<std::uint32_t> queue_;
    Array<std::uint64_t> names_;
    std::size_t waiting_ = 0, mask_ = 0, left_ = 0;
};

}  // namespace kidney::fs::kfs
