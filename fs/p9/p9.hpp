/// A folder of another machine: a client of 9P2000.L, which is what QEMU's virtio-9p speaks.
///
/// Everything is asked at the time when it is wanted: no names, no attributes and no data are kept,
/// because whoever else uses the folder would not tell us of changes. What is mapped or run has
/// pages in the cache; they are looked at again whenever somebody opens the file.
///
/// format.hpp and message.hpp are the bytes, session.hpp one function for each message, node.hpp
/// what the VFS sees; client.hpp has locks and nodes, names.hpp and data.hpp what is done.
///
/// A node is what the server gives one number (qid.path). A server may know a file by a path only,
/// so that a fid ends with its name, or means another file when the name does: answers are compared
/// with the number. A file that is open survives its name, as far as reading and writing go.
#pragma once

#include "fs/p9/client.hpp"  // IWYU pragma: export
#include "fs/p9/data.hpp"    // IWYU pragma: export
#include "fs/p9/names.hpp"   // IWYU pragma: export
