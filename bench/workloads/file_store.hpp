/// `FileStore`, what the workloads of files ask of a file system: ours, somebody else's, or a map
/// in memory. Paths are "a/b/c" from the root.
#pragma once

#include "kidney/core/result.hpp"
#include "tests/fakes/counting_disk.hpp"

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <span>
#include <string_view>

namespace kidney::bench {

using fakes::DiskCost;

/// Each call moves all the bytes or fails. Closed when it is destroyed.
class OpenFile {
public:
    virtual ~OpenFile() = default;
    [[nodiscard]] virtual Status read(std::uint64_t at, std::span<std::byte> to) = 0;
    [[nodiscard]] virtual Status write(std::uint64_t at, std::span<const std::byte> from) = 0;
    [[nodiscard]] virtual Status append(std::span<const std::byte> from) = 0;
    [[nodiscard]] virtual Status sync() = 0;
};
using FilePtr = std::unique_ptr<OpenFile>;

/// Virtual, so that a row of workloads is one function for all; that costs a few nanoseconds.
class FileStore {
public:
    virtual ~FileStore() = default;
    [[nodiscard]] virtual const char* name() const noexcept = 0;
    /// What fits into a file and, within a reasonable time, into a directory.
    [[nodiscard]] virtual std::uint32_t most_kib() const noexcept { return ~0U; }
    [[nodiscard]] virtual std::uint32_t most_files() const noexcept { return ~0U; }

    /// An empty one, whatever was here before; memory that it had is kept. Error: not_supported (a
    /// tool is missing that makes the empty one).
    [[nodiscard]] virtual Status start() = 0;
    /// Nobody has a file open.
    virtual void stop() noexcept = 0;
    /// Nothing is left in any cache, where there is a disk that keeps it.
    [[nodiscard]] virtual Status remount() = 0;
    [[nodiscard]] virtual Status sync() = 0;

    [[nodiscard]] virtual Status make_directory(std::string_view path) = 0;
    [[nodiscard]] virtual Result<FilePtr> create(std::string_view path) = 0;
    [[nodiscard]] virtual Result<FilePtr> open(std::string_view path) = 0;
    /// Error: not_found.
    [[nodiscard]] virtual Status look_up(std::string_view path) = 0;
    [[nodiscard]] virtual Status rename(std::string_view from, std::string_view to) = 0;
    [[nodiscard]] virtual Status unlink(std::string_view path) = 0;
    /// How many names are in it.
    [[nodiscard]] virtual Result<std::size_t> list(std::string_view path) = 0;

    /// Null: it has none.
    [[nodiscard]] virtual fakes::CountingDisk* disk() noexcept = 0;
    [[nodiscard]] DiskCost cost() noexcept { return disk() == nullptr ? DiskCost() : disk()->cost; }
};

/// The last component of a path, and what is before it; the root is "".
[[nodiscard]] inline std::string_view leaf_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}
[[nodiscard]] inline std::string_view parent_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

/// What a workload has found.
struct Measured {
    std::uint64_t operations = 0;
    std::uint64_t bytes = 0;          ///< that the files' user moved
    std::uint64_t first_command = 0;  ///< how many the disk had been given before, flushes as well
    DiskCost cost;
    std::int64_t nanoseconds = 0;  ///< of this thread's CPU time

    [[nodiscard]] double each(std::uint64_t count) const noexcept {
        return static_cast<double>(count) / static_cast<double>(operations);
    }
    [[nodiscard]] std::uint64_t commands() const noexcept { return cost.reads + cost.writes; }
    [[nodiscard]] std::uint64_t disk_bytes() const noexcept {
        return (cost.sectors_read + cost.sectors_written) * fakes::CountingDisk::sector_size;
    }
};

[[nodiscard]] inline std::int64_t thread_nanoseconds() noexcept {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace kidney::bench
