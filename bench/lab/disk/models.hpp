/// Disks that take as long as disks take, and move nothing.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/time.hpp"
#include "kidney/fs/block_request.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kidney::lab {

/// Stands still until it is told.
struct LabClock {
    static inline Instant time;
    static Instant now() noexcept { return time; }
};

/// A command that a disk was given: when it was through, and with what.
struct Moved {
    Instant end;
    std::uint64_t first = 0;
    std::uint64_t blocks = 0;
    bool is_read = true;
};

/// What the models share: commands in flight, and what became of them.
class ModelledDevice {
public:
    static constexpr std::uint32_t bytes_per_block = 512;

    [[nodiscard]] static std::uint32_t block_size() noexcept { return bytes_per_block; }
    /// Ends what is due.
    void poll() noexcept {
        while (!flights_.empty() && flights_.front().end <= LabClock::time) {
            fs::BlockRequest& request = *flights_.front().request;
            flights_.erase(flights_.begin());
            request.complete({});
        }
    }
    /// When the next command ends; never: none is in flight.
    [[nodiscard]] Instant next_end() const noexcept {
        return flights_.empty() ? Instant::never() : flights_.front().end;
    }
    [[nodiscard]] const std::vector<Moved>& moved() const noexcept { return moved_; }

protected:
    void fly(fs::BlockRequest& request, Instant end) {
        const auto behind = std::find_if(flights_.begin(), flights_.end(),
                                         [&](const Flight& flight) { return flight.end > end; });
        flights_.insert(behind, {end, &request});
        moved_.push_back({end, request.first.value(), request.bytes() / bytes_per_block,
                          request.operation == fs::BlockOperation::read});
    }

private:
    struct Flight {
        Instant end;
        fs::BlockRequest* request;
    };
    std::vector<Flight> flights_;  ///< by their end
    std::vector<Moved> moved_;
};

/// A disk with a head, and without a cache of its own: the HP 97560 of 1992, of which seek curve,
/// rotation and geometry are published. One command at a time.
///
/// Source: Ruemmler, Wilkes, "An Introduction to Disk Drive Modeling", IEEE Computer 27(3), 1994.
class HeadDisk : public ModelledDevice {
public:
    static constexpr const char* name = "disk";
    static constexpr std::size_t depth = 1;
    static constexpr std::uint64_t blocks_per_track = 72;
    static constexpr std::uint64_t blocks_per_cylinder = blocks_per_track * 19;
    static constexpr std::uint64_t cylinders = 1962;
    static constexpr std::int64_t turn = 14'992'504;  ///< nanoseconds: 4002 rounds a minute

    [[nodiscard]] static std::uint64_t block_count() noexcept {
        return cylinders * blocks_per_cylinder;
    }
    void submit(fs::BlockRequest& request) noexcept {
        const std::uint64_t first = request.first.value();
        const std::uint64_t blocks = request.bytes() / bytes_per_block;
        const std::uint64_t to = first / blocks_per_cylinder;
        const std::uint64_t way = to > cylinder_ ? to - cylinder_ : cylinder_ - to;
        const Instant there = LabClock::time + seek(way);
        // The platter has turned all the while; wait for the first block to come round.
        const auto at = static_cast<std::int64_t>(there.nanoseconds() % turn);
        const std::int64_t place = static_cast<std::int64_t>(first % blocks_per_track) * a_block;
        const std::int64_t wait = (place - at + turn) % turn;
        travel_ += way;
        cylinder_ = (first + blocks - 1) / blocks_per_cylinder;
        fly(request,
            there + Duration::nanoseconds(wait + static_cast<std::int64_t>(blocks) * a_block));
    }
    [[nodiscard]] std::uint64_t head() const noexcept { return cylinder_ * blocks_per_cylinder; }
    /// Cylinders that the head has crossed.
    [[nodiscard]] std::uint64_t travel() const noexcept { return travel_; }

private:
    static constexpr std::int64_t a_block = turn / static_cast<std::int64_t>(blocks_per_track);

    /// Short ways: the arm speeds up and slows down. Long ones: it moves at its full speed.
    [[nodiscard]] static Duration seek(std::uint64_t way) noexcept {
        if (way == 0) {
            return {};
        }
        return Duration::microseconds(way <= 383 ? 3240 + 4 * root(10'000 * way)
                                                 : 8000 + 8 * static_cast<std::int64_t>(way));
    }
    /// The whole part of the root.
    [[nodiscard]] static std::int64_t root(std::uint64_t of) noexcept {
        std::uint64_t low = 0;
        for (std::uint64_t bit = std::uint64_t{1} << 20; bit > 0; bit /= 2) {
            low += (low + bit) * (low + bit) <= of ? bit : 0;
        }
        return static_cast<std::int64_t>(low);
    }
    std::uint64_t cylinder_ = 0;
    std::uint64_t travel_ = 0;
};

/// Flash without a head: eight channels, each with blocks of its own and one command at a time; a
/// write takes longer than a read, and where it goes makes no difference.
class FlashDisk : public ModelledDevice {
public:
    static constexpr const char* name = "flash";
    static constexpr std::size_t depth = 8;
    static constexpr std::size_t channels = 8;

    [[nodiscard]] static std::uint64_t block_count() noexcept { return HeadDisk::block_count(); }
    void submit(fs::BlockRequest& request) noexcept {
        const bool is_read = request.operation == fs::BlockOperation::read;
        const auto blocks = static_cast<std::int64_t>(request.bytes() / bytes_per_block);
        Instant& free_at = free_at_[request.first.value() / 64 % channels];
        free_at = std::max(free_at, LabClock::time) +
                  Duration::microseconds((is_read ? 80 : 250) + blocks);
        fly(request, free_at);
    }
    [[nodiscard]] static std::uint64_t head() noexcept { return 0; }
    [[nodiscard]] static std::uint64_t travel() noexcept { return 0; }

private:
    std::array<Instant, channels> free_at_{};
};

}  // namespace kidney::lab
