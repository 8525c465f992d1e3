/// `./kidney mkfs` and `./kidney fsck`: file systems of ours in files, made and checked from the
/// kernel's own headers.
///
///     disk_tool mkfs kfs|vsfs IMAGE [OPTION VALUE]...
///         --size BYTES      of an image that is not there yet, or is empty; default 64 MiB
///         --inodes N        default: one for 16 KiB
///         --log-blocks N    of 4 KiB; default: what the file system does
///         --force 1         whatever is in the image
///     disk_tool fsck IMAGE
///
/// mkfs writes into images that are all zeros, or hold a kfs or a vsfs; into no others. fsck
/// changes nothing: what the log has is brought home in memory, and that is checked. Exit status: 0
/// it is sound, 1 it is not, or an error, 2 a wrong option.
#include "fs/kfs/check.hpp"
#include "fs/kfs/kfs.hpp"
#include "fs/kfs/make.hpp"
#include "fs/vsfs/check.hpp"
#include "fs/vsfs/make.hpp"
#include "fs/vsfs/vsfs.hpp"
#include "tests/crash/power_disk.hpp"
#include "tests/crash/subjects/world.hpp"

#include <charconv>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::crash {
namespace {

/// A file; if it is only looked at, what is written stays in memory.
class ImageFile {
public:
    ImageFile(const std::string& path, bool writes) : writes_(writes) {
        file_.open(path, std::ios::binary | std::ios::in |
                             (writes ? std::ios::out : std::ios::openmode{}));
        file_.seekg(0, std::ios::end);
        bytes_ = file_ ? static_cast<std::uint64_t>(file_.tellg()) : 0;
    }
    [[nodiscard]] bool is_open() const { return file_.is_open(); }
    [[nodiscard]] bool is_whole() const { return bytes_ % sector_size == 0; }
    [[nodiscard]] Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept {
        TRY(fs::check_range(*this, first, to.size()));
        file_.clear();
        file_.seekg(static_cast<std::streamoff>(first.value() * sector_size));
        file_.read(reinterpret_cast<char*>(to.data()), static_cast<std::streamsize>(to.size()));
        for (std::size_t at = 0; at < to.size(); at += sector_size) {
            if (const auto changed = changed_.find(first.value() + at / sector_size);
                changed != changed_.end()) {
                std::ranges::copy(changed->second, to.begin() + static_cast<std::ptrdiff_t>(at));
            }
        }
        return file_ ? Status() : Status(fail(Errc::io_error));
    }
    [[nodiscard]] Status write(fs::BlockIndex first, std::span<const std::byte> from) noexcept {
        TRY(fs::check_range(*this, first, from.size()));
        if (!writes_) {
            for (std::size_t at = 0; at < from.size(); at += sector_size) {
                std::ranges::copy(from.subspan(at, sector_size),
                                  changed_[first.value() + at / sector_size].begin());
            }
            return {};
        }
        file_.clear();
        file_.seekp(static_cast<std::streamoff>(first.value() * sector_size));
        file_.write(reinterpret_cast<const char*>(from.data()),
                    static_cast<std::streamsize>(from.size()));
        return file_ ? Status() : Status(fail(Errc::io_error));
    }
    [[nodiscard]] Status flush() noexcept {
        file_.flush();
        return file_ ? Status() : Status(fail(Errc::io_error));
    }
    [[nodiscard]] static std::uint32_t block_size() noexcept { return sector_size; }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return bytes_ / sector_size; }

private:
    std::fstream file_;
    std::uint64_t bytes_ = 0;
    const bool writes_;
    std::map<std::uint64_t, std::array<std::byte, sector_size>> changed_;
};

struct Options {
    std::uint64_t size = 64U << 20, inodes = 0, log_blocks = 0, force = 0;
};

bool set(Options& o, std::string_view option, std::string_view value) {
    std::uint64_t* const to = option == "--size"         ? &o.size
                              : option == "--inodes"     ? &o.inodes
                              : option == "--log-blocks" ? &o.log_blocks
                              : option == "--force"      ? &o.force
                                                         : nullptr;
    if (to == nullptr) {
        return false;
    }
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), *to);
    return error == std::errc() && end == value.data() + value.size();
}

enum class Holds : std::uint8_t { nothing, kfs, vsfs, something };

Holds look(ImageFile& image) {
    if (!image.is_whole()) {
        return Holds::something;
    }
    std::vector<std::byte> bytes(64 * 1024);
    const std::uint64_t sectors = image.block_count();
    for (std::uint64_t at = 0; at < sectors; at += bytes.size() / sector_size) {
        const auto part = std::span(bytes).first(static_cast<std::size_t>(
            std::min<std::uint64_t>(bytes.size() / sector_size, sectors - at) * sector_size));
        if (!image.read(fs::BlockIndex(at), part)) {
            return Holds::something;
        }
        if (at == 0) {
            const auto magic = fs::kfs::load<std::uint32_t>(part, 0);
            if (magic == fs::kfs::Superblock::right_magic) {
                return Holds::kfs;
            }
            if (magic == fs::vsfs::Superblock::right_magic) {
                return Holds::vsfs;
            }
        }
        if (std::ranges::any_of(part, [](std::byte b) { return b != std::byte{}; })) {
            return Holds::something;
        }
    }
    return Holds::nothing;
}

int mkfs(const std::string& type, const std::string& path, const Options& o) {
    std::error_code error;
    if (!std::filesystem::exists(path) || std::filesystem::file_size(path, error) == 0) {
        std::ofstream(path, std::ios::app).close();
        std::filesystem::resize_file(path, o.size, error);
    }
    ImageFile image(path, true);
    if (error || !image.is_open()) {
        std::fprintf(stderr, "mkfs: %s cannot be written\n", path.c_str());
        return 1;
    }
    if (o.force == 0 && look(image) == Holds::something) {
        std::fprintf(stderr,
                     "mkfs: %s holds something that is no file system of ours; --force overwrites "
                     "it\n",
                     path.c_str());
        return 1;
    }
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    Status made;
    if (type == "kfs") {
        fs::kfs::MakeOptions options{.inodes = static_cast<std::uint32_t>(o.inodes),
                                     .log_blocks = static_cast<std::uint32_t>(o.log_blocks),
                                     .now = now.count()};
        std::random_device chance;
        for (std::uint8_t& byte : options.uuid) {
            byte = static_cast<std::uint8_t>(chance());
        }
        fs::kfs::Block scratch;
        made = fs::kfs::make(image, options, scratch);
    } else {
        fs::vsfs::Block scratch;
        made = fs::vsfs::make(image,
                              {.inodes = static_cast<std::uint32_t>(o.inodes),
                               .log_blocks = static_cast<std::uint32_t>(o.log_blocks),
                               .now = static_cast<std::uint32_t>(now.count() / 1'000'000'000)},
                              scratch);
    }
    if (!made) {
        std::fprintf(stderr, "mkfs: %s: %s\n", path.c_str(),
                     made.error() == Errc::invalid_argument
                         ? "no file system has that size, so many inodes or such a log"
                         : std::string(to_string(made.error())).c_str());
        return 1;
    }
    return 0;
}

/// What the next mount will find.
template <class System, class Check>
int check_mounted(const char* type, System& system, Check&& check) {
    if (const Status mounted = system.mount(); !mounted) {
        const auto wrong = system.complaint();
        std::printf("%s: cannot be mounted (%s): %s is %" PRIu64 "\n", type,
                    std::string(to_string(mounted.error())).c_str(), wrong.field, wrong.value);
        return 1;
    }
    unsigned findings = 0;
    const Status checked = check(findings);
    if (!checked) {
        std::printf("%s: cannot be checked: %s\n", type,
                    std::string(to_string(checked.error())).c_str());
        return 1;
    }
    const auto status = system.status();
    std::printf("%s: %s, %" PRIu64 " of %" PRIu64 " blocks and %" PRIu64 " of %" PRIu64
                " inodes are free\n",
                type, findings == 0 ? "sound" : "damaged", status.free_blocks, status.blocks,
                status.free_nodes, status.nodes);
    return findings == 0 ? 0 : 1;
}

int fsck(const std::string& path) {
    ImageFile image(path, false);
    if (!image.is_open()) {
        std::fprintf(stderr, "fsck: %s cannot be read\n", path.c_str());
        return 1;
    }
    PlainHeap heap;
    StillClock clock;
    const auto tell = [](const auto& f) {
        std::printf("%s: inode %u, block %u%s\n", f.what, f.inode, f.block,
                    f.is_leak ? " (only space is lost)" : "");
    };
    switch (look(image)) {
        case Holds::kfs: {
            using Locks = fs::KfsLocks<NullLock, NullLock, NullLock, NullLock>;
            CachedWorld world;
            const auto cache =
                std::make_unique<CachedWorld::Cache>(world.heap, world.frames, world.arena);
            fs::Kfs<PlainHeap, CachedWorld::Cache, Locks, StillClock> system(
                world.heap, *cache, fs::AnyBlockDevice(image), world.clock, {.device_number = 1});
            return check_mounted("kfs", system, [&](unsigned& findings) {
                fs::kfs::Checker<ImageFile, PlainHeap> checker(heap);
                return checker.check(image, [&](const fs::kfs::Finding& f) {
                    ++findings;
                    tell(f);
                });
            });
        }
        case Holds::vsfs: {
            fs::Vsfs<PlainHeap, ImageFile, NullLock, NullLock, StillClock> system(heap, image,
                                                                                  clock, 1);
            return check_mounted("vsfs", system, [&](unsigned& findings) {
                const auto checker = std::make_unique<fs::vsfs::Checker<ImageFile>>();
                return checker->check(image, [&](const fs::vsfs::Finding& f) {
                    ++findings;
                    tell(f);
                });
            });
        }
        default:
            std::fprintf(stderr, "fsck: %s holds no kfs and no vsfs\n", path.c_str());
            return 1;
    }
}

int main(std::span<char*> arguments) {
    const std::string verb = arguments.empty() ? "" : arguments[0];
    if (verb == "fsck" && arguments.size() == 2) {
        return fsck(arguments[1]);
    }
    const std::string type = arguments.size() < 3 ? "" : arguments[1];
    Options o;
    bool is_right = verb == "mkfs" && (type == "kfs" || type == "vsfs");
    for (std::size_t i = 3; is_right && i < arguments.size(); i += 2) {
        is_right = i + 1 < arguments.size() && set(o, arguments[i], arguments[i + 1]);
    }
    if (!is_right) {
        std::fprintf(stderr, "disk_tool: mkfs kfs|vsfs IMAGE [OPTION VALUE]... or fsck IMAGE\n");
        return 2;
    }
    return mkfs(type, arguments[2], o);
}

}  // namespace
}  // namespace kidney::crash

int main(int count, char** arguments) {
    return kidney::crash::main(std::span(arguments + 1, static_cast<std::size_t>(count - 1)));
}
