/// A file with a disk in it, as a block device.
#pragma once

#include "fs/block/partition_slice.hpp"
#include "kidney/fs/block_device.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>

namespace kidney::image {

inline constexpr std::uint32_t sector_size = 512;

/// Shows all of the file, or one partition of it. If it is only looked at, what is written stays in
/// memory. As long as it is open nobody else changes the file, as far as they ask: others of us,
/// and QEMU, whose way of locking this is. Models BlockDevice. Concurrency: none.
class ImageFile {
public:
    enum class Use : std::uint8_t { look, change };

    ImageFile() = default;
    ~ImageFile();
    ImageFile(const ImageFile&) = delete;
    ImageFile& operator=(const ImageFile&) = delete;

    /// Once. Returns what is wrong, in words; empty: nothing.
    [[nodiscard]] std::string open(const std::string& path, Use use);
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] bool changes() const { return use_ == Use::change; }
    [[nodiscard]] std::uint64_t file_bytes() const { return bytes_; }

    /// From now on only these blocks of the file.
    void narrow(const fs::BlockRun& run) { window_ = run; }
    void widen() { window_ = {fs::BlockIndex(0), bytes_ / sector_size}; }
    [[nodiscard]] const fs::BlockRun& window() const { return window_; }
    /// Has no byte but zeros.
    [[nodiscard]] bool is_blank() const;
    /// Is on the disk of this machine.
    [[nodiscard]] bool store() const;

    [[nodiscard]] Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept;
    [[nodiscard]] Status write(fs::BlockIndex first, std::span<const std::byte> from) noexcept;
    /// What a power cut of this machine may do to an image is not what a file system can help; what
    /// was written is with the host's kernel, and there is one store() at the end.
    [[nodiscard]] static Status flush() noexcept { return {}; }
    [[nodiscard]] static std::uint32_t block_size() noexcept { return sector_size; }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return window_.blocks; }

private:
    [[nodiscard]] bool lock() const;

    std::string path_;
    int file_ = -1;
    Use use_ = Use::look;
    std::uint64_t bytes_ = 0;
    fs::BlockRun window_;
    std::unordered_map<std::uint64_t, std::array<std::byte, sector_size>> changed_;
};
static_assert(fs::BlockDevice<ImageFile>);

}  // namespace kidney::image
