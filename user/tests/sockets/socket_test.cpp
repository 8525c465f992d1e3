/// Stream sockets: pairs, names, connections, ends, waiting, poll.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

struct Address {
    sockaddr_un name{};
    socklen_t size = sizeof(sa_family_t);
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&name); }
};
Address path(const char* text) {
    Address a;
    a.name.sun_family = AF_UNIX;
    std::strcpy(a.name.sun_path, text);
    a.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(text) + 1);
    return a;
}
Address abstract(const char* text) {
    Address a;
    a.name.sun_family = AF_UNIX;
    std::strcpy(a.name.sun_path + 1, text);
    a.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(text) + 1);
    return a;
}
/// A name that no other run of a case has.
Address own_name() {
    char text[32];
    std::snprintf(text, sizeof text, "kidney-%d", getpid());
    return abstract(text);
}
int listener(Address& a, int backlog = 5) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(bind(fd, a.get(), a.size), 0);
    EXPECT_EQ(listen(fd, backlog), 0);
    return fd;
}
short poll_now(int fd, short events) {
    pollfd p{fd, events, 0};
    poll(&p, 1, 0);
    return p.revents;
}

/// A directory to make names in, which goes with the case.
struct Folder {
    char path[32] = "/tmp/socketXXXXXX";
    Folder() {
        EXPECT(mkdtemp(path) != nullptr);
        EXPECT_EQ(chdir(path), 0);
        chmod(path, 0755);
    }
};

}  // namespace

CHECK_CASE(a_pair_carries_bytes_both_ways) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    char text[16] = "";
    EXPECT_EQ(write(s[0], "hello", 5), 5);
    EXPECT_EQ(send(s[0], "world", 5, 0), 5);
    EXPECT_EQ(write(s[1], "back", 4), 4);
    EXPECT_EQ(recv(s[1], text, 3, MSG_PEEK), 3);
    EXPECT_EQ(read(s[1], text, sizeof text), 10);
    EXPECT(std::memcmp(text, "helloworld", 10) == 0);
    EXPECT_EQ(recvfrom(s[0], text, sizeof text, 0, nullptr, nullptr), 4);
    EXPECT_ERRNO(recv(s[0], text, 1, MSG_DONTWAIT), EAGAIN);
    EXPECT_ERRNO(lseek(s[0], 0, SEEK_CUR), ESPIPE);
    EXPECT_ERRNO(fsync(s[0]), EINVAL);
    EXPECT_EQ(fcntl(s[0], F_GETFL), O_RDWR);
    EXPECT_EQ(read(s[0], text, 0), 0);
}

CHECK_CASE(what_is_asked_of_socket_is_looked_at) {
    EXPECT_ERRNO(socket(AF_UNIX, SOCK_STREAM, 7), EPROTONOSUPPORT);
    EXPECT_ERRNO(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
    EXPECT_ERRNO(socket(AF_UNIX, 15, 0), EINVAL);
    EXPECT_ERRNO(socket(AF_UNIX, SOCK_STREAM | 0x100, 0), EINVAL);
    EXPECT_ERRNO(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
    EXPECT_EQ(socket(AF_UNIX, SOCK_RAW, PF_UNIX), 3);
    int type = 0;
    socklen_t size = sizeof type;
    EXPECT_EQ(getsockopt(3, SOL_SOCKET, SO_TYPE, &type, &size), 0);
    EXPECT_EQ(type, SOCK_DGRAM);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    EXPECT_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT_ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 0, reinterpret_cast<int*>(8)), EFAULT);
    EXPECT_EQ(dup(0), fd + 1);
    EXPECT_ERRNO(listen(0, 1), ENOTSOCK);
    EXPECT_ERRNO(listen(77, 1), EBADF);
}

CHECK_CASE(the_old_call_does_the_same) {
    unsigned long arguments[] = {AF_UNIX, SOCK_STREAM, 0, 0, 0, 0};
    int s[2];
    arguments[3] = reinterpret_cast<unsigned long>(s);
#ifdef SYS_socketcall
    EXPECT_EQ(syscall(SYS_socketcall, 8, arguments), 0);
    unsigned long to_send[] = {static_cast<unsigned long>(s[0]),
                               reinterpret_cast<unsigned long>("abc"), 3, 0};
    EXPECT_EQ(syscall(SYS_socketcall, 9, to_send), 3);
    char text[8];
    unsigned long to_receive[] = {static_cast<unsigned long>(s[1]),
                                  reinterpret_cast<unsigned long>(text), sizeof text, 0};
    EXPECT_EQ(syscall(SYS_socketcall, 10, to_receive), 3);
    EXPECT_ERRNO(syscall(SYS_socketcall, 0, arguments), EINVAL);
    EXPECT_ERRNO(syscall(SYS_socketcall, 21, arguments), EINVAL);
    EXPECT_ERRNO(syscall(SYS_socketcall, 1, 8), EFAULT);
#endif
}

CHECK_CASE(a_descriptor_is_a_socket) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    struct stat st;
    EXPECT_EQ(fstat(s[0], &st), 0);
    EXPECT_EQ(st.st_mode, S_IFSOCK | 0777);
    EXPECT_EQ(st.st_uid, geteuid());
    char name[64], wanted[64], text[64];
    std::snprintf(name, sizeof name, "/proc/self/fd/%d", s[0]);
    std::snprintf(wanted, sizeof wanted, "socket:[%llu]",
                  static_cast<unsigned long long>(st.st_ino));
    const ssize_t length = readlink(name, text, sizeof text - 1);
    EXPECT(length > 0);
    text[length] = '\0';
    EXPECT_EQ(std::strcmp(text, wanted), 0);
    EXPECT_ERRNO(open(name, O_RDWR), ENXIO);
    int count = -1;
    EXPECT_EQ(write(s[1], "abc", 3), 3);
    EXPECT_EQ(ioctl(s[0], FIONREAD, &count), 0);
    EXPECT_EQ(count, 3);
    EXPECT_EQ(ioctl(s[1], TIOCOUTQ, &count), 0);
    EXPECT(count >= 3);
    EXPECT_EQ(read(s[0], text, 8), 3);
    EXPECT_EQ(ioctl(s[1], TIOCOUTQ, &count), 0);
    EXPECT_EQ(count, 0);
    EXPECT_ERRNO(ioctl(s[0], TCGETS, text), ENOTTY);
}

CHECK_CASE(a_connection_has_two_ends) {
    Address a = own_name();
    const int server = listener(a);
    const int client = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(poll_now(client, POLLIN | POLLOUT), POLLOUT | POLLHUP);
    EXPECT_EQ(connect(client, a.get(), a.size), 0);
    EXPECT_EQ(poll_now(server, POLLIN | POLLOUT), POLLIN);
    EXPECT_EQ(write(client, "early", 5), 5);
    Address from;
    from.size = sizeof from.name;
    const int served = accept4(server, from.get(), &from.size, SOCK_NONBLOCK);
    EXPECT(served >= 0);
    EXPECT_EQ(from.size, sizeof(sa_family_t));
    EXPECT_EQ(from.name.sun_family, AF_UNIX);
    EXPECT_EQ(fcntl(served, F_GETFL), O_RDWR | O_NONBLOCK);
    char text[8];
    EXPECT_EQ(read(served, text, sizeof text), 5);
    EXPECT_ERRNO(read(served, text, sizeof text), EAGAIN);
    EXPECT_ERRNO(connect(client, a.get(), a.size), EISCONN);
    Address name;
    for (const int fd : {server, served}) {
        name.size = sizeof name.name;
        EXPECT_EQ(getsockname(fd, name.get(), &name.size), 0);
        EXPECT_EQ(name.size, a.size);
        EXPECT_EQ(std::memcmp(&name.name, &a.name, a.size), 0);
    }
    name.size = sizeof name.name;
    EXPECT_EQ(getpeername(client, name.get(), &name.size), 0);
    EXPECT_EQ(name.size, a.size);
    name.size = 4;  // cut, and told how long it is
    EXPECT_EQ(getsockname(server, name.get(), &name.size), 0);
    EXPECT_EQ(name.size, a.size);
    EXPECT_ERRNO(getpeername(server, name.get(), &name.size), ENOTCONN);
    name.size = static_cast<socklen_t>(-1);
    EXPECT_ERRNO(getsockname(server, name.get(), &name.size), EINVAL);
    EXPECT_ERRNO(accept4(server, nullptr, nullptr, 1), EINVAL);
    EXPECT_ERRNO(accept(client, nullptr, nullptr), EINVAL);
    int value = 0;
    socklen_t size = sizeof value;
    EXPECT_EQ(getsockopt(server, SOL_SOCKET, SO_ACCEPTCONN, &value, &size), 0);
    EXPECT_EQ(value, 1);
    ucred peer{};
    size = sizeof peer;
    EXPECT_EQ(getsockopt(served, SOL_SOCKET, SO_PEERCRED, &peer, &size), 0);
    EXPECT_EQ(peer.pid, getpid());
    EXPECT_EQ(peer.uid, geteuid());
}

CHECK_CASE(a_name_is_a_node) {
    Folder folder;
    umask(027);
    Address a = path("s");
    const int server = listener(a);
    struct stat st;
    EXPECT_EQ(stat("s", &st), 0);
    EXPECT_EQ(st.st_mode, S_IFSOCK | 0750);
    EXPECT_ERRNO(open("s", O_RDWR), ENXIO);
    const int second = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_ERRNO(bind(second, a.get(), a.size), EADDRINUSE);
    EXPECT_ERRNO(bind(server, path("t").get(), path("t").size), EINVAL);
    EXPECT_ERRNO(stat("t", &st), ENOENT);
    Address far = path("nowhere/s");
    EXPECT_ERRNO(bind(second, far.get(), far.size), ENOENT);
    EXPECT_ERRNO(connect(second, path("none").get(), path("none").size), ENOENT);
    Address name;
    name.size = sizeof name.name;
    EXPECT_EQ(getsockname(server, name.get(), &name.size), 0);
    EXPECT_EQ(name.size, offsetof(sockaddr_un, sun_path) + 2);
    EXPECT_EQ(std::strcmp(name.name.sun_path, "s"), 0);
    EXPECT_EQ(rename("s", "moved"), 0);
    EXPECT_EQ(symlink("moved", "link"), 0);
    EXPECT_EQ(connect(second, path("link").get(), path("link").size), 0);
    const int third = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(close(server), 0);
    EXPECT_ERRNO(connect(third, path("moved").get(), path("moved").size), ECONNREFUSED);
    EXPECT_EQ(close(open("file", O_CREAT | O_RDWR, 0600)), 0);
    EXPECT_ERRNO(connect(third, path("file").get(), path("file").size), ECONNREFUSED);
    EXPECT_ERRNO(bind(third, path("moved").get(), path("moved").size), EADDRINUSE);
    EXPECT_EQ(unlink("moved"), 0);
    EXPECT_EQ(bind(third, path("moved").get(), path("moved").size), 0);
    EXPECT_EQ(unlink("moved"), 0);
    EXPECT_EQ(mknod("made", S_IFSOCK | 0600, 0), 0);
    EXPECT_ERRNO(connect(second, path("made").get(), path("made").size), ECONNREFUSED);
}

CHECK_CASE(who_may_not_write_the_node_may_not_connect) {
    if (geteuid() != 0) {
        return;
    }
    Folder folder;
    Address a = path("s");
    const int server = listener(a);
    EXPECT_EQ(chmod("s", 0755), 0);
    const int status = check::status_of_child([&] {
        EXPECT_EQ(setuid(1234), 0);
        const int client = socket(AF_UNIX, SOCK_STREAM, 0);
        EXPECT_ERRNO(connect(client, a.get(), a.size), EACCES);
        EXPECT_ERRNO(bind(client, path("t").get(), path("t").size), EACCES);
    });
    EXPECT_EQ(status, 0);
    EXPECT_EQ(chmod("s", 0777), 0);
    const int allowed = check::status_of_child([&] {
        EXPECT_EQ(setuid(1234), 0);
        EXPECT_EQ(connect(socket(AF_UNIX, SOCK_STREAM, 0), a.get(), a.size), 0);
    });
    EXPECT_EQ(allowed, 0);
    const int served = accept(server, nullptr, nullptr);
    ucred peer{};
    socklen_t size = sizeof peer;
    EXPECT_EQ(getsockopt(served, SOL_SOCKET, SO_PEERCRED, &peer, &size), 0);
    EXPECT_EQ(peer.uid, 1234);
}

CHECK_CASE(addresses_are_looked_at) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    Address a = own_name();
    EXPECT_ERRNO(bind(fd, a.get(), 1), EINVAL);
    EXPECT_ERRNO(bind(fd, a.get(), 129), EINVAL);
    EXPECT_ERRNO(bind(fd, a.get(), 111), EINVAL);
    EXPECT_ERRNO(bind(fd, reinterpret_cast<sockaddr*>(8), a.size), EFAULT);
    a.name.sun_family = AF_INET;
    EXPECT_ERRNO(bind(fd, a.get(), a.size), EINVAL);
    EXPECT_ERRNO(connect(fd, a.get(), a.size), EINVAL);
    a.name.sun_family = AF_UNIX;
    EXPECT_ERRNO(connect(fd, a.get(), a.size), ECONNREFUSED);
    EXPECT_ERRNO(listen(fd, 1), EINVAL);
    EXPECT_EQ(bind(fd, a.get(), sizeof(sa_family_t)), 0);  // any name
    a.size = sizeof a.name;
    EXPECT_EQ(getsockname(fd, a.get(), &a.size), 0);
    EXPECT_EQ(a.size, sizeof(sa_family_t) + 6);
    EXPECT_EQ(a.name.sun_path[0], 0);
    EXPECT_EQ(std::strspn(a.name.sun_path + 1, "0123456789abcdef"), 5);
    const int second = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_ERRNO(bind(second, a.get(), a.size), EADDRINUSE);
    EXPECT_ERRNO(connect(second, a.get(), a.size), ECONNREFUSED);
    EXPECT_EQ(listen(fd, 1), 0);
    EXPECT_EQ(connect(second, a.get(), a.size), 0);
    // A path may fill all of it, without a NUL.
    Folder folder;
    std::memset(a.name.sun_path, 'x', sizeof a.name.sun_path);
    const int third = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(bind(third, a.get(), sizeof a.name), 0);
    char room[128];
    socklen_t size = sizeof room;
    EXPECT_EQ(getsockname(third, reinterpret_cast<sockaddr*>(room), &size), 0);
    EXPECT_EQ(size, sizeof(sa_family_t) + 108 + 1);
    EXPECT_EQ(room[2 + 108], 0);
}

CHECK_CASE(a_backlog_has_an_end) {
    Address a = own_name();
    const int server = listener(a, 1);
    for (int n = 0; n < 2; ++n) {
        EXPECT_EQ(connect(socket(AF_UNIX, SOCK_STREAM, 0), a.get(), a.size), 0);
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    EXPECT_ERRNO(connect(fd, a.get(), a.size), EAGAIN);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        const int late = socket(AF_UNIX, SOCK_STREAM, 0);
        _Exit(connect(late, a.get(), a.size) == 0 ? 0 : 1);
    }
    check::wait_until_asleep(pid);
    EXPECT(accept(server, nullptr, nullptr) >= 0);
    EXPECT_EQ(check::wait_status(pid), 0);
    const pid_t refused = check::fork_or_fail();
    if (refused == 0) {
        close(server);
        const int late = socket(AF_UNIX, SOCK_STREAM, 0);
        EXPECT_ERRNO(connect(late, a.get(), a.size), ECONNREFUSED);
        _Exit(0);
    }
    check::wait_until_asleep(refused);
    EXPECT_EQ(close(server), 0);
    EXPECT_EQ(check::wait_status(refused), 0);
}

CHECK_CASE(accept_waits) {
    Address a = own_name();
    const int server = listener(a);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        const int served = accept(server, nullptr, nullptr);
        EXPECT_EQ(write(served, "x", 1), 1);
        _Exit(0);
    }
    check::wait_until_asleep(pid);
    const int client = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(connect(client, a.get(), a.size), 0);
    char c;
    EXPECT_EQ(read(client, &c, 1), 1);
    EXPECT_EQ(read(client, &c, 1), 0);
    EXPECT_EQ(check::wait_status(pid), 0);
    const pid_t second = check::fork_or_fail();
    if (second == 0) {
        EXPECT_ERRNO(accept(server, nullptr, nullptr), EINVAL);
        _Exit(0);
    }
    check::wait_until_asleep(second);
    EXPECT_EQ(shutdown(server, SHUT_RD), 0);
    EXPECT_EQ(check::wait_status(second), 0);
}

CHECK_CASE(writing_to_nobody_is_sigpipe) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    close(s[0]);
    EXPECT_EQ(poll_now(s[1], POLLIN | POLLOUT | POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
    for (const int kind : {0, 1, 2}) {
        const int status = check::status_of_child([&] {
            kind == 0   ? write(s[1], "x", 1)
            : kind == 1 ? send(s[1], "x", 1, 0)
                        : sendto(s[1], "x", 1, MSG_DONTWAIT, nullptr, 0);
        });
        EXPECT(WIFSIGNALED(status));
        EXPECT_EQ(WTERMSIG(status), SIGPIPE);
    }
    EXPECT_ERRNO(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    char c;
    EXPECT_EQ(read(s[1], &c, 1), 0);
}

CHECK_CASE(lost_bytes_are_a_reset) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    EXPECT_EQ(write(s[0], "answer", 6), 6);
    EXPECT_EQ(write(s[1], "x", 1), 1);
    close(s[0]);
    EXPECT_EQ(poll_now(s[1], POLLIN), POLLIN | POLLHUP | POLLERR);
    char text[8];
    EXPECT_EQ(read(s[1], text, sizeof text), 6);
    EXPECT_ERRNO(read(s[1], text, sizeof text), ECONNRESET);
    EXPECT_EQ(read(s[1], text, sizeof text), 0);
}

CHECK_CASE(shutdown_ends_a_half) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    EXPECT_ERRNO(shutdown(s[0], 3), EINVAL);
    EXPECT_EQ(write(s[0], "last", 4), 4);
    EXPECT_EQ(shutdown(s[0], SHUT_WR), 0);
    EXPECT_ERRNO(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    EXPECT_EQ(poll_now(s[1], POLLIN | POLLOUT | POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP);
    char text[8];
    EXPECT_EQ(read(s[1], text, sizeof text), 4);
    EXPECT_EQ(read(s[1], text, sizeof text), 0);
    EXPECT_EQ(write(s[1], "still", 5), 5);
    EXPECT_EQ(read(s[0], text, sizeof text), 5);
    EXPECT_EQ(shutdown(s[1], SHUT_WR), 0);
    EXPECT_EQ(poll_now(s[1], POLLIN), POLLIN | POLLHUP);
    EXPECT_EQ(poll_now(s[0], 0), POLLHUP);
}

CHECK_CASE(a_megabyte_arrives_whole_and_in_order) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    constexpr unsigned total = 1 << 20;
    static unsigned char block[total];
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        close(s[0]);
        for (unsigned n = 0; n < total; ++n) {
            block[n] = static_cast<unsigned char>(n * 7 >> 3);
        }
        EXPECT_EQ(write(s[1], block, total), total);
        _Exit(0);
    }
    close(s[1]);
    unsigned received = 0;
    for (ssize_t count = 0; (count = read(s[0], block, 5003)) > 0;) {
        for (ssize_t n = 0; n < count; ++n, ++received) {
            EXPECT_EQ(block[n], static_cast<unsigned char>(received * 7 >> 3));
        }
    }
    EXPECT_EQ(received, total);
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(a_full_socket_is_not_writable) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
    static char block[65536];
    long long sent = 0;
    for (ssize_t count; (count = write(s[0], block, sizeof block)) > 0;) {
        sent += count;
    }
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_EQ(poll_now(s[0], POLLOUT), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        pollfd p{s[0], POLLOUT, 0};
        _Exit(poll(&p, 1, -1) == 1 && p.revents == POLLOUT ? 0 : 1);
    }
    check::wait_until_asleep(pid);
    for (ssize_t count; (count = read(s[1], block, sizeof block)) > 0;) {
        sent -= count;
    }
    EXPECT_EQ(sent, 0);
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(waits_end_at_their_time) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    timeval tenth{0, 100'000}, got{};
    socklen_t size = sizeof got;
    EXPECT_EQ(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tenth, sizeof tenth), 0);
    EXPECT_EQ(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &tenth, sizeof tenth), 0);
    EXPECT_EQ(getsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &got, &size), 0);
    EXPECT_EQ(got.tv_usec, 100'000);
    char c;
    EXPECT_ERRNO(read(s[0], &c, 1), EAGAIN);
    static char block[1 << 20];
    const ssize_t sent = write(s[0], block, sizeof block);
    EXPECT(sent > 0 && sent < static_cast<ssize_t>(sizeof block));
    EXPECT_ERRNO(write(s[0], &c, 1), EAGAIN);
    tenth.tv_usec = 1'000'000;
    EXPECT_ERRNO(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tenth, sizeof tenth), EDOM);
}

CHECK_CASE(waits_for_some_time_do_not_begin_again) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    const timeval minute{60, 0};
    EXPECT_EQ(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof minute), 0);
    EXPECT_EQ(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &minute, sizeof minute), 0);
    struct sigaction action{};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_RESTART;
    EXPECT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
    static char block[65536];
    while (send(s[0], block, sizeof block, MSG_DONTWAIT) > 0) {
    }
    for (const int kind : {0, 1, 2, 3}) {
        const pid_t pid = check::fork_or_fail();
        if (pid == 0) {
            char c = 0;
            EXPECT_ERRNO(kind == 0   ? read(s[0], &c, 1)
                         : kind == 1 ? recv(s[0], &c, 1, 0)
                         : kind == 2 ? write(s[0], &c, 1)
                                     : send(s[0], &c, 1, 0),
                         EINTR);
            _Exit(0);
        }
        check::wait_until_asleep(pid);
        EXPECT_EQ(kill(pid, SIGUSR1), 0);
        EXPECT_EQ(check::wait_status(pid), 0);
    }
}

CHECK_CASE(sets_of_files_hear_of_sockets) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    const int set = epoll_create1(0);
    epoll_event wanted{}, got{};
    wanted.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
    wanted.data.fd = s[0];
    EXPECT_EQ(epoll_ctl(set, EPOLL_CTL_ADD, s[0], &wanted), 0);
    EXPECT_EQ(epoll_wait(set, &got, 1, 0), 0);
    for (int n = 0; n < 2; ++n) {
        EXPECT_EQ(write(s[1], "x", 1), 1);
        EXPECT_EQ(epoll_wait(set, &got, 1, -1), 1);
        EXPECT_EQ(got.events, EPOLLIN);
        EXPECT_EQ(epoll_wait(set, &got, 1, 0), 0);  // only what is new
    }
    close(s[1]);
    EXPECT_EQ(epoll_wait(set, &got, 1, -1), 1);
    EXPECT_EQ(got.events, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
    close(s[0]);
    EXPECT_EQ(epoll_wait(set, &got, 1, 0), 0);
}

CHECK_CASE(wait_all_waits_for_all) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    EXPECT_EQ(write(s[1], "abc", 3), 3);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        char text[6];
        EXPECT_EQ(recv(s[0], text, 6, MSG_WAITALL), 6);
        EXPECT(std::memcmp(text, "abcdef", 6) == 0);
        _Exit(0);
    }
    check::wait_until_asleep(pid);
    EXPECT_EQ(write(s[1], "def", 3), 3);
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(files_go_through_sockets) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    Folder folder;
    const int file = open("data", O_CREAT | O_RDWR, 0600);
    EXPECT_EQ(write(file, "contents", 8), 8);
    off_t at = 0;
    EXPECT_EQ(sendfile(s[0], file, &at, 8), 8);
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(splice(s[1], nullptr, ends[1], nullptr, 100, 0), 8);
    EXPECT_EQ(splice(ends[0], nullptr, s[1], nullptr, 8, 0), 8);
    char first[4], rest[8];
    iovec pieces[] = {{first, 4}, {rest, 8}};
    EXPECT_EQ(readv(s[0], pieces, 2), 8);
    EXPECT(std::memcmp(first, "cont", 4) == 0 && std::memcmp(rest, "ents", 4) == 0);
    EXPECT_EQ(writev(s[0], pieces, 1), 4);
}
