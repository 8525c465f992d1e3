/// The algorithms as their papers print them, with lists of names and nothing clever: what the
/// policies are compared with, step by step.
#pragma once

#include "kidney/fs/cache_replacement.hpp"

#include <algorithm>
#include <cstddef>
#include <list>
#include <optional>
#include <vector>

namespace kidney::fs_test {

/// What a cache did at one access.
struct Step {
    bool was_here = false;
    std::optional<fs::PageName> gone;
    friend bool operator==(const Step&, const Step&) = default;
};

/// Names by age: the least recent in front.
class NameList : public std::list<fs::PageName> {
public:
    [[nodiscard]] bool has(fs::PageName name) const {
        return std::find(begin(), end(), name) != end();
    }
    fs::PageName take_oldest() {
        const fs::PageName name = front();
        pop_front();
        return name;
    }
};

/// Corbató: a circle of page frames, a bit for each, a hand.
class PublishedClock {
public:
    explicit PublishedClock(std::size_t c) : c_(c) {}
    Step access(fs::PageName x) {
        for (Frame& frame : frames_) {
            if (frame.page == x) {
                frame.bit = true;
                return {true, {}};
            }
        }
        if (frames_.size() < c_) {
            frames_.push_back({x, false});
            return {};
        }
        while (frames_[hand_].bit) {
            frames_[hand_].bit = false;
            hand_ = (hand_ + 1) % c_;
        }
        const fs::PageName gone = frames_[hand_].page;
        frames_[hand_] = {x, false};
        hand_ = (hand_ + 1) % c_;
        return {false, gone};
    }

private:
    struct Frame {
        fs::PageName page;
        bool bit;
    };
    std::size_t c_;
    std::size_t hand_ = 0;
    std::vector<Frame> frames_;
};

/// Johnson and Shasha, figure 2: "2Q full version".
class PublishedTwoQ {
public:
    explicit PublishedTwoQ(std::size_t c) : c_(c), kin_(c / 4), kout_(c / 2) {}
    Step access(fs::PageName x) {
        if (am_.has(x)) {
            am_.remove(x);
            am_.push_back(x);
            return {true, {}};
        }
        if (a1out_.has(x)) {
            const Step step = reclaim_for();
            a1out_.remove(x);
            am_.push_back(x);
            return step;
        }
        if (a1in_.has(x)) {
            return {true, {}};
        }
        const Step step = reclaim_for();
        a1in_.push_back(x);
        return step;
    }

private:
    Step reclaim_for() {
        if (a1in_.size() + am_.size() < c_) {
            return {};
        }
        if (a1in_.size() > kin_ || am_.empty()) {
            const fs::PageName y = a1in_.take_oldest();
            a1out_.push_back(y);
            if (a1out_.size() > kout_) {
                a1out_.take_oldest();
            }
            return {false, y};
        }
        return {false, am_.take_oldest()};
    }
    std::size_t c_, kin_, kout_;
    NameList a1in_, a1out_, am_;
};

/// Megiddo and Modha, figure 4, with whole numbers.
class PublishedArc {
public:
    explicit PublishedArc(std::size_t c) : c_(c) {}
    Step access(fs::PageName x) {
        if (t1_.has(x) || t2_.has(x)) {  // case I
            t1_.remove(x);
            t2_.remove(x);
            t2_.push_back(x);
            return {true, {}};
        }
        if (b1_.has(x)) {  // case II
            p_ = std::min(p_ + std::max<std::size_t>(1, b2_.size() / b1_.size()), c_);
            const fs::PageName gone = replace(false);
            b1_.remove(x);
            t2_.push_back(x);
            return {false, gone};
        }
        if (b2_.has(x)) {  // case III
            p_ -= std::min(p_, std::max<std::size_t>(1, b1_.size() / b2_.size()));
            const fs::PageName gone = replace(true);
            b2_.remove(x);
            t2_.push_back(x);
            return {false, gone};
        }
        std::optional<fs::PageName> gone;  // case IV
        if (t1_.size() + b1_.size() == c_) {
            if (t1_.size() < c_) {
                b1_.take_oldest();
                gone = replace(false);
            } else {
                gone = t1_.take_oldest();
            }
        } else if (t1_.size() + t2_.size() + b1_.size() + b2_.size() >= c_) {
            if (t1_.size() + t2_.size() + b1_.size() + b2_.size() == 2 * c_) {
                b2_.take_oldest();
            }
            gone = replace(false);
        }
        t1_.push_back(x);
        return {false, gone};
    }

private:
    fs::PageName replace(bool x_is_in_b2) {
        if (!t1_.empty() && ((x_is_in_b2 && t1_.size() == p_) || t1_.size() > p_)) {
            b1_.push_back(t1_.take_oldest());
            return b1_.back();
        }
        b2_.push_back(t2_.take_oldest());
        return b2_.back();
    }
    std::size_t c_, p_ = 0;
    NameList t1_, t2_, b1_, b2_;
};

}  // namespace kidney::fs_test
