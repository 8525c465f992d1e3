/// What `mount -t tmpfs -o` understands.
#pragma once

#include "fs/quota/quota_table.hpp"
#include "fs/vfs/mount_options.hpp"
#include "kidney/core/address.hpp"
#include "kidney/fs/attributes.hpp"

#include <cstdint>
#include <limits>
#include <string_view>

namespace kidney::fs {

struct TmpfsOptions {
    std::uint32_t pages = 0;  ///< of file data; 0: as many as there are for all
    std::uint32_t nodes = 0;  ///< likewise
    Permissions permissions{01777};
    std::uint32_t uid = 0, gid = 0;  ///< of the root directory
    QuotaSettings quotas;
};

/// Takes quota, usrquota, grpquota, usrquota_block_hardlimit and its like; false: it is none of
/// them. Error: invalid_argument.
[[nodiscard]] inline Result<bool> parse_quota_option(const MountOption& option,
                                                     QuotaSettings& quotas) noexcept {
    const auto is = [&](std::string_view name) noexcept { return option.name == name; };
    if (is("quota") || is("usrquota") || is("grpquota")) {
        quotas.users.is_kept = quotas.users.is_kept || !is("grpquota");
        quotas.groups.is_kept = quotas.groups.is_kept || !is("usrquota");
        return option.value.empty() ? Result<bool>(true) : fail(Errc::invalid_argument);
    }
    const bool of_bytes = is("usrquota_block_hardlimit") || is("grpquota_block_hardlimit");
    if (!of_bytes && !is("usrquota_inode_hardlimit") && !is("grpquota_inode_hardlimit")) {
        return false;
    }
    const std::uint64_t limit = TRY(option_size(option.value, 0));
    if (limit == 0) {
        return fail(Errc::invalid_argument);
    }
    auto& kind = option.name.front() == 'u' ? quotas.users : quotas.groups;
    (of_bytes ? kind.hard_bytes : kind.hard_nodes) = limit;
    return true;
}

/// size, nr_blocks, nr_inodes, mode, uid, gid and those of quotas; `memory` is what a percentage is
/// of. Error: invalid_argument (an unknown option, or a value that is none).
[[nodiscard]] inline Result<TmpfsOptions> parse_tmpfs_options(std::string_view text,
                                                              std::uint64_t memory) noexcept {
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    const auto small = [](Result<std::uint64_t> value) noexcept -> Result<std::uint32_t> {
        const std::uint64_t number = TRY(value);
        return number <= most ? Result<std::uint32_t>(static_cast<std::uint32_t>(number))
                              : fail(Errc::invalid_argument);
    };
    TmpfsOptions options;
    TRY(for_each_option(text, [&](const MountOption& option) noexcept -> Status {
        if (TRY(parse_quota_option(option, options.quotas))) {
            return {};
        }
        if (option.name == "size") {
            const std::uint64_t bytes = TRY(option_size(option.value, memory));
            options.pages = TRY(small((bytes >> page_shift) + ((bytes & page_mask) != 0 ? 1 : 0)));
        } else if (option.name == "nr_blocks") {
            options.pages = TRY(small(option_size(option.value, memory >> page_shift)));
        } else if (option.name == "nr_inodes") {
            options.nodes = TRY(small(option_size(option.value, memory >> page_shift)));
        } else if (option.name == "mode") {
            const std::uint32_t mode = TRY(small(option_number(option.value, 8)));
            options.permissions = Permissions(static_cast<std::uint16_t>(mode & 07777U));
        } else if (option.name == "uid") {
            options.uid = TRY(small(option_number(option.value)));
        } else if (option.name == "gid") {
            options.gid = TRY(small(option_number(option.value)));
        } else {
            return fail(Errc::invalid_argument);
        }
        return {};
    }));
    return options;
}

}  // namespace kidney::fs
