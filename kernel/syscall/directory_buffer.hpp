/// Collects directory entries as getdents64 returns them.
#pragma once

#include "kidney/fs/vnode.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace kidney::kernel {

/// DT_*: the file type bits of st_mode, shifted.
[[nodiscard]] constexpr std::uint8_t directory_type_of(fs::NodeType type) noexcept {
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
        case fs::NodeType::none:
            break;
    }
    return 0;
}

/// struct linux_dirent64 of getdents64. Two numbers, the length of the record, the type, the name.
struct WideDirectoryRecord {
    using Number = std::uint64_t;
    static constexpr std::size_t name_at = 19, alignment = 8, bytes_behind_name = 1;
    static constexpr std::size_t type_at(std::size_t /*length*/) noexcept { return 18; }
};
/// struct linux_dirent of getdents: the type is the last byte.
struct OldDirectoryRecord {
    using Number = std::uint32_t;
    static constexpr std::size_t name_at = 10, alignment = 4, bytes_behind_name = 2;
    static constexpr std::size_t type_at(std::size_t length) noexcept { return length - 1; }
};

/// Records in kernel memory: the file system holds its lock while it fills them, so the copy to the
/// program comes afterwards.
template <class Record>
class DirectoryBuffer final : public fs::DirectorySink {
    using Number = typename Record::Number;
    static constexpr std::size_t number_size = sizeof(Number);

public:
    static constexpr std::size_t capacity = 2048;

    explicit DirectoryBuffer(std::size_t room) noexcept : room_(std::min(room, capacity)) {}

    bool accept(const fs::DirectoryEntry& entry) noexcept override {
        const std::size_t unaligned =
            Record::name_at + entry.name.size() + Record::bytes_behind_name;
        const std::size_t length = (unaligned + Record::alignment - 1) & ~(Record::alignment - 1);
        if (length > room_ - used_) {
            full_ = true;
            return false;
        }
        std::byte* const record = &bytes_[used_];
        std::memset(record, 0, length);
        const auto inode = static_cast<Number>(entry.inode);
        const auto next = static_cast<Number>(entry.next_cookie);
        const auto record_length = static_cast<std::uint16_t>(length);
        const std::uint8_t type = directory_type_of(entry.type);
        std::memcpy(record, &inode, number_size);
        std::memcpy(record + number_size, &next, number_size);
        std::memcpy(record + 2 * number_size, &record_length, 2);
        std::memcpy(record + Record::type_at(length), &type, 1);
        std::memcpy(record + Record::name_at, entry.name.data(), entry.name.size());
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
            std::memcpy(&length, record + 2 * number_size, 2);
            if (whole.bytes + length > size) {
                break;
            }
            Number next = 0;
            std::memcpy(&next, record + number_size, number_size);
            whole.next_cookie = next;
            whole.bytes += length;
        }
        return whole;
    }

private:
    std::size_t room_;
    std::size_t used_ = 0;
    bool full_ = false;
    std::array<std::byte, capacity> bytes_;
};

/// Takes one entry and no more.
class FirstEntry final : public fs::DirectorySink {
public:
    bool accept(const fs::DirectoryEntry& entry) noexcept override {
        if (length_ != 0) {
            return false;
        }
        inode_ = entry.inode;
        length_ = entry.name.size();
        std::memcpy(name_.data(), entry.name.data(), length_);
        return true;
    }
    [[nodiscard]] std::uint64_t inode() const noexcept { return inode_; }
    /// A NUL follows it.
    [[nodiscard]] std::string_view name() const noexcept { return {name_.data(), length_}; }

private:
    std::uint64_t inode_ = 0;
    std::size_t length_ = 0;
    std::array<char, fs::max_name + 1> name_{};
};

}  // namespace kidney::kernel
