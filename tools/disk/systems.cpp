#include "fs/fat/format.hpp"
#include "fs/kfs/make.hpp"
#include "fs/vsfs/make.hpp"
#include "tools/disk/complaint.hpp"
#include "tools/disk/make.hpp"
#include "tools/disk/volume.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

namespace kidney::image {
namespace {

constexpr std::uint64_t kibi = 1024, mebi = 1024 * kibi;

std::string explain(Errc error) {
    return error == Errc::invalid_argument
               ? "no such file system has that size, so many inodes or such a log"
               : in_words(error);
}

std::string make_kfs(ImageFile& image, const NewSystem& system) {
    const fs::FileTime now = WallClock()();
    fs::kfs::Block scratch;
    const Status made = fs::kfs::make(image,
                                      {.uuid = new_identity(),
                                       .inodes = static_cast<std::uint32_t>(system.inodes),
                                       .log_blocks = static_cast<std::uint32_t>(system.log_blocks),
                                       .now = now.seconds * 1'000'000'000 + now.nanoseconds},
                                      scratch);
    return made ? std::string() : explain(made.error());
}

std::string make_vsfs(ImageFile& image, const NewSystem& system) {
    fs::vsfs::Block scratch;
    const Status made = fs::vsfs::make(image,
                                       {.inodes = static_cast<std::uint32_t>(system.inodes),
                                        .log_blocks = static_cast<std::uint32_t>(system.log_blocks),
                                        .now = static_cast<std::uint32_t>(WallClock()().seconds)},
                                       scratch);
    return made ? std::string() : explain(made.error());
}

std::string by_program(const std::vector<std::string>& command, const char* package) {
    std::string output;
    const int status = run_program(command, output);
    if (status == 127) {
        return command[0] + " is not installed (package " + package + ")";
    }
    while (output.ends_with('\n')) {
        output.pop_back();
    }
    return status == 0 ? std::string() : command[0] + " failed: " + output;
}

std::string make_ext2(const ImageFile& image, const NewSystem& system) {
    const auto id = new_identity();
    std::string uuid;
    for (std::size_t n = 0; n < id.size(); ++n) {
        char digits[4];
        std::snprintf(digits, sizeof digits, "%02x", id[n]);
        uuid += (n == 4 || n == 6 || n == 8 || n == 10 ? "-" : "") + std::string(digits);
    }
    const std::uint64_t bytes = image.block_count() * sector_size;
    const std::uint64_t begin = image.window().first.value() * sector_size;
    // Spelled out, as for the root disk, so that a mke2fs.conf of the host changes nothing.
    std::vector<std::string> command{"mke2fs",
                                     "-q",
                                     "-F",
                                     "-t",
                                     "ext2",
                                     "-b",
                                     bytes < 16 * mebi ? "1024" : "4096",
                                     "-I",
                                     "256",
                                     "-m",
                                     "0",
                                     "-O",
                                     "none,filetype,sparse_super,large_file",
                                     "-U",
                                     uuid,
                                     "-E",
                                     "root_owner=0:0,offset=" + std::to_string(begin)};
    if (system.inodes != 0) {
        command.insert(command.end(), {"-N", std::to_string(system.inodes)});
    }
    command.insert(command.end(), {image.path(), std::to_string(bytes / kibi) + "k"});
    ::setenv("MKE2FS_CONFIG", "/dev/null", 1);
    return by_program(command, "e2fsprogs");
}

/// mkfs.fat has no word for the name of who made it.
std::string mark_fat(ImageFile& image) {
    std::array<std::byte, sector_size> block{};
    if (!image.read(fs::BlockIndex(0), block)) {
        return in_words(Errc::io_error);
    }
    const auto boot = fs::load<fs::fat::RawBoot>(block, 0);
    const bool is_fat32 = boot.table_sectors16 == 0;
    for (const std::uint32_t copy : {std::uint32_t{0}, std::uint32_t{boot.backup_sector}}) {
        if (copy != 0 && !is_fat32) {
            continue;
        }
        if (!image.read(fs::BlockIndex(copy), block)) {
            return in_words(Errc::io_error);
        }
        std::ranges::copy(std::as_bytes(std::span(our_fat_mark)),
                          block.begin() + offsetof(fs::fat::RawBoot, maker));
        if (!image.write(fs::BlockIndex(copy), block)) {
            return in_words(Errc::io_error);
        }
    }
    return {};
}

std::string make_fat(ImageFile& image, const NewSystem& system) {
    const std::uint64_t begin = image.window().first.value();
    char serial[16];
    const auto id = new_identity();
    std::snprintf(serial, sizeof serial, "%02x%02x%02x%02x", id[12], id[13], id[14], id[15]);
    std::vector<std::string> command{"mkfs.fat", "--mbr=n", "-i", serial};
    if (!system.fat_bits.empty()) {
        command.insert(command.end(), {"-F", system.fat_bits});
    }
    if (begin != 0) {
        command.insert(command.end(),
                       {"-h", std::to_string(begin), "--offset", std::to_string(begin)});
    }
    command.insert(command.end(),
                   {image.path(), std::to_string(image.block_count() * sector_size / kibi)});
    const std::string wrong = by_program(command, "dosfstools");
    return wrong.empty() ? mark_fat(image) : wrong;
}

}  // namespace

std::array<std::uint8_t, 16> new_identity() {
    std::array<std::uint8_t, 16> id{};
    std::random_device chance;
    std::ranges::generate(id, [&] { return static_cast<std::uint8_t>(chance()); });
    std::ranges::copy(our_mark, id.begin());
    id[8] = static_cast<std::uint8_t>(0x80U | (id[8] & 0x3FU));  // RFC 4122's variant
    return id;
}

bool set_format(NewSystem& system, const std::string& name) {
    if (name.starts_with("fat")) {
        system.format = Format::fat;
        system.fat_bits = name.substr(3);
        return name == "fat" || name == "fat12" || name == "fat16" || name == "fat32";
    }
    for (const Format format : {Format::kfs, Format::vsfs, Format::ext2}) {
        if (name == to_string(format)) {
            system.format = format;
            return true;
        }
    }
    return name == "none";
}

std::string make_system(ImageFile& image, const NewSystem& system) {
    switch (system.format) {
        case Format::kfs:
            return make_kfs(image, system);
        case Format::vsfs:
            return make_vsfs(image, system);
        case Format::ext2:
            return make_ext2(image, system);
        case Format::fat:
            return make_fat(image, system);
        case Format::unknown:
            break;
    }
    return {};
}

int run_program(const std::vector<std::string>& command, std::string& output) {
    std::vector<std::string> words = command;
    std::vector<char*> pointers;
    for (std::string& word : words) {
        pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    const char* const path = std::getenv("PATH");
    ::setenv("PATH",
             (std::string(path == nullptr ? "/bin:/usr/bin" : path) + ":/sbin:/usr/sbin").c_str(),
             1);
    int pipe[2];
    if (::pipe(pipe) < 0) {
        return 126;
    }
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(pipe[1], STDOUT_FILENO);
        ::dup2(pipe[1], STDERR_FILENO);
        ::close(pipe[0]);
        ::close(pipe[1]);
        ::execvp(pointers[0], pointers.data());
        ::_exit(127);
    }
    ::close(pipe[1]);
    std::array<char, 4096> part{};
    for (ssize_t n = 0; (n = ::read(pipe[0], part.data(), part.size())) > 0;) {
        output.append(part.data(), static_cast<std::size_t>(n));
    }
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

}  // namespace kidney::image
