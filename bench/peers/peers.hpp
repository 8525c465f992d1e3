/// Other people's file systems as stores of files.
#pragma once

#include "bench/workloads/file_store.hpp"

#include <memory>

namespace kidney::bench {

[[nodiscard]] std::unique_ptr<FileStore> make_fatfs();
[[nodiscard]] std::unique_ptr<FileStore> make_littlefs();
/// Its ext2, or its ext4 with the journal.
[[nodiscard]] std::unique_ptr<FileStore> make_lwext4(bool has_journal);
/// One at a time.
[[nodiscard]] std::unique_ptr<FileStore> make_xv6();

}  // namespace kidney::bench
