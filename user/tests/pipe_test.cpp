/// Pipes and file descriptors: ends, blocking, duplication, limits, close-on-exec.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

CHECK_CASE(what_is_written_is_read) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], "hello", 5), 5);
    EXPECT_EQ(write(ends[1], "world", 5), 5);
    char buffer[16] = "";
    EXPECT_EQ(read(ends[0], buffer, 3), 3);
    EXPECT_EQ(read(ends[0], buffer + 3, sizeof buffer - 3), 7);
    EXPECT(std::memcmp(buffer, "helloworld", 10) == 0);
}

CHECK_CASE(read_sees_the_end_when_the_last_writer_closes) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const int second = dup(ends[1]);
    EXPECT_EQ(write(ends[1], "x", 1), 1);
    close(ends[1]);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        close(second);
        char buffer[4];
        EXPECT_EQ(read(ends[0], buffer, 4), 1);
        EXPECT_EQ(read(ends[0], buffer, 4), 0);  // blocks until the parent closes
        EXPECT_EQ(read(ends[0], buffer, 4), 0);
        _Exit(0);
    }
    check::wait_until_asleep(pid);
    close(second);
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(write_without_reader_is_epipe_and_sigpipe) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    close(ends[0]);
    const int status = check::status_of_child([&] { EXPECT(write(ends[1], "x", 1) == 1); });
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGPIPE);
    signal(SIGPIPE, SIG_IGN);
    EXPECT_ERRNO(write(ends[1], "x", 1), EPIPE);
}

CHECK_CASE(a_blocked_writer_learns_that_the_reader_is_gone) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        close(ends[0]);
        signal(SIGPIPE, SIG_IGN);
        static char block[4096];
        while (write(ends[1], block, sizeof block) > 0) {
        }
        _Exit(errno == EPIPE ? 0 : 1);
    }
    close(ends[1]);
    check::wait_until_asleep(pid);
    close(ends[0]);
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(a_megabyte_arrives_whole_and_in_order) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    constexpr unsigned total = 1 << 20;
    const pid_t pid = check::fork_or_fail();
    static unsigned char buffer[10007];  // prime: never in step with any buffer below
    if (pid == 0) {
        close(ends[0]);
        for (unsigned sent = 0; sent < total;) {
            unsigned count = 0;
            for (; count < sizeof buffer && sent + count < total; ++count) {
                buffer[count] = static_cast<unsigned char>((sent + count) * 7 >> 3);
            }
            for (unsigned done = 0; done < count;) {
                const ssize_t written = write(ends[1], buffer + done, count - done);
                EXPECT(written > 0);
                done += static_cast<unsigned>(written);
            }
            sent += count;
        }
        _Exit(0);
    }
    close(ends[1]);
    unsigned received = 0;
    for (ssize_t count = 0; (count = read(ends[0], buffer, 5003)) > 0;) {
        for (ssize_t i = 0; i < count; ++i, ++received) {
            EXPECT_EQ(buffer[i], static_cast<unsigned char>(received * 7 >> 3));
        }
    }
    EXPECT_EQ(received, total);
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(small_writes_of_several_writers_stay_whole) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    for (char name = 'a'; name < 'e'; ++name) {
        if (check::fork_or_fail() == 0) {
            char line[64];
            std::memset(line, name, sizeof line);
            for (int i = 0; i < 200; ++i) {
                EXPECT_EQ(write(ends[1], line, sizeof line), sizeof line);
            }
            _Exit(0);
        }
    }
    close(ends[1]);
    int counts[4] = {};
    char line[64];
    for (;;) {
        unsigned have = 0;
        for (ssize_t count = 0; have < sizeof line; have += static_cast<unsigned>(count)) {
            count = read(ends[0], line + have, sizeof line - have);
            if (count <= 0) {
                break;
            }
        }
        if (have == 0) {
            break;
        }
        EXPECT_EQ(have, sizeof line);
        for (const char c : line) {
            EXPECT_EQ(c, line[0]);
        }
        ++counts[line[0] - 'a'];
    }
    for (const int count : counts) {
        EXPECT_EQ(count, 200);
    }
}

CHECK_CASE(nonblocking_ends_say_eagain) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    char buffer[4096];
    EXPECT_ERRNO(read(ends[0], buffer, 1), EAGAIN);
    long total = 0;
    for (ssize_t count = 0; (count = write(ends[1], buffer, sizeof buffer)) > 0;) {
        total += count;
    }
    EXPECT_EQ(errno, EAGAIN);
    EXPECT(total >= 4096);
    EXPECT(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
    EXPECT_EQ(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
}

CHECK_CASE(poll_reports_data_room_and_hangup) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    pollfd watched[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}};
    EXPECT_EQ(poll(watched, 2, 0), 1);
    EXPECT_EQ(watched[0].revents, 0);
    EXPECT_EQ(watched[1].revents, POLLOUT);
    EXPECT_EQ(write(ends[1], "x", 1), 1);
    EXPECT_EQ(poll(watched, 1, -1), 1);
    EXPECT_EQ(watched[0].revents, POLLIN);
    close(ends[1]);
    EXPECT_EQ(poll(watched, 1, -1), 1);
    EXPECT_EQ(watched[0].revents, POLLIN | POLLHUP);
    pollfd closed{ends[1], POLLIN, 0};
    EXPECT_EQ(poll(&closed, 1, 0), 1);
    EXPECT_EQ(closed.revents, POLLNVAL);
}

CHECK_CASE(poll_wakes_up_and_times_out) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    pollfd watched{ends[0], POLLIN, 0};
    EXPECT_EQ(poll(&watched, 1, 20), 0);
    const pid_t parent = getpid();
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        check::wait_until_asleep(parent);
        _Exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    EXPECT_EQ(poll(&watched, 1, 60000), 1);
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(select_writes_the_time_left_back) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], "x", 1), 1);
    fd_set watched;
    FD_ZERO(&watched);
    FD_SET(ends[0], &watched);
    long time[2] = {1000, 0};
    EXPECT_EQ(syscall(SYS__newselect, ends[0] + 1, &watched, 0, 0, time), 1);
    EXPECT(time[0] >= 0 && time[0] < 1000 && time[1] >= 0 && time[1] < 1000000);
    time[0] = 0;
    time[1] = 20000;
    EXPECT_EQ(syscall(SYS__newselect, 0, 0, 0, 0, time), 0);
    EXPECT(time[0] == 0 && time[1] == 0);
    // A million microseconds and more are seconds.
    time[1] = 2500000;
    EXPECT_EQ(syscall(SYS__newselect, ends[0] + 1, &watched, 0, 0, time), 1);
    EXPECT(time[0] >= 0 && time[0] <= 2 && time[1] < 1000000);
    time[0] = 5;
    time[1] = -1000000;
    EXPECT_EQ(syscall(SYS__newselect, ends[0] + 1, &watched, 0, 0, time), 1);
    for (const long wrong : {-1L, -2000001L}) {
        time[0] = 0;
        time[1] = wrong;
        EXPECT_ERRNO(syscall(SYS__newselect, 0, 0, 0, 0, time), EINVAL);
    }
    long arguments[5] = {ends[0] + 1, reinterpret_cast<long>(&watched), 0, 0,
                         reinterpret_cast<long>(time)};
    time[0] = 1000;
    time[1] = 0;
    EXPECT_EQ(syscall(SYS_select, arguments), 1);
    EXPECT(time[0] < 1000);
    EXPECT_ERRNO(syscall(SYS_select, nullptr), EFAULT);
    // pselect and ppoll do it as well; nanoseconds are not normalised.
    time[0] = 1000;
    time[1] = 0;
    EXPECT_EQ(syscall(SYS_pselect6, ends[0] + 1, &watched, 0, 0, time, 0), 1);
    EXPECT(time[0] < 1000);
    time[0] = 1000;
    time[1] = 0;
    pollfd one{ends[0], POLLIN, 0};
    EXPECT_EQ(syscall(SYS_ppoll, &one, 1, time, 0, 8), 1);
    EXPECT(time[0] < 1000);
    time[1] = 1000000000;
    EXPECT_ERRNO(syscall(SYS_ppoll, &one, 1, time, 0, 8), EINVAL);
    EXPECT_ERRNO(syscall(SYS_pselect6, 0, 0, 0, 0, time, 0), EINVAL);
}

CHECK_CASE(select_looks_at_numbers_that_have_been_used) {
    const auto select_one = [](int number) {
        fd_set bits;
        timeval none{};
        FD_ZERO(&bits);
        FD_SET(number, &bits);
        return select(1024, &bits, nullptr, nullptr, &none);
    };
    EXPECT_ERRNO(select_one(199), EBADF);  // 200 is open, so there are places up to 255
    EXPECT_ERRNO(select_one(255), EBADF);
    EXPECT_EQ(select_one(256), 0);
    EXPECT_EQ(dup2(2, 300), 300);
    EXPECT_EQ(close(300), 0);
    EXPECT_ERRNO(select_one(300), EBADF);
    EXPECT_ERRNO(select_one(511), EBADF);
    EXPECT_EQ(select_one(512), 0);
    // A child's table is as large as what is open.
    EXPECT_EQ(check::status_of_child([&] { EXPECT_EQ(select_one(300), 0); }), 0);
    EXPECT_ERRNO(select(-1, nullptr, nullptr, nullptr, nullptr), EINVAL);
}

CHECK_CASE(select_waits_for_what_it_was_asked_for) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(close(ends[1]), 0);  // hung up: that makes it readable, and nothing else
    fd_set bits;
    FD_ZERO(&bits);
    FD_SET(ends[0], &bits);
    timespec before{};
    timespec after{};
    clock_gettime(CLOCK_MONOTONIC, &before);
    timeval time{0, 30000};
    EXPECT_EQ(select(ends[0] + 1, nullptr, nullptr, &bits, &time), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    const long nanoseconds =
        (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
    EXPECT(nanoseconds >= 30000000);
    EXPECT(!FD_ISSET(ends[0], &bits));
    FD_SET(ends[0], &bits);
    EXPECT_EQ(select(ends[0] + 1, &bits, nullptr, nullptr, nullptr), 1);
    EXPECT(FD_ISSET(ends[0], &bits));
}

CHECK_CASE(poll_takes_as_many_as_there_can_be) {
    static pollfd many[65];
    for (pollfd& p : many) {
        p = {-1, POLLIN, 0x7f};
    }
    const rlimit few{64, 64};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    EXPECT_EQ(poll(many, 64, 0), 0);
    EXPECT_EQ(many[0].revents, 0);  // a negative number is passed over
    EXPECT_ERRNO(poll(many, 65, 0), EINVAL);
    EXPECT_ERRNO(poll(nullptr, 1, 0), EFAULT);
}

CHECK_CASE(dup_gives_the_lowest_free_number) {
    EXPECT_EQ(close(0), 0);
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(ends[0], 0);
    const int copy = dup(ends[1]);
    EXPECT(copy > ends[1]);
    close(0);
    EXPECT_EQ(dup(ends[1]), 0);
}

CHECK_CASE(dup2_replaces_and_shares_the_offset) {
    const int fd = open("/tmp/pipe_test.file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT(fd >= 0);
    unlink("/tmp/pipe_test.file");
    EXPECT_EQ(write(fd, "abcdef", 6), 6);
    EXPECT_EQ(dup2(fd, 50), 50);
    EXPECT_EQ(lseek(50, 2, SEEK_SET), 2);
    char c = 0;
    EXPECT_EQ(read(fd, &c, 1), 1);
    EXPECT_EQ(c, 'c');
    EXPECT_EQ(dup2(fd, fd), fd);
    EXPECT_ERRNO(dup2(77, 78), EBADF);
    EXPECT_ERRNO(dup2(77, 77), EBADF);
    EXPECT_ERRNO(dup2(fd, -1), EBADF);
    EXPECT_EQ(fcntl(fd, F_DUPFD, 60), 60);
    EXPECT_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 60), 61);
    EXPECT_EQ(fcntl(61, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(dup2(61, 62), 62);
    EXPECT_EQ(fcntl(62, F_GETFD), 0);  // the copy does not inherit the flag
}

CHECK_CASE(forked_processes_share_the_offset) {
    const int fd = open("/tmp/pipe_test.shared", O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT(fd >= 0);
    unlink("/tmp/pipe_test.shared");
    EXPECT_EQ(check::status_of_child([=] { EXPECT_EQ(write(fd, "child", 5), 5); }), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 5);
}

CHECK_CASE(close_on_exec_closes_and_the_rest_stays) {
    int stays[2];
    int goes[2];
    EXPECT_EQ(pipe(stays), 0);
    EXPECT_EQ(pipe2(goes, O_CLOEXEC), 0);
    const int status = check::status_of_child([&] {
        char command[128];
        std::snprintf(command, sizeof command,
                      "echo kept >&%d || exit 1; { echo lost >&%d; } 2>/dev/null && exit 2; exit 0",
                      stays[1], goes[1]);
        execl("/bin/sh", "sh", "-c", command, static_cast<char*>(nullptr));
        _Exit(99);
    });
    EXPECT_EQ(status, 0);
    close(stays[1]);
    close(goes[1]);
    char buffer[16] = "";
    EXPECT_EQ(read(stays[0], buffer, sizeof buffer), 5);
    EXPECT_EQ(read(goes[0], buffer, sizeof buffer), 0);
}

CHECK_CASE(too_many_files_is_emfile) {
    rlimit limit{};
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT(limit.rlim_cur >= 64);
    int opened = 0;
    int last = -1;
    for (int fd = 0; (fd = open("/dev/null", O_RDONLY)) >= 0; ++opened) {
        last = fd;
        EXPECT(opened < 1000000);
    }
    EXPECT_EQ(errno, EMFILE);
    EXPECT(last < static_cast<int>(limit.rlim_cur));
    int ends[2];
    EXPECT_ERRNO(pipe(ends), EMFILE);
    EXPECT_EQ(close(last), 0);
    EXPECT_EQ(open("/dev/null", O_RDONLY), last);
    EXPECT_ERRNO(fcntl(last, F_DUPFD, static_cast<int>(limit.rlim_cur)), EINVAL);
}

CHECK_CASE(bad_descriptors_are_ebadf) {
    char c = 0;
    for (const int fd : {-1, 150, 100000, 0x7fffffff}) {
        EXPECT_ERRNO(read(fd, &c, 1), EBADF);
        EXPECT_ERRNO(write(fd, &c, 1), EBADF);
        EXPECT_ERRNO(close(fd), EBADF);
        EXPECT_ERRNO(dup(fd), EBADF);
        EXPECT_ERRNO(fcntl(fd, F_GETFL), EBADF);
    }
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_ERRNO(write(ends[0], &c, 1), EBADF);  // the wrong end
    EXPECT_ERRNO(read(ends[1], &c, 1), EBADF);
    EXPECT_ERRNO(lseek(ends[0], 0, SEEK_SET), ESPIPE);
}

CHECK_CASE(vectors_of_buffers) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    char first[] = "one ";
    char second[] = "two";
    const iovec out[] = {{first, 4}, {nullptr, 0}, {second, 3}};
    EXPECT_EQ(writev(ends[1], out, 3), 7);
    char a[2];
    char b[20];
    const iovec in[] = {{a, sizeof a}, {b, sizeof b}};
    EXPECT_EQ(readv(ends[0], in, 2), 7);
    EXPECT(std::memcmp(a, "on", 2) == 0 && std::memcmp(b, "e two", 5) == 0);
}

CHECK_CASE(null_and_zero_devices) {
    const int null = open("/dev/null", O_RDWR);
    const int zero = open("/dev/zero", O_RDONLY);
    EXPECT(null >= 0 && zero >= 0);
    char buffer[100];
    std::memset(buffer, 1, sizeof buffer);
    EXPECT_EQ(read(null, buffer, sizeof buffer), 0);
    EXPECT_EQ(write(null, buffer, sizeof buffer), sizeof buffer);
    EXPECT_EQ(read(zero, buffer, sizeof buffer), sizeof buffer);
    for (const char c : buffer) {
        EXPECT_EQ(c, 0);
    }
    EXPECT(isatty(null) == 0);
    EXPECT_EQ(errno, ENOTTY);
}

CHECK_CASE(readv_does_not_wait_for_more_than_the_first_bytes) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], "0123456789", 10), 10);
    char first[10];
    char second[10];
    const iovec both[] = {{first, sizeof first}, {second, sizeof second}};
    alarm(60);  // ends the program if the second piece waits
    EXPECT_EQ(readv(ends[0], both, 2), 10);
    EXPECT(std::memcmp(first, "0123456789", 10) == 0);
}

CHECK_CASE(writev_up_to_pipe_buf_is_one_piece) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    static char block[65536];
    EXPECT_EQ(write(ends[1], block, sizeof block - 4096), sizeof block - 4096);
    EXPECT_EQ(write(ends[1], block, 1096), 1096);  // leaves 3000
    const iovec both[] = {{block, 2000}, {block, 2000}};
    EXPECT_ERRNO(writev(ends[1], both, 2), EAGAIN);
    EXPECT_EQ(read(ends[0], block, sizeof block), sizeof block - 3000);
}

CHECK_CASE(vectors_are_checked_before_anything_is_written) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const iovec negative[] = {{const_cast<char*>("abc"), 3}, {ends, 0x8000'0000U}};
    EXPECT_ERRNO(writev(ends[1], negative, 2), EINVAL);
    constexpr std::size_t page = 4096;
    auto* const pages = static_cast<char*>(
        mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_EQ(munmap(pages + page, page), 0);
    auto* const cut = reinterpret_cast<iovec*>(pages + page - sizeof(iovec));
    *cut = {const_cast<char*>("abc"), 3};
    EXPECT_ERRNO(writev(ends[1], cut, 2), EFAULT);
    EXPECT_ERRNO(writev(ends[1], cut, 1025), EINVAL);
    close(ends[1]);
    char none;
    EXPECT_EQ(read(ends[0], &none, 1), 0);
}

CHECK_CASE(many_vectors_arrive_in_order) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    static char text[100];
    static char back[100];
    iovec out[100];
    iovec in[100];
    for (int i = 0; i < 100; ++i) {
        text[i] = static_cast<char>(i);
        out[i] = {text + i, 1};
        in[i] = {back + 99 - i, static_cast<std::size_t>(i % 2)};  // half of them are empty
    }
    EXPECT_EQ(writev(ends[1], out, 100), 100);
    EXPECT_EQ(readv(ends[0], in, 100), 50);
    for (int i = 1; i < 100; i += 2) {
        EXPECT_EQ(back[99 - i], i / 2);
    }
}

CHECK_CASE(a_sendfile_that_a_signal_ends_loses_nothing) {
    constexpr int blocks = 40;
    constexpr int block_size = 4096;
    static char block[block_size];
    const int file = open("/tmp/sendfile_source", O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT(file >= 0);
    for (int i = 0; i < blocks; ++i) {
        std::memset(block, i, sizeof block);
        EXPECT_EQ(write(file, block, sizeof block), block_size);
    }
    EXPECT_EQ(lseek(file, 0, SEEK_SET), 0);
    unlink("/tmp/sendfile_source");
    int ends[2];
    int interrupted[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(pipe(interrupted), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        close(ends[0]);
        struct sigaction action{};
        action.sa_handler = [](int) {};
        sigaction(SIGALRM, &action, nullptr);
        const itimerval often{{0, 20000}, {0, 20000}};
        setitimer(ITIMER_REAL, &often, nullptr);
        for (ssize_t left = blocks * block_size; left > 0;) {
            const ssize_t sent = sendfile(ends[1], file, nullptr, static_cast<std::size_t>(left));
            EXPECT(sent > 0 || (sent < 0 && errno == EINTR));
            left -= sent > 0 ? sent : 0;
            if (sent < 0) {
                EXPECT_EQ(write(interrupted[1], "x", 1), 1);
            }
        }
        _Exit(0);
    }
    close(ends[1]);
    char once = 0;
    EXPECT_EQ(read(interrupted[0], &once, 1), 1);  // the pipe was full: nothing had been sent
    int at = 0;
    for (ssize_t got; (got = read(ends[0], block, sizeof block)) > 0;) {
        for (ssize_t i = 0; i < got; ++i, ++at) {
            EXPECT_EQ(block[i], at / block_size);
        }
    }
    EXPECT_EQ(at, blocks * block_size);
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(a_pipe_counts_pages) {
    static char block[65536];
    const auto fill = [](int fd, std::size_t size) {
        int writes = 0;
        while (write(fd, block, size) == static_cast<ssize_t>(size)) {
            ++writes;
        }
        EXPECT_EQ(errno, EAGAIN);
        return writes;
    };
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_NONBLOCK), 0);
    EXPECT_EQ(fill(ends[1], 3000), 16);
    EXPECT_EQ(fill(ends[1], 1), 1096);  // the last page has room for them
    EXPECT_EQ(read(ends[0], block, 100), 100);
    EXPECT_ERRNO(write(ends[1], block, 50), EAGAIN);
    pollfd writer{ends[1], POLLOUT, 0};
    EXPECT_EQ(poll(&writer, 1, 0), 0);
    EXPECT_EQ(read(ends[0], block, 2900), 2900);
    EXPECT_EQ(poll(&writer, 1, 0), 1);
    EXPECT_EQ(write(ends[1], block, 5000), 4096);
}

CHECK_CASE(the_size_of_a_pipe) {
    static char block[65536];
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_NONBLOCK), 0);
    EXPECT_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
    EXPECT_EQ(fcntl(ends[1], F_SETPIPE_SZ, 0), 4096);
    EXPECT_EQ(fcntl(ends[1], F_SETPIPE_SZ, 5000), 8192);
    EXPECT_EQ(fcntl(ends[0], F_GETPIPE_SZ), 8192);
    EXPECT_EQ(write(ends[1], block, 10000), 8192);
    EXPECT_ERRNO(fcntl(ends[1], F_SETPIPE_SZ, 4096), EBUSY);
    EXPECT_EQ(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), 1 << 20);
    EXPECT_EQ(write(ends[1], block, sizeof block), sizeof block);
    EXPECT_ERRNO(fcntl(ends[1], F_SETPIPE_SZ, 0x80000001), EINVAL);
    EXPECT_ERRNO(fcntl(open("/dev/null", O_RDWR), F_SETPIPE_SZ, 4096), EBADF);
    EXPECT_ERRNO(fcntl(open("/dev/null", O_RDWR), F_GETPIPE_SZ), EBADF);
    EXPECT_EQ(check::status_of_child([&] {
                  if (geteuid() == 0) {
                      EXPECT_EQ(fcntl(ends[1], F_SETPIPE_SZ, 2 << 20), 2 << 20);
                      EXPECT_EQ(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), 1 << 20);
                      EXPECT_EQ(setuid(1000), 0);
                  }
                  EXPECT_ERRNO(fcntl(ends[1], F_SETPIPE_SZ, (1 << 20) + 1), EPERM);
              }),
              0);
    for (int left = 8192 + sizeof block; left > 0;) {
        const ssize_t got = read(ends[0], block, sizeof block);
        EXPECT(got > 0);
        left -= got;
    }
    EXPECT_ERRNO(read(ends[0], block, 1), EAGAIN);
}

CHECK_CASE(packets_stay_apart) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_DIRECT), 0);
    EXPECT_EQ(fcntl(ends[1], F_GETFL) & O_DIRECT, O_DIRECT);
    EXPECT_EQ(fcntl(ends[0], F_GETFL) & O_DIRECT, 0);  // only writing knows it
    EXPECT_EQ(write(ends[1], "one", 3), 3);
    EXPECT_EQ(write(ends[1], "two", 3), 3);
    EXPECT_EQ(write(ends[1], "three", 5), 5);
    char buffer[100];
    EXPECT_EQ(read(ends[0], buffer, sizeof buffer), 3);
    EXPECT_EQ(read(ends[0], buffer, 2), 2);  // the rest of this packet is lost
    EXPECT_EQ(read(ends[0], buffer, sizeof buffer), 5);
    EXPECT_EQ(fcntl(ends[1], F_SETFL, 0), 0);
    EXPECT_EQ(fcntl(ends[1], F_GETFL) & O_DIRECT, 0);
    EXPECT_EQ(write(ends[1], "one", 3), 3);
    EXPECT_EQ(write(ends[1], "two", 3), 3);
    EXPECT_EQ(read(ends[0], buffer, sizeof buffer), 6);
    EXPECT_ERRNO(pipe2(ends, O_APPEND), EINVAL);
    EXPECT_ERRNO(pipe2(nullptr, 0), EFAULT);
}

CHECK_CASE(a_writer_whose_reader_leaves_midway_gets_both) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        close(ends[0]);
        static char block[100000];
        static volatile sig_atomic_t signals = 0;
        signal(SIGPIPE, [](int) { signals = signals + 1; });
        EXPECT_EQ(write(ends[1], block, sizeof block),
                  65536);  // told how much, and that it is over
        EXPECT_EQ(signals, 1);
        _Exit(0);
    }
    close(ends[1]);
    check::wait_until_asleep(pid);
    close(ends[0]);
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(ranges_of_descriptors_close) {
    for (int fd = 20; fd < 30; ++fd) {
        EXPECT_EQ(dup2(2, fd), fd);
    }
    EXPECT_EQ(syscall(SYS_close_range, 22, 24, 0), 0);
    EXPECT(fcntl(21, F_GETFD) == 0 && fcntl(25, F_GETFD) == 0);
    EXPECT_ERRNO(fcntl(22, F_GETFD), EBADF);
    EXPECT_ERRNO(fcntl(24, F_GETFD), EBADF);
    EXPECT_EQ(syscall(SYS_close_range, 25, 26, 4 /* CLOSE_RANGE_CLOEXEC */), 0);
    EXPECT_EQ(fcntl(25, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(fcntl(27, F_GETFD), 0);
    EXPECT_ERRNO(syscall(SYS_close_range, 26, 25, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_close_range, 20, 25, 8), EINVAL);
    EXPECT_EQ(syscall(SYS_close_range, 27, 28, 2 /* CLOSE_RANGE_UNSHARE */), 0);
    EXPECT_ERRNO(fcntl(28, F_GETFD), EBADF);
    EXPECT_EQ(syscall(SYS_close_range, 21, 199, 0), 0);
    EXPECT_EQ(syscall(SYS_close_range, 0x7fffffff, ~0U, 0), 0);
    EXPECT_ERRNO(fcntl(29, F_GETFD), EBADF);
    EXPECT_EQ(fcntl(20, F_GETFD), 0);
}

CHECK_CASE(a_pipe_belongs_to_who_made_it) {
    int ends[2];
    struct stat status{};
    if (geteuid() == 0) {
        EXPECT_EQ(setegid(1001), 0);
        EXPECT_EQ(seteuid(1000), 0);
    }
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(fstat(ends[0], &status), 0);
    EXPECT_EQ(status.st_uid, geteuid());
    EXPECT_EQ(status.st_gid, getegid());
    EXPECT_EQ(status.st_mode, S_IFIFO | 0600);
    EXPECT_EQ(fchmod(ends[1], 0640), 0);
    EXPECT_EQ(fstat(ends[0], &status), 0);
    EXPECT_EQ(status.st_mode, S_IFIFO | 0640);
    EXPECT_ERRNO(fchown(ends[0], 77, 77), EPERM);
}
