/// ext2 images made by mke2fs while the test runs, and walks over them that work on any image.
#pragma once

#include "fs/ext2/ext2.hpp"
#include "fs/page_cache.hpp"
#include "tests/fakes/fake_disk.hpp"
#include "tests/unit/fs/volume_under_test.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <unistd.h>
#include <vector>

namespace kidney::fs_test {

using TestExt2 = fs::Ext2<fakes::FakeHeap, TestCache, NullLocks, Clock>;
template <class Disk>
using Ext2UnderTest = VolumeUnderTest<Disk, TestExt2, fs::Ext2Options>;
inline constexpr fs::Ext2Options read_only{.device_number = 1, .read_only = true};
inline constexpr fs::Ext2Options writable{.device_number = 1};

/// A directory that goes away with the test.
class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "kidney-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// Empty if mke2fs is not installed or fails.
inline std::vector<std::byte> make_image(const std::filesystem::path& tree, unsigned block_size,
                                         const std::string& size, const std::string& options) {
    const TemporaryDirectory scratch;
    const auto image = scratch.path() / "image";
    const std::string command =
        "PATH=$PATH:/sbin:/usr/sbin mke2fs -q -t ext2 -b " + std::to_string(block_size) + " " +
        options + " -d " + tree.string() + " " + image.string() + " " + size + " >/dev/null 2>&1";
    if (std::system(command.c_str()) != 0) {
        return {};
    }
    std::ifstream file(image, std::ios::binary);
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::filesystem::file_size(image)));
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return bytes;
}

inline void write_file(const std::filesystem::path& path, std::string_view text,
                       std::uint64_t offset = 0) {
    std::ofstream file(path, std::ios::binary | std::ios::app);
    file.close();
    std::fstream again(path, std::ios::binary | std::ios::in | std::ios::out);
    again.seekp(static_cast<std::streamoff>(offset));
    again.write(text.data(), static_cast<std::streamsize>(text.size()));
}

/// A tree with one of everything that the format treats specially.
inline void make_tree(const std::filesystem::path& root) {
    namespace host = std::filesystem;
    const auto pattern = [](std::size_t size, unsigned seed) {
        std::string text(size, '\0');
        for (std::size_t i = 0; i < size; ++i) {
            text[i] = static_cast<char>((i * 31 + seed + i / 977) & 0xFF);
        }
        return text;
    };
    host::permissions(root, host::perms(0755));  // mke2fs makes its own root
    write_file(root / "empty", "");
    write_file(root / "short", "hello, ext2\n");
    write_file(root / "direct", pattern(12 * 1024, 1));
    write_file(root / "indirect", pattern(200'000, 2));
    write_file(root / "double", pattern(1'000'001, 3));
    write_file(root / "sparse", "far away", 90'000'000);  // three levels with 1 KiB blocks
    write_file(root / "sparse", "near", 5000);
    host::create_directories(root / "a/b/c/d/e");
    write_file(root / "a/b/c/d/e/deep", "deep");
    host::create_symlink("a/b/c", root / "fast");
    host::create_symlink("/" + std::string(200, 'x') + "/slow", root / "slow");
    host::create_hard_link(root / "short", root / "a/second");
    host::create_directory(root / "many");
    for (int i = 0; i < 250; ++i) {
        write_file(root / "many" / ("entry-with-a-long-name-" + std::to_string(i)), "");
    }
    write_file(root / std::string(255, 'n'), "longest name");
    host::permissions(root / "short", host::perms(0640));
}

/// What a walk saw: path -> type, size, contents or target. Bounded in every direction, so that it
/// ends on a damaged image too; then the first error is the result.
struct Seen {
    std::map<std::string, std::string> files;
};
inline constexpr std::size_t most_nodes = 2000;
inline constexpr std::size_t most_bytes_per_file = std::size_t{1} << 20;

struct Listing final : fs::DirectorySink {
    std::vector<std::string> names;
    bool accept(const fs::DirectoryEntry& entry) noexcept override {
        names.emplace_back(entry.name);
        return names.size() < most_nodes;
    }
};

inline Status walk(fs::Vnode& node, const std::string& path, Seen& seen, unsigned depth = 0) {
    if (seen.files.size() > most_nodes || depth > 20) {
        return {};
    }
    const fs::Attributes attributes = TRY(node.attributes());
    std::string& what = seen.files[path];
    what = std::to_string(attributes.permissions.bits()) + " " + std::to_string(attributes.links) +
           " ";
    switch (attributes.type) {
        case fs::NodeType::directory: {
            what += "directory";
            Listing listing;
            TRY(node.read_directory(0, listing));
            for (const std::string& name : listing.names) {
                if (name != "." && name != ".." && name != "lost+found") {
                    const Ref<fs::Vnode> child = TRY(node.lookup(name));
                    TRY(walk(*child, path + "/" + name, seen, depth + 1));
                }
            }
            break;
        }
        case fs::NodeType::symlink: {
            std::array<char, fs::max_path> target{};
            const std::size_t length = TRY(node.read_link(target));
            what += "link to " + std::string(target.data(), length);
            break;
        }
        case fs::NodeType::regular: {
            what += std::to_string(attributes.size) + " ";
            std::string contents(static_cast<std::size_t>(
                                     std::min<std::uint64_t>(attributes.size, most_bytes_per_file)),
                                 '\0');
            fs::SpanReadBuffer to(std::as_writable_bytes(std::span(contents)));
            contents.resize(TRY(node.read(0, to)));
            what += std::to_string(std::hash<std::string>()(contents));
            break;
        }
        default:
            what += "special";
            break;
    }
    return {};
}
template <class Volume>
[[nodiscard]] Seen all_seen(Volume& v) {
    Seen seen;
    ignore_error(walk(*v.fs().root(), "", seen), "what it saw until then is compared");
    return seen;
}

/// The same over the host's own tree.
inline void walk_host(const std::filesystem::path& at, const std::string& path, Seen& seen) {
    namespace host = std::filesystem;
    const auto status = host::symlink_status(at);
    std::string& what = seen.files[path];
    what = std::to_string(static_cast<unsigned>(status.permissions())) + " ";
    std::size_t links = 1;
    if (status.type() == host::file_type::directory) {
        links = path.empty() ? 3 : 2;  // the root has lost+found
        for (const auto& child : host::directory_iterator(at)) {
            links += child.is_directory() && !child.is_symlink() ? 1 : 0;
            walk_host(child.path(), path + "/" + child.path().filename().string(), seen);
        }
        what += std::to_string(links) + " directory";
    } else if (status.type() == host::file_type::symlink) {
        what += "1 link to " + host::read_symlink(at).string();
    } else {
        what += std::to_string(host::hard_link_count(at)) + " ";
        std::ifstream file(at, std::ios::binary);
        std::string contents(static_cast<std::size_t>(std::min<std::uintmax_t>(
                                 host::file_size(at), most_bytes_per_file)),
                             '\0');
        file.read(contents.data(), static_cast<std::streamsize>(contents.size()));
        contents.resize(static_cast<std::size_t>(file.gcount()));
        what += std::to_string(host::file_size(at)) + " " +
                std::to_string(std::hash<std::string>()(contents));
    }
}

}  // namespace kidney::fs_test
