/// Others judge what we have written: e2fsck says whether an image is sound, debugfs what is in it.
#pragma once

#include "tests/unit/fs/ext2_image.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::fs_test {

inline void save_image(std::span<const std::byte> image, const std::filesystem::path& path) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(image.data()),
               static_cast<std::streamsize>(image.size()));
}

struct Said {
    int code = -1;
    std::string text;
};
inline Said run_tool(const std::string& command) {
    Said said;
    FILE* const pipe = popen(("PATH=$PATH:/sbin:/usr/sbin " + command + " 2>&1").c_str(), "r");
    std::array<char, 4096> buffer{};
    while (pipe != nullptr) {
        const std::size_t length = std::fread(buffer.data(), 1, buffer.size(), pipe);
        if (length == 0) {
            break;
        }
        said.text.append(buffer.data(), length);
    }
    said.code = pipe == nullptr ? -1 : WEXITSTATUS(pclose(pipe));
    return said;
}

/// Every regular file of an image, as sleuthkit finds it, which shares no code with e2fsprogs,
/// dosfstools or mtools: path -> contents. `type`: ext2 or fat. Nothing, if it is not installed.
inline std::map<std::string, std::string> files_by_sleuthkit(std::span<const std::byte> image,
                                                             const std::string& type) {
    const TemporaryDirectory scratch;
    save_image(image, scratch.path() / "image");
    const std::string where = " -f " + type + " ";
    const std::string path = (scratch.path() / "image").string();
    std::map<std::string, std::string> files;
    std::istringstream lines(run_tool("fls -F -r -p -u" + where + path).text);
    for (std::string line; std::getline(lines, line);) {  // r/r 12:\ta/path; -/r without types
        const std::size_t colon = line.find(":\t");
        if (line.substr(1, 3) == "/r " && colon != std::string::npos) {
            const std::string inode = line.substr(4, colon - 4);
            files[line.substr(colon + 2)] = run_tool("icat" + where + path + " " + inode).text;
        }
    }
    return files;
}

/// The paths that sleuthkit does not find, or with other contents; empty: none.
inline std::string unlike_in_sleuthkit(std::span<const std::byte> image, const std::string& type,
                                       const std::map<std::string, std::string>& written) {
    const auto found = files_by_sleuthkit(image, type);
    std::string unlike;
    for (const auto& [path, text] : written) {
        const auto at = found.find(path);
        if (at == found.end() || at->second != text) {
            unlike += path + "\n";
        }
    }
    return found.size() != written.size() ? unlike + "and others\n" : unlike;
}

/// Empty if e2fsck finds nothing to say, else what it says. Its exit code is not enough.
inline std::string check_image(std::span<const std::byte> image) {
    const TemporaryDirectory scratch;
    save_image(image, scratch.path() / "image");
    const Said said = run_tool("e2fsck -fn " + (scratch.path() / "image").string());
    std::string complaints = said.code == 0 ? "" : "exit " + std::to_string(said.code) + "\n";
    std::istringstream lines(said.text);
    for (std::string line; std::getline(lines, line);) {
        if (!line.empty() && !line.starts_with("e2fsck 1.") && !line.starts_with("Pass ") &&
            line.find(" files (") == std::string::npos) {
            complaints += line + "\n";
        }
    }
    return complaints;
}

/// What e2fsck says while it mends an image in place. The code is its own: below 4 all is well.
/// `more`: options; -D sorts directories and indexes large ones.
inline Said mend_image(std::span<std::byte> image, const std::string& more = "") {
    const TemporaryDirectory scratch;
    const auto path = scratch.path() / "image";
    save_image(image, path);
    Said said = run_tool("e2fsck -fy " + more + " " + path.string());
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(image.data()), static_cast<std::streamsize>(image.size()));
    return said;
}

/// The tree in an image as debugfs writes it out. Device nodes and the like are left out.
inline Seen dump_image(std::span<const std::byte> image) {
    const TemporaryDirectory scratch;
    save_image(image, scratch.path() / "image");
    const auto out = scratch.path() / "out";
    std::filesystem::create_directory(out);
    ignore_error(Result<int>(run_tool("debugfs -R 'rdump / " + out.string() + "' " +
                                      (scratch.path() / "image").string())
                                 .code),
                 "what it did is looked at");
    Seen seen;
    walk_host(out, "", seen);
    return seen;
}

/// What debugfs says to a request.
inline std::string ask_debugfs(std::span<const std::byte> image, const std::string& request) {
    const TemporaryDirectory scratch;
    save_image(image, scratch.path() / "image");
    return run_tool("debugfs -R '" + request + "' " + (scratch.path() / "image").string()).text;
}

}  // namespace kidney::fs_test
