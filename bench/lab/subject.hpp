/// The frame allocator under observation. It passes every call on, draws the map, counts what was
/// granted and why the rest was refused, and now and then takes a picture.
#pragma once

#include "bench/lab/album.hpp"
#include "bench/lab/free_map.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace kidney::lab {

/// Any policy that owns its books. One type for all keeps the number of instances of the workloads
/// at one each; what they cost in time is the business of the benchmarks.
class AnyFrames {
public:
    virtual ~AnyFrames() = default;
    [[nodiscard]] virtual Result<FrameNumber> allocate(FrameOrder order) noexcept = 0;
    virtual void free(FrameNumber first, FrameOrder order) noexcept = 0;
};

/// A policy and its books, with all frames of the regions.
template <class Policy>
class Holding final : public AnyFrames {
public:
    Holding(FrameRange span, std::span<const FrameRange> regions)
        : metadata_(Policy::metadata_bytes(span)) {
        policy_.attach(span, metadata_);
        for (const FrameRange region : regions) {
            policy_.add_region(region);
        }
    }
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept override {
        return policy_.allocate(order);
    }
    void free(FrameNumber first, FrameOrder order) noexcept override { policy_.free(first, order); }

private:
    std::vector<std::byte> metadata_;
    Policy policy_;
};

/// How memory looked after so many calls.
struct Picture {
    std::uint64_t calls = 0;
    std::uint32_t free = 0;
    ByOrder whole{};
    std::string regions;  ///< one digit each, base 36: 0 is empty, z is full
};

/// Requests by order of block.
struct Requests {
    std::array<std::uint64_t, orders> asked{};
    std::array<std::uint64_t, orders> full{};       ///< refused: fewer frames were free
    std::array<std::uint64_t, orders> scattered{};  ///< refused: enough were free, no block whole
    std::array<std::uint64_t, orders> missed{};     ///< refused: there was a whole block
};

class Subject {
public:
    /// `frames` is a multiple of `region_frames`; what is in no range of `added` counts as taken.
    Subject(std::unique_ptr<AnyFrames> policy, std::uint32_t frames, std::uint32_t region_frames,
            std::span<const FrameRange> added)
        : policy_(std::move(policy)), map_(frames), region_frames_(region_frames) {
        for (const FrameRange range : added) {
            map_.give_back(range);
        }
        take_picture();
    }

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) {
        ++requests_.asked[order.value()];
        const Result<FrameNumber> block = policy_->allocate(order);
        if (block) {
            if (map_.overlaps(*block, order)) {
                die("allocate", *block, order);
            }
            map_.take(*block, order);
        } else if (map_.free() < order.frames()) {
            ++requests_.full[order.value()];
        } else if (map_.whole()[order.value()] == 0) {
            ++requests_.scattered[order.value()];
        } else {
            ++requests_.missed[order.value()];
        }
        tick();
        return block;
    }
    void free(FrameNumber first, FrameOrder order) {
        policy_->free(first, order);
        map_.give_back(first, order);
        tick();
    }

    /// Frames that the allocator gives in blocks of each order, asked for one order at a time. Not
    /// part of the pictures and counts.
    [[nodiscard]] ByOrder granted_now() {
        ByOrder granted{};
        std::vector<FrameNumber> got;
        for (unsigned k = 0; k < orders; ++k) {
            const FrameOrder order(static_cast<std::uint8_t>(k));
            while (const Result<FrameNumber> block = policy_->allocate(order)) {
                got.push_back(*block);
            }
            granted[k] = static_cast<std::uint32_t>(got.size()) << k;
            for (const FrameNumber first : got) {
                policy_->free(first, order);
            }
            got.clear();
        }
        return granted;
    }

    [[nodiscard]] const FreeMap& map() const noexcept { return map_; }
    [[nodiscard]] const Requests& requests() const noexcept { return requests_; }
    [[nodiscard]] const Album<Picture>& album() const noexcept { return album_; }
    void finish() {
        if (album_.wants_a_last_one()) {
            take_picture();
        }
    }

private:
    void tick() {
        if (album_.tick()) {
            take_picture();
        }
    }
    void take_picture() {
        Picture picture{album_.calls(), map_.free(), map_.whole(), {}};
        for (std::uint32_t i = 0; i < map_.frames(); i += region_frames_) {
            picture.regions.push_back(level_digit(map_.used(i, region_frames_), region_frames_));
        }
        album_.add(std::move(picture));
    }
    [[noreturn]] void die(const char* call, FrameNumber first, FrameOrder order) const {
        std::fprintf(stderr, "call %llu: %s(%u) -> frame %u, which is not a free block\n",
                     static_cast<unsigned long long>(album_.calls() + 1), call, order.value(),
                     first.value());
        std::exit(1);
    }

    std::unique_ptr<AnyFrames> policy_;
    FreeMap map_;
    std::uint32_t region_frames_;
    Requests requests_;
    Album<Picture> album_;
};

}  // namespace kidney::lab
