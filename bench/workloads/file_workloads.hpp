/// What programs do with files, row by row: the same for benchmarks, the laboratory and the tests
/// that count commands. Same scale, same seed, same calls.
///
/// A workload makes ready what it needs, and measures the rest. What is measured ends with a sync
/// where it changes something, because what is not on the disk was not written yet. Names are short
/// ones of FAT (8.3) unless a workload says otherwise.
#pragma once

#include "bench/workloads/file_store.hpp"

#include <cstdint>
#include <vector>

namespace kidney::bench {

struct FileScale {
    std::uint32_t large_kib = 32 * 1024;  ///< of the large file
    std::uint32_t files = 1000;           ///< in a directory of the ordinary size
    std::uint32_t many = 10'000;          ///< in a large one
    std::uint32_t blocks = 8192;          ///< 4 KiB each, read or written in no order
    std::uint32_t appends = 65'536;       ///< of a byte
    std::uint32_t synced = 1000;          ///< operations with a sync after each
    std::uint32_t rounds = 16;            ///< how often what changes nothing is done
    std::uint32_t seed = 1;
};

/// Takes a second and not a minute, also under the sanitizers.
inline constexpr FileScale small_files{.large_kib = 2048,
                                       .files = 100,
                                       .many = 200,
                                       .blocks = 256,
                                       .appends = 4096,
                                       .synced = 50,
                                       .rounds = 1};

class Files;  // a store, and what a workload needs around it
struct FileWorkload {
    const char* name;
    Status (*run)(Files& files);
};

[[nodiscard]] std::vector<FileWorkload> file_workloads();
/// Of an empty file system, which goes away with all that is in it. `scale` is cut to what the
/// store takes. Errors: those of the file system.
[[nodiscard]] Result<Measured> measure(const FileWorkload& workload, FileStore& store,
                                       FileScale scale);

}  // namespace kidney::bench
