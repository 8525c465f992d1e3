/// What is known of a file besides its bytes: the values in the calls of Vnode.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kidney::fs {

enum class NodeType : std::uint8_t {
    regular,
    directory,
    symlink,
    character,
    block,
    fifo,
    socket,
    none  ///< of a file that lives in no file system; nodes have a type
};

inline constexpr std::size_t max_name = 255;   ///< bytes of one path component
inline constexpr std::size_t max_path = 4096;  ///< bytes of a path with its terminating NUL

/// Permission bits 07777 (set-id, sticky, rwx x 3); the type is separate.
class Permissions {
public:
    constexpr Permissions() noexcept = default;
    explicit constexpr Permissions(std::uint16_t bits) noexcept : bits_(bits & 07777U) {}
    [[nodiscard]] constexpr std::uint16_t bits() const noexcept { return bits_; }
    friend constexpr bool operator==(Permissions, Permissions) noexcept = default;

private:
    std::uint16_t bits_ = 0;
};

/// What becomes of a regular file's set-id bits at the hands of somebody.
enum class SetIdBits : std::uint8_t {
    stay,         ///< root's
    end,          ///< the file is no longer what they were given to
    end_of_group  ///< the same of a member of its group, on whom a set-group-ID bit without execute
                  ///< for the group has no effect: it never was one, as on Linux
};
[[nodiscard]] constexpr Permissions with_set_id(Permissions now, SetIdBits how) noexcept {
    constexpr std::uint16_t group_execute = 0010;
    if (how == SetIdBits::stay) {
        return now;
    }
    const bool keeps_group_bit =
        how == SetIdBits::end_of_group && (now.bits() & group_execute) == 0;
    return Permissions(now.bits() & (keeps_group_bit ? 03777U : 01777U));
}

/// Major and minor number of a device file.
struct DeviceNumber {
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    friend constexpr bool operator==(const DeviceNumber&, const DeviceNumber&) noexcept = default;
};

/// Wall-clock time of a file event: seconds since 1970-01-01 UTC and nanoseconds (0 .. 999 999
/// 999).
struct FileTime {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;
    friend constexpr auto operator<=>(const FileTime&, const FileTime&) noexcept = default;
};

struct Attributes {
    std::uint64_t inode = 0;
    std::uint32_t device = 0;  ///< number of the mounted file system
    NodeType type = NodeType::regular;
    Permissions permissions;
    std::uint32_t links = 1;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint64_t size = 0;  ///< bytes
    std::uint32_t block_size = 4096;
    std::uint64_t blocks = 0;  ///< 512-byte units in use
    DeviceNumber rdev;
    FileTime accessed, modified, changed;
    std::optional<FileTime> born{};  ///< where the file system knows it
};

/// What chmod, chown, utimes and truncate change; absent members stay.
struct AttributeChange {
    std::optional<Permissions> permissions{};
    std::optional<std::uint32_t> uid{}, gid{};
    std::optional<std::uint64_t> size{};
    std::optional<FileTime> accessed{}, modified{};
    bool ownership = false;  ///< chown was asked for, even if both numbers stay
};

/// What a new directory entry shall be.
struct NewNode {
    NodeType type = NodeType::regular;
    Permissions permissions{};
    std::uint32_t uid = 0, gid = 0;
    DeviceNumber rdev{};
    std::string_view target{};  ///< of a symbolic link
};

struct FileSystemStatus {
    std::uint32_t magic = 0;  ///< statfs f_type
    std::uint32_t block_size = 4096;
    std::uint64_t blocks = 0, free_blocks = 0, nodes = 0, free_nodes = 0;
    bool read_only = false;
};

/// What a file in memory refuses for good: F_SEAL_* bits.
struct Seals {
    static constexpr std::uint32_t seal = 1;  ///< further seals
    static constexpr std::uint32_t all = 31;
};

/// How a file is opened; the VFS has already dealt with O_CREAT, O_EXCL and O_TRUNC.
struct OpenMode {
    bool read = false, write = false, append = false, non_blocking = false;
    bool packets = false;      ///< O_DIRECT of a pipe: each write is read as one piece
    bool path = false;         ///< O_PATH: it says where the file is, and gives no access to it
    bool small = false;        ///< no O_LARGEFILE: it does not write behind max_small_file
    bool synchronous = false;  ///< O_DSYNC, O_SYNC: a write returns when its bytes are stored
    /// Flags without a meaning here, which the caller is told again when it asks for them.
    std::uint32_t noted = 0;
    bool no_terminal = false;  ///< O_NOCTTY: it does not become the caller's terminal
};

/// Bytes of a file that a program without 64-bit offsets knows how to handle.
inline constexpr std::uint64_t max_small_file = 0x7fff'ffff;

}  // namespace kidney::fs
