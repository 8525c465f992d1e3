/// The laws of `Vnode` and `FileSystem`, for the host and the kernel's self-test alike.
///
/// `Suite` is for file systems that can be written: each law leaves the home directory empty.
/// `ReadOnlySuite` looks at whatever is in it. Which mistakes these laws find is shown by
/// tests/unit/fs/file_system_conformance.cpp. V1 is checked there, over a Vnode with nothing in it;
/// S3 and S5 need a disk that loses power: tests/crash.
#pragma once

#include "tests/laws/files/data.hpp"
#include "tests/laws/files/names.hpp"
#include "tests/laws/files/read_only.hpp"
#include "tests/laws/files/whole.hpp"

namespace kidney::laws::file_system {

/// For file systems that can be written.
using Suite = TypeList<S1, V2, V3, V4, V5, V6, V7, V8, V9, V10, V11, V12, V13, S2, S3>;

using ReadOnlySuite = TypeList<S1, ReadOnlyV6, ReadOnlyV7, S4>;

}  // namespace kidney::laws::file_system
