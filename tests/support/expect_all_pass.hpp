/// GoogleTest's word for an exploration: every schedule keeps what the scenario requires.
#pragma once

#include "sim/explorer.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <iostream>

namespace kidney::test {

/// Explores `Scenario` (see sim::explore) and says how many schedules there were. A failure names
/// the schedule, with which sim::replay shows it again.
template <class Scenario>
void expect_all_pass(std::size_t preemptions) {
    const sim::Exploration all = sim::explore<Scenario>({.preemptions = preemptions});
    EXPECT_TRUE(all.passed()) << all.failure << "; schedule " << all.schedule;
    testing::Test::RecordProperty("schedules", static_cast<int>(all.schedules));
    std::cout << "             " << all.schedules << " schedules, preemptions at most "
              << preemptions << '\n';
}

}  // namespace kidney::test
