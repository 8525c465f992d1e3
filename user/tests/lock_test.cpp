/// Advisory locks between processes: fcntl's record locks and flock.
#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

/// A file of 100 bytes without a name.
int open_file() {
    char name[] = "/tmp/lock-test-XXXXXX";
    const int fd = mkstemp(name);
    EXPECT(fd >= 0);
    EXPECT_EQ(unlink(name), 0);
    EXPECT_EQ(ftruncate(fd, 100), 0);
    return fd;
}

int lock(int fd, int command, short type, off_t start, off_t length, short whence = SEEK_SET) {
    struct flock l{};
    l.l_type = type;
    l.l_whence = whence;
    l.l_start = start;
    l.l_len = length;
    return fcntl(fd, command, &l);
}

/// What another process that wants to write finds in its way.
struct flock in_the_way(int fd, off_t start, off_t length) {
    struct flock l{};
    l.l_type = F_WRLCK;
    l.l_start = start;
    l.l_len = length;
    EXPECT_EQ(fcntl(fd, F_GETLK, &l), 0);
    return l;
}

/// Runs `body` in a child, which must find all as expected.
template <class Body>
void in_child(Body body) {
    const pid_t child = check::fork_or_fail();
    if (child == 0) {
        body();
        _exit(0);
    }
    EXPECT_EQ(check::wait_status(child), 0);
}

CHECK_CASE(record_locks_are_seen_by_other_processes) {
    const int fd = open_file();
    const pid_t me = getpid();
    EXPECT_EQ(lock(fd, F_SETLK, F_WRLCK, 10, 10), 0);
    EXPECT_EQ(in_the_way(fd, 0, 0).l_type, F_UNLCK);  // one's own never is
    in_child([&] {
        const struct flock found = in_the_way(fd, 0, 0);
        EXPECT_EQ(found.l_type, F_WRLCK);
        EXPECT_EQ(found.l_whence, SEEK_SET);
        EXPECT_EQ(found.l_start, 10);
        EXPECT_EQ(found.l_len, 10);
        EXPECT_EQ(found.l_pid, me);
        EXPECT_ERRNO(lock(fd, F_SETLK, F_RDLCK, 19, 1), EAGAIN);
        EXPECT_EQ(lock(fd, F_SETLK, F_WRLCK, 20, 0), 0);
        EXPECT_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 10), 0);
    });
    // The child is gone, and so are its locks. The range splits.
    EXPECT_EQ(lock(fd, F_SETLK, F_UNLCK, 14, 2), 0);
    EXPECT_EQ(lock(fd, F_SETLK, F_RDLCK, 16, 4), 0);
    in_child([&] {
        EXPECT_EQ(in_the_way(fd, 0, 0).l_len, 4);
        EXPECT_EQ(in_the_way(fd, 14, 0).l_start, 16);
        EXPECT_EQ(in_the_way(fd, 14, 0).l_type, F_RDLCK);
        EXPECT_EQ(lock(fd, F_SETLK, F_RDLCK, 14, 100), 0);
    });
}

CHECK_CASE(ranges_may_count_from_anywhere) {
    const int fd = open_file();
    EXPECT_EQ(lseek(fd, 50, SEEK_SET), 50);
    EXPECT_EQ(lock(fd, F_SETLK, F_WRLCK, -5, 5, SEEK_CUR), 0);
    EXPECT_EQ(lock(fd, F_SETLK, F_WRLCK, 0, -10, SEEK_END), 0);
    in_child([&] {
        EXPECT_EQ(in_the_way(fd, 0, 0).l_start, 45);
        EXPECT_EQ(in_the_way(fd, 0, 0).l_len, 5);
        EXPECT_EQ(in_the_way(fd, 60, 0).l_start, 90);
        EXPECT_EQ(in_the_way(fd, 60, 0).l_len, 10);
    });
    EXPECT_ERRNO(lock(fd, F_SETLK, F_WRLCK, -1, 1), EINVAL);
    EXPECT_ERRNO(lock(fd, F_SETLK, F_WRLCK, 0, -1), EINVAL);
    EXPECT_ERRNO(lock(fd, F_SETLK, F_WRLCK, 0, 1, 9), EINVAL);
    EXPECT_ERRNO(lock(fd, F_SETLK, 7, 0, 1), EINVAL);
    EXPECT_ERRNO(lock(99, F_SETLK, F_WRLCK, 0, 1), EBADF);
    const int reader = open("/proc/self/exe", O_RDONLY);
    EXPECT_ERRNO(lock(reader, F_SETLK, F_WRLCK, 0, 1), EBADF);
    EXPECT_EQ(lock(reader, F_SETLK, F_RDLCK, 0, 1), 0);
    EXPECT_ERRNO(fcntl(fd, F_SETLK, nullptr), EFAULT);
}

CHECK_CASE(the_first_close_ends_record_locks) {
    const int fd = open_file();
    EXPECT_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0), 0);
    close(dup(fd));
    in_child([&] { EXPECT_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0), 0); });
}

CHECK_CASE(waiting_for_a_record_lock) {
    const int fd = open_file();
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    EXPECT_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 10), 0);
    const pid_t child = check::fork_or_fail();
    if (child == 0) {
        EXPECT_EQ(write(ready[1], "x", 1), 1);
        EXPECT_EQ(lock(fd, F_SETLKW, F_WRLCK, 5, 1), 0);
        char c = 0;
        EXPECT_EQ(pread(fd, &c, 1, 0), 1);
        EXPECT_EQ(c, 'd');  // written before the lock was given up
        _exit(0);
    }
    char c = 0;
    EXPECT_EQ(read(ready[0], &c, 1), 1);
    check::wait_until_asleep(child);
    EXPECT_EQ(pwrite(fd, "d", 1, 0), 1);
    EXPECT_EQ(lock(fd, F_SETLK, F_UNLCK, 0, 0), 0);
    EXPECT_EQ(check::wait_status(child), 0);
}

void do_nothing(int) {}

CHECK_CASE(a_signal_ends_the_wait) {
    const int fd = open_file();
    EXPECT_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0), 0);
    EXPECT_EQ(flock(fd, LOCK_EX), 0);
    in_child([&] {
        struct sigaction action{};
        action.sa_handler = do_nothing;  // without SA_RESTART
        sigaction(SIGALRM, &action, nullptr);
        const struct itimerval soon = {{0, 50'000}, {0, 50'000}};
        setitimer(ITIMER_REAL, &soon, nullptr);
        EXPECT_ERRNO(lock(fd, F_SETLKW, F_RDLCK, 0, 1), EINTR);
    });
}

CHECK_CASE(a_circle_is_refused) {
    const int fd = open_file();
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    EXPECT_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 1), 0);
    // Either of the two may be the one who would close the circle, and only that one is refused.
    constexpr int refused = 1;
    const pid_t child = check::fork_or_fail();
    if (child == 0) {
        EXPECT_EQ(lock(fd, F_SETLK, F_WRLCK, 1, 1), 0);
        EXPECT_EQ(write(ready[1], "x", 1), 1);
        const int result = lock(fd, F_SETLKW, F_WRLCK, 0, 1);
        EXPECT(result == 0 || errno == EDEADLK);
        _exit(result == 0 ? 0 : refused);
    }
    char c = 0;
    EXPECT_EQ(read(ready[0], &c, 1), 1);
    const int result = lock(fd, F_SETLKW, F_WRLCK, 1, 1);
    EXPECT(result == 0 || errno == EDEADLK);
    EXPECT_EQ(lock(fd, F_SETLK, F_UNLCK, 0, 1), 0);
    EXPECT_EQ(check::wait_status(child), (result == 0 ? refused : 0) << 8);
}

CHECK_CASE(flock_belongs_to_the_open_file) {
    char name[] = "/tmp/lock-test-XXXXXX";
    const int fd = mkstemp(name);
    const int other = open(name, O_RDWR);
    EXPECT_EQ(unlink(name), 0);
    EXPECT_EQ(flock(fd, LOCK_EX), 0);
    EXPECT_EQ(flock(dup(fd), LOCK_EX), 0);  // the same open file
    EXPECT_ERRNO(flock(other, LOCK_SH | LOCK_NB), EAGAIN);
    EXPECT_EQ(lock(other, F_SETLK, F_WRLCK, 0, 0), 0);  // fcntl does not see flock
    in_child([&] {
        EXPECT_EQ(flock(fd, LOCK_SH), 0);  // shared with the parent: changed for both
        EXPECT_EQ(flock(other, LOCK_SH | LOCK_NB), 0);
        EXPECT_ERRNO(flock(other, LOCK_EX | LOCK_NB), EAGAIN);
        EXPECT_EQ(flock(other, LOCK_UN), 0);
    });
    EXPECT_ERRNO(flock(other, LOCK_EX | LOCK_NB), EAGAIN);  // a child's exit ends nothing
    EXPECT_EQ(flock(fd, LOCK_UN), 0);
    EXPECT_EQ(flock(other, LOCK_EX | LOCK_NB), 0);
    EXPECT_ERRNO(flock(other, 77), EINVAL);
    EXPECT_ERRNO(flock(99, LOCK_SH), EBADF);
}

CHECK_CASE(flock_ends_with_the_last_descriptor) {
    char name[] = "/tmp/lock-test-XXXXXX";
    const int fd = mkstemp(name);
    const int other = open(name, O_RDWR);
    EXPECT_EQ(unlink(name), 0);
    EXPECT_EQ(flock(fd, LOCK_EX), 0);
    const int copy = dup(fd);
    close(fd);
    EXPECT_ERRNO(flock(other, LOCK_EX | LOCK_NB), EAGAIN);
    const pid_t child = check::fork_or_fail();
    if (child == 0) {
        EXPECT_EQ(flock(other, LOCK_EX), 0);  // waits
        _exit(0);
    }
    check::wait_until_asleep(child);
    // The child holds the locked file open, too: only its own end of `copy` keeps the lock then.
    close(copy);
    check::wait_until_asleep(child);
    EXPECT_EQ(kill(child, SIGKILL), 0);
    EXPECT_EQ(check::wait_status(child), SIGKILL);
    EXPECT_EQ(flock(other, LOCK_EX | LOCK_NB), 0);
}

CHECK_CASE(locks_of_open_files) {
    const int fd = open_file();
    char path[32];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const int other = open(path, O_RDWR);
    EXPECT(other >= 0);
    EXPECT_EQ(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
    EXPECT_ERRNO(lock(other, F_OFD_SETLK, F_WRLCK, 5, 10), EAGAIN);
    EXPECT_ERRNO(lock(other, F_SETLK, F_WRLCK, 5, 10), EAGAIN);
    struct flock l{};
    l.l_type = F_RDLCK;
    EXPECT_EQ(fcntl(other, F_OFD_GETLK, &l), 0);
    EXPECT_EQ(l.l_type, F_WRLCK);
    EXPECT_EQ(l.l_pid, -1);
    EXPECT_ERRNO(fcntl(other, F_OFD_GETLK, &l), EINVAL);  // l_pid must be 0
    close(fd);
    EXPECT_EQ(lock(other, F_OFD_SETLK, F_WRLCK, 5, 10), 0);
}

}  // namespace
