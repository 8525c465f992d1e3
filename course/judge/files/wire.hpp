/// What the judge of file systems asks the process of a submission, and what that says: messages of
/// a head and some bytes. The same machine on both sides.
///
///     judge                                     submission
///     disk, patch...   the disk from now on     the parent keeps it; none of its code runs there
///     mount or unit    a life begins            a child with a copy of the disk, that has seen
///     nothing else calls                                     written, flushed: what its disk was
///     asked for; then the answer end              the power is off         gone
#pragma once

#include "fs/vsfs/format.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::course::files {

enum class Ask : std::uint8_t {
    disk = 'D',   ///< `a` bytes of zeros, in blocks of `b`
    patch = 'P',  ///< the bytes are at `a`
    mount = 'M',  ///< and the `a`-th request to the disk fails (0: none), `b` 1: and all after it
    unit = 'U',   ///< the same without mounting: for unit calls
    end = 'E',
    attributes = 'a',
    set_attributes = 's',
    lookup = 'l',
    parent = 'p',
    create = 'c',
    link = 'k',
    unlink = 'u',
    rename = 'r',
    list = 'd',
    read_link = 'i',
    read = 'R',
    write = 'W',
    append = 'A',
    sync_node = 'Y',
    sync = 'y',
    status = 't',
    unmount = 'x',
    drop = 'o',  ///< nobody refers to node `a` any more; no answer
    call = 'q',  ///< UnitOp `a`, UnitCall
};
enum class Say : std::uint8_t {
    written = 'W',  ///< the bytes are at sector `a` now
    flushed = 'F',
    answer = '=',
    trapped = 'T',  ///< an invariant failed: the bytes say which
    endless = 'L',  ///< a call made too many steps
    gone = 'C',     ///< the child has ended, with wait status `a`
};

/// Nodes have numbers from 1 on; 0 is none.
struct Head {
    std::uint8_t kind = 0;    ///< Ask or Say
    std::uint8_t status = 0;  ///< of an answer: 0, or 1 and an Errc
    std::uint16_t zero = 0;
    std::uint32_t length = 0;    ///< bytes that follow
    std::uint32_t requests = 0;  ///< that the disk of this life has had
    std::uint32_t more = 0;
    std::uint64_t a = 0, b = 0;
};
static_assert(sizeof(Head) == 32);
inline constexpr std::uint32_t most_bytes = 1 << 20;
inline constexpr std::size_t sector = 512;

/// With these, the name or names follow.
struct NodeCall {
    std::uint64_t node = 0, new_parent = 0, replaced = 0;
    std::uint32_t first_length = 0, second_length = 0;
    std::uint32_t type = 0, permissions = 0, uid = 0, gid = 0;
    std::uint64_t size = 0;
    std::int64_t accessed = 0, modified = 0;
    std::uint32_t changes = 0;  ///< bits: permissions, uid, gid, size, accessed, modified
    std::uint32_t exchange = 0;
};
struct AttributesAnswer {
    std::uint64_t inode = 0, size = 0, blocks = 0;
    std::uint32_t type = 0, permissions = 0, links = 0, uid = 0, gid = 0, zero = 0;
    std::int64_t accessed = 0, modified = 0, changed = 0;
};
struct EntryAnswer {
    std::uint64_t inode = 0, cookie = 0;
    std::uint32_t type = 0, length = 0;
    std::array<char, 64> name{};
};
inline constexpr std::size_t entries_at_a_time = 5;

/// Functions of Files and Directories; those that change something are an operation each.
enum class UnitOp : std::uint32_t {
    inode,
    put,
    take_inode,
    free_inode,
    find_block,
    make_block,  ///< and fills it with `fill`, unless that is 0
    shrink,
    count_blocks,
    find,
    for_each,  ///< `index` the first, `size` how many
    add,
    put_entry,
    is_empty,
};
struct UnitCall {
    fs::vsfs::Inode inode{};
    fs::vsfs::Entry entry{};
    std::uint32_t number = 0, index = 0;
    std::uint64_t size = 0;
    std::uint16_t mode = 0;
    std::uint8_t fill = 0, length = 0;
    std::array<char, 68> name{};
};
struct UnitAnswer {
    std::uint64_t value = 0;
    fs::vsfs::Inode inode{};
    fs::vsfs::Entry entry{};
};
struct SlotAnswer {
    std::uint32_t slot = 0;
    fs::vsfs::Entry entry{};
};

}  // namespace kidney::course::files
