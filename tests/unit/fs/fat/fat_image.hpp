/// FAT images made by mkfs.fat while the test runs, and the referees that judge what we have
/// written: fsck.fat says whether an image is sound, mtools and sleuthkit what is in it.
#pragma once

#include "fs/fat/fat_nodes.hpp"
#include "tests/laws/files/subject.hpp"
#include "tests/unit/fs/ext2_image.hpp"
#include "tests/unit/fs/ext2_referee.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace kidney::fs_test {

using TestFat = fs::Fat<fakes::FakeHeap, TestCache, NullLocks, Clock>;
template <class Disk>
using FatUnderTest = VolumeUnderTest<Disk, TestFat, fs::FatOptions>;
inline constexpr fs::FatOptions fat_read_only{.device_number = 1, .read_only = true};
inline constexpr laws::file_system::Abilities fat_abilities{.hard_links = false,
                                                            .symlinks = false,
                                                            .permissions = false,
                                                            .sparse = false,
                                                            .unnamed = false,
                                                            .first_second = fs::fat::first_second};

/// What mkfs.fat is asked for.
struct FatFormat {
    unsigned bits;
    unsigned cluster_sectors;
    const char* size;
    const char* options = "";
};
inline void PrintTo(const FatFormat& format, std::ostream* out) {
    *out << "FAT" << format.bits << ", " << format.cluster_sectors << " sectors, " << format.size
         << " " << format.options;
}

/// Empty if mkfs.fat is not installed or fails. `tree` is put into it by mcopy.
inline std::vector<std::byte> make_fat(const FatFormat& format,
                                       const std::filesystem::path& tree = {}) {
    const TemporaryDirectory scratch;
    const std::string image = (scratch.path() / "image").string();
    const Said made =
        run_tool("truncate -s " + std::string(format.size) + " " + image + " && mkfs.fat -F " +
                 std::to_string(format.bits) + " -s " + std::to_string(format.cluster_sectors) +
                 " --invariant " + format.options + " " + image);
    if (made.code != 0) {
        return {};
    }
    if (!tree.empty()) {
        const Said copied = run_tool("cd " + tree.string() +
                                     " && TZ=UTC MTOOLS_SKIP_CHECK=1 MTOOLS_NO_VFAT=0 mcopy -s -Q "
                                     "-m -i " +
                                     image + " * ::/");
        if (copied.code != 0) {
            return {};
        }
    }
    std::ifstream file(image, std::ios::binary);
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::filesystem::file_size(image)));
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return bytes;
}

/// What fsck.fat has to say; empty: sound.
inline std::string check_fat(std::span<const std::byte> image) {
    const TemporaryDirectory scratch;
    save_image(image, scratch.path() / "image");
    const Said said = run_tool("fsck.fat -n " + (scratch.path() / "image").string());
    std::string complaints = said.code == 0 ? "" : "exit " + std::to_string(said.code) + "\n";
    std::istringstream lines(said.text);
    for (std::string line; std::getline(lines, line);) {
        if (!line.empty() && !line.starts_with("fsck.fat 4.") &&
            line.find(" files, ") == std::string::npos) {
            complaints += line + "\n";
        }
    }
    return complaints;
}

/// The tree in an image as mtools writes it out: path -> bytes; of a directory "directory".
inline std::map<std::string, std::string> dump_fat(std::span<const std::byte> image) {
    namespace host = std::filesystem;
    const TemporaryDirectory scratch;
    save_image(image, scratch.path() / "image");
    const host::path out = scratch.path() / "out";
    host::create_directory(out);
    ignore_error(
        Result<int>(run_tool("LC_ALL=C.UTF-8 TZ=UTC MTOOLS_SKIP_CHECK=1 mcopy -s -n -Q -i " +
                             (scratch.path() / "image").string() + " ::/ " + out.string())
                        .code),
        "what it did is looked at");
    std::map<std::string, std::string> found;
    for (const auto& entry : host::recursive_directory_iterator(out)) {
        const std::string path = host::relative(entry.path(), out).string();
        if (entry.is_directory()) {
            found[path] = "directory";
            continue;
        }
        std::ifstream file(entry.path(), std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        found[path] = text.str();
    }
    return found;
}

/// The same as we see it.
template <class Volume>
inline Status list_all(Volume& v, fs::Vnode& node, const std::string& path,
                       std::map<std::string, std::string>& found) {
    Listing listing;
    TRY(node.read_directory(0, listing));
    for (const std::string& name : listing.names) {
        if (name == "." || name == "..") {
            continue;
        }
        const std::string at = path.empty() ? name : path + "/" + name;
        const Ref<fs::Vnode> child = TRY(node.lookup(name));
        if (child->type() == fs::NodeType::directory) {
            found[at] = "directory";
            TRY(list_all(v, *child, at, found));
        } else {
            found[at] = TRY(v.read(at));
        }
    }
    return {};
}
template <class Volume>
inline std::map<std::string, std::string> all_of(Volume& v) {
    std::map<std::string, std::string> found;
    const Status listed = list_all(v, *v.fs().root(), "", found);
    if (!listed) {
        found["error"] = std::string(to_string(listed.error()));
    }
    return found;
}

}  // namespace kidney::fs_test
