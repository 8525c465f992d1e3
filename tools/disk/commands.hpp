/// What `./kidney image` can do. Each returns its exit status, having complained.
#pragma once

#include "tools/disk/volume.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kidney::image {

/// What is behind the name of a command: `--option`, `--option=value`, and the rest.
struct Arguments {
    std::set<std::string> flags;
    std::vector<std::pair<std::string, std::string>> values;
    std::vector<std::string> rest;

    [[nodiscard]] bool has(const std::string& flag) const { return flags.contains(flag); }
    /// Of the last one; `otherwise` if there is none.
    [[nodiscard]] std::string value(const std::string& option, std::string otherwise) const;
    [[nodiscard]] std::uint64_t number(const std::string& option) const;
};

// Whole images.
int make(const Arguments& arguments);
int info(const Arguments& arguments);
int check(const Arguments& arguments);

// Names: IMAGE PATH...
int list(const Arguments& arguments);
int make_directories(const Arguments& arguments);
int remove(const Arguments& arguments);
int move(const Arguments& arguments);
int link(const Arguments& arguments);
int change_permissions(const Arguments& arguments);

// Bytes.
int print(const Arguments& arguments);
int put(const Arguments& arguments);
int get(const Arguments& arguments);

/// The contents of a folder of this machine into the root of a volume.
int put_contents(Volume& volume, const std::string& folder);

/// Directories in directories; what goes deeper is taken for a circle in a damaged image.
inline constexpr unsigned most_levels = 256;

/// The names in a directory but "." and "..", sorted; those that cannot be names are told of.
struct Listed {
    std::vector<std::string> names;
    bool is_whole = true;
};
[[nodiscard]] Result<Listed> names_in(Volume& volume, const fs::Place& directory,
                                      const std::string& path);

/// A path and a name in it.
[[nodiscard]] std::string below(const std::string& path, const std::string& name);
[[nodiscard]] std::string last_of(const std::string& path);

}  // namespace kidney::image
