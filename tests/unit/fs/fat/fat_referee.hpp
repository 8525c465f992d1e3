/// What fsck.fat may find in a FAT after a loss of power, and what not.
#pragma once

#include "tests/unit/fs/fat/fat_image.hpp"

#include <algorithm>
#include <cstddef>
#include <regex>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <strings.h>

namespace kidney::fs_test {

/// What fsck.fat says without the lines that the promise allows after a crash. `moving`: the paths
/// that a rename under way may have given to one file.
inline std::string complaints_after_crash(std::span<const std::byte> image,
                                          const std::set<std::string>& moving) {
    static const std::regex allowed(
        "exit 1"
        "|Warning: Filesystem is FAT32 according.*|  but has only.*|  This may lead to.*"
        "|Dirty bit is set.*| Automatically removing dirty bit\\..*"
        "|There are differences between boot.*|This is mostly harmless.*|  65:0[01]/0[01]"
        "|  Not automatically fixing this\\."
        "|FATs differ but appear to be intact\\.|  Using first FAT\\."
        "|Reclaimed \\d+ unused clusters?.*"
        "|Free cluster summary wrong.*|  Auto-correcting\\."
        "|/.*"
        "|  File size is \\d+ bytes, cluster chain length is > \\d+ bytes\\."
        "|  Truncating file to \\d+ bytes\\."
        "|Leaving filesystem unchanged\\.|\\*\\*\\* Filesystem was changed \\*\\*\\*");
    // fsck.fat does not know the bits for small letters.
    const auto is_moving = [&](std::string path) {
        path = path.substr(0, path.find(" and"));
        path.erase(path.find_last_not_of(' ') + 1);
        return std::ranges::any_of(moving, [&](const std::string& name) {
            return strcasecmp(name.c_str(), path.c_str()) == 0;
        });
    };
    std::istringstream lines(check_fat(image));
    std::string left, before_last, last;
    bool has_two_names = false;
    for (std::string line; std::getline(lines, line);) {
        const auto says = [&](const char* text) { return line.find(text) != std::string::npos; };
        if (says("share clusters") && is_moving(before_last) && is_moving(last)) {
            has_two_names = true;
        } else if (!std::regex_match(line, allowed) && !says("Truncating second to 0 bytes") &&
                   !(says("Invalid '..' entry in the second slot") &&
                     (has_two_names || is_moving(last))) &&
                   !(has_two_names && says("cluster chain length is 0 bytes"))) {
            left += before_last + "\n" + last + "\n" + line + "\n";
        }
        before_last = last;
        last = line;
    }
    return left;
}

}  // namespace kidney::fs_test
