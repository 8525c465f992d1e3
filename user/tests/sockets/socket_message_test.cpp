/// Datagrams and packets, files and identities in messages, options.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

struct Address {
    sockaddr_un name{};
    socklen_t size = sizeof(sa_family_t);
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&name); }
};
/// A name that no other run of a case has.
Address own_name(char which) {
    Address a;
    a.name.sun_family = AF_UNIX;
    const int length = std::snprintf(a.name.sun_path + 1, 32, "kidney-%d%c", getpid(), which);
    a.size =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + static_cast<unsigned>(length));
    return a;
}
int bound(int type, Address& a) {
    const int fd = socket(AF_UNIX, type, 0);
    EXPECT_EQ(bind(fd, a.get(), a.size), 0);
    return fd;
}
short poll_now(int fd, short events) {
    pollfd p{fd, events, 0};
    poll(&p, 1, 0);
    return p.revents;
}

/// A message with room for control data.
struct Message {
    char text[64] = {};
    alignas(cmsghdr) char control[512] = {};
    iovec piece{text, sizeof text};
    msghdr header{};

    Message() {
        header.msg_iov = &piece;
        header.msg_iovlen = 1;
        header.msg_control = control;
        header.msg_controllen = sizeof control;
    }
    explicit Message(const char* bytes) : Message() {
        std::strcpy(text, bytes);
        piece.iov_len = std::strlen(bytes);
        header.msg_controllen = 0;
    }
    /// Another item of control data.
    void add(int type, const void* data, std::size_t size) {
        auto* const item = reinterpret_cast<cmsghdr*>(control + header.msg_controllen);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = type;
        item->cmsg_len = CMSG_LEN(size);
        std::memcpy(CMSG_DATA(item), data, size);
        header.msg_controllen += CMSG_SPACE(size);
    }
    [[nodiscard]] cmsghdr* first() { return CMSG_FIRSTHDR(&header); }
};
ssize_t send_files(int to, const int* fds, std::size_t count, const char* text = "f") {
    Message m(text);
    m.add(SCM_RIGHTS, fds, count * sizeof(int));
    return sendmsg(to, &m.header, 0);
}
/// The descriptor in what comes next, which has just one.
int receive_file(int from, int flags = 0) {
    Message m;
    EXPECT(recvmsg(from, &m.header, flags) > 0);
    cmsghdr* const item = m.first();
    EXPECT(item != nullptr && item->cmsg_type == SCM_RIGHTS);
    EXPECT_EQ(item->cmsg_len, CMSG_LEN(sizeof(int)));
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(item), sizeof fd);
    return fd;
}

}  // namespace

CHECK_CASE(datagrams_keep_their_bounds) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
    EXPECT_EQ(write(s[0], "first", 5), 5);
    EXPECT_EQ(write(s[0], "", 0), 0);
    EXPECT_EQ(send(s[0], "second", 6, 0), 6);
    int count = 0;
    EXPECT_EQ(ioctl(s[1], FIONREAD, &count), 0);
    EXPECT_EQ(count, 5);
    char text[16];
    EXPECT_EQ(recv(s[1], text, 2, MSG_PEEK | MSG_TRUNC), 5);
    EXPECT_EQ(recv(s[1], text, 2, 0), 2);
    EXPECT_EQ(recv(s[1], text, sizeof text, 0), 0);
    Message m;
    m.piece.iov_len = 3;
    EXPECT_EQ(recvmsg(s[1], &m.header, 0), 3);
    EXPECT_EQ(m.header.msg_flags, MSG_TRUNC);
    EXPECT_EQ(m.header.msg_controllen, 0);
    EXPECT_ERRNO(recv(s[1], text, 1, MSG_DONTWAIT), EAGAIN);
    static char large[300'000];
    EXPECT_ERRNO(send(s[0], large, sizeof large, 0), EMSGSIZE);
    EXPECT_EQ(send(s[0], large, 100'000, 0), 100'000);
    EXPECT_EQ(recv(s[1], large, sizeof large, 0), 100'000);
}

CHECK_CASE(datagrams_go_to_names) {
    Address a = own_name('a'), b = own_name('b'), from;
    const int server = bound(SOCK_DGRAM, a);
    const int client = socket(AF_UNIX, SOCK_DGRAM, 0);
    EXPECT_ERRNO(send(client, "x", 1, 0), ENOTCONN);
    EXPECT_ERRNO(sendto(client, "x", 1, 0, b.get(), b.size), ECONNREFUSED);
    EXPECT_EQ(sendto(client, "x", 1, 0, a.get(), a.size), 1);
    char text[8];
    from.size = sizeof from.name;
    EXPECT_EQ(recvfrom(server, text, sizeof text, 0, from.get(), &from.size), 1);
    EXPECT_EQ(from.size, 0);
    EXPECT_EQ(bind(client, b.get(), b.size), 0);
    EXPECT_EQ(connect(client, a.get(), a.size), 0);
    EXPECT_EQ(write(client, "yz", 2), 2);
    from.size = sizeof from.name;
    EXPECT_EQ(recvfrom(server, text, sizeof text, 0, from.get(), &from.size), 2);
    EXPECT_EQ(from.size, b.size);
    EXPECT_EQ(std::memcmp(&from.name, &b.name, b.size), 0);
    EXPECT_EQ(sendto(server, "answer", 6, 0, from.get(), from.size), 6);
    EXPECT_EQ(read(client, text, sizeof text), 6);
    const int other = socket(AF_UNIX, SOCK_DGRAM, 0);
    EXPECT_ERRNO(sendto(other, "x", 1, 0, b.get(), b.size), EPERM);
    EXPECT_ERRNO(connect(other, b.get(), b.size), EPERM);
    sockaddr none{};
    none.sa_family = AF_UNSPEC;
    EXPECT_EQ(connect(client, &none, sizeof none), 0);
    EXPECT_ERRNO(write(client, "x", 1), ENOTCONN);
    EXPECT_EQ(sendto(other, "x", 1, 0, b.get(), b.size), 1);
    EXPECT_EQ(connect(client, a.get(), a.size), 0);
    close(server);
    EXPECT_ERRNO(write(client, "x", 1), ECONNREFUSED);
    EXPECT_ERRNO(write(client, "x", 1), ENOTCONN);
    EXPECT_ERRNO(listen(client, 1), EOPNOTSUPP);
    EXPECT_ERRNO(accept(client, nullptr, nullptr), EOPNOTSUPP);
}

CHECK_CASE(kinds_of_sockets_do_not_mix) {
    char folder[] = "/tmp/socketXXXXXX";
    EXPECT(mkdtemp(folder) != nullptr);
    EXPECT_EQ(chdir(folder), 0);
    Address a;
    a.name.sun_family = AF_UNIX;
    std::strcpy(a.name.sun_path, "s");
    a.size = offsetof(sockaddr_un, sun_path) + 2;
    const int server = bound(SOCK_STREAM, a);
    EXPECT_EQ(listen(server, 1), 0);
    const int client = socket(AF_UNIX, SOCK_DGRAM, 0);
    EXPECT_ERRNO(connect(client, a.get(), a.size), EPROTOTYPE);
    EXPECT_ERRNO(sendto(client, "x", 1, 0, a.get(), a.size), EPROTOTYPE);
    EXPECT_ERRNO(connect(socket(AF_UNIX, SOCK_SEQPACKET, 0), a.get(), a.size), EPROTOTYPE);
}

CHECK_CASE(a_full_queue_makes_senders_wait) {
    Address a = own_name('a');
    const int server = bound(SOCK_DGRAM, a);
    const int client = socket(AF_UNIX, SOCK_DGRAM, 0);
    EXPECT_EQ(connect(client, a.get(), a.size), 0);
    int sent = 0;
    while (send(client, "x", 1, MSG_DONTWAIT) == 1) {
        ++sent;
    }
    EXPECT_EQ(errno, EAGAIN);
    EXPECT(sent > 1);
    EXPECT_EQ(poll_now(client, POLLOUT), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        _Exit(send(client, "y", 1, 0) == 1 ? 0 : 1);
    }
    const pid_t polling = check::fork_or_fail();
    if (polling == 0) {
        pollfd p{client, POLLOUT, 0};
        _Exit(poll(&p, 1, -1) == 1 ? 0 : 1);
    }
    check::wait_until_asleep(pid);
    check::wait_until_asleep(polling);
    char c;
    for (int n = 0; n <= sent; ++n) {
        EXPECT_EQ(recv(server, &c, 1, 0), 1);
    }
    EXPECT_EQ(c, 'y');
    EXPECT_EQ(check::wait_status(pid), 0);
    EXPECT_EQ(check::wait_status(polling), 0);
}

CHECK_CASE(packets_need_a_connection) {
    Address a = own_name('a');
    const int server = bound(SOCK_SEQPACKET, a);
    EXPECT_EQ(listen(server, 1), 0);
    const int client = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    char text[8];
    EXPECT_ERRNO(send(client, "x", 1, 0), ENOTCONN);
    EXPECT_ERRNO(recv(client, text, 1, 0), ENOTCONN);
    EXPECT_EQ(connect(client, a.get(), a.size), 0);
    const int served = accept(server, nullptr, nullptr);
    EXPECT_EQ(send(client, "one", 3, MSG_EOR), 3);
    EXPECT_EQ(send(client, "two", 3, 0), 3);
    int count = 0;
    EXPECT_EQ(ioctl(served, FIONREAD, &count), 0);
    EXPECT_EQ(count, 6);
    EXPECT_EQ(recv(served, text, sizeof text, 0), 3);
    EXPECT_EQ(recv(served, text, 2, 0), 2);
    close(client);
    EXPECT_EQ(recv(served, text, sizeof text, 0), 0);
    EXPECT_EQ(recv(served, text, sizeof text, MSG_DONTWAIT), 0);
    EXPECT_EQ(poll_now(served, POLLIN), POLLIN | POLLHUP);
}

CHECK_CASE(files_arrive) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
        int s[2], ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, type, 0, s), 0);
        EXPECT_EQ(pipe(ends), 0);
        EXPECT_EQ(send_files(s[0], &ends[1], 1), 1);
        close(ends[1]);
        pollfd p{ends[0], POLLIN, 0};
        EXPECT_EQ(poll(&p, 1, 0), 0);  // its end is on the way
        const int fd = receive_file(s[1], MSG_CMSG_CLOEXEC);
        EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
        EXPECT_EQ(write(fd, "x", 1), 1);
        char c;
        EXPECT_EQ(read(ends[0], &c, 1), 1);
        close(fd);
        EXPECT_EQ(read(ends[0], &c, 1), 0);
        close(ends[0]);
        close(s[0]);
        close(s[1]);
    }
}

CHECK_CASE(files_go_to_other_processes) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        close(s[0]);
        const int fd = receive_file(s[1]);
        char text[8];
        EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 3);  // one open file, one position
        EXPECT_EQ(read(fd, text, sizeof text), 2);
        _Exit(0);
    }
    const int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    EXPECT_EQ(write(file, "12345", 5), 5);
    EXPECT_EQ(lseek(file, 3, SEEK_SET), 3);
    EXPECT_EQ(send_files(s[0], &file, 1), 1);
    EXPECT_EQ(check::wait_status(pid), 0);
    EXPECT_EQ(lseek(file, 0, SEEK_CUR), 5);
}

CHECK_CASE(control_data_without_room_is_cut) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    const int fds[] = {0, 1, 2};
    EXPECT_EQ(send_files(s[0], fds, 3, "a"), 1);
    Message m;
    m.header.msg_controllen = CMSG_LEN(2 * sizeof(int));
    EXPECT_EQ(recvmsg(s[1], &m.header, 0), 1);
    EXPECT_EQ(m.header.msg_flags, MSG_CTRUNC);
    EXPECT_EQ(m.first()->cmsg_len, CMSG_LEN(2 * sizeof(int)));
    EXPECT_EQ(send_files(s[0], fds, 3, "b"), 1);
    Message none;
    none.header.msg_control = nullptr;
    none.header.msg_controllen = 0;
    EXPECT_EQ(recvmsg(s[1], &none.header, 0), 1);
    EXPECT_EQ(none.header.msg_flags, MSG_CTRUNC);
    // No descriptors left: those that fit.
    EXPECT_EQ(send_files(s[0], fds, 3, "c"), 1);
    const int next = dup(0);
    close(next);
    const rlimit limit{static_cast<rlim_t>(next) + 1, static_cast<rlim_t>(next) + 1};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    Message few;
    EXPECT_EQ(recvmsg(s[1], &few.header, 0), 1);
    EXPECT_EQ(few.header.msg_flags, MSG_CTRUNC);
    EXPECT_EQ(few.first()->cmsg_len, CMSG_LEN(sizeof(int)));
}

CHECK_CASE(control_data_are_looked_at) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    const int bad = 99;
    EXPECT_ERRNO(send_files(s[0], &bad, 1), EBADF);
    int many[254] = {};
    Message m("x");
    static char control[CMSG_SPACE(sizeof many)];
    m.header.msg_control = control;
    m.header.msg_controllen = sizeof control;
    auto* const item = reinterpret_cast<cmsghdr*>(control);
    *item = {};
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof many);
    EXPECT_ERRNO(sendmsg(s[0], &m.header, 0), EINVAL);
    item->cmsg_len = CMSG_LEN(253 * sizeof(int));
    EXPECT_EQ(sendmsg(s[0], &m.header, 0), 1);
    item->cmsg_len = 5;
    EXPECT_ERRNO(sendmsg(s[0], &m.header, 0), EINVAL);
    item->cmsg_len = CMSG_LEN(4);
    m.header.msg_controllen = CMSG_SPACE(4);
    item->cmsg_type = 77;
    EXPECT_ERRNO(sendmsg(s[0], &m.header, 0), EINVAL);
    item->cmsg_level = 77;
    EXPECT_EQ(sendmsg(s[0], &m.header, 0), 1);
}

CHECK_CASE(a_socket_is_sent_over_itself) {
    for (int n = 0; n < 300; ++n) {  // more than there are descriptors, if they stayed
        int s[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
        EXPECT_EQ(send_files(s[0], &s[1], 1), 1);
        EXPECT_EQ(send_files(s[1], &s[0], 1), 1);
        close(s[0]);
        close(s[1]);
    }
    int s[2], ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    EXPECT_EQ(pipe(ends), 0);
    const int fds[] = {s[1], ends[1]};
    EXPECT_EQ(send_files(s[0], fds, 2), 1);
    close(ends[1]);
    close(s[1]);
    close(s[0]);
    char c;
    EXPECT_EQ(read(ends[0], &c, 1), 0);
}

CHECK_CASE(too_many_files_in_flight) {
    if (geteuid() == 0) {
        EXPECT_EQ(setuid(4321), 0);
    }
    const rlimit limit{40, 40};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    const int fds[20] = {};
    EXPECT_EQ(send_files(s[0], fds, 20), 1);
    EXPECT_EQ(send_files(s[0], fds, 20), 1);
    EXPECT_EQ(send_files(s[0], fds, 20), 1);
    EXPECT_ERRNO(send_files(s[0], fds, 20), ETOOMANYREFS);
    char c;
    EXPECT_EQ(read(s[1], &c, 1), 1);
    EXPECT_EQ(read(s[1], &c, 1), 1);
    EXPECT_EQ(send_files(s[0], fds, 20), 1);
}

CHECK_CASE(identities_come_with_messages) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    const int on = 1;
    EXPECT_EQ(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        EXPECT_EQ(write(s[0], "a", 1), 1);
        _Exit(0);
    }
    EXPECT_EQ(check::wait_status(pid), 0);
    EXPECT_EQ(write(s[0], "b", 1), 1);
    for (const pid_t sender : {pid, getpid()}) {
        Message m;
        EXPECT_EQ(recvmsg(s[1], &m.header, 0), 1);  // two senders are two answers
        cmsghdr* const item = m.first();
        EXPECT(item != nullptr && item->cmsg_type == SCM_CREDENTIALS);
        ucred who{};
        std::memcpy(&who, CMSG_DATA(item), sizeof who);
        EXPECT_EQ(who.pid, sender);
        EXPECT_EQ(who.uid, getuid());
        EXPECT_EQ(who.gid, getgid());
    }
    ucred own{getpid(), getuid(), getgid()};
    Message as("c");
    as.add(SCM_CREDENTIALS, &own, sizeof own);
    EXPECT_EQ(sendmsg(s[0], &as.header, 0), 1);
    Message wrong("d");
    wrong.add(SCM_CREDENTIALS, &own, sizeof own - 4);
    EXPECT_ERRNO(sendmsg(s[0], &wrong.header, 0), EINVAL);
    const int status = check::status_of_child([&] {
        if (getuid() == 0) {
            EXPECT_EQ(setuid(4321), 0);
        }
        ucred other{getpid(), 9999, getgid()};
        Message m("e");
        m.add(SCM_CREDENTIALS, &other, sizeof other);
        EXPECT_ERRNO(sendmsg(s[0], &m.header, 0), EPERM);
    });
    EXPECT_EQ(status, 0);
}

CHECK_CASE(who_asks_too_late_is_told_of_nobody) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
    EXPECT_EQ(write(s[0], "a", 1), 1);
    const int on = 1;
    EXPECT_EQ(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    Message m;
    EXPECT_EQ(recvmsg(s[1], &m.header, 0), 1);
    ucred who{};
    EXPECT(m.first() != nullptr);
    std::memcpy(&who, CMSG_DATA(m.first()), sizeof who);
    EXPECT_EQ(who.pid, 0);
    EXPECT_EQ(who.uid, 65534);
}

CHECK_CASE(many_messages_at_once) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
    Message a("one"), b("three");
    mmsghdr out[2] = {{a.header, 0}, {b.header, 0}};
    EXPECT_EQ(sendmmsg(s[0], out, 2, 0), 2);
    EXPECT_EQ(out[1].msg_len, 5);
    Message c, d, e;
    mmsghdr in[3] = {{c.header, 0}, {d.header, 0}, {e.header, 0}};
    EXPECT_EQ(recvmmsg(s[1], in, 3, MSG_WAITFORONE, nullptr), 2);
    EXPECT_EQ(in[0].msg_len, 3);
    EXPECT_EQ(in[1].msg_len, 5);
    EXPECT_EQ(std::memcmp(d.text, "three", 5), 0);
    EXPECT_ERRNO(recvmmsg(s[1], in, 3, MSG_DONTWAIT, nullptr), EAGAIN);
}

CHECK_CASE(options_are_kept) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int value = 0;
    socklen_t size = sizeof value;
    const auto get = [&](int option) {
        value = -1;
        size = sizeof value;
        EXPECT_EQ(getsockopt(fd, SOL_SOCKET, option, &value, &size), 0);
        EXPECT_EQ(size, sizeof value);
        return value;
    };
    const auto set = [&](int option, int to) {
        return setsockopt(fd, SOL_SOCKET, option, &to, sizeof to);
    };
    EXPECT_EQ(get(SO_TYPE), SOCK_STREAM);
    EXPECT_EQ(get(SO_DOMAIN), AF_UNIX);
    EXPECT_EQ(get(SO_PROTOCOL), 0);
    EXPECT_EQ(get(SO_ERROR), 0);
    EXPECT_EQ(get(SO_ACCEPTCONN), 0);
    EXPECT_EQ(get(SO_REUSEADDR), 0);
    EXPECT_EQ(set(SO_REUSEADDR, 5), 0);
    EXPECT_EQ(get(SO_REUSEADDR), 1);
    EXPECT_EQ(set(SO_PASSCRED, 1), 0);
    EXPECT_EQ(get(SO_PASSCRED), 1);
    EXPECT_EQ(get(SO_SNDBUF), 180224);  // of an i386: its packets are smaller
    EXPECT_EQ(set(SO_SNDBUF, 20000), 0);
    EXPECT_EQ(get(SO_SNDBUF), 40000);
    EXPECT_EQ(set(SO_RCVBUF, 30000), 0);
    EXPECT_EQ(get(SO_RCVBUF), 60000);
    EXPECT_EQ(set(SO_RCVLOWAT, 7), 0);
    EXPECT_EQ(get(SO_RCVLOWAT), 7);
    EXPECT_ERRNO(set(SO_TYPE, 1), ENOPROTOOPT);
    EXPECT_ERRNO(getsockopt(fd, SOL_SOCKET, 999, &value, &size), ENOPROTOOPT);
    EXPECT_ERRNO(getsockopt(fd, 6, 1, &value, &size), EOPNOTSUPP);
    EXPECT_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 2), EINVAL);
    EXPECT_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, reinterpret_cast<int*>(8), 4), EFAULT);
    linger l{1, 9};
    EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l), 0);
    l = {};
    size = sizeof l;
    EXPECT_EQ(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &size), 0);
    EXPECT(l.l_onoff == 1 && l.l_linger == 9);
    ucred nobody{};
    size = sizeof nobody;
    EXPECT_EQ(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &nobody, &size), 0);
    EXPECT(nobody.pid == 0 && nobody.uid == static_cast<uid_t>(-1));
    size = 2;
    EXPECT_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size), 0);
    EXPECT_EQ(size, 2);
}

CHECK_CASE(messages_are_looked_at) {
    int s[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    EXPECT_ERRNO(sendmsg(s[0], reinterpret_cast<msghdr*>(8), 0), EFAULT);
    Message m("x");
    m.header.msg_iovlen = 1025;
    EXPECT_ERRNO(sendmsg(s[0], &m.header, 0), EMSGSIZE);
    Address a = own_name('x');
    EXPECT_ERRNO(sendto(s[0], "x", 1, 0, a.get(), a.size), EISCONN);
    EXPECT_ERRNO(sendto(socket(AF_UNIX, SOCK_STREAM, 0), "x", 1, 0, a.get(), a.size), EOPNOTSUPP);
    EXPECT_ERRNO(send(s[0], reinterpret_cast<void*>(8), 1, 0), EFAULT);
    EXPECT_EQ(write(s[0], "kept", 4), 4);
    EXPECT_ERRNO(recv(s[1], reinterpret_cast<void*>(8), 4, 0), EFAULT);
    char text[8];
    EXPECT_EQ(recv(s[1], text, sizeof text, 0), 4);
    EXPECT_ERRNO(recv(socket(AF_UNIX, SOCK_STREAM, 0), text, 1, 0), EINVAL);
}
