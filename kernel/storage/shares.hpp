/// Folders of the host that QEMU shares with this machine.
#pragma once

#include "kernel/storage/file_systems.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/vnode.hpp"

#include <string_view>

namespace kidney::kernel {

/// Looks for virtio-9p devices and starts their drivers. Once, on a thread.
void find_shares() noexcept;
/// Is there one with this tag?
[[nodiscard]] bool has_share(std::string_view tag) noexcept;

/// The one with the tag `request.source_name`, as a file system; the one that there is if it is
/// mounted already. Those who mount take turns. Errors: no_device (there is none of that tag),
/// invalid_argument (an option), and those of fs::P9::mount().
[[nodiscard]] Result<fs::FileSystem*> share_files(const MountRequest& request) noexcept;

}  // namespace kidney::kernel
