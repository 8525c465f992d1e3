/// Files and directories in /tmp: names, links, offsets, attributes, errors.

#include "user/tests/check.hpp"

#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

/// A fresh folder that is the current one while a case runs.
struct Folder {
    char path[64];

    Folder() {
        std::snprintf(path, sizeof path, "/tmp/file_test.%d", getpid());
        EXPECT_EQ(mkdir(path, 0755), 0);
        EXPECT_EQ(chdir(path), 0);
    }
    ~Folder() {
        EXPECT_EQ(chdir("/"), 0);
        EXPECT_EQ(rmdir(path), 0);  // whatever a case creates it must be able to remove
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
};

void create(const char* path, const char* text) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    EXPECT(fd >= 0);
    EXPECT_EQ(write(fd, text, std::strlen(text)), std::strlen(text));
    EXPECT_EQ(close(fd), 0);
}

bool contains(const char* path, const char* text) {
    const int fd = open(path, O_RDONLY);
    EXPECT(fd >= 0);
    char buffer[256] = "";
    const ssize_t length = read(fd, buffer, sizeof buffer - 1);
    close(fd);
    return length == static_cast<ssize_t>(std::strlen(text)) && std::strcmp(buffer, text) == 0;
}

struct stat status_of(const char* path) {
    struct stat status{};
    EXPECT_EQ(lstat(path, &status), 0);
    return status;
}

}  // namespace

CHECK_CASE(create_write_read_remove) {
    Folder folder;
    create("a", "content");
    EXPECT(contains("a", "content"));
    EXPECT_EQ(status_of("a").st_size, 7);
    EXPECT(S_ISREG(status_of("a").st_mode));
    EXPECT_EQ(unlink("a"), 0);
    EXPECT_ERRNO(open("a", O_RDONLY), ENOENT);
    EXPECT_ERRNO(unlink("a"), ENOENT);
}

CHECK_CASE(opening_flags) {
    Folder folder;
    create("a", "0123456789");
    EXPECT_ERRNO(open("a", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    int fd = open("a", O_WRONLY | O_APPEND);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_EQ(write(fd, "x", 1), 1);
    char c = 0;
    EXPECT_ERRNO(read(fd, &c, 1), EBADF);
    close(fd);
    EXPECT(contains("a", "0123456789x"));
    fd = open("a", O_RDONLY);
    EXPECT_ERRNO(write(fd, "x", 1), EBADF);
    close(fd);
    close(open("a", O_WRONLY | O_TRUNC));
    EXPECT_EQ(status_of("a").st_size, 0);
    EXPECT_ERRNO(open("a", O_RDONLY | O_DIRECTORY), ENOTDIR);
    EXPECT_ERRNO(open(".", O_WRONLY), EISDIR);
    EXPECT_EQ(symlink("a", "link"), 0);
    EXPECT_ERRNO(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    unlink("link");
    unlink("a");
}

CHECK_CASE(offsets_and_holes) {
    Folder folder;
    const int fd = open("a", O_RDWR | O_CREAT, 0600);
    EXPECT_EQ(lseek(fd, 100000, SEEK_SET), 100000);
    EXPECT_EQ(write(fd, "end", 3), 3);
    EXPECT_EQ(lseek(fd, 0, SEEK_END), 100003);
    EXPECT_EQ(lseek(fd, -3, SEEK_CUR), 100000);
    char buffer[8] = "";
    EXPECT_EQ(read(fd, buffer, 8), 3);
    EXPECT_EQ(read(fd, buffer, 8), 0);
    EXPECT_EQ(pread(fd, buffer, 8, 50000), 8);
    EXPECT(std::memcmp(buffer, "\0\0\0\0\0\0\0\0", 8) == 0);
    EXPECT_EQ(pwrite(fd, "mid", 3, 50000), 3);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 100003);
    EXPECT_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    EXPECT_ERRNO(lseek(fd, 0, 99), EINVAL);
    EXPECT_EQ(ftruncate(fd, 50001), 0);
    EXPECT_EQ(ftruncate(fd, 50003), 0);
    EXPECT_EQ(pread(fd, buffer, 8, 50000), 3);
    EXPECT(std::memcmp(buffer, "m\0\0", 3) == 0);
    close(fd);
    unlink("a");
}

CHECK_CASE(an_unlinked_file_lives_until_it_is_closed) {
    Folder folder;
    const int fd = open("a", O_RDWR | O_CREAT, 0600);
    EXPECT_EQ(unlink("a"), 0);
    EXPECT_EQ(write(fd, "still here", 10), 10);
    char buffer[16] = "";
    EXPECT_EQ(pread(fd, buffer, 16, 0), 10);
    struct stat status{};
    EXPECT_EQ(fstat(fd, &status), 0);
    EXPECT_EQ(status.st_nlink, 0);
    close(fd);
}

CHECK_CASE(directories) {
    Folder folder;
    EXPECT_EQ(mkdir("d", 0755), 0);
    EXPECT_ERRNO(mkdir("d", 0755), EEXIST);
    EXPECT_ERRNO(mkdir("missing/d", 0755), ENOENT);
    create("d/f", "x");
    EXPECT_ERRNO(rmdir("d"), ENOTEMPTY);
    EXPECT_ERRNO(unlink("d"), EISDIR);
    EXPECT_ERRNO(rmdir("d/f"), ENOTDIR);
    EXPECT_ERRNO(open("d/f/g", O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(rmdir("d/."), EINVAL);
    EXPECT_EQ(unlink("d/f"), 0);
    EXPECT_EQ(status_of("d").st_nlink, 2);
    EXPECT_EQ(mkdir("d/e", 0755), 0);
    EXPECT_EQ(status_of("d").st_nlink, 3);
    EXPECT_EQ(rmdir("d/e"), 0);
    EXPECT_EQ(rmdir("d"), 0);
}

CHECK_CASE(a_listing_has_everything_once) {
    Folder folder;
    char name[16];
    for (int i = 0; i < 200; ++i) {
        std::snprintf(name, sizeof name, "file%d", i);
        create(name, "");
    }
    static bool seen[200];
    int dots = 0;
    int entries = 0;
    DIR* directory = opendir(".");
    EXPECT(directory != nullptr);
    while (const dirent* entry = readdir(directory)) {
        ++entries;
        if (entry->d_name[0] == '.') {
            ++dots;
            continue;
        }
        const int number = std::atoi(entry->d_name + 4);
        EXPECT(!seen[number]);
        seen[number] = true;
        EXPECT_EQ(entry->d_ino, status_of(entry->d_name).st_ino);
    }
    closedir(directory);
    EXPECT_EQ(entries, 202);
    EXPECT_EQ(dots, 2);
    for (int i = 0; i < 200; ++i) {
        std::snprintf(name, sizeof name, "file%d", i);
        EXPECT_EQ(unlink(name), 0);
    }
}

CHECK_CASE(hard_links_share_the_file) {
    Folder folder;
    create("a", "one");
    EXPECT_EQ(link("a", "b"), 0);
    EXPECT_EQ(status_of("a").st_nlink, 2);
    EXPECT_EQ(status_of("a").st_ino, status_of("b").st_ino);
    create("b", "two");
    EXPECT(contains("a", "two"));
    EXPECT_ERRNO(link("a", "b"), EEXIST);
    EXPECT_EQ(unlink("a"), 0);
    EXPECT(contains("b", "two"));
    EXPECT_EQ(unlink("b"), 0);
}

CHECK_CASE(symbolic_links) {
    Folder folder;
    create("a", "text");
    EXPECT_EQ(symlink("a", "l"), 0);
    EXPECT(contains("l", "text"));
    EXPECT(S_ISLNK(status_of("l").st_mode));
    EXPECT_EQ(status_of("l").st_size, 1);
    char target[16] = "";
    EXPECT_EQ(readlink("l", target, sizeof target), 1);
    EXPECT_EQ(target[0], 'a');
    EXPECT_ERRNO(readlink("a", target, sizeof target), EINVAL);
    EXPECT_EQ(symlink("loop2", "loop1"), 0);
    EXPECT_EQ(symlink("loop1", "loop2"), 0);
    EXPECT_ERRNO(open("loop1", O_RDONLY), ELOOP);
    EXPECT_EQ(symlink("nowhere", "dangling"), 0);
    EXPECT_ERRNO(open("dangling", O_RDONLY), ENOENT);
    const int fd = open("dangling", O_WRONLY | O_CREAT, 0600);  // creates what it points to
    EXPECT(fd >= 0);
    close(fd);
    for (const char* name : {"nowhere", "dangling", "loop1", "loop2", "l", "a"}) {
        EXPECT_EQ(unlink(name), 0);
    }
}

CHECK_CASE(rename_moves_and_replaces) {
    Folder folder;
    create("a", "a");
    create("b", "b");
    EXPECT_EQ(rename("a", "b"), 0);
    EXPECT(contains("b", "a"));
    EXPECT_ERRNO(rename("a", "c"), ENOENT);
    EXPECT_EQ(mkdir("d", 0755), 0);
    EXPECT_EQ(rename("b", "d/b"), 0);
    EXPECT_ERRNO(rename("d", "d/inside"), EINVAL);
    EXPECT_EQ(mkdir("empty", 0755), 0);
    EXPECT_ERRNO(rename("d/b", "empty"), EISDIR);
    EXPECT_ERRNO(rename("empty", "d/b"), ENOTDIR);
    EXPECT_ERRNO(rename("empty", "d"), ENOTEMPTY);
    EXPECT_EQ(rmdir("empty"), 0);
    EXPECT_EQ(rename("d", "e"), 0);
    EXPECT(contains("e/b", "a"));
    EXPECT_EQ(unlink("e/b"), 0);
    EXPECT_EQ(rmdir("e"), 0);
}

CHECK_CASE(the_current_directory) {
    Folder folder;
    char buffer[256];
    EXPECT(std::strcmp(getcwd(buffer, sizeof buffer), folder.path) == 0);
    EXPECT_EQ(mkdir("d", 0755), 0);
    EXPECT_EQ(chdir("d/../d/./"), 0);
    EXPECT(std::strcmp(getcwd(buffer, sizeof buffer) + std::strlen(folder.path), "/d") == 0);
    EXPECT(getcwd(buffer, 4) == nullptr && errno == ERANGE);
    EXPECT_EQ(chdir(".."), 0);
    EXPECT_ERRNO(chdir("nowhere"), ENOENT);
    EXPECT_EQ(chdir("/"), 0);
    EXPECT(std::strcmp(getcwd(buffer, sizeof buffer), "/") == 0);
    EXPECT_EQ(chdir(".."), 0);
    EXPECT(std::strcmp(getcwd(buffer, sizeof buffer), "/") == 0);
    EXPECT_EQ(chdir(folder.path), 0);
    EXPECT_EQ(check::status_of_child([] { EXPECT_EQ(chdir("d"), 0); }), 0);
    EXPECT_EQ(rmdir("d"), 0);  // still our folder: the child moved alone
}

CHECK_CASE(modes_and_the_mask) {
    Folder folder;
    umask(027);
    close(open("a", O_WRONLY | O_CREAT, 0666));
    EXPECT_EQ(status_of("a").st_mode & 07777, 0640);
    EXPECT_EQ(chmod("a", 0751), 0);
    EXPECT_EQ(status_of("a").st_mode & 07777, 0751);
    EXPECT_EQ(umask(022), 027);
    EXPECT_EQ(access("a", R_OK | W_OK | X_OK), 0);
    EXPECT_EQ(chmod("a", 0600), 0);
    EXPECT_ERRNO(access("a", X_OK), EACCES);  // not even root may execute what nobody may
    EXPECT_ERRNO(access("b", F_OK), ENOENT);
    unlink("a");
}

CHECK_CASE(writing_takes_set_id_bits_away) {
    Folder folder;
    EXPECT_EQ(chmod(".", 0777), 0);
    const int status = check::status_of_child([] {
        // Root may keep them; anybody else loses them, even with a file of their own.
        EXPECT_EQ(setgid(1000), 0);
        EXPECT_EQ(setuid(1000), 0);
        create("f", "text");
        const auto mode = [] { return status_of("f").st_mode & 07777U; };
        const int fd = open("f", O_RDWR);
        EXPECT_EQ(fchmod(fd, 06755), 0);
        EXPECT_EQ(write(fd, "x", 1), 1);
        EXPECT_EQ(mode(), 0755);
        EXPECT_EQ(fchmod(fd, 06755), 0);
        EXPECT_EQ(pwrite(fd, "x", 1, 2), 1);
        EXPECT_EQ(mode(), 0755);
        EXPECT_EQ(fchmod(fd, 06755), 0);
        EXPECT_EQ(ftruncate(fd, 1), 0);
        EXPECT_EQ(mode(), 0755);
        EXPECT_EQ(fchmod(fd, 06755), 0);
        EXPECT_EQ(truncate("f", 0), 0);
        EXPECT_EQ(mode(), 0755);
        EXPECT_EQ(fchmod(fd, 06755), 0);
        create("f", "");  // opens with O_TRUNC
        EXPECT_EQ(mode(), 0755);
        EXPECT_EQ(fchmod(fd, 02745), 0);  // without execute for the group: a mark, and it stays
        EXPECT_EQ(write(fd, "x", 1), 1);
        EXPECT_EQ(mode(), 02745);
        EXPECT_EQ(fchmod(fd, 06755), 0);
        char byte = 0;
        EXPECT_EQ(pread(fd, &byte, 1, 0), 1);
        EXPECT_EQ(mode(), 06755);
        EXPECT_EQ(close(fd), 0);
        _exit(0);
    });
    EXPECT_EQ(status, 0);
    EXPECT_EQ(unlink("f"), 0);
}

CHECK_CASE(long_names) {
    Folder folder;
    char name[300];
    std::memset(name, 'n', sizeof name);
    name[255] = '\0';
    close(open(name, O_WRONLY | O_CREAT, 0600));
    EXPECT_EQ(unlink(name), 0);
    name[255] = 'n';
    name[256] = '\0';
    EXPECT_ERRNO(open(name, O_WRONLY | O_CREAT, 0600), ENAMETOOLONG);
    static char path[5000];
    std::memset(path, '/', sizeof path - 1);
    EXPECT_ERRNO(open(path, O_RDONLY), ENAMETOOLONG);
    EXPECT_ERRNO(open("", O_RDONLY), ENOENT);
}

CHECK_CASE(large_files_keep_their_content) {
    Folder folder;
    const int fd = open("big", O_RDWR | O_CREAT, 0600);
    static unsigned block[1024];
    for (unsigned number = 0; number < 512; ++number) {  // 2 MiB
        for (unsigned i = 0; i < 1024; ++i) {
            block[i] = number * 1024 + i;
        }
        EXPECT_EQ(write(fd, block, sizeof block), sizeof block);
    }
    for (unsigned number = 512; number-- > 0;) {
        EXPECT_EQ(pread(fd, block, sizeof block, number * 4096L), sizeof block);
        EXPECT_EQ(block[0], number * 1024);
        EXPECT_EQ(block[1023], number * 1024 + 1023);
    }
    close(fd);
    EXPECT_EQ(unlink("big"), 0);
}

CHECK_CASE(shared_memory_has_names) {
    struct stat status{};
    EXPECT_EQ(stat("/dev/shm", &status), 0);
    EXPECT_EQ(status.st_mode, S_IFDIR | 01777);
    char name[64];
    std::snprintf(name, sizeof name, "/file_test.%d", getpid());
    const int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    EXPECT(fd >= 0);
    EXPECT_EQ(ftruncate(fd, 4096), 0);
    auto* const here =
        static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    EXPECT(here != MAP_FAILED);
    const int again = shm_open(name, O_RDONLY, 0);
    EXPECT(again >= 0);
    EXPECT_EQ(shm_unlink(name), 0);
    EXPECT_ERRNO(shm_open(name, O_RDONLY, 0), ENOENT);
    here[17] = 'x';
    char there = 0;
    EXPECT_EQ(pread(again, &there, 1, 17), 1);
    EXPECT_EQ(there, 'x');
}

CHECK_CASE(paths_relative_to_an_open_directory) {
    Folder folder;
    EXPECT_EQ(mkdir("d", 0755), 0);
    const int directory = open("d", O_RDONLY | O_DIRECTORY);
    EXPECT(directory >= 0);
    const int fd = openat(directory, "f", O_WRONLY | O_CREAT, 0600);
    EXPECT(fd >= 0);
    close(fd);
    struct stat status{};
    EXPECT_EQ(fstatat(directory, "f", &status, 0), 0);
    EXPECT_EQ(stat("d/f", &status), 0);
    EXPECT_ERRNO(openat(199, "f", O_RDONLY), EBADF);
    EXPECT_ERRNO(openat(0x7fff, "f", O_RDONLY), EBADF);
    EXPECT(openat(199, "/dev/null", O_RDONLY) >= 0);  // absolute: the folder does not matter
    EXPECT_EQ(unlinkat(directory, "f", 0), 0);
    close(directory);
    EXPECT_EQ(rmdir("d"), 0);
}

CHECK_CASE(files_in_memory) {
    const int fd = memfd_create("name", MFD_CLOEXEC);
    EXPECT(fd >= 0);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    EXPECT_EQ(write(fd, "text", 4), 4);
    struct stat status{};
    EXPECT_EQ(fstat(fd, &status), 0);
    EXPECT(S_ISREG(status.st_mode) && status.st_size == 4 && status.st_nlink == 0);
    auto* const memory =
        static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    EXPECT(memory != MAP_FAILED);
    memory[0] = 'n';
    char back[4];
    EXPECT_EQ(pread(fd, back, 4, 0), 4);
    EXPECT(std::memcmp(back, "next", 4) == 0);
    EXPECT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
    EXPECT_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    EXPECT_ERRNO(fcntl(fd, F_ADD_SEALS, 0x4000), EINVAL);
    EXPECT_ERRNO(fcntl(open("/tmp", O_RDONLY), F_GET_SEALS), EINVAL);
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_ERRNO(fcntl(ends[1], F_ADD_SEALS, F_SEAL_GROW), EINVAL);
    EXPECT_ERRNO(fcntl(ends[0], F_ADD_SEALS, F_SEAL_GROW), EPERM);
    EXPECT_ERRNO(memfd_create("name", 0x8000), EINVAL);
    EXPECT_ERRNO(memfd_create(nullptr, 0), EFAULT);
    static char name[251];
    std::memset(name, 'n', 249);
    EXPECT(memfd_create(name, 0) >= 0);
    name[249] = 'n';
    EXPECT_ERRNO(memfd_create(name, 0), EINVAL);
}
