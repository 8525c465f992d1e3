/// Says whether what is in an image is sound, and what there is.
#include "fs/kfs/check.hpp"

#include "fs/vsfs/check.hpp"
#include "tools/disk/commands.hpp"
#include "tools/disk/complaint.hpp"
#include "tools/disk/make.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <unistd.h>

namespace kidney::image {
namespace {

using Use = ImageFile::Use;

void print_status(Volume& volume, const std::string& verdict) {
    const fs::FileSystemStatus s = volume.system().status();
    std::printf("%s, %" PRIu64 " of %" PRIu64 " blocks", verdict.c_str(), s.free_blocks, s.blocks);
    if (s.nodes != 0) {
        std::printf(" and %" PRIu64 " of %" PRIu64 " inodes", s.free_nodes, s.nodes);
    }
    std::printf(" are free\n");
}

/// Of our own file systems. What the next mount will find is checked: mounting it has brought home
/// what was in its log, into the image if that may be changed.
template <class Check>
int check_own(ImageFile& image, const std::string& name, Check&& check) {
    std::string wrong;
    const std::unique_ptr<Volume> volume = Volume::mount(image, false, wrong);
    if (volume == nullptr) {
        std::printf("%s: %s\n", name.c_str(), wrong.c_str());
        return 1;
    }
    unsigned findings = 0;
    const Status checked = check([&](const auto& finding) {
        ++findings;
        std::printf("%s: %s: inode %u, block %u%s\n", name.c_str(), finding.what, finding.inode,
                    finding.block, finding.is_leak ? " (only space is lost)" : "");
    });
    if (!checked) {
        std::printf("%s: it cannot be checked: %s\n", name.c_str(),
                    in_words(checked.error()).c_str());
        return 1;
    }
    const std::string type = volume->system().type_name();
    print_status(*volume, name + ": " + type + ": " + (findings == 0 ? "sound" : "damaged"));
    const bool is_stored = !image.changes() || (volume->unmount() && image.store());
    return findings == 0 && is_stored ? 0 : 1;
}

/// By somebody else's checker; `command` without the image. `is_silent`: is that all it says of a
/// sound one? Its status is no referee: both print some damage and exit with 0.
template <class IsSilent>
int check_by(std::vector<std::string> command, const std::string& image, const std::string& name,
             const char* type, const char* package, bool mends, IsSilent&& is_silent) {
    command.push_back(image);
    std::string said;
    const int status = run_program(command, said);
    if (status == 127) {
        return complain(name, command[0] + " is not installed (package " + package + ")");
    }
    const bool is_sound = status == 0 && is_silent(said);
    const bool is_mended = mends && status <= 1;
    if (!is_sound) {
        std::fputs(said.c_str(), stdout);
    }
    std::printf("%s: %s: %s\n", name.c_str(), type,
                is_sound    ? "sound"
                : is_mended ? "mended"
                            : "damaged");
    return is_sound || is_mended ? 0 : 1;
}

int check_ext2(const ImageFile& image, const std::string& name, bool mends) {
    const std::uint64_t begin = image.window().first.value() * sector_size;
    return check_by({"e2fsck", mends ? "-fp" : "-fn"},
                    image.path() + (begin == 0 ? "" : "?offset=" + std::to_string(begin)), name,
                    "ext2", "e2fsprogs", mends,
                    [](const std::string& said) { return said.find("? no") == std::string::npos; });
}

/// Moves all that the image shows from or to a file of its own.
template <class Move>
bool each_piece(ImageFile& image, Move&& move) {
    std::vector<std::byte> bytes(1U << 20U);
    for (std::uint64_t at = 0; at < image.block_count();) {
        const std::uint64_t blocks =
            std::min<std::uint64_t>(bytes.size() / sector_size, image.block_count() - at);
        if (!move(fs::BlockIndex(at),
                  std::span(bytes).first(static_cast<std::size_t>(blocks) * sector_size))) {
            return false;
        }
        at += blocks;
    }
    return true;
}

/// fsck.fat knows whole files only, so a partition becomes one.
int check_fat(ImageFile& image, const std::string& name, bool mends) {
    const auto check_file = [&](const std::string& path) {
        return check_by({"fsck.fat", mends ? "-a" : "-n"}, path, name, "fat", "dosfstools", mends,
                        [](const std::string& said) {  // its version, and how much is there
                            return std::ranges::count(said, '\n') <= 2;
                        });
    };
    if (image.window().blocks * sector_size == image.file_bytes()) {
        return check_file(image.path());
    }
    char path[] = "/tmp/kidney-fat-XXXXXX";
    const int file = ::mkstemp(path);
    const auto offset = [](fs::BlockIndex at) {
        return static_cast<off_t>(at.value() * sector_size);
    };
    int status = 1;
    const bool is_out =
        file >= 0 && each_piece(image, [&](fs::BlockIndex at, std::span<std::byte> to) {
            return image.read(at, to).has_value() &&
                   ::pwrite(file, to.data(), to.size(), offset(at)) ==
                       static_cast<ssize_t>(to.size());
        });
    if (!is_out) {
        complain(name, "there is no room for a copy in /tmp");
    } else {
        status = check_file(path);
        if (mends && status == 0) {
            const bool is_back =
                each_piece(image, [&](fs::BlockIndex at, std::span<std::byte> from) {
                    return ::pread(file, from.data(), from.size(), offset(at)) ==
                               static_cast<ssize_t>(from.size()) &&
                           image.write(at, from).has_value();
                });
            status = is_back && image.store() ? 0 : complain(name, in_words(Errc::io_error));
        }
    }
    ::close(file);
    ::unlink(path);
    return status;
}

int check_shown(ImageFile& image, const std::string& name, bool mends) {
    crash::PlainHeap heap;
    switch (format_of(image)) {
        case Format::kfs:
            return check_own(image, name, [&](auto&& found) {
                fs::kfs::Checker<ImageFile, crash::PlainHeap> checker(heap);
                return checker.check(image, found);
            });
        case Format::vsfs:
            return check_own(image, name, [&](auto&& found) {
                return std::make_unique<fs::vsfs::Checker<ImageFile>>()->check(image, found);
            });
        case Format::ext2:
            return check_ext2(image, name, mends);
        case Format::fat:
            return check_fat(image, name, mends);
        case Format::unknown:
            break;
    }
    std::printf("%s: there is no file system that we know\n", name.c_str());
    return 1;
}

/// Says what the table of the image is; false: it cannot be read.
bool table_of(ImageFile& image, const std::string& name, fs::PartitionTable& table) {
    if (const Status read = read_table(image, table); !read) {
        complain(name, "its partition table is damaged: " + in_words(read.error()));
        return false;
    }
    for (const fs::PartitionDoubt& doubt : table.doubts.view()) {
        complain(name,
                 "partition " + std::to_string(doubt.number) + " " + fs::to_string(doubt.kind));
    }
    return true;
}

std::string size_text(std::uint64_t bytes) {
    char text[32];
    const bool is_small = bytes < (1U << 20U);
    std::snprintf(text, sizeof text, "%.4g %s",
                  static_cast<double>(bytes) / (is_small ? 1024.0 : 1048576.0),
                  is_small ? "KiB" : "MiB");
    return text;
}

/// What there is in what is shown.
int tell_shown(ImageFile& image, const std::string& where) {
    if (format_of(image) == Format::unknown) {
        std::printf("%s, no file system that we know\n", where.c_str());
        return 0;
    }
    std::string wrong;
    const std::unique_ptr<Volume> volume = Volume::mount(image, false, wrong);
    if (volume == nullptr) {
        std::printf("%s, damaged: %s\n", where.c_str(), wrong.c_str());
        return 1;
    }
    print_status(*volume, where + ", " + volume->system().type_name() +
                              (volume->wants_checker() ? ", not unmounted" : "") + ", blocks of " +
                              size_text(volume->system().status().block_size));
    return 0;
}

/// For all that is named: the one part, each part, or the whole file.
template <class Act>
int each_part(ImageFile& image, const ImageName& name, const fs::PartitionTable& table, Act&& act) {
    int status = 0;
    unsigned done = 0;
    for (const fs::Partition& p : table.partitions.view()) {
        if (name.part == 0 || name.part == p.number) {
            ++done;
            image.narrow(p.run);
            status |= act(ImageName{name.path, p.number}, p.run);
        }
    }
    image.widen();
    if (done == 0 && name.part != 0) {
        return complain(name.text(), "there is no such partition");
    }
    return done == 0 && table.scheme == fs::PartitionScheme::none ? act(name, image.window())
                                                                  : status;
}

}  // namespace

int check(const Arguments& arguments) {
    const ImageName name = ImageName::of(arguments.rest[0]);
    const bool mends = arguments.has("mend");
    ImageFile image;
    if (const std::string wrong = image.open(name.path, mends ? Use::change : Use::look);
        !wrong.empty()) {
        return complain(name.path, wrong);
    }
    fs::PartitionTable table;
    if (!table_of(image, name.path, table)) {
        return 1;
    }
    const int status =
        each_part(image, name, table, [&](const ImageName& part, const fs::BlockRun&) {
            return check_shown(image, part.text(), mends);
        });
    return table.doubts.size() == 0 ? status : 1;
}

int info(const Arguments& arguments) {
    const ImageName name = ImageName::of(arguments.rest[0]);
    ImageFile image;
    if (const std::string wrong = image.open(name.path, Use::look); !wrong.empty()) {
        return complain(name.path, wrong);
    }
    fs::PartitionTable table;
    if (!table_of(image, name.path, table)) {
        return 1;
    }
    if (name.part == 0 && table.scheme != fs::PartitionScheme::none) {
        std::printf("%s: %s, %s, %zu partitions\n", name.path.c_str(),
                    size_text(image.file_bytes()).c_str(),
                    table.scheme == fs::PartitionScheme::gpt ? "GPT" : "MBR",
                    table.partitions.size());
    }
    return each_part(image, name, table, [&](const ImageName& part, const fs::BlockRun& run) {
        std::string where = part.text() + ": " + size_text(run.blocks * sector_size);
        if (part.part != 0) {
            where += " from " + size_text(run.first.value() * sector_size) + " on";
        }
        return tell_shown(image, where);
    });
}

}  // namespace kidney::image
