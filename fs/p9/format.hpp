/// The numbers of 9P2000.L: which messages there are, and the values in them. The protocol is that
/// of Plan 9 with the additions that its Linux client made; numbers of errors, flags and types of
/// file are those of Linux on a PC.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/fs/attributes.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kidney::fs::p9 {

inline constexpr std::string_view version = "9P2000.L";

/// A reply has the number of its request plus one.
enum class Message : std::uint8_t {
    error = 6,  ///< only as a reply
    status = 8,
    open = 12,
    create = 14,
    symlink = 16,
    make_node = 18,
    read_link = 22,
    get_attributes = 24,
    set_attributes = 26,
    read_directory = 40,
    sync = 50,
    link = 70,
    make_directory = 72,
    rename = 74,
    unlink = 76,
    negotiate = 100,
    attach = 104,
    walk = 110,
    read = 116,
    write = 118,
    forget = 120  ///< "clunk": the fid is free again
};

inline constexpr std::size_t header_size = 7;       ///< size, type, tag
inline constexpr std::size_t smallest_size = 4096;  ///< of messages that we can work with
/// What a message with data needs beside them.
inline constexpr std::size_t data_overhead = 24;
inline constexpr std::uint16_t no_tag = 0xFFFF;
inline constexpr std::uint32_t no_fid = ~std::uint32_t{0};
inline constexpr std::uint32_t no_user = ~std::uint32_t{0};

/// What the server calls a file by: `path` is its number, and no two files have the same.
struct Qid {
    static constexpr std::uint8_t directory = 0x80, symlink = 0x02;
    std::uint8_t type = 0;
    std::uint32_t version = 0;
    std::uint64_t path = 0;
};

// Flags of open and create.
inline constexpr std::uint32_t open_read = 0, open_write = 1, open_both = 2;
inline constexpr std::uint32_t open_exclusive = 0300;  // O_CREAT, O_EXCL
inline constexpr std::uint32_t open_directory = 0200000, open_large = 0100000,
                               open_no_follow = 0400000;
inline constexpr std::uint32_t unlink_directory = 0x200;

inline constexpr std::uint64_t basic_attributes = 0x7FF;
// What set_attributes shall change.
inline constexpr std::uint32_t set_mode = 1, set_uid = 2, set_gid = 4, set_size = 8,
                               set_accessed = 0x90, set_modified = 0x120;

[[nodiscard]] constexpr std::uint32_t mode_of(NodeType type) noexcept {
    switch (type) {
        case NodeType::regular:
            return 0100000;
        case NodeType::directory:
            return 0040000;
        case NodeType::symlink:
            return 0120000;
        case NodeType::character:
            return 0020000;
        case NodeType::block:
            return 0060000;
        case NodeType::fifo:
            return 0010000;
        case NodeType::socket:
            return 0140000;
        case NodeType::none:
            break;
    }
    return 0;
}
/// Error: io_error (there is no such type).
[[nodiscard]] constexpr Result<NodeType> type_of(std::uint32_t mode) noexcept {
    constexpr std::uint32_t type_bits = 0170000;
    for (const NodeType type :
         {NodeType::regular, NodeType::directory, NodeType::symlink, NodeType::character,
          NodeType::block, NodeType::fifo, NodeType::socket}) {
        if ((mode & type_bits) == mode_of(type)) {
            return type;
        }
    }
    return fail(Errc::io_error);
}
/// Of an entry in a listing: DT_UNKNOWN leaves it to the qid.
[[nodiscard]] constexpr NodeType type_of_entry(std::uint8_t type, const Qid& qid) noexcept {
    const NodeType by_qid = (qid.type & Qid::directory) != 0 ? NodeType::directory
                            : (qid.type & Qid::symlink) != 0 ? NodeType::symlink
                                                             : NodeType::regular;
    return type_of(std::uint32_t{type} << 12).value_or(by_qid);
}

/// What an errno of Linux means here.
[[nodiscard]] constexpr Errc error_of(std::uint32_t number) noexcept {
    switch (number) {
        case 1:
            return Errc::not_permitted;
        case 2:
            return Errc::not_found;
        case 6:
            return Errc::no_device;
        case 12:
            return Errc::no_memory;
        case 13:
            return Errc::permission_denied;
        case 16:
            return Errc::busy;
        case 17:
            return Errc::exists;
        case 18:
            return Errc::cross_device;
        case 20:
            return Errc::not_directory;
        case 21:
            return Errc::is_directory;
        case 22:
            return Errc::invalid_argument;
        case 23:
        case 24:
            return Errc::file_table_full;
        case 26:
            return Errc::text_busy;
        case 27:
            return Errc::file_too_big;
        case 28:
        case 122:  // EDQUOT
            return Errc::no_space;
        case 30:
            return Errc::read_only;
        case 31:
            return Errc::too_many_links;
        case 36:
            return Errc::name_too_long;
        case 39:
            return Errc::not_empty;
        case 40:
            return Errc::too_many_symlinks;
        case 38:
        case 95:
            return Errc::not_supported;
        case 116:
            return Errc::stale;
        default:
            return Errc::io_error;
    }
}

}  // namespace kidney::fs::p9
