/// setrlimit: limits that the kernel holds a program to.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <initializer_list>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

constexpr rlim_t most = 1000;

void set_limit(int which, rlim_t soft, rlim_t hard) {
    const rlimit limit{soft, hard};
    EXPECT_EQ(setrlimit(static_cast<__rlimit_resource>(which), &limit), 0);
}

/// An open file without a name, and no more than `most` bytes for any file.
int limited_file() {
    char path[64];
    std::snprintf(path, sizeof path, "/tmp/limit_test.%d", getpid());
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    EXPECT(fd >= 0);
    EXPECT_EQ(unlink(path), 0);
    signal(SIGXFSZ, SIG_IGN);
    set_limit(RLIMIT_FSIZE, most, most);
    return fd;
}

off_t size_of(int fd) {
    struct stat status{};
    EXPECT_EQ(fstat(fd, &status), 0);
    return status.st_size;
}

char bytes[1500];

volatile sig_atomic_t warnings = 0;
void count_warning(int) {
    warnings = warnings + 1;
}

[[noreturn]] void spin() {
    for (volatile unsigned n = 0;; n = n + 1) {
    }
}

}  // namespace

CHECK_CASE(writes_end_at_the_file_size_limit) {
    const int fd = limited_file();
    EXPECT_EQ(write(fd, bytes, 600), 600);
    EXPECT_EQ(write(fd, bytes, 600), 400);
    EXPECT_ERRNO(write(fd, bytes, 1), EFBIG);
    EXPECT_EQ(write(fd, bytes, 0), 0);
    EXPECT_EQ(pwrite(fd, bytes, 10, 995), 5);
    EXPECT_ERRNO(pwrite(fd, bytes, 10, most), EFBIG);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    const iovec pieces[] = {{bytes, 700}, {bytes, 700}};
    EXPECT_EQ(writev(fd, pieces, 2), most);
    EXPECT_ERRNO(writev(fd, pieces, 2), EFBIG);
    EXPECT_EQ(fcntl(fd, F_SETFL, O_APPEND), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_ERRNO(write(fd, bytes, 1), EFBIG);
    EXPECT_EQ(size_of(fd), most);
}

CHECK_CASE(other_files_have_no_size_limit) {
    limited_file();
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], bytes, sizeof bytes), sizeof bytes);
    const int null = open("/dev/null", O_WRONLY);
    EXPECT_EQ(write(null, bytes, sizeof bytes), sizeof bytes);
}

CHECK_CASE(files_grow_no_further_than_the_limit) {
    const int fd = limited_file();
    EXPECT_EQ(ftruncate(fd, most), 0);
    EXPECT_ERRNO(ftruncate(fd, most + 1), EFBIG);
    EXPECT_EQ(posix_fallocate(fd, 0, most + 1), EFBIG);
    EXPECT_EQ(size_of(fd), most);
    EXPECT_EQ(ftruncate(fd, 0), 0);
}

CHECK_CASE(a_file_as_large_as_the_limit_can_be_copied) {
    const int fd = limited_file();
    EXPECT_EQ(write(fd, bytes, most), most);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    const int copy = limited_file();
    EXPECT_EQ(sendfile(copy, fd, nullptr, 4096), most);
    EXPECT_EQ(sendfile(copy, fd, nullptr, 4096), 0);  // the end, and nothing too big about it
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_ERRNO(sendfile(copy, fd, nullptr, 1), EFBIG);
}

CHECK_CASE(whoever_exceeds_the_file_size_hears_of_it) {
    const int status = check::status_of_child([] {
        const int fd = limited_file();
        signal(SIGXFSZ, SIG_DFL);
        EXPECT_EQ(write(fd, bytes, sizeof bytes), most);  // not yet
        write(fd, bytes, 1);
        _exit(1);
    });
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGXFSZ);
}

CHECK_CASE(a_program_out_of_cpu_time_ends) {
    const int status = check::status_of_child([] {
        set_limit(RLIMIT_CPU, 1, 1);
        spin();
    });
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

CHECK_CASE(the_soft_limit_of_cpu_time_warns_each_second) {
    const int status = check::status_of_child([] {
        signal(SIGXCPU, count_warning);
        set_limit(RLIMIT_CPU, 1, 10);
        while (warnings < 2) {
        }
        rlimit now{};
        EXPECT_EQ(getrlimit(RLIMIT_CPU, &now), 0);
        EXPECT_EQ(now.rlim_cur, 3);
        signal(SIGXCPU, SIG_DFL);
        spin();
    });
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGXCPU);
}

CHECK_CASE(memory_ends_at_the_limit) {
    constexpr std::size_t mebi = 1 << 20;
    const auto map = [](std::size_t size, int protection) {
        return mmap(nullptr, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    };
    void* const before = map(mebi, PROT_READ | PROT_WRITE);
    EXPECT(before != MAP_FAILED);
    for (const int which : {RLIMIT_AS, RLIMIT_DATA}) {
        set_limit(which, 32 * mebi, RLIM_INFINITY);
        EXPECT(map(64 * mebi, PROT_READ | PROT_WRITE) == MAP_FAILED);
        EXPECT_EQ(errno, ENOMEM);
        EXPECT(mremap(before, mebi, 64 * mebi, MREMAP_MAYMOVE) == MAP_FAILED);
        EXPECT_EQ(errno, ENOMEM);
        EXPECT(sbrk(64 * mebi) == reinterpret_cast<void*>(-1));
        // What cannot be written to is no data.
        const bool fits = map(64 * mebi, PROT_READ) != MAP_FAILED;
        EXPECT_EQ(fits, which == RLIMIT_DATA);
        set_limit(which, RLIM_INFINITY, RLIM_INFINITY);
    }
    EXPECT(map(64 * mebi, PROT_READ | PROT_WRITE) != MAP_FAILED);
}
