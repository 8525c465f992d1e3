/// klist: lists a directory with the system calls in sight: openat, getdents64, fstatat. No
/// sorting, no columns: what the kernel hands out is what is shown. usage: klist [DIRECTORY...]

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

/// One record of getdents64, as the kernel lays it out. Records are 8-aligned, the name ends with
/// NUL.
struct DirectoryRecord {
    std::uint64_t inode;
    std::int64_t next_offset;
    std::uint16_t record_length;
    std::uint8_t type;
    char name[1];
};

char type_letter(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFDIR:
            return 'd';
        case S_IFLNK:
            return 'l';
        case S_IFCHR:
            return 'c';
        case S_IFBLK:
            return 'b';
        case S_IFIFO:
            return 'p';
        case S_IFSOCK:
            return 's';
        default:
            return '-';
    }
}

void print_entry(int directory, const DirectoryRecord& record) {
    struct stat status{};
    if (fstatat(directory, record.name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        std::printf("?%31s  %s: %s\n", "", record.name, std::strerror(errno));
        return;
    }
    std::printf("%c%04o %8llu %12lld  %s", type_letter(status.st_mode), status.st_mode & 07777U,
                static_cast<unsigned long long>(status.st_ino),
                static_cast<long long>(status.st_size), record.name);
    char target[256];
    if (S_ISLNK(status.st_mode)) {
        const ssize_t length = readlinkat(directory, record.name, target, sizeof target);
        if (length > 0) {
            std::printf(" -> %.*s", static_cast<int>(length), target);
        }
    }
    std::putchar('\n');
}

bool list(const char* path) {
    const int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        std::perror(path);
        return false;
    }
    alignas(8) static char buffer[8192];
    long length = 0;
    while ((length = syscall(SYS_getdents64, directory, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < length;) {
            const auto& record = *reinterpret_cast<const DirectoryRecord*>(buffer + at);
            print_entry(directory, record);
            at += record.record_length;
        }
    }
    if (length < 0) {
        std::perror(path);
    }
    close(directory);
    return length == 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        return list(".") ? 0 : 1;
    }
    bool good = true;
    for (int i = 1; i < argc; ++i) {
        good = list(argv[i]) && good;
    }
    return good ? 0 : 1;
}
