/// Where file systems get their time stamps.
#pragma once

#include "kidney/fs/vnode.hpp"

#include <concepts>

namespace kidney::fs {

/// Wall-clock time. Laws: it may be set, so it may jump; it is cheap and never sleeps.
template <class C>
concept FileClock = requires(C& clock) {
    { clock() } noexcept -> std::same_as<FileTime>;
};

}  // namespace kidney::fs
