/// How a path is opened.
#pragma once

#include "kidney/fs/vnode.hpp"

namespace kidney::fs {

/// O_* by meaning.
struct OpenFlags {
    OpenMode mode;
    bool create = false;
    bool exclusive = false;  ///< with create: fail if the name exists
    bool truncate = false;
    bool directory = false;  ///< fail if it is not one
    bool no_follow = false;  ///< fail if the last component is a symbolic link
    bool unnamed = false;    ///< a new file without a name, in the directory that is named
    bool control = false;    ///< neither read nor written, but it takes both permissions
};

}  // namespace kidney::fs
