/// File systems that decide for each sector of a file how it becomes durable.
#pragma once

#include <concepts>
#include <cstdint>

namespace kidney::fs {

/// Bytes [begin, end) of one block of a file have changed.
struct ChangedBytes {
    std::uint64_t begin = 0, end = 0;
    bool is_new_block = false;  ///< it has just got its place: what is there is old
    std::uint64_t in_all = 0;   ///< bytes that somebody writes in one step; 0: they become zeros
};

/// For a file system with a log, dirty is not enough: which bytes go into the log, which straight
/// home, and which are in the log already? It marks pages itself, and stores them itself. FileBytes
/// and its parts ask it for
///
///   make_room()     without a lock, before bytes change: room for one step. As sync()
///   check_room()    under the file system's lock; error: restart (make_room() is due)
///   note_bytes(bytes, inode, changed)   instead of PageCache::mark_dirty(), under the lock
///   note_cut(node, inode)   blocks behind the end of `inode` went, under the lock
///   store_bytes(bytes, first, pages, unmap)   instead of a BlockMap; calls unmap() if programs may
///                   store into the pages
///
/// and never take from a page what is marked, because what is in the log stays there.
template <class Fs>
concept TracksBytes = requires { requires Fs::tracks_bytes; };

}  // namespace kidney::fs
