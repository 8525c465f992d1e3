/// From this machine into an image: files, folders, links, with permissions, owners and times.
#include "tools/disk/commands.hpp"
#include "tools/disk/complaint.hpp"
#include "tools/disk/interruption.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <map>
#include <optional>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace kidney::image {
namespace {

using Use = ImageFile::Use;

/// A descriptor of this machine.
class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() {
        if (number_ >= 0) {
            ::close(number_);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int number() const { return number_; }

private:
    const int number_;
};

std::optional<std::vector<std::string>> names_of(int folder) {
    DIR* const stream = ::fdopendir(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (stream == nullptr) {
        return std::nullopt;
    }
    std::vector<std::string> names;
    while (const dirent* const entry = ::readdir(stream)) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") {
            names.push_back(name);
        }
    }
    ::closedir(stream);
    std::ranges::sort(names);  // the same image from the same tree
    return names;
}

fs::NodeType type_of(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFDIR:
            return fs::NodeType::directory;
        case S_IFLNK:
            return fs::NodeType::symlink;
        case S_IFCHR:
            return fs::NodeType::character;
        case S_IFBLK:
            return fs::NodeType::block;
        case S_IFIFO:
            return fs::NodeType::fifo;
        case S_IFSOCK:
            return fs::NodeType::socket;
        default:
            return fs::NodeType::regular;
    }
}

fs::FileTime time_of(const timespec& time) {
    return {time.tv_sec, static_cast<std::uint32_t>(time.tv_nsec)};
}

/// What belongs to the caller belongs to root in there, as on the root disk; others stay.
fs::AttributeChange attributes_of(const struct stat& info) {
    fs::AttributeChange change{.uid = info.st_uid == ::getuid() ? 0 : info.st_uid,
                               .gid = info.st_gid == ::getgid() ? 0 : info.st_gid,
                               .accessed = time_of(info.st_atim),
                               .modified = time_of(info.st_mtim)};
    if (!S_ISLNK(info.st_mode)) {
        change.permissions = fs::Permissions(static_cast<std::uint16_t>(info.st_mode & 07777));
    }
    return change;
}

/// Copies trees. A file that cannot be had, or not be kept, is told of, and the others follow; a
/// full disk and one that fails end everything.
class Putter {
public:
    explicit Putter(Volume& volume) : volume_(volume) {}
    [[nodiscard]] int status() const { return status_; }

    void put(int folder, const std::string& source, const fs::Place& into, const std::string& name,
             const std::string& path) {
        struct stat info{};
        if (is_over_) {
            return;
        }
        if (was_interrupted != 0) {
            is_over_ = true;
            tell(path, "interrupted before it");
            return;
        }
        if (::fstatat(folder, source.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) {
            tell(path, std::strerror(errno));
            return;
        }
        if (S_ISDIR(info.st_mode)) {
            put_folder(folder, source, into, name, path, info);
            return;
        }
        const fs::PathContext at = volume_.at(into);
        if (info.st_nlink > 1 && link_known(info, at, name)) {
            return;
        }
        Status made;
        if (S_ISREG(info.st_mode)) {
            made = put_file(folder, source, at, name, path, info);
        } else {
            made = put_special(folder, source, at, name, info);
        }
        if (made) {
            made = volume_.vfs().change(at, name, false, attributes_of(info), false);
        }
        if (!made) {
            tell(path, made.error());
            return;
        }
        if (info.st_nlink > 1) {
            if (auto place = volume_.vfs().place_at(at, name, false)) {
                known_.emplace(std::pair(info.st_dev, info.st_ino), std::move(*place));
            }
        }
    }
    /// What is in the folder of this machine, into a directory.
    void put_names(int folder, const fs::Place& into, const std::string& path) {
        if (++level_ > most_levels) {
            tell(path, "too deep");
        } else if (const auto names = names_of(folder)) {
            for (const std::string& name : *names) {
                put(folder, name, into, name, below(path, name));
            }
        } else {
            tell(path, std::strerror(errno));
        }
        --level_;
    }

private:
    void tell(const std::string& path, const std::string& what) { status_ = complain(path, what); }
    void tell(const std::string& path, Errc error) {
        tell(path, in_words(error));
        is_over_ = is_over_ || error == Errc::no_space || error == Errc::io_error ||
                   error == Errc::read_only || error == Errc::corrupted;
    }

    void put_folder(int folder, const std::string& source, const fs::Place& into,
                    const std::string& name, const std::string& path, const struct stat& info) {
        const fs::PathContext at = volume_.at(into);
        const Status made = volume_.vfs().make_node(
            at, name, {.type = fs::NodeType::directory, .permissions = fs::Permissions(0700)});
        if (!made && made.error() != Errc::exists) {
            tell(path, made.error());
            return;
        }
        const auto place = volume_.vfs().place_at(at, name, false);
        if (!place) {
            tell(path, place.error());
            return;
        }
        if (place->node->type() != fs::NodeType::directory) {
            tell(path, Errc::not_directory);
            return;
        }
        const Descriptor inner(
            ::openat(folder, source.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (inner.number() < 0) {
            tell(path, std::strerror(errno));
            return;
        }
        put_names(inner.number(), *place, path);
        if (is_over_) {
            return;
        }
        if (const Status changed =
                volume_.vfs().change(at, name, false, attributes_of(info), false);
            !changed) {
            tell(path, changed.error());
        }
    }
    /// One more name of a file that has been copied.
    bool link_known(const struct stat& info, const fs::PathContext& at, const std::string& name) {
        const auto known = known_.find({info.st_dev, info.st_ino});
        if (known == known_.end()) {
            return false;
        }
        ignore_error(volume_.vfs().unlink(at, name), "it is not there, or the next call says it");
        return volume_.vfs().link(known->second, at, name).has_value();
    }
    Status put_special(int folder, const std::string& source, const fs::PathContext& at,
                       const std::string& name, const struct stat& info) {
        std::array<char, fs::max_path> target{};
        fs::NewNode node{.type = type_of(info.st_mode), .permissions = fs::Permissions(0777)};
        if (node.type == fs::NodeType::symlink) {
            const ssize_t size = ::readlinkat(folder, source.c_str(), target.data(), target.size());
            if (size < 0) {
                return fail(Errc::io_error);
            }
            node.target = {target.data(), static_cast<std::size_t>(size)};
        }
        node.rdev = {major(info.st_rdev), minor(info.st_rdev)};
        const Status made = volume_.vfs().make_node(at, name, node);
        if (made || made.error() != Errc::exists) {
            return made;
        }
        TRY(volume_.vfs().unlink(at, name));
        return volume_.vfs().make_node(at, name, node);
    }
    /// What was there under this name stays until all of the new file is.
    Status put_file(int folder, const std::string& source, const fs::PathContext& at,
                    const std::string& name, const std::string& path, const struct stat& info) {
        const Descriptor file(
            ::openat(folder, source.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        if (file.number() < 0) {
            tell(path, std::strerror(errno));
            return fail(Errc::not_found);
        }
        const bool is_there = volume_.vfs().attributes(at, name, false).has_value();
        const std::string made = is_there ? ".kidney-put" : name;
        Status written = write_new(file.number(), at, made, info);
        if (written && is_there) {
            written = volume_.vfs().rename(at, made, at, name);
        }
        if (!written) {
            ignore_error(volume_.vfs().unlink(at, made), "the first error is told");
        }
        return written;
    }
    Status write_new(int source, const fs::PathContext& at, const std::string& name,
                     const struct stat& info) {
        const auto file = TRY(volume_.vfs().open(at, name,
                                                 {.mode = {.read = true, .write = true},
                                                  .create = true,
                                                  .truncate = true,
                                                  .no_follow = true},
                                                 fs::Permissions(0600)));
        off_t at_byte = 0;
        while (at_byte < info.st_size) {
            const off_t data = ::lseek(source, at_byte, SEEK_DATA);
            if (data < 0 && errno == ENXIO) {
                break;  // a hole is left
            }
            at_byte = std::max(at_byte, data);
            const off_t hole = ::lseek(source, at_byte, SEEK_HOLE);
            const off_t end = hole > at_byte ? std::min<off_t>(hole, info.st_size) : info.st_size;
            TRY(copy(source, *file, at_byte, end));
            at_byte = end;
        }
        return volume_.vfs().change(at, name, false,
                                    {.size = static_cast<std::uint64_t>(info.st_size)}, false);
    }
    Status copy(int source, fs::File& file, off_t begin, off_t end) {
        while (begin < end) {
            const auto wanted = static_cast<std::size_t>(
                std::min<off_t>(end - begin, static_cast<off_t>(buffer_.size())));
            const ssize_t count = ::pread(source, buffer_.data(), wanted, begin);
            if (count <= 0) {
                return count == 0 ? Status() : Status(fail(Errc::io_error));  // it has shrunk
            }
            const auto bytes = std::span(buffer_).first(static_cast<std::size_t>(count));
            fs::SpanWriteBuffer from(bytes);
            while (from.remaining() > 0) {
                const std::size_t left = from.remaining();
                TRY(file.write_at(static_cast<std::uint64_t>(begin) + (bytes.size() - left), from));
                if (from.remaining() == left) {
                    return fail(Errc::no_space);
                }
            }
            begin += count;
            written_ += bytes.size();
            if (written_ >= most_unwritten) {  // nobody else empties the cache
                written_ = 0;
                TRY(volume_.system().sync());
            }
        }
        written_ += fs_block;
        return {};
    }

    static constexpr std::size_t most_unwritten = 16U << 20U;
    static constexpr std::size_t fs_block = 16384;  ///< metadata of a file, about

    Volume& volume_;
    int status_ = 0;
    bool is_over_ = false;
    unsigned level_ = 0;
    std::size_t written_ = 0;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(1U << 20U);
    std::map<std::pair<dev_t, ino_t>, fs::Place> known_;  ///< those with further names
};

}  // namespace

int put_contents(Volume& volume, const std::string& folder) {
    const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened.number() < 0) {
        return complain(folder, std::strerror(errno));
    }
    Putter putter(volume);
    putter.put_names(opened.number(), volume.vfs().root(), folder);
    return putter.status();
}

int put(const Arguments& arguments) {
    const std::vector<std::string>& rest = arguments.rest;
    return with_volume(rest[0], Use::change, true, [&](Volume& volume) {
        const std::string& target = rest.back();
        Volume::Vfs& vfs = volume.vfs();
        const auto place = vfs.place_at(volume.at_root(), target, true);
        const bool is_directory = place && place->node->type() == fs::NodeType::directory;
        if (!is_directory && (rest.size() > 3 || target.ends_with('/'))) {
            return complain(target, in_words(place ? Errc::not_directory : place.error()));
        }
        const std::string parent_path = target.substr(0, target.find_last_of('/') + 1);
        const auto parent =
            is_directory
                ? place
                : vfs.place_at(volume.at_root(), parent_path.empty() ? "/" : parent_path, true);
        if (!parent) {
            return complain(parent_path, in_words(parent.error()));
        }
        Putter putter(volume);
        for (std::size_t n = 1; n + 1 < rest.size(); ++n) {
            const bool is_whole_tree = last_of(rest[n]) == "." || last_of(rest[n]) == "..";
            const std::string name = is_directory ? last_of(rest[n]) : last_of(target);
            if (is_whole_tree && is_directory) {
                const Descriptor opened(
                    ::open(rest[n].c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
                putter.put_names(opened.number(), *parent, rest[n]);
            } else {
                putter.put(AT_FDCWD, rest[n], *parent, name, rest[n]);
            }
        }
        return putter.status();
    });
}

}  // namespace kidney::image
