/// A disk that takes requests, keeps them for a while, ends them in an order of its own and loses
/// power on command.
#pragma once

#include "fs/block/immediate_requests.hpp"
#include "tests/fakes/fake_disk.hpp"
#include "tests/laws/report.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::fakes {

/// Time is poll(): each call ends one request. Concurrency: none.
class FakeRequestDisk {
public:
    FakeRequestDisk(std::uint64_t blocks, std::uint32_t block_size, std::uint32_t seed = 1)
        : disk_(blocks, block_size), random_(seed) {}

    // Knobs.
    bool at_once = false;     ///< ends requests inside submit()
    bool in_order = false;    ///< else any that is in flight may be next
    bool answers = true;      ///< false: ends nothing
    unsigned patience = 100;  ///< polls without an answer, until everything has timed out

    // What it saw.
    std::size_t submitted = 0;
    std::size_t in_flight = 0;
    std::size_t most_in_flight = 0;
    [[nodiscard]] FakeDisk& disk() noexcept { return disk_; }

    void submit(fs::BlockRequest& request) noexcept {
        ++submitted;
        if (at_once && answers) {
            immediate_.submit(request);
            return;
        }
        waiting_.push_back(request);
        ++in_flight;
        most_in_flight = in_flight > most_in_flight ? in_flight : most_in_flight;
    }
    void poll() noexcept {
        if (in_flight == 0) {
            return;
        }
        if (answers) {
            silent_polls_ = 0;
            immediate_.submit(take());
        } else if (++silent_polls_ >= patience) {
            silent_polls_ = 0;
            for (std::size_t n = in_flight; n > 0; --n) {
                take().complete(fail(Errc::timed_out));
            }
        }
    }
    void fall_silent() noexcept { answers = false; }
    template <class Survives>
    void crash(Survives&& survives) {
        disk_.crash(survives);
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return disk_.block_size(); }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return disk_.block_count(); }

private:
    [[nodiscard]] fs::BlockRequest& take() noexcept {
        auto next = waiting_.begin();
        if (!in_order) {
            const auto all = static_cast<std::uint32_t>(in_flight);
            for (std::uint32_t skip = random_.below(all); skip > 0; --skip) {
                ++next;
            }
        }
        fs::BlockRequest& request = *next;
        waiting_.erase(next);
        --in_flight;
        return request;
    }

    FakeDisk disk_;
    fs::ImmediateRequests<FakeDisk> immediate_{disk_};
    laws::Random random_;
    fs::RequestList waiting_;
    unsigned silent_polls_ = 0;
};

static_assert(fs::RequestDevice<FakeRequestDisk>);

}  // namespace kidney::fakes
