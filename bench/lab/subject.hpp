/// The frame allocator under observation. It passes every call on, draws the map, counts what was
/// granted and why the rest was refused, and now and then takes a picture.
#pragma once

#include "bench/lab/free_map.hpp"

#include <algorithm>
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
    static constexpr std::size_t pictures_at_most = 128;

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
    [[nodiscard]] std::uint64_t calls() const noexcept { return calls_; }
    [[nodiscard]] const std::vector<Picture>& pictures() const noexcept { return pictures_; }
    void finish() {
        if (pictures_.back().calls != calls_) {
            take_picture();
        }
    }

private:
    void tick() {
        if (++calls_ % stride_ != 0) {
            return;
        }
        if (pictures_.size() == pictures_at_most) {
            // Nobody knows beforehand how long a run is: keep every second, go on half as often.
            std::size_t kept = 1;
            for (std::size_t i = 2; i < pictures_.size(); i += 2) {
                pictures_[kept++] = std::move(pictures_[i]);
            }
            pictures_.resize(kept);
            stride_ *= 2;
            if (calls_ % stride_ != 0) {
                return;
            }
        }
        take_picture();
    }
    void take_picture() {
        Picture picture{calls_, map_.free(), map_.whole(), {}};
        for (std::uint32_t i = 0; i < map_.frames(); i += region_frames_) {
            const std::uint32_t used = map_.used(i, region_frames_);
            // Empty and full are exact; what is between them never looks like either.
            const std::uint32_t level = used == 0 ? 0
                                        : used < region_frames_
                                            ? std::clamp(35 * used / region_frames_, 1U, 34U)
                                            : 35;
            picture.regions.push_back("0123456789abcdefghijklmnopqrstuvwxyz"[level]);
        }
        pictures_.push_back(std::move(picture));
    }
    [[noreturn]] void die(const char* call, FrameNumber first, FrameOrder order) const {
        std::fprintf(stderr, "call %llu: %s(%u) -> frame %u, which is not a free block\n",
                     static_cast<unsigned long long>(calls_ + 1), call, order.value(),
                     first.value());
        std::exit(1);
    }

    std::unique_ptr<AnyFrames> policy_;
    FreeMap map_;
    std::uint32_t region_frames_;
    Requests requests_;
    std::uint64_t calls_ = 0;
    std::uint64_t stride_ = 1;
    std::vector<Picture> pictures_;
};

}  // namespace kidney::lab
