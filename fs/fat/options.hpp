/// What `mount -t vfat -o` understands.
#pragma once

#include "fs/vfs/mount_options.hpp"
#include "kidney/fs/attributes.hpp"

#include <cstdint>
#include <limits>
#include <string_view>

namespace kidney::fs {

struct FatOptions {
    std::uint32_t device_number = 0;  ///< st_dev
    bool read_only = false;
    std::uint32_t uid = 0, gid = 0;  ///< of everything: the format has no owners
    std::uint16_t file_mask = 022;   ///< permissions that files do not have
    std::uint16_t directory_mask = 022;
    bool quiet =
        false;  ///< a change of the owner or of permissions that cannot be kept is no error
};

/// uid, gid, umask, fmask, dmask, quiet; and utf8, iocharset=utf8, codepage=437, shortname=mixed
/// and errors=remount-ro, which say what is so anyway. Error: invalid_argument.
[[nodiscard]] inline Status parse_fat_options(std::string_view text, FatOptions& options) noexcept {
    const auto number = [](const MountOption& option, std::uint32_t base,
                           std::uint64_t most) noexcept -> Result<std::uint32_t> {
        const std::uint64_t value = TRY(option_number(option.value, base));
        return value <= most ? Result<std::uint32_t>(static_cast<std::uint32_t>(value))
                             : fail(Errc::invalid_argument);
    };
    return for_each_option(text, [&](const MountOption& option) noexcept -> Status {
        constexpr std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
        constexpr std::uint32_t most_mask = 0777;
        const auto is = [&](std::string_view name, std::string_view value) {
            return option.name == name && option.value == value;
        };
        if (option.name == "uid") {
            options.uid = TRY(number(option, 10, most));
        } else if (option.name == "gid") {
            options.gid = TRY(number(option, 10, most));
        } else if (option.name == "umask" || option.name == "fmask" || option.name == "dmask") {
            const auto mask = static_cast<std::uint16_t>(TRY(number(option, 8, most_mask)));
            options.file_mask = option.name == "dmask" ? options.file_mask : mask;
            options.directory_mask = option.name == "fmask" ? options.directory_mask : mask;
        } else if (is("quiet", "")) {
            options.quiet = true;
        } else if (!is("utf8", "") && !is("iocharset", "utf8") && !is("codepage", "437") &&
                   !is("shortname", "mixed") && !is("errors", "remount-ro")) {
            return fail(Errc::invalid_argument);
        }
        return {};
    });
}

}  // namespace kidney::fs
