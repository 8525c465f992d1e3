/// From an image to this machine. The image is not trusted: nothing leaves the folder that was
/// named, whatever its names and links say.
#include "tools/disk/commands.hpp"
#include "tools/disk/complaint.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <map>
#include <span>
#include <sys/stat.h>
#include <unistd.h>

namespace kidney::image {
namespace {

using Use = ImageFile::Use;

Status write_all(int file, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t done = ::write(file, bytes.data(), bytes.size());
        if (done < 0 && errno != EINTR) {
            return fail(errno == ENOSPC ? Errc::no_space : Errc::io_error);
        }
        bytes = bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(done, 0)));
    }
    return {};
}

/// Moves bytes [at, end) of a file of the image to where the file of this machine stands.
Status copy(fs::File& from, int to, std::uint64_t at, std::uint64_t end,
            std::span<std::byte> buffer) {
    while (at < end) {
        const auto part = buffer.first(
            static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - at)));
        fs::SpanReadBuffer into(part);
        const std::size_t count = TRY(from.read_at(at, into));
        if (count == 0) {
            return {};
        }
        TRY(write_all(to, part.first(count)));
        at += count;
    }
    return {};
}

class Getter {
public:
    explicit Getter(Volume& volume) : volume_(volume) {}
    [[nodiscard]] int status() const { return status_; }

    /// `name` in `from` becomes `target` in a folder of this machine, which is `host` as a path.
    void get(const fs::Place& from, const std::string& name, int folder, const std::string& target,
             const std::string& path, const std::string& host) {
        const fs::PathContext at = volume_.at(from);
        const auto attributes = volume_.vfs().attributes(at, name, false);
        if (!attributes) {
            tell(path, in_words(attributes.error()));
            return;
        }
        switch (attributes->type) {
            case fs::NodeType::directory:
                get_folder(at, name, folder, target, path, host, *attributes);
                return;
            case fs::NodeType::regular:
                get_file(at, name, folder, target, path, host, *attributes);
                return;
            case fs::NodeType::symlink:
                get_link(at, name, folder, target, path, *attributes);
                return;
            case fs::NodeType::fifo:
                remove_old(folder, target);
                if (::mkfifoat(folder, target.c_str(), mode_of(*attributes)) < 0) {
                    tell(path, std::strerror(errno));
                }
                return;
            case fs::NodeType::character:
            case fs::NodeType::block:
            case fs::NodeType::socket:
            case fs::NodeType::none:  // no node is that
                tell(path, "a device or a socket stays in the image");
                return;
        }
    }

private:
    void tell(const std::string& path, const std::string& what) { status_ = complain(path, what); }
    [[nodiscard]] static mode_t mode_of(const fs::Attributes& a) {
        return a.permissions.bits() & 0777U;  // set-id bits were another owner's
    }
    static void set_times(int folder, const std::string& name, const fs::Attributes& a) {
        const auto time = [](const fs::FileTime& t) {
            return timespec{static_cast<time_t>(t.seconds), static_cast<long>(t.nanoseconds)};
        };
        const timespec times[2] = {time(a.accessed), time(a.modified)};
        ::utimensat(folder, name.c_str(), times, AT_SYMLINK_NOFOLLOW);
    }
    /// A file or link that was there; a folder stays, and is an error of what follows.
    static void remove_old(int folder, const std::string& name) {
        ::unlinkat(folder, name.c_str(), 0);
    }

    void get_folder(const fs::PathContext& at, const std::string& name, int folder,
                    const std::string& target, const std::string& path, const std::string& host,
                    const fs::Attributes& a) {
        if (::mkdirat(folder, target.c_str(), 0700) < 0 && errno != EEXIST) {
            tell(path, std::strerror(errno));
            return;
        }
        const int inner =
            ::openat(folder, target.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner < 0) {
            tell(path, std::strerror(errno));
            return;
        }
        const auto place = volume_.vfs().place_at(at, name, false);
        const auto listed =
            place ? names_in(volume_, *place, path) : Result<Listed>(fail(place.error()));
        if (!listed || level_ == most_levels) {
            tell(path, listed ? "there is no end to it" : in_words(listed.error()));
        } else {
            status_ |= listed->is_whole ? 0 : 1;
            ++level_;
            for (const std::string& one : listed->names) {
                get(*place, one, inner, one, below(path, one), below(host, one));
            }
            --level_;
        }
        ::fchmod(inner, mode_of(a));
        ::close(inner);
        set_times(folder, target, a);
    }
    void get_file(const fs::PathContext& at, const std::string& name, int folder,
                  const std::string& target, const std::string& path, const std::string& host,
                  const fs::Attributes& a) {
        remove_old(folder, target);
        if (const auto known = known_.find(a.inode);
            known != known_.end() &&
            ::linkat(AT_FDCWD, known->second.c_str(), folder, target.c_str(), 0) == 0) {
            return;
        }
        const int file = ::openat(folder, target.c_str(),
                                  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (file < 0) {
            tell(path, std::strerror(errno));
            return;
        }
        if (const Status copied = copy_file(at, name, file, a.size); !copied) {
            tell(path, in_words(copied.error()));
        }
        ::fchmod(file, mode_of(a));
        ::close(file);
        set_times(folder, target, a);
        if (a.links > 1) {
            known_.emplace(a.inode, host);
        }
    }
    /// Holes stay holes.
    Status copy_file(const fs::PathContext& at, const std::string& name, int to,
                     std::uint64_t size) {
        const auto file =
            TRY(volume_.vfs().open(at, name, {.mode = {.read = true}, .no_follow = true}, {}));
        if (::ftruncate(to, static_cast<off_t>(size)) < 0) {
            return fail(Errc::no_space);
        }
        for (std::uint64_t here = 0; here < size;) {
            const auto data = file->seek(static_cast<std::int64_t>(here), fs::Whence::data);
            if (!data) {
                return data.error() == Errc::no_device ? Status() : Status(fail(data.error()));
            }
            const std::uint64_t end =
                TRY(file->seek(static_cast<std::int64_t>(*data), fs::Whence::hole));
            ::lseek(to, static_cast<off_t>(*data), SEEK_SET);
            TRY(copy(*file, to, *data, std::min(end, size), buffer_));
            here = end;
        }
        return {};
    }
    void get_link(const fs::PathContext& at, const std::string& name, int folder,
                  const std::string& target, const std::string& path, const fs::Attributes& a) {
        std::array<char, fs::max_path + 1> text{};
        const auto size = volume_.vfs().read_link(at, name, std::span(text).first(fs::max_path));
        if (!size) {
            tell(path, in_words(size.error()));
            return;
        }
        remove_old(folder, target);
        if (::symlinkat(text.data(), folder, target.c_str()) < 0) {
            tell(path, std::strerror(errno));
            return;
        }
        set_times(folder, target, a);
    }

    Volume& volume_;
    int status_ = 0;
    unsigned level_ = 0;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(1U << 20U);
    std::map<std::uint64_t, std::string> known_;  ///< where those with further names went
};

}  // namespace

int print(const Arguments& arguments) {
    const std::vector<std::string>& rest = arguments.rest;
    return with_volume(rest[0], Use::look, false, [&](Volume& volume) {
        int status = 0;
        std::vector<std::byte> buffer(1U << 20U);
        for (std::size_t n = 1; n < rest.size(); ++n) {
            const auto file =
                volume.vfs().open(volume.at_root(), rest[n], {.mode = {.read = true}}, {});
            constexpr std::uint64_t end = std::numeric_limits<std::int64_t>::max();
            const Status copied =
                file ? copy(**file, STDOUT_FILENO, 0, end, buffer) : Status(fail(file.error()));
            if (!copied) {
                status = complain(rest[n], in_words(copied.error()));
            }
        }
        return status;
    });
}

int get(const Arguments& arguments) {
    const std::vector<std::string>& rest = arguments.rest;
    return with_volume(rest[0], Use::look, false, [&](Volume& volume) {
        const std::string& target = rest.back();
        struct stat info{};
        const bool is_folder = ::stat(target.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
        if (!is_folder && (rest.size() > 3 || target.ends_with('/'))) {
            return complain(target, "no such folder");
        }
        Getter getter(volume);
        int status = 0;
        for (std::size_t n = 1; n + 1 < rest.size(); ++n) {
            // All of the image goes into the folder itself.
            const bool is_root = last_of(rest[n]) == "/";
            const std::string host =
                is_folder && !is_root ? below(target, last_of(rest[n])) : target;
            const auto place = volume.vfs().place_at(volume.at_root(), rest[n], false);
            const auto parent =
                place ? volume.vfs().place_at(
                            volume.at_root(),
                            is_root ? "/"
                                    : rest[n].substr(0, rest[n].find_last_not_of('/') + 1 -
                                                            last_of(rest[n]).size()) +
                                          ".",
                            true)
                      : fail(place.error());
            if (!parent) {
                status = complain(rest[n], in_words(parent.error()));
                continue;
            }
            getter.get(*parent, is_root ? "." : last_of(rest[n]), AT_FDCWD, host, rest[n], host);
        }
        return status | getter.status();
    });
}

}  // namespace kidney::image
