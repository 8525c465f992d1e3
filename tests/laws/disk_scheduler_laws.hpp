/// The laws of `DiskScheduler`, for the host and the kernel's self-test alike.
#pragma once

#include "kidney/core/type_list.hpp"
#include "kidney/fs/disk_scheduler.hpp"
#include "tests/laws/report.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::laws::disk_scheduler {

/// Entries that come and go by chance, and who of them waits.
template <fs::DiskScheduler P>
class Stage {
public:
    static constexpr std::uint32_t disk = 10'000;

    explicit Stage(std::uint32_t seed) noexcept : random_(seed) {}

    /// Everything that is drawn comes from here, so that two stages of one seed are alike.
    void arrive() noexcept {
        const std::uint32_t n = random_.below(most);
        const fs::BlockIndex first(random_.below(disk));
        const std::uint64_t blocks = 1 + random_.below(64);
        const bool is_read = random_.below(3) != 0;
        if (!waits_[n]) {
            entries_[n].first = first;
            entries_[n].blocks = blocks;
            entries_[n].is_read = is_read;
            entries_[n].arrived = now_;
            policy_.add(entries_[n]);
            waits_[n] = true;
            ++waiting_;
        }
    }
    /// The number of the one that was chosen, or `most`.
    [[nodiscard]] std::size_t serve() noexcept {
        now_ = now_ + Duration::milliseconds(1 + random_.below(20));
        fs::DiskEntry* const chosen = policy_.next(head_, now_);
        if (chosen == nullptr) {
            return most;
        }
        const auto n = static_cast<std::size_t>(chosen - entries_.data());
        if (n < most && waits_[n]) {
            take(n);
            head_ = chosen->end();
        }
        return n;
    }
    /// Takes one out that was not chosen.
    void withdraw() noexcept {
        const std::size_t n = random_.below(most);
        if (waits_[n]) {
            take(n);
        }
    }
    [[nodiscard]] bool waits(std::size_t n) const noexcept { return n < most && waits_[n]; }
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
    [[nodiscard]] std::uint32_t draw(std::uint32_t below) noexcept { return random_.below(below); }

    static constexpr std::size_t most = 24;

private:
    void take(std::size_t n) noexcept {
        policy_.remove(entries_[n]);
        waits_[n] = false;
        --waiting_;
    }

    P policy_;
    Random random_;
    std::array<fs::DiskEntry, most> entries_{};
    std::array<bool, most> waits_{};
    std::size_t waiting_ = 0;
    fs::BlockIndex head_;
    Instant now_;
};

template <fs::DiskScheduler P>
struct D1 {
    static constexpr const char* text = "D1 next() names one that waits; null if none does";
    static void check(Report& report) noexcept {
        Stage<P> stage(3);
        LAW_CHECK(report, stage.serve() == stage.most);
        for (int round = 0; round < 3000; ++round) {
            if (stage.draw(2) == 0) {
                stage.arrive();
                continue;
            }
            const std::size_t before = stage.waiting();
            const std::size_t n = stage.serve();
            LAW_CHECK(report, (n == stage.most) == (before == 0));
            LAW_CHECK(report, n == stage.most || (stage.waiting() == before - 1));
        }
    }
};

template <fs::DiskScheduler P>
struct D2 {
    static constexpr const char* text = "D2 remove() takes out that entry and no other";
    static void check(Report& report) noexcept {
        Stage<P> stage(4);
        for (int round = 0; round < 500; ++round) {
            for (int n = 0; n < 8; ++n) {
                stage.arrive();
            }
            stage.withdraw();
            stage.withdraw();
            if (round % 10 == 0) {
                std::size_t served = 0;
                const std::size_t waiting = stage.waiting();
                while (served <= waiting && stage.serve() != stage.most) {
                    ++served;
                }
                LAW_CHECK(report, served == waiting && stage.waiting() == 0);
            }
        }
    }
};

template <fs::DiskScheduler P>
struct D3 {
    static constexpr const char* text = "D3 the same calls give the same answers";
    static void check(Report& report) noexcept {
        Stage<P> one(5);
        Stage<P> other(5);
        for (int round = 0; round < 1000; ++round) {
            one.arrive();
            other.arrive();
            if (round % 2 == 0) {
                LAW_CHECK(report, one.serve() == other.serve());
            }
        }
    }
};

template <fs::DiskScheduler P>
struct D4 {
    static constexpr const char* text = "D4 each entry is chosen in the end";
    static void check(Report& report) noexcept {
        if constexpr (!fs::may_starve<P>()) {
            // One far away, and near the head there is always another one.
            for (const unsigned shape : {0U, 1U, 2U, 3U}) {
                P policy;
                fs::DiskEntry far;
                far.first = fs::BlockIndex(5000);
                far.blocks = 8;
                far.is_read = shape % 2 == 0;
                const bool stays = shape < 2;  // the head is kept in one corner
                policy.add(far);
                std::array<fs::DiskEntry, 2> near{};
                fs::BlockIndex head;
                Instant now;
                std::uint32_t served = 0;
                bool is_chosen = false;
                for (; served < 20'000 && !is_chosen; ++served) {
                    fs::DiskEntry& fresh = near[served % 2];
                    fresh.first = stays ? fs::BlockIndex(100 + served % 2) : head;
                    fresh.blocks = 1;
                    fresh.arrived = now;
                    policy.add(fresh);
                    now = now + Duration::milliseconds(1);
                    fs::DiskEntry* const chosen = policy.next(head, now);
                    LAW_CHECK(report, chosen == &far || chosen == &fresh);
                    is_chosen = chosen == &far;
                    policy.remove(is_chosen ? far : fresh);
                    head = is_chosen ? head : fresh.end();
                }
                LAW_CHECK(report, is_chosen);
            }
        } else {
            report.check(true, "it says that it may starve", __FILE__, __LINE__);
        }
    }
};

template <fs::DiskScheduler P>
using Suite = TypeList<D1<P>, D2<P>, D3<P>, D4<P>>;

}  // namespace kidney::laws::disk_scheduler
