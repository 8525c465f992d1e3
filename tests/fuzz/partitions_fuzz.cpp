/// A disk of 64 blocks that begins with the input; a GPT's checksums are made right, so that the
/// fuzzer comes to what is behind them.
#include "fs/partitions/read_partitions.hpp"
#include "kidney/core/assert.hpp"
#include "tests/fakes/fake_disk.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace kidney::fs {
namespace {

constexpr std::size_t blocks = 64;

void seal(std::span<std::byte> disk) {
    const std::size_t size = number_at<std::uint32_t>(disk, 512 + 12) % 420 + 92;
    const auto at = static_cast<std::size_t>(number_at<std::uint64_t>(disk, 512 + 72) % blocks);
    const std::size_t bytes =
        std::min<std::size_t>(std::uint64_t{number_at<std::uint32_t>(disk, 512 + 80)} *
                                  number_at<std::uint32_t>(disk, 512 + 84),
                              disk.size() - at * 512);
    Crc32 list;
    list.add(disk.subspan(at * 512, bytes));
    std::uint32_t value = list.value();
    std::memcpy(disk.data() + 512 + 88, &value, sizeof(value));
    const auto header = disk.subspan(512, std::min<std::size_t>(size, 512));
    std::memset(header.data() + 16, 0, 4);
    Crc32 crc;
    crc.add(header);
    value = crc.value();
    std::memcpy(header.data() + 16, &value, sizeof(value));
}

void read(std::span<const std::uint8_t> input) {
    std::vector<std::byte> bytes(blocks * 512);
    std::memcpy(bytes.data(), input.data(), std::min(input.size(), bytes.size()));
    seal(bytes);
    fakes::FakeDisk disk(bytes, 512);
    std::array<std::byte, 512> block{};
    PartitionTable table;
    ignore_error(read_partition_table(disk, block, table), "a damaged table may be refused");
    for (const Partition& p : table.partitions.view()) {
        KIDNEY_INVARIANT(p.run.blocks > 0 && p.run.first.value() < blocks &&
                             p.run.blocks <= blocks - p.run.first.value(),
                         "a partition outside of the disk");
    }
}

}  // namespace
}  // namespace kidney::fs

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    kidney::fs::read({data, size});
    return 0;
}
