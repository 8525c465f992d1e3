#include "tools/disk/image_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace kidney::image {
namespace {

/// Moves all of it, however often that takes.
template <class Byte, class Move>
Status all_of(std::span<Byte> bytes, std::uint64_t at, Move&& move) {
    while (!bytes.empty()) {
        const ssize_t done = move(bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return fail(done < 0 && errno == ENOSPC ? Errc::no_space : Errc::io_error);
        }
        bytes = bytes.subspan(static_cast<std::size_t>(done));
        at += static_cast<std::uint64_t>(done);
    }
    return {};
}

/// One byte of QEMU's marks. Command: F_OFD_SETLK, F_OFD_GETLK.
struct flock mark_at(int command, int file, short type, off_t byte) {
    struct flock mark{};
    mark.l_type = type;
    mark.l_whence = SEEK_SET;
    mark.l_start = byte;
    mark.l_len = 1;
    // A file system of the host without such locks answers an error, and then there are none.
    return ::fcntl(file, command, &mark) < 0 ? (mark.l_type = F_UNLCK, mark) : mark;
}

}  // namespace

ImageFile::~ImageFile() {
    if (file_ >= 0) {
        ::close(file_);
    }
}

std::string ImageFile::open(const std::string& path, Use use) {
    path_ = path;
    use_ = use;
    file_ = ::open(path.c_str(), (use == Use::change ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    struct stat info{};
    if (file_ < 0 || ::fstat(file_, &info) < 0) {
        return std::strerror(errno);
    }
    if (!S_ISREG(info.st_mode)) {
        return "not a file";
    }
    if (!lock()) {
        return "somebody else has it in use: another ./kidney image, or a machine that runs";
    }
    bytes_ = static_cast<std::uint64_t>(info.st_size);
    widen();
    return {};
}

/// QEMU's protocol: whoever uses a file marks with a shared lock of byte 100 + n that it does n
/// with it, and of byte 200 + n that nobody else may; then it looks for marks that contradict its
/// own.
bool ImageFile::lock() const {
    constexpr off_t done = 100, refused = 200;
    constexpr off_t reading = 0, writing = 1, resizing = 3;
    std::vector<off_t> does{reading}, refuses{writing, resizing};
    if (changes()) {
        does.push_back(writing);
        refuses.push_back(reading);
    }
    for (const off_t n : does) {
        mark_at(F_OFD_SETLK, file_, F_RDLCK, done + n);
    }
    for (const off_t n : refuses) {
        mark_at(F_OFD_SETLK, file_, F_RDLCK, refused + n);
    }
    const auto is_marked = [this](off_t byte) {
        return mark_at(F_OFD_GETLK, file_, F_WRLCK, byte).l_type != F_UNLCK;
    };
    return std::ranges::none_of(does, [&](off_t n) { return is_marked(refused + n); }) &&
           std::ranges::none_of(refuses, [&](off_t n) { return is_marked(done + n); });
}

bool ImageFile::is_blank() const {
    std::vector<std::byte> bytes(1 << 20);
    std::uint64_t at = 0;
    while (at < bytes_) {
        const off_t data = ::lseek(file_, static_cast<off_t>(at), SEEK_DATA);
        if (data < 0 && errno == ENXIO) {
            return true;  // the rest is a hole
        }
        at = data < 0 ? at : static_cast<std::uint64_t>(data);
        const auto part = std::span(bytes).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), bytes_ - at)));
        if (!all_of(part, at,
                    [this](void* to, std::size_t n, off_t from) {
                        return ::pread(file_, to, n, from);
                    }) ||
            std::ranges::any_of(part, [](std::byte b) { return b != std::byte{}; })) {
            return false;
        }
        at += part.size();
    }
    return true;
}

bool ImageFile::store() const {
    return !changes() || ::fsync(file_) == 0;
}

Status ImageFile::read(fs::BlockIndex first, std::span<std::byte> to) noexcept {
    TRY(fs::check_range(*this, first, to.size()));
    const std::uint64_t sector = window_.first.value() + first.value();
    TRY(all_of(to, sector * sector_size, [this](void* bytes, std::size_t n, off_t from) {
        return ::pread(file_, bytes, n, from);
    }));
    if (!changed_.empty()) {
        for (std::size_t at = 0; at < to.size(); at += sector_size) {
            if (const auto found = changed_.find(sector + at / sector_size);
                found != changed_.end()) {
                std::ranges::copy(found->second, to.subspan(at).begin());
            }
        }
    }
    return {};
}

Status ImageFile::write(fs::BlockIndex first, std::span<const std::byte> from) noexcept {
    TRY(fs::check_range(*this, first, from.size()));
    const std::uint64_t sector = window_.first.value() + first.value();
    if (changes()) {
        return all_of(from, sector * sector_size,
                      [this](const void* bytes, std::size_t n, off_t to) {
                          return ::pwrite(file_, bytes, n, to);
                      });
    }
    for (std::size_t at = 0; at < from.size(); at += sector_size) {
        std::ranges::copy(from.subspan(at, sector_size),
                          changed_[sector + at / sector_size].begin());
    }
    return {};
}

}  // namespace kidney::image
