/// Pseudo-terminals: a program that plays a terminal for others.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

namespace {

struct Pair {
    int master = -1, slave = -1;
    char name[32]{};
};

int open_master() {
    if (access("/dev/pts/ptmx", F_OK) != 0) {
        mkdir("/dev/pts", 0755);  // a Linux that nobody has prepared
        EXPECT_EQ(mount("devpts", "/dev/pts", "devpts", 0, "gid=5,mode=620"), 0);
    }
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    EXPECT(master >= 0);
    return master;
}

Pair open_pair() {
    Pair pair;
    pair.master = open_master();
    EXPECT_EQ(grantpt(pair.master), 0);
    EXPECT_EQ(unlockpt(pair.master), 0);
    EXPECT_EQ(ptsname_r(pair.master, pair.name, sizeof pair.name), 0);
    pair.slave = open(pair.name, O_RDWR | O_NOCTTY);
    EXPECT(pair.slave >= 0);
    return pair;
}

void make_raw(int fd) {
    termios settings{};
    EXPECT_EQ(tcgetattr(fd, &settings), 0);
    cfmakeraw(&settings);
    EXPECT_EQ(tcsetattr(fd, TCSANOW, &settings), 0);
}

void type(int master, const char* text) {
    const auto length = static_cast<ssize_t>(std::strlen(text));
    EXPECT_EQ(write(master, text, static_cast<std::size_t>(length)), length);
}

/// Reads until exactly this has come.
void expect_read(int fd, const char* wanted) {
    char got[256];
    const std::size_t length = std::strlen(wanted);
    std::size_t have = 0;
    while (have < length) {
        const ssize_t more = read(fd, got + have, length - have);
        EXPECT(more > 0);
        have += static_cast<std::size_t>(more);
    }
    if (std::memcmp(got, wanted, length) != 0) {
        check::fail(__FILE__, __LINE__, "read \"%.*s\", not \"%s\"", static_cast<int>(length), got,
                    wanted);
    }
}

short events_of(int fd) {
    pollfd p{fd, POLLIN | POLLOUT, 0};
    EXPECT(poll(&p, 1, 0) >= 0);
    return p.revents;
}

volatile sig_atomic_t caught = 0;
void catch_signal(int number) {
    caught = number;
}
void install(int number) {
    struct sigaction action{};
    action.sa_handler = catch_signal;
    EXPECT_EQ(sigaction(number, &action, nullptr), 0);
}

}  // namespace

CHECK_CASE(what_is_typed_is_read_and_what_is_written_is_shown) {
    const Pair p = open_pair();
    type(p.master, "hello\n");
    expect_read(p.slave, "hello\n");
    expect_read(p.master, "hello\r\n");  // the echo
    type(p.slave, "a\tb\n");
    expect_read(p.master, "a\tb\r\n");
    type(p.master, "wrong\x15right\n");  // ^U
    expect_read(p.slave, "right\n");
    char c = 0;
    type(p.master, "\x04");
    EXPECT_EQ(read(p.slave, &c, 1), 0);
}

CHECK_CASE(names_and_nodes) {
    const Pair p = open_pair();
    EXPECT(std::strncmp(p.name, "/dev/pts/", 9) == 0);
    struct stat node{};
    EXPECT_EQ(stat(p.name, &node), 0);
    EXPECT(S_ISCHR(node.st_mode));
    EXPECT_EQ(major(node.st_rdev), 136);
    EXPECT_EQ(node.st_uid, getuid());
    EXPECT_EQ(node.st_mode & 0757, 0600);  // whether others may write to it is the mount's
    EXPECT_EQ(isatty(p.slave), 1);
    EXPECT_EQ(isatty(p.master), 1);
    char name[64];
    EXPECT_EQ(ttyname_r(p.slave, name, sizeof name), 0);
    EXPECT_EQ(std::strcmp(name, p.name), 0);
    const Pair other = open_pair();
    EXPECT(std::strcmp(p.name, other.name) != 0);
}

CHECK_CASE(a_slave_is_locked_at_first) {
    const int master = open_master();
    char name[32];
    EXPECT_EQ(ptsname_r(master, name, sizeof name), 0);
    int locked = 0;
    EXPECT_EQ(ioctl(master, TIOCGPTLCK, &locked), 0);
    EXPECT_EQ(locked, 1);
    EXPECT_ERRNO(open(name, O_RDWR | O_NOCTTY), EIO);
    EXPECT_EQ(unlockpt(master), 0);
    const int slave = open(name, O_RDWR | O_NOCTTY);
    EXPECT(slave >= 0);
    close(slave);
    close(master);
    EXPECT_ERRNO(open(name, O_RDWR | O_NOCTTY), ENOENT);
}

CHECK_CASE(settings_and_size_are_those_of_both_ends) {
    const Pair p = open_pair();
    make_raw(p.master);
    termios settings{};
    EXPECT_EQ(tcgetattr(p.slave, &settings), 0);
    EXPECT_EQ(settings.c_lflag & (ICANON | ECHO | ISIG), 0);
    winsize size{};
    EXPECT_EQ(ioctl(p.slave, TIOCGWINSZ, &size), 0);
    size = {50, 132, 0, 0};
    EXPECT_EQ(ioctl(p.master, TIOCSWINSZ, &size), 0);
    size = {};
    EXPECT_EQ(ioctl(p.slave, TIOCGWINSZ, &size), 0);
    EXPECT_EQ(size.ws_row, 50);
    EXPECT_EQ(size.ws_col, 132);
}

CHECK_CASE(readiness_of_both_ends) {
    const Pair p = open_pair();
    make_raw(p.slave);
    EXPECT_EQ(events_of(p.master), POLLOUT);
    EXPECT_EQ(events_of(p.slave), POLLOUT);
    type(p.slave, "x");
    EXPECT_EQ(events_of(p.master), POLLIN | POLLOUT);
    int count = 0;
    EXPECT_EQ(ioctl(p.master, FIONREAD, &count), 0);
    EXPECT_EQ(count, 1);
    type(p.master, "yz");
    EXPECT_EQ(events_of(p.slave), POLLIN | POLLOUT);
    EXPECT_EQ(ioctl(p.slave, FIONREAD, &count), 0);
    EXPECT_EQ(count, 2);
    EXPECT_EQ(fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    expect_read(p.master, "x");
    char c = 0;
    EXPECT_ERRNO(read(p.master, &c, 1), EAGAIN);
}

CHECK_CASE(without_slaves_the_master_reads_an_error) {
    const Pair p = open_pair();
    type(p.slave, "bye\n");
    close(p.slave);
    expect_read(p.master, "bye\r\n");
    char c = 0;
    EXPECT_ERRNO(read(p.master, &c, 1), EIO);
    EXPECT((events_of(p.master) & POLLHUP) != 0);
    const int again = open(p.name, O_RDWR | O_NOCTTY);
    EXPECT(again >= 0);
    EXPECT_EQ(events_of(p.master) & POLLHUP, 0);
    type(again, "x");
    expect_read(p.master, "x");
}

CHECK_CASE(without_its_master_a_terminal_has_hung_up) {
    const Pair p = open_pair();
    close(p.master);
    char c = 'x';
    EXPECT_EQ(read(p.slave, &c, 1), 0);
    EXPECT_ERRNO(write(p.slave, &c, 1), EIO);
    termios settings{};
    EXPECT_ERRNO(tcgetattr(p.slave, &settings), EIO);
    EXPECT((events_of(p.slave) & POLLHUP) != 0);
}

/// As a shell in a window: a session of its own, to which keys and the window's end are signals.
CHECK_CASE(a_session_on_a_pseudo_terminal) {
    const Pair p = open_pair();
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    const pid_t shell = check::fork_or_fail();
    if (shell == 0) {
        close(p.master);
        close(p.slave);
        EXPECT(setsid() > 0);
        install(SIGINT);
        install(SIGHUP);
        install(SIGWINCH);
        const int own = open(p.name, O_RDWR);  // without O_NOCTTY: it is ours now
        EXPECT(own >= 0);
        const int tty = open("/dev/tty", O_RDWR);
        EXPECT(tty >= 0);
        EXPECT_EQ(tcgetpgrp(tty), getpid());
        EXPECT_EQ(tcgetsid(own), getpid());
        sigset_t all, none;
        sigfillset(&all);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &all, nullptr);
        EXPECT_EQ(write(ready[1], "r", 1), 1);
        for (const int wanted : {SIGINT, SIGWINCH, SIGHUP}) {
            caught = 0;
            sigset_t others = none;
            sigaddset(&others, SIGCONT);
            EXPECT(sigsuspend(&others) == -1);
            EXPECT_EQ(caught, wanted);
            EXPECT_EQ(write(ready[1], "c", 1), 1);
        }
        EXPECT_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
        _exit(7);
    }
    close(p.slave);
    char c = 0;
    EXPECT_EQ(read(ready[0], &c, 1), 1);
    pid_t group = 0;
    EXPECT_EQ(ioctl(p.master, TIOCGPGRP, &group), 0);
    EXPECT_EQ(group, shell);
    type(p.master, "\x03");
    EXPECT_EQ(read(ready[0], &c, 1), 1);
    const winsize size{10, 20, 0, 0};
    EXPECT_EQ(ioctl(p.master, TIOCSWINSZ, &size), 0);
    EXPECT_EQ(read(ready[0], &c, 1), 1);
    close(p.master);
    EXPECT_EQ(read(ready[0], &c, 1), 1);
    EXPECT_EQ(check::wait_status(shell), 7 << 8);
}

CHECK_CASE(input_waits_for_its_reader) {
    const Pair p = open_pair();
    make_raw(p.slave);
    EXPECT_EQ(fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    static char block[1000];
    std::memset(block, 'q', sizeof block);
    long written = 0;
    for (;;) {
        const ssize_t count = write(p.master, block, sizeof block);
        if (count < 0) {
            EXPECT_EQ(errno, EAGAIN);
            break;
        }
        written += count;
    }
    EXPECT(written >= 4000);
    EXPECT_EQ(events_of(p.master) & POLLOUT, 0);
    long got = 0;
    while ((events_of(p.slave) & POLLIN) != 0) {
        const ssize_t count = read(p.slave, block, sizeof block);
        EXPECT(count > 0);
        got += count;
    }
    EXPECT_EQ(got, written);  // nothing was lost
    EXPECT((events_of(p.master) & POLLOUT) != 0);
}

CHECK_CASE(output_waits_for_the_master) {
    const Pair p = open_pair();
    make_raw(p.slave);
    const pid_t writer = check::fork_or_fail();
    constexpr long total = 100'000;
    if (writer == 0) {
        static char block[1000];
        std::memset(block, 'w', sizeof block);
        for (long sent = 0; sent < total;) {
            const ssize_t count = write(p.slave, block, sizeof block);
            EXPECT(count > 0);
            sent += count;
        }
        _exit(0);
    }
    static char block[777];
    for (long got = 0; got < total;) {
        const ssize_t count = read(p.master, block, sizeof block);
        EXPECT(count > 0);
        for (ssize_t n = 0; n < count; ++n) {
            EXPECT_EQ(block[n], 'w');
        }
        got += count;
    }
    EXPECT_EQ(check::wait_status(writer), 0);
}

CHECK_CASE(flushing_drops_what_nobody_has_read) {
    const Pair p = open_pair();
    make_raw(p.slave);
    termios settings{};
    type(p.slave, "seen");
    EXPECT_EQ(tcgetattr(p.slave, &settings), 0);
    EXPECT_EQ(tcsetattr(p.slave, TCSADRAIN, &settings), 0);  // what is shown is sent
    int unsent = -1;
    EXPECT_EQ(ioctl(p.slave, TIOCOUTQ, &unsent), 0);
    EXPECT_EQ(unsent, 0);
    expect_read(p.master, "seen");
    type(p.master, "typed");
    EXPECT_EQ(tcflush(p.slave, TCIFLUSH), 0);
    EXPECT_EQ(events_of(p.slave) & POLLIN, 0);
    type(p.slave, "shown");
    EXPECT_EQ(tcflush(p.master, TCIFLUSH), 0);
    EXPECT_EQ(events_of(p.master) & POLLIN, 0);
}

CHECK_CASE(the_master_opens_its_slave) {
    const int master = open_master();
    const int flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
    EXPECT_ERRNO(ioctl(master, TIOCGPTPEER, flags), EIO);  // locked
    EXPECT_EQ(unlockpt(master), 0);
    const int slave = ioctl(master, TIOCGPTPEER, flags);
    EXPECT(slave >= 0);
    EXPECT_EQ(fcntl(slave, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(fcntl(slave, F_GETFL) & O_ACCMODE, O_RDWR);
    type(master, "peer\n");
    expect_read(slave, "peer\n");
    char name[32], known[32];
    EXPECT_EQ(ptsname_r(master, known, sizeof known), 0);
    EXPECT_EQ(ttyname_r(slave, name, sizeof name), 0);
    EXPECT_EQ(std::strcmp(name, known), 0);
    EXPECT_ERRNO(ioctl(slave, TIOCGPTPEER, flags), EIO);
}

CHECK_CASE(a_terminal_may_be_had_for_oneself) {
    const Pair p = open_pair();
    int exclusive = -1;
    EXPECT_EQ(ioctl(p.slave, TIOCGEXCL, &exclusive), 0);
    EXPECT_EQ(exclusive, 0);
    EXPECT_EQ(ioctl(p.slave, TIOCEXCL), 0);
    EXPECT_EQ(ioctl(p.slave, TIOCGEXCL, &exclusive), 0);
    EXPECT_EQ(exclusive, 1);
    EXPECT_EQ(chown(p.name, 1000, 5), 0);
    const int by_root = open(p.name, O_RDWR | O_NOCTTY);
    EXPECT(by_root >= 0);
    EXPECT_EQ(seteuid(1000), 0);
    EXPECT_ERRNO(open(p.name, O_RDWR | O_NOCTTY), EBUSY);
    EXPECT_EQ(ioctl(p.slave, TIOCNXCL), 0);
    EXPECT(open(p.name, O_RDWR | O_NOCTTY) >= 0);
}

CHECK_CASE(what_programs_type_is_input) {
    const Pair p = open_pair();
    for (const char* c = "abc\n"; *c != 0; ++c) {
        EXPECT_EQ(ioctl(p.slave, TIOCSTI, c), 0);
    }
    expect_read(p.slave, "abc\n");
    EXPECT_ERRNO(ioctl(p.slave, TIOCSTI, 16), EFAULT);
    EXPECT_EQ(seteuid(1000), 0);
    EXPECT_EQ(ioctl(p.slave, TIOCSTI, "x"), -1);  // not its own: which error is another matter
}

CHECK_CASE(the_master_presses_keys) {
    const Pair p = open_pair();
    const pid_t child = check::fork_or_fail();
    if (child == 0) {
        close(p.master);
        setsid();
        install(SIGINT);
        sigset_t interrupt, before;
        sigemptyset(&interrupt);
        sigaddset(&interrupt, SIGINT);
        sigprocmask(SIG_BLOCK, &interrupt, &before);
        EXPECT_EQ(ioctl(p.slave, TIOCSCTTY, 0), 0);
        EXPECT_EQ(write(p.slave, "$", 1), 1);
        sigsuspend(&before);
        _exit(caught);
    }
    expect_read(p.master, "$");
    EXPECT_ERRNO(ioctl(p.master, TIOCSIG, SIGTERM), EINVAL);
    EXPECT_EQ(ioctl(p.master, TIOCSIG, SIGINT), 0);
    EXPECT_EQ(check::wait_status(child), SIGINT << 8);
}
