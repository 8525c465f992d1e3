/// What file systems ask of a disk, exactly, row by row of bench/workloads/file_workloads.hpp: a
/// change of these numbers is a change of their speed. A row that fails prints what it costs now;
/// if that is better, or worth it, it is the new line of the table.
#include "bench/workloads/file_systems.hpp"
#include "bench/workloads/file_workloads.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::bench {
namespace {

/// 1 MiB: half of the large file of `small_files`.
constexpr std::uint32_t cache_pages = 256;

struct CostRow {
    const char* workload;
    DiskCost cost;  ///< of all its operations together
};
struct CostTable {
    const char* file_system;
    std::vector<CostRow> rows;
};
void PrintTo(const CostTable& table, std::ostream* to) {
    *to << table.file_system;
}

const std::vector<CostTable>& tables() {
    static const std::vector<CostTable> all{
#include "tests/unit/fs/costs/costs.inc"
    };
    return all;
}

class FileCosts : public ::testing::TestWithParam<CostTable> {};

TEST_P(FileCosts, AreThoseOfTheTable) {
    const std::unique_ptr<FileStore> store = make_file_system(GetParam().file_system, cache_pages);
    ASSERT_NE(store, nullptr);
    if (const Status started = store->start(); !started && started.error() == Errc::not_supported) {
        GTEST_SKIP() << "mke2fs or mkfs.fat is not installed";
    }
    std::size_t rows = 0;
    for (const FileWorkload& workload : file_workloads()) {
        const auto row = std::ranges::find_if(GetParam().rows, [&](const CostRow& r) {
            return std::string_view(r.workload) == workload.name;
        });
        const Result<Measured> measured = measure(workload, *store, small_files);
        ASSERT_TRUE(measured) << workload.name << ": " << to_string(measured.error());
        const DiskCost& c = measured->cost;
        const std::string now =
            "    {\"" + std::string(workload.name) + "\", {" + std::to_string(c.reads) + ", " +
            std::to_string(c.writes) + ", " + std::to_string(c.sectors_read) + ", " +
            std::to_string(c.sectors_written) + ", " + std::to_string(c.flushes) + "}},";
        if (row == GetParam().rows.end()) {
            ADD_FAILURE() << GetParam().file_system << ": no row of this workload:\n" << now;
            continue;
        }
        ++rows;
        EXPECT_EQ(c, row->cost) << GetParam().file_system << ":\n" << now;
    }
    EXPECT_EQ(rows, GetParam().rows.size()) << "a row of the table is no workload";
}
INSTANTIATE_TEST_SUITE_P(Each, FileCosts, ::testing::ValuesIn(tables()),
                         [](const auto& info) { return std::string(info.param.file_system); });

/// The same, when it is done again on memory that was used before.
TEST(FileWorkloads, CostTheSameEachTime) {
    const std::unique_ptr<FileStore> store = make_file_system("kfs", cache_pages);
    for (const FileWorkload& workload : file_workloads()) {
        const Result<Measured> first = measure(workload, *store, small_files);
        const Result<Measured> again = measure(workload, *store, small_files);
        ASSERT_TRUE(first && again) << workload.name;
        EXPECT_EQ(first->cost, again->cost) << workload.name;
        EXPECT_EQ(first->operations, again->operations) << workload.name;
    }
}

}  // namespace
}  // namespace kidney::bench
