/// Rows of quads against a map with one entry per frame: what is free, and which frees are right.
#include "mm/frames/quad_rows.hpp"

#include "tests/laws/report.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace kidney::mm {
namespace {

constexpr unsigned rows = 64;  // two blocks of the largest order
constexpr unsigned frames = rows * row_bits;

enum : std::int8_t { absent = -3, free_frame = -2, later = -1 };  // or the order of a block

class QuadRowsTest : public testing::Test {
protected:
    QuadRowsTest() : metadata_(QuadRows::metadata_bytes(rows)) {
        rows_.attach(rows, metadata_.data());
        model_.fill(absent);
    }
    void add(unsigned first, unsigned count) {
        for (unsigned i = first; i < first + count; ++i) {
            is_ragged_[i / row_bits] = rows_.add(i / row_bits, 1U << i % row_bits);
            model_[i] = free_frame;
        }
    }
    [[nodiscard]] bool is_free(unsigned first, unsigned order) const {
        for (unsigned i = first; i < first + (1U << order); ++i) {
            if (model_[i] != free_frame) {
                return false;
            }
        }
        return true;
    }
    void take(unsigned first, unsigned order) {
        rows_.take(first, order);
        std::fill_n(model_.begin() + first, 1U << order, later);
        model_[first] = static_cast<std::int8_t>(order);
    }
    void give_back(unsigned first, unsigned order) {
        rows_.give_back(first, order);
        std::fill_n(model_.begin() + first, 1U << order, free_frame);
    }
    [[nodiscard]] bool is_live(unsigned first, unsigned order) const {
        return rows_.is_live(first, order, is_ragged_[first / row_bits]);
    }
    void compare() const {
        for (unsigned row = 0; row < rows; ++row) {
            std::uint32_t expected = 0;
            for (unsigned bit = 0; bit < row_bits; ++bit) {
                expected |= (model_[row * row_bits + bit] == free_frame ? 1U : 0U) << bit;
            }
            ASSERT_EQ(rows_.free(row), expected) << "row " << row;
        }
        for (unsigned i = 0; i < frames; ++i) {
            for (unsigned order = 0; order <= max_order.value() + 1U; ++order) {
                ASSERT_EQ(is_live(i, order), model_[i] == static_cast<int>(order))
                    << "frame " << i << " order " << order;
            }
        }
    }
    void churn(laws::Random& random, unsigned steps) {
        for (unsigned step = 0; step < steps; ++step) {
            const unsigned at = random.below(frames);
            const unsigned order = random.below(4) != 0 ? random.below(4) : random.below(11);
            const unsigned first = at & ~((1U << order) - 1);
            if (is_free(first, order)) {
                take(first, order);
            } else if (model_[at] >= 0) {
                give_back(at, static_cast<unsigned>(model_[at]));
            }
        }
    }

    QuadRows rows_;
    std::array<std::int8_t, frames> model_{};
    std::array<bool, rows> is_ragged_{};

private:
    std::vector<std::byte> metadata_;
};

TEST_F(QuadRowsTest, KnowsExactlyWhatIsLive) {
    add(0, frames);
    laws::Random random(1);
    for (int round = 0; round < 60; ++round) {
        churn(random, 400);
        compare();
    }
}

TEST_F(QuadRowsTest, HolesAreNeverLive) {
    laws::Random random(2);
    for (unsigned at = 0; at < frames;) {
        const unsigned count = 1 + random.below(random.below(2) == 0 ? 6 : 90);
        if (random.below(3) != 0) {
            add(at, std::min(count, frames - at));
        }
        at += count;
    }
    for (int round = 0; round < 20; ++round) {
        churn(random, 400);
        compare();
    }
    // Holes may be filled later, beside what is live.
    for (unsigned i = 0; i < frames; ++i) {
        if (model_[i] == absent) {
            add(i, 1);
        }
    }
    churn(random, 400);
    compare();
}

TEST_F(QuadRowsTest, SingleFramesOfARowAreTakenAtOnce) {
    add(0, row_bits);
    take(4, 1);
    rows_.take_singles(0, 0xFFFF'00C5);
    for (unsigned i = 0; i < row_bits; ++i) {
        if ((0xFFFF'00C5U >> i & 1U) != 0) {
            model_[i] = 0;
        }
    }
    compare();
}

}  // namespace
}  // namespace kidney::mm
