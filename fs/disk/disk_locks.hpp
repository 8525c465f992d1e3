/// The locks of a file system on a disk.
#pragma once

#include "kidney/core/lock.hpp"

namespace kidney::fs {

/// In the order in which they are taken; between the second and the third come those of the
/// mappings.
///   Writing   one file's writers: held while user memory is copied
///   Commit    one sync at a time: held while files' bytes go home, with what that unmaps
///   Metadata  everything on the disk but files' bytes: held while the disk works
///   Nodes     tables and attributes: held for a moment, also by the cache (CachedObject)
template <BasicLockable WritingLock, BasicLockable CommitLock, BasicLockable MetadataLock,
          BasicLockable NodesLock>
struct DiskLocks {
    using Writing = WritingLock;
    using Commit = CommitLock;
    using Metadata = MetadataLock;
    using Nodes = NodesLock;
};

}  // namespace kidney::fs
