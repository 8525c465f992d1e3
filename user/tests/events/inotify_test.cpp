/// Files that tell what happens to other files: inotify.

#include "user/tests/check.hpp"
#include "user/tests/events/descriptor_text.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

/// A directory of its own, which is the current one.
struct Place {
    char path[32] = "/tmp/inotify.XXXXXX";
    Place() {
        EXPECT(mkdtemp(path) != nullptr);
        EXPECT_EQ(chdir(path), 0);
    }
    ~Place() {
        EXPECT_EQ(chdir("/"), 0);
        char command[64];
        std::snprintf(command, sizeof command, "rm -rf %s", path);
        if (std::system(command) != 0) {
            check::fail(__FILE__, __LINE__, "%s stays", path);
        }
    }
};

int make_file(const char* name, const char* text = "") {
    const int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    EXPECT(fd >= 0);
    const auto size = static_cast<ssize_t>(std::strlen(text));
    EXPECT_EQ(write(fd, text, std::strlen(text)), size);
    return fd;
}
void put_file(const char* name, const char* text = "") {
    EXPECT_EQ(close(make_file(name, text)), 0);
}

/// What has happened since the last time, in words: "2:OPEN,ISDIR name; ...".
struct Told {
    char text[1024] = "";
    std::uint32_t cookies[8] = {};
    int count = 0;
};

constexpr struct {
    std::uint32_t bit;
    const char* name;
} words[] = {{IN_ACCESS, "ACCESS"},           {IN_MODIFY, "MODIFY"},
             {IN_ATTRIB, "ATTRIB"},           {IN_CLOSE_WRITE, "CLOSE_WRITE"},
             {IN_CLOSE_NOWRITE, "CLOSE"},     {IN_OPEN, "OPEN"},
             {IN_MOVED_FROM, "FROM"},         {IN_MOVED_TO, "TO"},
             {IN_CREATE, "CREATE"},           {IN_DELETE, "DELETE"},
             {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
             {IN_UNMOUNT, "UNMOUNT"},         {IN_Q_OVERFLOW, "LOST"},
             {IN_IGNORED, "IGNORED"},         {IN_ISDIR, "DIR"}};

Told take(int fd) {
    Told told;
    alignas(inotify_event) char buffer[4096];
    std::size_t length = 0;
    const auto say = [&](const char* word) {
        const std::size_t size = std::strlen(word);
        EXPECT(length + size < sizeof told.text);
        std::memcpy(told.text + length, word, size + 1);
        length += size;
    };
    for (;;) {
        const ssize_t size = read(fd, buffer, sizeof buffer);
        if (size < 0) {
            EXPECT_EQ(errno, EAGAIN);
            return told;
        }
        for (ssize_t at = 0; at < size;) {
            inotify_event event;
            std::memcpy(&event, buffer + at, sizeof event);
            char number[16];
            std::snprintf(number, sizeof number, "%s%d:", told.count == 0 ? "" : "; ", event.wd);
            say(number);
            bool is_first = true;
            for (const auto& word : words) {
                if ((event.mask & word.bit) != 0) {
                    say(is_first ? "" : "+");
                    say(word.name);
                    is_first = false;
                }
            }
            if (event.len != 0) {
                const char* const name = buffer + at + sizeof event;
                EXPECT_EQ(event.len, (std::strlen(name) + 16) / 16 * 16);
                for (std::size_t n = std::strlen(name); n < event.len; ++n) {
                    EXPECT_EQ(name[n], 0);
                }
                say(" ");
                say(name);
            }
            if (told.count < 8) {
                told.cookies[told.count] = event.cookie;
            }
            ++told.count;
            at += static_cast<ssize_t>(sizeof event + event.len);
        }
    }
}

void expect_text(const char* text, const char* wanted, int line) {
    if (std::strcmp(text, wanted) != 0) {
        check::fail(__FILE__, line, "told \"%s\", not \"%s\"", text, wanted);
    }
}
#define EXPECT_TOLD(fd, wanted) expect_text(take(fd).text, wanted, __LINE__)

int start() {
    const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    EXPECT(fd >= 0);
    return fd;
}

}  // namespace

CHECK_CASE(inotify_is_a_file) {
    const int fd = start();
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
    char path[32], target[64] = "";
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    EXPECT(readlink(path, target, sizeof target - 1) > 0);
    EXPECT_EQ(std::strcmp(target, "anon_inode:inotify"), 0);
    EXPECT_ERRNO(inotify_init1(1), EINVAL);
    EXPECT_EQ(syscall(SYS_inotify_init), fd + 1);
    EXPECT_EQ(fcntl(fd + 1, F_GETFD), 0);
    char byte = 0;
    EXPECT_ERRNO(write(fd, &byte, 1), EBADF);
    EXPECT_ERRNO(pread(fd, &byte, 1, 0), ESPIPE);
    EXPECT_ERRNO(read(fd, &byte, 1), EAGAIN);
}

CHECK_CASE(inotify_refuses_what_is_wrong) {
    const Place place;
    put_file("f");
    const int fd = start();
    EXPECT_ERRNO(inotify_add_watch(fd, "f", 0), EINVAL);
    EXPECT_ERRNO(inotify_add_watch(fd, "f", 0x10000), EINVAL);
    EXPECT_ERRNO(inotify_add_watch(0x3ff, "f", IN_OPEN), EBADF);
    EXPECT_ERRNO(inotify_add_watch(1, "f", IN_OPEN), EINVAL);
    EXPECT_ERRNO(inotify_add_watch(fd, "none", IN_OPEN), ENOENT);
    EXPECT_ERRNO(inotify_add_watch(fd, "f", IN_OPEN | IN_ONLYDIR), ENOTDIR);
    EXPECT_ERRNO(inotify_add_watch(fd, "f", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
    EXPECT_ERRNO(inotify_add_watch(fd, nullptr, IN_OPEN), EFAULT);
    EXPECT_ERRNO(inotify_rm_watch(fd, 1), EINVAL);
    EXPECT_ERRNO(inotify_rm_watch(0x3ff, 1), EBADF);
    EXPECT_ERRNO(inotify_rm_watch(1, 1), EINVAL);
    EXPECT_EQ(inotify_add_watch(fd, "f", IN_OPEN), 1);
    EXPECT_ERRNO(inotify_add_watch(fd, "f", IN_OPEN | IN_MASK_CREATE), EEXIST);
    EXPECT_EQ(inotify_add_watch(fd, "f", IN_CLOSE), 1);
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_CREATE | IN_MASK_CREATE), 2);
    EXPECT_EQ(symlink("f", "l"), 0);
    EXPECT_EQ(inotify_add_watch(fd, "l", IN_CLOSE), 1);
    EXPECT_EQ(inotify_add_watch(fd, "l", IN_CLOSE | IN_DONT_FOLLOW), 3);
    EXPECT_EQ(inotify_rm_watch(fd, 3), 0);
    EXPECT_ERRNO(inotify_rm_watch(fd, 3), EINVAL);
    EXPECT_TOLD(fd, "2:CREATE l; 3:IGNORED");
    EXPECT_EQ(inotify_add_watch(fd, "l", IN_CLOSE | IN_DONT_FOLLOW), 4);
}

CHECK_CASE(inotify_wants_the_right_to_read) {
    const Place place;
    put_file("f");
    EXPECT_EQ(chmod("f", 0), 0);
    EXPECT_EQ(chmod(".", 0755), 0);
    const int fd = start();
    if (geteuid() == 0) {
        EXPECT_EQ(check::status_of_child([&] {
                      EXPECT_EQ(setuid(65534), 0);
                      EXPECT_ERRNO(inotify_add_watch(fd, "f", IN_OPEN), EACCES);
                  }),
                  0);
    } else {
        EXPECT_ERRNO(inotify_add_watch(fd, "f", IN_OPEN), EACCES);
    }
}

CHECK_CASE(inotify_tells_of_a_file_and_its_directory) {
    const Place place;
    put_file("f", "text");
    const int fd = start();
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_ALL_EVENTS), 1);
    EXPECT_EQ(inotify_add_watch(fd, "f", IN_ALL_EVENTS), 2);
    char byte;
    const int file = open("f", O_RDWR);
    EXPECT_TOLD(fd, "1:OPEN f; 2:OPEN");
    EXPECT_EQ(read(file, &byte, 1), 1);
    EXPECT_TOLD(fd, "1:ACCESS f; 2:ACCESS");
    EXPECT_EQ(pread(file, &byte, 1, 100), 0);
    EXPECT_EQ(write(file, &byte, 0), 0);
    EXPECT_TOLD(fd, "");
    EXPECT_EQ(pwrite(file, "x", 1, 0), 1);
    EXPECT_TOLD(fd, "1:MODIFY f; 2:MODIFY");
    EXPECT_EQ(ftruncate(file, 2), 0);
    EXPECT_EQ(truncate("f", 3), 0);
    EXPECT_TOLD(fd, "1:MODIFY f; 2:MODIFY; 1:MODIFY f; 2:MODIFY");
    EXPECT_EQ(fchmod(file, 0600), 0);
    EXPECT_TOLD(fd, "1:ATTRIB f; 2:ATTRIB");
    EXPECT_EQ(chmod("f", 0644), 0);
    EXPECT_TOLD(fd, "1:ATTRIB f; 2:ATTRIB");
    EXPECT_EQ(utimes("f", nullptr), 0);
    EXPECT_TOLD(fd, "1:ATTRIB f; 2:ATTRIB");
    timespec times[2] = {{0, UTIME_OMIT}, {1, 0}};
    EXPECT_EQ(futimens(file, times), 0);
    EXPECT_TOLD(fd, "1:MODIFY f; 2:MODIFY");
    times[0] = {1, 0};
    times[1] = {0, UTIME_OMIT};
    EXPECT_EQ(utimensat(AT_FDCWD, "f", times, 0), 0);
    EXPECT_TOLD(fd, "1:ACCESS f; 2:ACCESS");
    const int second = dup(file);
    EXPECT_EQ(close(file), 0);
    EXPECT_TOLD(fd, "");
    EXPECT_EQ(close(second), 0);
    EXPECT_TOLD(fd, "1:CLOSE_WRITE f; 2:CLOSE_WRITE");
    EXPECT_EQ(close(open("f", O_RDONLY)), 0);
    EXPECT_TOLD(fd, "1:OPEN f; 2:OPEN; 1:CLOSE f; 2:CLOSE");
    // In which order opening and truncating are told depends on the version of Linux.
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_ALL_EVENTS & ~IN_OPEN), 1);
    EXPECT_EQ(inotify_add_watch(fd, "f", IN_ALL_EVENTS & ~IN_OPEN), 2);
    EXPECT_EQ(close(open("f", O_WRONLY | O_TRUNC)), 0);
    EXPECT_TOLD(fd, "1:MODIFY f; 2:MODIFY; 1:CLOSE_WRITE f; 2:CLOSE_WRITE");
}

CHECK_CASE(inotify_tells_of_names) {
    const Place place;
    const int fd = start();
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_CREATE | IN_DELETE | IN_MOVE), 1);
    put_file("f");
    EXPECT_EQ(mkdir("d", 0755), 0);
    EXPECT_EQ(symlink("f", "s"), 0);
    EXPECT_EQ(mkfifo("p", 0644), 0);
    EXPECT_EQ(link("f", "g"), 0);
    EXPECT_TOLD(fd, "1:CREATE f; 1:CREATE+DIR d; 1:CREATE s; 1:CREATE p; 1:CREATE g");
    EXPECT_EQ(rename("g", "h"), 0);
    const Told moved = take(fd);
    expect_text(moved.text, "1:FROM g; 1:TO h", __LINE__);
    EXPECT(moved.cookies[0] != 0);
    EXPECT_EQ(moved.cookies[0], moved.cookies[1]);
    EXPECT_EQ(rename("h", "d/h"), 0);
    const Told away = take(fd);
    expect_text(away.text, "1:FROM h", __LINE__);
    EXPECT(away.cookies[0] != moved.cookies[0]);
    EXPECT_EQ(rename("d/h", "s"), 0);
    EXPECT_TOLD(fd, "1:TO s");
    EXPECT_EQ(unlink("f"), 0);
    EXPECT_EQ(rmdir("d"), 0);
    EXPECT_TOLD(fd, "1:DELETE f; 1:DELETE+DIR d");
    EXPECT_ERRNO(unlink("none"), ENOENT);
    EXPECT_ERRNO(mkdir("s", 0755), EEXIST);
    EXPECT_TOLD(fd, "");
}

CHECK_CASE(inotify_tells_of_the_end_of_a_file) {
    const Place place;
    put_file("f");
    EXPECT_EQ(link("f", "g"), 0);
    const int fd = start();
    EXPECT_EQ(inotify_add_watch(fd, "f", IN_ALL_EVENTS), 1);
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_DELETE), 2);
    EXPECT_EQ(unlink("g"), 0);
    EXPECT_TOLD(fd, "1:ATTRIB; 2:DELETE g");
    EXPECT_EQ(link("f", "g"), 0);
    EXPECT_TOLD(fd, "1:ATTRIB");
    EXPECT_EQ(unlink("g"), 0);
    EXPECT_EQ(unlink("f"), 0);
    EXPECT_TOLD(fd, "1:ATTRIB; 2:DELETE g; 1:ATTRIB; 1:DELETE_SELF; 1:IGNORED; 2:DELETE f");
    EXPECT_ERRNO(inotify_rm_watch(fd, 1), EINVAL);
}

CHECK_CASE(inotify_tells_of_an_open_file_without_a_name) {
    const Place place;
    const int file = make_file("f");
    const int fd = start(), other = start();
    EXPECT_EQ(inotify_add_watch(fd, "f", IN_ALL_EVENTS), 1);
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_ALL_EVENTS), 2);
    EXPECT_EQ(inotify_add_watch(other, ".", IN_ALL_EVENTS | IN_EXCL_UNLINK), 1);
    EXPECT_EQ(write(file, "x", 1), 1);
    EXPECT_TOLD(fd, "2:MODIFY f; 1:MODIFY");
    EXPECT_EQ(unlink("f"), 0);
    EXPECT_TOLD(fd, "1:ATTRIB; 2:DELETE f");
    EXPECT_EQ(write(file, "x", 1), 1);
    EXPECT_TOLD(fd, "2:MODIFY f; 1:MODIFY");
    EXPECT_EQ(close(file), 0);
    EXPECT_TOLD(fd, "2:CLOSE_WRITE f; 1:CLOSE_WRITE; 1:DELETE_SELF; 1:IGNORED");
    EXPECT_TOLD(other, "1:MODIFY f; 1:DELETE f");
}

CHECK_CASE(inotify_follows_an_open_file_to_its_new_name) {
    const Place place;
    EXPECT_EQ(mkdir("a", 0755), 0);
    EXPECT_EQ(mkdir("b", 0755), 0);
    const int file = make_file("a/f");  // before anybody watches
    const int fd = start();
    EXPECT_EQ(inotify_add_watch(fd, "a", IN_MODIFY), 1);
    EXPECT_EQ(inotify_add_watch(fd, "b", IN_MODIFY), 2);
    EXPECT_EQ(write(file, "x", 1), 1);
    EXPECT_TOLD(fd, "1:MODIFY f");
    EXPECT_EQ(rename("a/f", "a/g"), 0);
    EXPECT_EQ(write(file, "x", 1), 1);
    EXPECT_TOLD(fd, "1:MODIFY g");
    EXPECT_EQ(rename("a/g", "b/h"), 0);
    EXPECT_EQ(write(file, "x", 1), 1);
    EXPECT_TOLD(fd, "2:MODIFY h");
    EXPECT_EQ(link("b/h", "a/h"), 0);
    EXPECT_EQ(write(file, "x", 1), 1);
    EXPECT_TOLD(fd, "2:MODIFY h");
    EXPECT_EQ(unlink("a/h"), 0);
    EXPECT_EQ(write(file, "x", 1), 1);
    EXPECT_TOLD(fd, "2:MODIFY h");
}

CHECK_CASE(inotify_tells_of_directories) {
    const Place place;
    EXPECT_EQ(mkdir("d", 0755), 0);
    const int fd = start();
    EXPECT_EQ(inotify_add_watch(fd, "d", IN_ALL_EVENTS | IN_ONLYDIR), 1);
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_ALL_EVENTS), 2);
    const int directory = open("d", O_RDONLY | O_DIRECTORY);
    char buffer[256];
    EXPECT(syscall(SYS_getdents64, directory, buffer, sizeof buffer) > 0);
    EXPECT_EQ(close(directory), 0);
    EXPECT_TOLD(fd,
                "2:OPEN+DIR d; 1:OPEN+DIR; 2:ACCESS+DIR d; 1:ACCESS+DIR; 2:CLOSE+DIR d; "
                "1:CLOSE+DIR");
    EXPECT_EQ(chmod("d", 0700), 0);
    EXPECT_TOLD(fd, "2:ATTRIB+DIR d; 1:ATTRIB+DIR");
    EXPECT_EQ(rename("d", "e"), 0);
    EXPECT_TOLD(fd, "2:FROM+DIR d; 2:TO+DIR e; 1:MOVE_SELF");
    EXPECT_EQ(rmdir("e"), 0);
    EXPECT_TOLD(fd, "1:DELETE_SELF; 1:IGNORED; 2:DELETE+DIR e");
}

CHECK_CASE(inotify_tells_of_what_a_rename_replaces) {
    const Place place;
    put_file("f");
    put_file("g");
    const int fd = start();
    EXPECT_EQ(inotify_add_watch(fd, "f", IN_ALL_EVENTS), 1);
    EXPECT_EQ(inotify_add_watch(fd, "g", IN_ALL_EVENTS), 2);
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_MOVE), 3);
    EXPECT_EQ(rename("f", "g"), 0);
    EXPECT_TOLD(fd, "3:FROM f; 3:TO g; 2:ATTRIB; 1:MOVE_SELF; 2:DELETE_SELF; 2:IGNORED");
    put_file("h");
    EXPECT_EQ(inotify_add_watch(fd, "h", IN_MOVE_SELF), 4);
    EXPECT_EQ(syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "h", 2 /* RENAME_EXCHANGE */), 0);
    const Told told = take(fd);
    expect_text(told.text, "3:FROM g; 3:TO h; 1:MOVE_SELF; 3:FROM h; 3:TO g; 4:MOVE_SELF",
                __LINE__);
    EXPECT_EQ(told.cookies[0], told.cookies[1]);
    EXPECT_EQ(told.cookies[3], told.cookies[4]);
    EXPECT(told.cookies[0] != told.cookies[3]);
}

CHECK_CASE(inotify_says_the_same_thing_once) {
    const Place place;
    const int file = make_file("f");
    const int other = make_file("g");
    const int fd = start();
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_MODIFY | IN_ACCESS), 1);
    for (int n = 0; n < 5; ++n) {
        EXPECT_EQ(write(file, "x", 1), 1);
    }
    EXPECT_EQ(write(other, "x", 1), 1);
    EXPECT_EQ(write(file, "x", 1), 1);
    EXPECT_TOLD(fd, "1:MODIFY f; 1:MODIFY g; 1:MODIFY f");
}

CHECK_CASE(inotify_tells_once_if_asked) {
    const Place place;
    put_file("f");
    const int fd = start();
    EXPECT_EQ(inotify_add_watch(fd, "f", IN_OPEN | IN_CLOSE | IN_ONESHOT), 1);
    put_file("f");
    EXPECT_TOLD(fd, "1:OPEN; 1:IGNORED");
    EXPECT_EQ(inotify_add_watch(fd, "f", IN_OPEN), 2);
    EXPECT_EQ(inotify_add_watch(fd, "f", IN_CLOSE | IN_MASK_ADD), 2);
    put_file("f");
    EXPECT_TOLD(fd, "2:OPEN; 2:CLOSE_WRITE");
    EXPECT_EQ(inotify_add_watch(fd, "f", IN_CLOSE_WRITE), 2);
    put_file("f");
    EXPECT_TOLD(fd, "2:CLOSE_WRITE");
}

CHECK_CASE(inotify_gives_whole_records) {
    const Place place;
    const int fd = start();
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_CREATE), 1);
    put_file("0123456789abcde");   // with its NUL sixteen bytes
    put_file("0123456789abcdef");  // and one more
    int bytes = -1;
    EXPECT_EQ(ioctl(fd, FIONREAD, &bytes), 0);
    EXPECT_EQ(bytes, 32 + 48);
    pollfd p{fd, POLLIN | POLLOUT, 0};
    EXPECT_EQ(poll(&p, 1, 0), 1);
    EXPECT_EQ(p.revents, POLLIN);
    char buffer[128];
    EXPECT_ERRNO(read(fd, buffer, 31), EINVAL);
    EXPECT_EQ(read(fd, buffer, 32 + 47), 32);
    EXPECT_ERRNO(read(fd, nullptr, 48), EFAULT);
    EXPECT_ERRNO(read(fd, buffer, sizeof buffer), EAGAIN);  // it is lost
    EXPECT_EQ(poll(&p, 1, 0), 0);
    EXPECT_EQ(ioctl(fd, FIONREAD, &bytes), 0);
    EXPECT_EQ(bytes, 0);
}

CHECK_CASE(inotify_wakes_who_waits) {
    const Place place;
    const int fd = inotify_init1(0);
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_CREATE), 1);
    const int set = epoll_create1(0);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    EXPECT_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
    EXPECT_EQ(epoll_wait(set, &event, 1, 0), 0);
    const pid_t reader = check::fork_or_fail();
    if (reader == 0) {
        char buffer[64];
        _Exit(read(fd, buffer, sizeof buffer) == 32 ? 0 : 1);
    }
    check::wait_until_asleep(reader);
    put_file("f");
    EXPECT_EQ(check::wait_status(reader), 0);
    EXPECT_EQ(epoll_wait(set, &event, 1, 0), 0);
    put_file("g");
    EXPECT_EQ(epoll_wait(set, &event, 1, -1), 1);
    EXPECT_EQ(event.events, EPOLLIN);
}

CHECK_CASE(inotify_says_that_it_has_lost_some) {
    const Place place;
    const int fd = start();
    const int a = make_file("a"), b = make_file("b");
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_MODIFY), 1);
    int most = 0;
    FILE* const limit = std::fopen("/proc/sys/fs/inotify/max_queued_events", "r");
    EXPECT(limit != nullptr && std::fscanf(limit, "%d", &most) == 1);
    EXPECT(most >= 16);
    for (int n = 0; n < most / 2 + 3; ++n) {
        EXPECT_EQ(write(a, "", 1), 1);
        EXPECT_EQ(write(b, "", 1), 1);
    }
    alignas(inotify_event) char buffer[3200];
    int count = 0, lost = 0;
    for (ssize_t size; (size = read(fd, buffer, sizeof buffer)) > 0;) {
        for (ssize_t at = 0; at < size;) {
            inotify_event event;
            std::memcpy(&event, buffer + at, sizeof event);
            if ((event.mask & IN_Q_OVERFLOW) != 0) {
                EXPECT_EQ(event.wd, -1);
                EXPECT_EQ(event.len, 0);
                EXPECT_EQ(event.mask, IN_Q_OVERFLOW);
                EXPECT_EQ(count, most);
                ++lost;
            } else {
                ++count;
            }
            at += static_cast<ssize_t>(sizeof event + event.len);
        }
    }
    EXPECT_EQ(count, most);
    EXPECT_EQ(lost, 1);
    EXPECT_EQ(write(a, "", 1), 1);
    EXPECT_TOLD(fd, "1:MODIFY a");
}

CHECK_CASE(inotify_tells_of_what_moves_without_a_program) {
    const Place place;
    const int from = make_file("from", "text");
    const int to = make_file("to");
    EXPECT_EQ(close(from), 0);
    const int in = open("from", O_RDONLY);
    const int fd = start();
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_ALL_EVENTS), 1);
    EXPECT_EQ(sendfile(to, in, nullptr, 10), 4);
    // Linux tells of the pieces, too, before some version.
    EXPECT(std::strstr(take(fd).text, "1:ACCESS from; 1:MODIFY to") != nullptr);
    EXPECT_EQ(posix_fallocate(to, 0, 100), 0);
    EXPECT_TOLD(fd, "1:MODIFY to");
    EXPECT_EQ(close(open("to", O_PATH)), 0);
    char descriptor[32];
    std::snprintf(descriptor, sizeof descriptor, "/proc/self/fd/%d", to);
    EXPECT_EQ(chmod(descriptor, 0600), 0);
    EXPECT_TOLD(fd, "1:ATTRIB to");
}

CHECK_CASE(inotify_is_described) {
    const Place place;
    put_file("f");
    const int fd = start();
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_OPEN), 1);
    EXPECT_EQ(inotify_add_watch(fd, "f", IN_CLOSE_WRITE | IN_ONESHOT | IN_EXCL_UNLINK), 2);
    struct stat s;
    EXPECT_EQ(stat("f", &s), 0);
    const DescriptorText info(fd);
    char line[96];
    std::snprintf(line, sizeof line,
                  "inotify wd:2 ino:%llx sdev:", static_cast<unsigned long long>(s.st_ino));
    const char* const found = info.behind(line);
    EXPECT(found != nullptr);
    EXPECT(std::strstr(found, " mask:84000008 ignored_mask:0 ") != nullptr);
    const char* const first = info.behind("inotify wd:1 ");
    EXPECT(first != nullptr && std::strstr(first, " mask:20 ignored_mask:0 ") != nullptr);
}

CHECK_CASE(inotify_has_limits) {
    const Place place;
    int most = 0;
    FILE* const limit = std::fopen("/proc/sys/fs/inotify/max_user_instances", "r");
    EXPECT(limit != nullptr && std::fscanf(limit, "%d", &most) == 1);
    EXPECT(most >= 16);
    int made = 0, fd = -1;
    while (made <= most && (fd = inotify_init1(0)) >= 0) {
        ++made;
    }
    EXPECT_EQ(errno, EMFILE);
    EXPECT(made > 0 && made <= most);
}

CHECK_CASE(inotify_tells_of_an_unmount) {
    const Place place;
    EXPECT_EQ(mkdir("m", 0755), 0);
    if (mount("none", "m", "tmpfs", 0, nullptr) != 0) {
        return;  // not root
    }
    put_file("m/f");
    const int fd = start();
    EXPECT_EQ(inotify_add_watch(fd, "m/f", IN_OPEN), 1);
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_DELETE), 2);
    EXPECT_EQ(umount("m"), 0);
    EXPECT_TOLD(fd, "1:UNMOUNT; 1:IGNORED");
    EXPECT_ERRNO(inotify_rm_watch(fd, 1), EINVAL);
    EXPECT_EQ(inotify_rm_watch(fd, 2), 0);
}
