/// What a kfs is made with: its locks, and how it is mounted.
#pragma once

#include "kidney/core/lock.hpp"

#include <cstdint>

namespace kidney::fs {

/// The locks of a kfs, in the order in which they are taken; between the second and the third come
/// those of the mappings.
///   Writing   one file's writers: held while user memory is copied
///   Commit    one sync at a time: held while files' bytes go home, with what that unmaps
///   Metadata  everything on the disk but files' bytes: held while the disk works
///   Nodes     tables and attributes: held for a moment, also by the cache (CachedObject)
template <BasicLockable WritingLock, BasicLockable CommitLock, BasicLockable MetadataLock,
          BasicLockable NodesLock>
struct KfsLocks {
    using Writing = WritingLock;
    using Commit = CommitLock;
    using Metadata = MetadataLock;
    using Nodes = NodesLock;
};

struct KfsOptions {
    std::uint32_t device_number = 0;  ///< st_dev
    bool read_only = false;
    /// If all files together have no more new sectors than this, a commit puts them into the log:
    /// it is one command then.
    std::uint32_t few_sectors = 16;
};

}  // namespace kidney::fs
