/// Other people's file systems as stores of files.
#pragma once

#include "bench/workloads/file_store.hpp"

#include <memory>

namespace kidney::bench {

[[nodiscard]] std::unique_ptr<FileStore> make_fatfs();
[[nodiscard]] std::unique_ptr<FileStore> make_littlefs();

}  // namespace kidney::bench
