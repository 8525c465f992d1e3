/// Our file systems as stores of files, each mounted on a disk in memory that counts.
#pragma once

#include "bench/workloads/file_store.hpp"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace kidney::bench {

/// Their names: tmpfs, kfs, ext2 (blocks of 4 KiB), ext2_1k, fat32 (clusters of 4 KiB), fat16 (of 2
/// KiB), vsfs_log, vsfs.
[[nodiscard]] std::vector<const char*> file_systems();
/// Not started. `cache_pages` are all that its page cache can have; tmpfs, which has its files in
/// pages, gets more, and vsfs has no cache. Null: there is none of this name.
[[nodiscard]] std::unique_ptr<FileStore> make_file_system(std::string_view name,
                                                          std::uint32_t cache_pages);

}  // namespace kidney::bench
