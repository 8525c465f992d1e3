/// Collects directory entries as getdents64 returns them.
#pragma once

#include "kidney/fs/vnode.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::kernel {

/// struct linux_dirent64 records in kernel memory: the file system holds its lock while it fills
/// them, so the copy to the program comes afterwards.
class DirectoryBuffer final : public fs::DirectorySink {
public:
    static constexpr std::size_t capacity = 2048;

    explicit DirectoryBuffer(std::size_t room) noexcept : room_(std::min(room, capacity)) {}

    bool accept(const fs::DirectoryEntry& entry) noexcept override {
        constexpr std::size_t name_at = 19;
        const std::size_t length = (name_at + entry.name.size() + 1 + 7) & ~std::size_t{7};
        if (length > room_ - used_) {
            full_ = true;
            return false;
        }
        std::byte* const record = &bytes_[used_];
        std::memset(record, 0, length);
        const auto record_length = static_cast<std::uint16_t>(length);
        const std::uint8_t type = type_of(entry.type);
        std::memcpy(record, &entry.inode, 8);
        std::memcpy(record + 8, &entry.next_cookie, 8);
        std::memcpy(record + 16, &record_length, 2);
        std::memcpy(record + 18, &type, 1);
        std::memcpy(record + name_at, entry.name.data(), entry.name.size());
        used_ += length;
        return true;
    }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
        return std::span(bytes_).first(used_);
    }
    [[nodiscard]] bool was_full() const noexcept { return full_; }

    struct Records {
        std::uint32_t bytes = 0;
        std::uint64_t next_cookie = 0;  ///< behind the last of them
    };
    /// The records that lie wholly in the first `size` bytes; there may be none.
    [[nodiscard]] Records whole_records(std::size_t size) const noexcept {
        Records whole;
        while (whole.bytes < used_) {
            const std::byte* const record = &bytes_[whole.bytes];
            std::uint16_t length = 0;
            std::memcpy(&length, record + 16, 2);
            if (whole.bytes + length > size) {
                break;
            }
            std::memcpy(&whole.next_cookie, record + 8, 8);
            whole.bytes += length;
        }
        return whole;
    }

private:
    /// DT_*: the file type bits of st_mode, shifted.
    [[nodiscard]] static constexpr std::uint8_t type_of(fs::NodeType type) noexcept {
        switch (type) {
            case fs::NodeType::regular:
                return 8;
            case fs::NodeType::directory:
                return 4;
            case fs::NodeType::symlink:
                return 10;
            case fs::NodeType::character:
                return 2;
            case fs::NodeType::block:
                return 6;
            case fs::NodeType::fifo:
                return 1;
            case fs::NodeType::socket:
                return 12;
        }
        return 0;
    }

    std::size_t room_;
    std::size_t used_ = 0;
    bool full_ = false;
    std::array<std::byte, capacity> bytes_;
};

}  // namespace kidney::kernel
