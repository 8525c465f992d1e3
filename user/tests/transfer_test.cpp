/// Moving data: buffers that end midway, vectors, positions, limits of what may be asked for.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

constexpr unsigned page = 4096;

/// The last `size` bytes before a hole.
char* before_a_hole(unsigned size) {
    auto* const pages = static_cast<char*>(
        mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT(pages != MAP_FAILED);
    EXPECT_EQ(munmap(pages + page, page), 0);
    return pages + page - size;
}

int unnamed_file(const char* text) {
    const int fd = open("/tmp/transfer_test.file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT(fd >= 0);
    EXPECT_EQ(unlink("/tmp/transfer_test.file"), 0);
    EXPECT_EQ(write(fd, text, std::strlen(text)), std::strlen(text));
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

bool holds(int fd, const char* text) {
    char buffer[256];
    const ssize_t length = pread(fd, buffer, sizeof buffer, 0);
    return length == static_cast<ssize_t>(std::strlen(text)) &&
           std::memcmp(buffer, text, static_cast<std::size_t>(length)) == 0;
}

}  // namespace

CHECK_CASE(a_file_gets_the_good_part_of_a_buffer) {
    const int fd = unnamed_file("");
    char* const half = before_a_hole(4);
    std::memcpy(half, "good", 4);
    EXPECT_EQ(write(fd, half, 10), 4);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 4);
    EXPECT_ERRNO(write(fd, half + 4, 10), EFAULT);
    EXPECT_EQ(pwrite(fd, half + 1, 10, 100), 3);
    EXPECT_EQ(lseek(fd, 0, SEEK_END), 103);
    EXPECT_EQ(ftruncate(fd, 4), 0);
    EXPECT(holds(fd, "good"));
    const int appending = fcntl(fd, F_SETFL, O_APPEND);
    EXPECT_EQ(appending, 0);
    EXPECT_EQ(write(fd, half, 10'000), 4);
    EXPECT_ERRNO(write(fd, half + 4, 10'000), EFAULT);
    EXPECT(holds(fd, "goodgood"));
}

CHECK_CASE(the_good_part_of_a_buffer_is_filled) {
    const int fd = unnamed_file("0123456789");
    char* const half = before_a_hole(4);
    EXPECT_EQ(read(fd, half, 10), 4);
    EXPECT(std::memcmp(half, "0123", 4) == 0);
    EXPECT_ERRNO(read(fd, half + 4, 10), EFAULT);
    EXPECT_EQ(pread(fd, half + 1, 9, 7), 3);
    EXPECT(std::memcmp(half, "0789", 4) == 0);
    EXPECT_EQ(read(fd, half, 3), 3);
    EXPECT(std::memcmp(half, "4569", 4) == 0);
    const int zero = open("/dev/zero", O_RDONLY);
    EXPECT_EQ(read(zero, half, 10), 4);
    EXPECT_EQ(half[0], 0);
    EXPECT_ERRNO(read(zero, half + 4, 1), EFAULT);
}

CHECK_CASE(a_pipe_loses_nothing_to_bad_buffers) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_NONBLOCK), 0);
    char* const half = before_a_hole(4);
    std::memcpy(half, "good", 4);
    EXPECT_ERRNO(write(ends[1], half, 10), EFAULT);
    EXPECT_ERRNO(read(ends[0], half, 4), EAGAIN);  // not a byte of it
    EXPECT_EQ(write(ends[1], "0123456789", 10), 10);
    EXPECT_ERRNO(write(ends[1], half, 10), EFAULT);
    EXPECT_ERRNO(read(ends[0], half, 10), EFAULT);
    EXPECT_EQ(read(ends[0], half, 4), 4);
    EXPECT(std::memcmp(half, "0123", 4) == 0);
    char rest[20];
    EXPECT_EQ(read(ends[0], rest, sizeof rest), 6);
    EXPECT(std::memcmp(rest, "456789", 6) == 0);
    // Whole pages that came before the hole do count.
    char* const pages = before_a_hole(page);
    EXPECT_EQ(write(ends[1], pages, page + 100), page);
}

CHECK_CASE(vectors_end_midway_too) {
    const int fd = unnamed_file("");
    char* const half = before_a_hole(4);
    std::memcpy(half, "good", 4);
    char first[] = "all ";
    const iovec out[] = {{first, 4}, {half, 10}, {first, 4}};
    EXPECT_EQ(writev(fd, out, 3), 8);
    EXPECT(holds(fd, "all good"));
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    std::memset(first, '?', 4);
    std::memset(half, '?', 4);
    const iovec in[] = {{first, 1}, {half + 1, 6}, {first + 1, 3}};
    EXPECT_EQ(readv(fd, in, 3), 4);
    EXPECT(first[0] == 'a' && first[1] == '?' && std::memcmp(half, "?ll ", 4) == 0);
    const iovec none[] = {{half + 4, 10}, {first, 4}};
    EXPECT_ERRNO(readv(fd, none, 2), EFAULT);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 4);
}

CHECK_CASE(a_listing_loses_nothing_to_bad_buffers) {
    char path[] = "/tmp/transfer_test.XXXXXX";
    EXPECT(mkdtemp(path) != nullptr);
    const int fd = open(path, O_RDONLY | O_DIRECTORY);
    char* const half = before_a_hole(30);  // room for one of two records of 24 bytes
    EXPECT_ERRNO(syscall(SYS_getdents64, fd, half + 30, 1000), EFAULT);
    EXPECT_ERRNO(syscall(SYS_getdents64, fd, half, 20), EINVAL);
    EXPECT_EQ(syscall(SYS_getdents64, fd, half, 1000), 24);
    EXPECT_EQ(half[19], '.');
    char rest[100];
    EXPECT_EQ(syscall(SYS_getdents64, fd, rest, sizeof rest), 24);
    EXPECT(std::strcmp(rest + 19, "..") == 0);
    EXPECT_EQ(syscall(SYS_getdents64, fd, rest, sizeof rest), 0);
    EXPECT_EQ(rmdir(path), 0);
}

// The end of user memory is 0xc0000000 on i386; elsewhere a program cannot name what lies behind
// it.
CHECK_CASE(no_buffer_reaches_into_the_kernel) {
    const int null = open("/dev/null", O_RDWR);
    const int fd = unnamed_file("x");
    char buffer[16];
    constexpr std::uintptr_t end = 0xc0000000;
    for (const int call : {SYS_read, SYS_write}) {
        EXPECT_EQ(syscall(call, null, end, 0), 0);
        EXPECT_ERRNO(syscall(call, null, end, 10), EFAULT);
        EXPECT_ERRNO(syscall(call, null, end + 1, 0), EFAULT);
        EXPECT_ERRNO(syscall(call, null, 0xfffff000, 0x2000), EFAULT);
        EXPECT_ERRNO(syscall(call, null, end - 16, 32), EFAULT);
        EXPECT_ERRNO(syscall(call, -1, end, 10), EBADF);
        EXPECT_ERRNO(syscall(call, null, 0x1000, 0x80000000), EINVAL);
        EXPECT_ERRNO(syscall(call, null, buffer, 0x80000000), EFAULT);  // from the stack, too long
    }
    EXPECT_EQ(write(null, nullptr, 10), 10);  // not looked at
    EXPECT_EQ(syscall(SYS_write, null, 0x1000, 0x7fffffff), 0x7ffff000);
    const iovec into[] = {{buffer, 4}, {reinterpret_cast<void*>(end), 4}};
    EXPECT_ERRNO(writev(null, into, 2), EFAULT);
    EXPECT_ERRNO(readv(fd, into, 2), EFAULT);
    const iovec many[] = {{nullptr, 0x7fffffff}, {nullptr, 0x7fffffff}};
    EXPECT_EQ(writev(null, many, 2), 0x7ffff000);
    EXPECT_EQ(readv(fd, nullptr, 0), 0);
    EXPECT_ERRNO(readv(-1, nullptr, 0), EBADF);
}

CHECK_CASE(errors_come_in_their_order) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    char c = 0;
    EXPECT_ERRNO(syscall(SYS_read, ends[1], 0xd0000000, 1), EBADF);
    EXPECT_ERRNO(syscall(SYS_pread64, -1, &c, 1, 0, 0x80000000), EINVAL);
    EXPECT_ERRNO(syscall(SYS_pread64, ends[0], 0xd0000000, 1, 0, 0), ESPIPE);
    EXPECT_ERRNO(pread(ends[1], &c, 1, 0), ESPIPE);
    EXPECT_ERRNO(pwrite(ends[0], &c, 1, 0), ESPIPE);
    const int directory = open("/tmp", O_RDONLY | O_DIRECTORY);
    EXPECT_ERRNO(read(directory, &c, 0), EISDIR);
    EXPECT_ERRNO(write(directory, &c, 0), EBADF);
    const iovec bad{reinterpret_cast<void*>(0xd0000000), 1};
    EXPECT_ERRNO(readv(ends[1], &bad, 1), EFAULT);
    const iovec empty{&c, 0};
    EXPECT_ERRNO(readv(ends[1], &empty, 1), EBADF);
    EXPECT_EQ(readv(directory, &empty, 1), 0);
}

CHECK_CASE(appended_records_stay_whole) {
    char path[] = "/tmp/transfer_test.XXXXXX";
    const int fd = mkstemp(path);
    constexpr unsigned size = 300;
    constexpr int rounds = 100;
    pid_t writers[3];
    for (pid_t& writer : writers) {
        writer = check::fork_or_fail();
        if (writer == 0) {
            const int own = open(path, O_WRONLY | O_APPEND);
            char record[size];
            std::memset(record, 'a' + getpid() % 26, sizeof record);
            for (int i = 0; i < rounds; ++i) {
                EXPECT_EQ(write(own, record, sizeof record), size);
            }
            _Exit(0);
        }
    }
    for (const pid_t writer : writers) {
        EXPECT_EQ(check::wait_status(writer), 0);
    }
    EXPECT_EQ(unlink(path), 0);
    char record[size];
    for (int i = 0; i < 3 * rounds; ++i) {
        EXPECT_EQ(read(fd, record, size), size);
        for (const char c : record) {
            EXPECT_EQ(c, record[0]);
        }
    }
    EXPECT_EQ(read(fd, record, size), 0);
}

CHECK_CASE(bytes_that_a_read_would_find) {
    int count = -1;
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(ioctl(ends[0], FIONREAD, &count), 0);
    EXPECT_EQ(count, 0);
    EXPECT_EQ(write(ends[1], "test", 4), 4);
    EXPECT_EQ(ioctl(ends[0], FIONREAD, &count), 0);
    EXPECT_EQ(count, 4);
    EXPECT_EQ(ioctl(ends[1], FIONREAD, &count), 0);
    EXPECT_EQ(count, 4);
    EXPECT_ERRNO(ioctl(ends[0], FIONREAD, nullptr), EFAULT);
    const int fd = unnamed_file("0123456789");
    EXPECT_EQ(lseek(fd, 3, SEEK_SET), 3);
    EXPECT_EQ(ioctl(fd, FIONREAD, &count), 0);
    EXPECT_EQ(count, 7);
    EXPECT_EQ(lseek(fd, 12, SEEK_SET), 12);
    EXPECT_EQ(ioctl(fd, FIONREAD, &count), 0);
    EXPECT_EQ(count, -2);
    EXPECT_ERRNO(ioctl(open("/tmp", O_RDONLY), FIONREAD, &count), ENOTTY);
    EXPECT_ERRNO(ioctl(open("/dev/null", O_RDONLY), FIONREAD, &count), ENOTTY);
}

CHECK_CASE(status_by_ioctl) {
    const int fd = unnamed_file("0123456789");
    int on = 1;
    int off = 0;
    EXPECT_EQ(ioctl(fd, FIONBIO, &on), 0);
    EXPECT(fcntl(fd, F_GETFL) & O_NONBLOCK);
    EXPECT_ERRNO(ioctl(fd, FIONBIO, nullptr), EFAULT);
    EXPECT_EQ(ioctl(fd, FIOCLEX), 0);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(ioctl(fd, FIONCLEX), 0);
    EXPECT_EQ(fcntl(fd, F_GETFD), 0);
    EXPECT_EQ(ioctl(fd, FIOASYNC, &off), 0);
    EXPECT_ERRNO(ioctl(fd, FIOASYNC, &on), ENOTTY);
    long long bytes = -1;
    EXPECT_EQ(ioctl(fd, FIOQSIZE, &bytes), 0);
    EXPECT_EQ(bytes, page);
    EXPECT_ERRNO(ioctl(open("/dev/null", O_RDONLY), FIOQSIZE, &bytes), ENOTTY);
    int block = 0;
    EXPECT_EQ(ioctl(fd, 2 /* FIGETBSZ */, &block), 0);
    EXPECT_EQ(block, page);
    EXPECT_ERRNO(ioctl(fd, 0x1234, &block), ENOTTY);
}

CHECK_CASE(vectors_at_positions) {
    const int fd = unnamed_file("0123456789");
    char a[3];
    char b[10];
    const iovec in[] = {{a, 2}, {b, 10}};
    EXPECT_EQ(preadv(fd, in, 2, 5), 5);
    EXPECT(std::memcmp(a, "56", 2) == 0 && std::memcmp(b, "789", 3) == 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 0);
    char x[] = "XY";
    const iovec out[] = {{x, 1}, {x + 1, 1}};
    EXPECT_EQ(pwritev(fd, out, 2, 3), 2);
    EXPECT(holds(fd, "012XY56789"));
    EXPECT_EQ(syscall(SYS_preadv2, fd, in, 1, -1, -1, 0), 2);  // where the file stands
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 2);
    EXPECT_EQ(syscall(SYS_pwritev2, fd, out, 2, 0, 0, 16 /* RWF_APPEND */), 2);
    EXPECT(holds(fd, "012XY56789XY"));
    EXPECT_EQ(syscall(SYS_pwritev2, fd, out, 2, 0, 0, 2 | 4 /* RWF_DSYNC, RWF_SYNC */), 2);
    EXPECT_ERRNO(syscall(SYS_preadv2, fd, in, 1, 0, 0, 8 /* RWF_NOWAIT */), EOPNOTSUPP);
    EXPECT_ERRNO(syscall(SYS_preadv2, fd, in, 1, 0, 0, 0x100), EOPNOTSUPP);
    EXPECT_ERRNO(syscall(SYS_pwritev2, fd, out, 1, 0, 0, 0x100), EOPNOTSUPP);
    EXPECT_ERRNO(syscall(SYS_preadv, fd, in, 1, 0, -1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_pwritev2, fd, out, 1, 0, -1, 0), EINVAL);
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_ERRNO(preadv(ends[0], in, 1, 0), ESPIPE);
    EXPECT_ERRNO(pwritev(ends[1], out, 1, 0), ESPIPE);
    EXPECT_EQ(syscall(SYS_pwritev2, ends[1], out, 2, -1, -1, 0), 2);
    EXPECT_EQ(syscall(SYS_preadv2, ends[0], in, 1, -1, -1, 0), 2);
}

CHECK_CASE(sendfile_rules) {
    const int from = unnamed_file("0123456789");
    const int to = unnamed_file("");
    off_t at = 2;
    EXPECT_EQ(sendfile(to, from, &at, 3), 3);
    EXPECT_EQ(at, 5);
    EXPECT_EQ(lseek(from, 0, SEEK_CUR), 0);
    EXPECT_EQ(sendfile(to, from, nullptr, 100), 10);
    EXPECT_EQ(lseek(from, 0, SEEK_CUR), 10);
    EXPECT(holds(to, "2340123456789"));
    EXPECT_EQ(sendfile(to, from, nullptr, 0), 0);
    at = -1;
    EXPECT_ERRNO(sendfile(to, from, &at, 1), EINVAL);
    at = 100;
    EXPECT_EQ(sendfile(to, from, &at, 1), 0);
    EXPECT_ERRNO(sendfile(to, from, nullptr, 0x80000000), EINVAL);
    at = 0x7fffffff;
    EXPECT_ERRNO(syscall(SYS_sendfile, to, from, &at, 1), EOVERFLOW);
    EXPECT_ERRNO(syscall(SYS_sendfile, -1, -1, 1, 1), EFAULT);
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_NONBLOCK), 0);
    at = 0;
    EXPECT_ERRNO(sendfile(to, ends[0], &at, 1), ESPIPE);
    EXPECT_ERRNO(sendfile(to, ends[0], nullptr, 1), EINVAL);
    EXPECT_EQ(sendfile(ends[1], from, &at, 100), 10);
    EXPECT_EQ(at, 10);
    char buffer[20];
    EXPECT_EQ(read(ends[0], buffer, sizeof buffer), 10);
    EXPECT_ERRNO(sendfile(to, open("/tmp", O_RDONLY), nullptr, 1), EINVAL);
    EXPECT_ERRNO(sendfile(open("/dev/null", O_RDONLY), from, nullptr, 1), EBADF);
    EXPECT_ERRNO(sendfile(to, open("/dev/null", O_WRONLY), nullptr, 1), EBADF);
    EXPECT_EQ(fcntl(to, F_SETFL, O_APPEND), 0);
    EXPECT_ERRNO(sendfile(to, from, nullptr, 1), EINVAL);
    // A pipe takes what it has room for.
    EXPECT_EQ(ftruncate(from, 140'000), 0);
    at = 0;
    EXPECT_EQ(sendfile(ends[1], from, &at, 140'000), 65536);
    EXPECT_ERRNO(sendfile(ends[1], from, &at, 140'000), EAGAIN);
}

CHECK_CASE(splice_moves_between_files_and_pipes) {
    const int from = unnamed_file("0123456789");
    const int to = unnamed_file("");
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_NONBLOCK), 0);
    long long at = 4;
    EXPECT_EQ(splice(from, &at, ends[1], nullptr, 3, 0), 3);
    EXPECT_EQ(at, 7);
    EXPECT_EQ(splice(from, nullptr, ends[1], nullptr, 100, 0), 10);
    EXPECT_EQ(lseek(from, 0, SEEK_CUR), 10);
    EXPECT_EQ(splice(from, nullptr, ends[1], nullptr, 100, 0), 0);
    EXPECT_EQ(splice(ends[0], nullptr, to, nullptr, 5, 0), 5);
    EXPECT_EQ(lseek(to, 0, SEEK_CUR), 5);
    at = 8;
    EXPECT_EQ(splice(ends[0], nullptr, to, &at, 100, SPLICE_F_MOVE | SPLICE_F_MORE), 8);
    EXPECT_EQ(at, 16);
    EXPECT_EQ(lseek(to, 0, SEEK_CUR), 5);
    char buffer[100];
    EXPECT_EQ(pread(to, buffer, sizeof buffer, 0), 16);
    EXPECT(std::memcmp(buffer, "45601\0\0\00023456789", 16) == 0);
    EXPECT_ERRNO(splice(ends[0], nullptr, to, nullptr, 5, 0), EAGAIN);
    close(ends[1]);
    EXPECT_EQ(splice(ends[0], nullptr, to, nullptr, 5, 0), 0);
}

CHECK_CASE(splice_rules) {
    const int file = unnamed_file("0123456789");
    int a[2];
    int b[2];
    EXPECT_EQ(pipe2(a, O_NONBLOCK), 0);
    EXPECT_EQ(pipe2(b, O_NONBLOCK), 0);
    long long at = 0;
    EXPECT_ERRNO(splice(file, nullptr, file, nullptr, 1, 0), EINVAL);
    EXPECT_ERRNO(splice(a[0], nullptr, a[1], nullptr, 1, 0), EINVAL);
    EXPECT_ERRNO(splice(a[0], &at, b[1], nullptr, 1, 0), ESPIPE);
    EXPECT_ERRNO(splice(file, nullptr, b[1], &at, 1, 0), ESPIPE);
    EXPECT_ERRNO(splice(file, nullptr, b[1], nullptr, 1, 16), EINVAL);
    EXPECT_EQ(splice(-1, nullptr, -1, nullptr, 0, 99), 0);
    EXPECT_ERRNO(splice(-1, nullptr, b[1], nullptr, 1, 0), EBADF);
    EXPECT_ERRNO(splice(file, nullptr, b[0], nullptr, 1, 0), EBADF);
    EXPECT_ERRNO(splice(file, reinterpret_cast<off64_t*>(1), b[1], nullptr, 1, 0), EFAULT);
    at = -1;
    EXPECT_ERRNO(splice(file, &at, b[1], nullptr, 1, 0), EINVAL);
    EXPECT_ERRNO(splice(open("/tmp", O_RDONLY), nullptr, b[1], nullptr, 1, 0), EINVAL);
    EXPECT_EQ(write(a[1], "x", 1), 1);
    EXPECT_EQ(fcntl(file, F_SETFL, O_APPEND), 0);
    EXPECT_ERRNO(splice(a[0], nullptr, file, nullptr, 1, 0), EINVAL);
    EXPECT_EQ(splice(a[0], nullptr, open("/dev/null", O_WRONLY), nullptr, 100, 0), 1);
    EXPECT_ERRNO(tee(a[0], a[1], 1, 0), EINVAL);
    EXPECT_ERRNO(tee(a[0], file, 1, 0), EINVAL);
    EXPECT_ERRNO(tee(a[1], b[1], 1, 0), EBADF);
    EXPECT_ERRNO(tee(a[0], b[1], 1, 16), EINVAL);
    EXPECT_EQ(tee(a[0], b[1], 0, 0), 0);
    const iovec none{&at, 0};
    const iovec one{&at, 1};
    EXPECT_ERRNO(vmsplice(file, &one, 1, 0), EBADF);
    EXPECT_ERRNO(vmsplice(a[1], &one, 1, 16), EINVAL);
    EXPECT_ERRNO(vmsplice(a[1], &one, 1025, 0), EINVAL);
    EXPECT_EQ(vmsplice(a[1], &none, 1, 0), 0);
    signal(SIGPIPE, SIG_IGN);
    close(b[0]);
    EXPECT_ERRNO(splice(file, nullptr, b[1], nullptr, 1, 0), EPIPE);
    EXPECT_ERRNO(vmsplice(b[1], &one, 1, 0), EPIPE);
}

CHECK_CASE(tee_and_vmsplice) {
    int a[2];
    int b[2];
    EXPECT_EQ(pipe2(a, O_NONBLOCK), 0);
    EXPECT_EQ(pipe2(b, O_NONBLOCK), 0);
    char first[] = "first ";
    char second[] = "second";
    const iovec out[] = {{first, 6}, {second, 6}};
    EXPECT_EQ(vmsplice(a[1], out, 2, 0), 12);
    EXPECT_EQ(tee(a[0], b[1], 100, 0), 12);
    EXPECT_EQ(splice(a[0], nullptr, b[1], nullptr, 5, 0), 5);
    char buffer[100];
    EXPECT_EQ(read(b[0], buffer, sizeof buffer), 17);
    EXPECT(std::memcmp(buffer, "first secondfirst", 17) == 0);
    const iovec in[] = {{buffer, 1}, {buffer + 10, 50}};
    EXPECT_EQ(vmsplice(a[0], in, 2, 0), 7);
    EXPECT(buffer[0] == ' ' && std::memcmp(buffer + 10, "second", 6) == 0);
    EXPECT_ERRNO(vmsplice(a[0], in, 2, SPLICE_F_NONBLOCK), EAGAIN);
    EXPECT_ERRNO(tee(a[0], b[1], 100, 0), EAGAIN);
}

CHECK_CASE(copy_file_range_rules) {
    const int from = unnamed_file("0123456789");
    const int to = unnamed_file("");
    long long from_at = 2;
    long long to_at = 1;
    EXPECT_EQ(copy_file_range(from, nullptr, to, nullptr, 4, 0), 4);
    EXPECT(lseek(from, 0, SEEK_CUR) == 4 && lseek(to, 0, SEEK_CUR) == 4);
    EXPECT_EQ(copy_file_range(from, &from_at, to, &to_at, 2, 0), 2);
    EXPECT(from_at == 4 && to_at == 3 && lseek(from, 0, SEEK_CUR) == 4);
    EXPECT(holds(to, "0233"));
    EXPECT_EQ(copy_file_range(from, nullptr, to, nullptr, 100, 0), 6);
    EXPECT(holds(to, "0233456789"));
    EXPECT_EQ(copy_file_range(from, nullptr, to, nullptr, 100, 0), 0);
    from_at = 0;
    to_at = 5;
    EXPECT_EQ(copy_file_range(from, &from_at, from, &to_at, 5, 0), 5);
    EXPECT(holds(from, "0123401234"));
    from_at = 0;
    to_at = 4;
    EXPECT_ERRNO(copy_file_range(from, &from_at, from, &to_at, 5, 0), EINVAL);
    EXPECT_ERRNO(copy_file_range(from, nullptr, to, nullptr, 1, 1), EINVAL);
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_ERRNO(copy_file_range(from, nullptr, ends[1], nullptr, 1, 0), EINVAL);
    EXPECT_ERRNO(copy_file_range(open("/tmp", O_RDONLY), nullptr, to, nullptr, 1, 0), EISDIR);
    EXPECT_ERRNO(copy_file_range(-1, nullptr, to, nullptr, 1, 0), EBADF);
    EXPECT_EQ(fcntl(to, F_SETFL, O_APPEND), 0);
    EXPECT_ERRNO(copy_file_range(from, nullptr, to, nullptr, 1, 0), EBADF);
}

CHECK_CASE(advice_is_checked) {
    const int file = unnamed_file("0123456789");
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(syscall(SYS_fadvise64_64, file, 0, 0, 100, 0, POSIX_FADV_WILLNEED), 0);
    EXPECT_EQ(syscall(SYS_fadvise64, file, 0, 0, 100, POSIX_FADV_NOREUSE), 0);
    EXPECT_ERRNO(syscall(SYS_fadvise64, file, 0, 0, 100, 6), EINVAL);
    EXPECT_ERRNO(syscall(SYS_fadvise64_64, file, 0, 0, 0, -1, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_fadvise64, ends[0], 0, 0, 100, 0), ESPIPE);
    EXPECT_ERRNO(syscall(SYS_fadvise64, -1, 0, 0, 100, 0), EBADF);
    EXPECT_EQ(readahead(file, 0, 4096), 0);
    EXPECT_ERRNO(readahead(ends[0], 0, 4096), EINVAL);
    EXPECT_ERRNO(readahead(ends[1], 0, 4096), EBADF);
    EXPECT_EQ(syscall(SYS_sync_file_range, file, 0, 0, 0, 0, 7), 0);
    EXPECT_ERRNO(syscall(SYS_sync_file_range, file, 0, 0, 0, 0, 8), EINVAL);
    EXPECT_ERRNO(syscall(SYS_sync_file_range, file, 0, -1, 0, 0, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_sync_file_range, ends[0], 0, 0, 0, 0, 0), ESPIPE);
}

CHECK_CASE(old_listings) {
    char path[] = "/tmp/transfer_test.XXXXXX";
    EXPECT(mkdtemp(path) != nullptr);
    const int fd = open(path, O_RDONLY | O_DIRECTORY);
    struct Old {
        unsigned long inode, next;
        unsigned short length;
        char name[1];
    };
    alignas(Old) char records[100];
    EXPECT_EQ(syscall(SYS_getdents, fd, records, sizeof records), 32);
    const auto* const dot = reinterpret_cast<const Old*>(records);
    const auto* const up = reinterpret_cast<const Old*>(records + dot->length);
    EXPECT_EQ(dot->length, 16);
    EXPECT(std::strcmp(dot->name, ".") == 0 && std::strcmp(up->name, "..") == 0);
    EXPECT_EQ(records[15], DT_DIR);
    struct stat status{};
    EXPECT_EQ(stat(path, &status), 0);
    EXPECT_EQ(dot->inode, static_cast<unsigned long>(status.st_ino));
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_ERRNO(syscall(SYS_getdents, fd, records, 15), EINVAL);
    char* const half = before_a_hole(20);
    EXPECT_EQ(syscall(SYS_getdents, fd, half, 100), 16);
    EXPECT_EQ(syscall(SYS_readdir, fd, records, 1), 1);
    EXPECT(std::strcmp(dot->name, "..") == 0);
    EXPECT_EQ(dot->length, 2);
    EXPECT_EQ(syscall(SYS_readdir, fd, records, 1), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_ERRNO(syscall(SYS_readdir, fd, nullptr, 1), EFAULT);
    EXPECT_EQ(syscall(SYS_readdir, fd, records, 1), 1);
    EXPECT(std::strcmp(dot->name, ".") == 0);
    EXPECT_ERRNO(syscall(SYS_readdir, open("/dev/null", O_RDONLY), records, 1), ENOTDIR);
    EXPECT_EQ(rmdir(path), 0);
}

CHECK_CASE(fcntl_rules) {
    const int fd = unnamed_file("");
    EXPECT_ERRNO(fcntl(fd, 99), EINVAL);
    EXPECT_ERRNO(fcntl(fd, F_DUPFD, -1), EINVAL);
    EXPECT_ERRNO(fcntl(fd, F_DUPFD, 1 << 20), EINVAL);
    EXPECT_EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
    EXPECT_EQ(fcntl(fd, F_GETSIG), 0);
    EXPECT_EQ(fcntl(fd, F_GETOWN), 0);
    EXPECT_EQ(fcntl(fd, F_SETFL, O_RDONLY | O_CREAT | O_EXCL | O_NONBLOCK), 0);
    EXPECT_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR | O_NONBLOCK);
    EXPECT_ERRNO(fcntl(fd, F_SETFL, O_DIRECT), EINVAL);
    EXPECT_EQ(fcntl(fd, F_SETFD, 0xfe), 0);
    EXPECT_EQ(fcntl(fd, F_GETFD), 0);
    EXPECT_ERRNO(dup3(fd, fd, 0), EINVAL);
    EXPECT_ERRNO(dup3(fd, 50, O_NONBLOCK), EINVAL);
    EXPECT_ERRNO(dup3(fd, 1 << 20, 0), EBADF);
    EXPECT_ERRNO(dup3(-1, 50, 0), EBADF);
}
