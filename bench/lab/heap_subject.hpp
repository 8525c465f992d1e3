/// The heap under observation. It passes every call on, keeps account of every object and every
/// frame itself, and now and then takes a picture.
#pragma once

#include "bench/lab/album.hpp"
#include "kidney/core/address.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "tests/support/heap_environment.hpp"
#include "tests/support/memory_machine.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace kidney::lab {

/// The frames below the heap: a buddy allocator, and which of them the heap holds.
class HeldFrames {
public:
    explicit HeldFrames(std::uint32_t frames) : machine_(frames), is_held_(frames, false) {}

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const Result<FrameNumber> first = machine_.frames.allocate(order);
        if (first) {
            note(*first, order, true);
        }
        return first;
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        machine_.frames.free(first, order);
        note(first, order, false);
    }
    [[nodiscard]] std::uint32_t held() const noexcept { return held_; }
    [[nodiscard]] bool is_held(std::uint32_t frame) const { return is_held_[frame]; }
    [[nodiscard]] std::uint32_t frames() const {
        return static_cast<std::uint32_t>(is_held_.size());
    }
    [[nodiscard]] sim::RamArena& ram() noexcept { return machine_.ram; }

private:
    void note(FrameNumber first, FrameOrder order, bool is_held) {
        std::fill_n(is_held_.begin() + first.value(), order.frames(), is_held);
        held_ += is_held ? order.frames() : 0U - order.frames();
    }

    test::MemoryMachine machine_;
    std::vector<bool> is_held_;
    std::uint32_t held_ = 0;
};

/// Any policy. One type for all keeps the number of instances of the workloads at one each.
class AnyHeap {
public:
    virtual ~AnyHeap() = default;
    [[nodiscard]] virtual Result<void*> allocate(std::size_t bytes) noexcept = 0;
    virtual void free(void* object, std::size_t bytes) noexcept = 0;
    virtual void reclaim() noexcept = 0;
    /// What an object of so many bytes takes away from others, as far as the policy tells.
    [[nodiscard]] virtual std::size_t granted(std::size_t bytes) const noexcept = 0;
};

template <class Policy>
class HoldingHeap final : public AnyHeap {
public:
    explicit HoldingHeap(HeldFrames& frames) : heap_(frames, frames.ram()) {}
    [[nodiscard]] Result<void*> allocate(std::size_t bytes) noexcept override {
        return heap_.allocate(bytes);
    }
    void free(void* object, std::size_t bytes) noexcept override { heap_.free(object, bytes); }
    void reclaim() noexcept override {
        if constexpr (mm::ReclaimableHeap<Heap>) {
            static_cast<void>(heap_.reclaim());
        }
    }
    [[nodiscard]] std::size_t granted(std::size_t bytes) const noexcept override {
        if constexpr (requires { Heap::granted(bytes); }) {
            return Heap::granted(bytes);
        } else {
            return bytes;
        }
    }

private:
    using Heap = typename Policy::template Heap<test::TestHeapEnvironment<HeldFrames>>;
    Heap heap_;
};

/// How it was after so many calls.
struct HeapPicture {
    std::uint64_t calls = 0;
    std::uint64_t asked = 0;    ///< bytes of live objects
    std::uint64_t granted = 0;  ///< with what the policy rounds them up to
    std::uint32_t held = 0;     ///< frames
    /// A character for each part of memory: '.' if the heap holds nothing of it, else how much of
    /// what it holds is in live objects.
    std::string regions;
};

class HeapSubject {
public:
    static constexpr std::uint32_t regions = 64;

    struct Object {
        void* place;
        std::uint32_t bytes;
    };

    HeapSubject(std::unique_ptr<AnyHeap> heap, HeldFrames& frames)
        : heap_(std::move(heap)),
          frames_(frames),
          first_(frames.ram().direct(FrameNumber(0)).data()),
          live_(std::size_t{frames.frames()} * page_size / granule / 64 + 1),
          live_bytes_(frames.frames()) {
        take_picture();
    }

    /// False: refused.
    bool allocate(std::vector<Object>& to, std::size_t bytes) {
        ++requests_;
        const Result<void*> place = heap_->allocate(bytes);
        if (place) {
            const Object object{*place, static_cast<std::uint32_t>(bytes)};
            mark(object, true);
            to.push_back(object);
        } else {
            ++refused_;
        }
        tick();
        return place.has_value();
    }
    /// The last one takes its place in the list.
    void free(std::vector<Object>& from, std::size_t which) {
        const Object object = from[which];
        from[which] = from.back();
        from.pop_back();
        mark(object, false);
        heap_->free(object.place, object.bytes);
        tick();
    }
    /// What it keeps for later.
    void reclaim() { heap_->reclaim(); }

    /// Bytes of memory, and of those in live objects.
    [[nodiscard]] std::size_t memory() const { return std::size_t{frames_.frames()} * page_size; }
    [[nodiscard]] std::size_t asked() const noexcept { return asked_; }
    [[nodiscard]] std::size_t held_bytes() const { return std::size_t{frames_.held()} * page_size; }

    [[nodiscard]] const Album<HeapPicture>& album() const noexcept { return album_; }
    [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
    /// When most was asked for.
    [[nodiscard]] const HeapPicture& peak() const noexcept { return peak_; }
    void finish() {
        if (album_.wants_a_last_one()) {
            take_picture();
        }
    }

private:
    static constexpr std::size_t granule = 16;

    /// Of the object's granules. They must have been free, and in frames that the heap holds.
    void mark(const Object& object, bool is_live) {
        const auto offset =
            static_cast<std::size_t>(static_cast<std::byte*>(object.place) - first_);
        const std::size_t end = offset + object.bytes;
        if (offset % std::min<std::size_t>(granule, std::bit_floor(object.bytes)) != 0 ||
            end > memory()) {
            die(object, "is not a place for it");
        }
        for (std::size_t n = offset / granule; n <= (end - 1) / granule; ++n) {
            const std::uint64_t bit = std::uint64_t{1} << n % 64;
            if (((live_[n / 64] & bit) != 0) == is_live) {
                die(object, "lies in another one");
            }
            live_[n / 64] ^= bit;
        }
        for (std::size_t at = offset; at < end;) {
            const std::size_t frame = at / page_size;
            const std::size_t bytes = std::min((frame + 1) * page_size, end) - at;
            if (!frames_.is_held(static_cast<std::uint32_t>(frame))) {
                die(object, "lies in a frame that is not the heap's");
            }
            live_bytes_[frame] += static_cast<std::uint16_t>(is_live ? bytes : 0 - bytes);
            at += bytes;
        }
        asked_ += is_live ? object.bytes : std::size_t{0} - object.bytes;
        const std::size_t granted = heap_->granted(object.bytes);
        granted_ += is_live ? granted : std::size_t{0} - granted;
    }
    void tick() {
        if (asked_ > peak_.asked) {
            peak_ = {album_.calls() + 1, asked_, granted_, frames_.held(), {}};
        }
        if (album_.tick()) {
            take_picture();
        }
    }
    void take_picture() {
        HeapPicture picture{album_.calls(), asked_, granted_, frames_.held(), {}};
        const std::uint32_t per_region = frames_.frames() / regions;
        for (std::uint32_t i = 0; i < regions; ++i) {
            std::uint64_t held = 0;
            std::uint64_t live = 0;
            for (std::uint32_t frame = i * per_region; frame < (i + 1) * per_region; ++frame) {
                held += frames_.is_held(frame) ? page_size : 0;
                live += live_bytes_[frame];
            }
            picture.regions.push_back(held == 0 ? '.' : level_digit(live, held));
        }
        album_.add(std::move(picture));
    }
    [[noreturn]] void die(const Object& object, const char* what) const {
        std::fprintf(stderr, "call %llu: an object of %u bytes %s\n",
                     static_cast<unsigned long long>(album_.calls() + 1), object.bytes, what);
        std::exit(1);
    }

    std::unique_ptr<AnyHeap> heap_;
    HeldFrames& frames_;
    const std::byte* first_;
    std::vector<std::uint64_t> live_;        ///< a bit for each granule of memory
    std::vector<std::uint16_t> live_bytes_;  ///< by frame
    std::size_t asked_ = 0;
    std::size_t granted_ = 0;
    std::uint64_t requests_ = 0;
    std::uint64_t refused_ = 0;
    HeapPicture peak_;
    Album<HeapPicture> album_;
};

}  // namespace kidney::lab
