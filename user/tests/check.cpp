#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace check {
namespace {

constexpr unsigned case_deadline_seconds = 120;  // for slow machines; a good run takes milliseconds

Case* first = nullptr;
Case** last = &first;
int report_fd = -1;

}  // namespace

Case::Case(const char* case_name, void (*case_body)()) : name(case_name), body(case_body) {
    *last = this;
    last = &next;
}

void fail(const char* file, int line, const char* format, ...) {
    char reason[512];
    const char* base = std::strrchr(file, '/');
    int length =
        std::snprintf(reason, sizeof reason, "%s:%d: ", base != nullptr ? base + 1 : file, line);
    va_list arguments;
    va_start(arguments, format);
    length += std::vsnprintf(reason + length, sizeof reason - static_cast<unsigned>(length), format,
                             arguments);
    va_end(arguments);
    // Through the pipe, and straight away: stdio and the other file descriptors may be what is
    // broken.
    if (write(report_fd, reason, std::strlen(reason)) < 0) {
        _Exit(2);
    }
    _Exit(1);
}

int wait_status(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) != pid) {
        if (errno != EINTR) {
            fail(__FILE__, __LINE__, "waitpid(%d): %s", pid, std::strerror(errno));
        }
    }
    return status;
}

void wait_until_asleep(pid_t pid) {
    char path[32];
    std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(pid));
    for (;;) {
        char text[512];
        const int fd = open(path, O_RDONLY);
        const ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (length <= 0) {
            fail(__FILE__, __LINE__, "%s: %s", path, std::strerror(errno));
        }
        close(fd);
        text[length] = '\0';
        // The name may hold anything, so the state is behind the last parenthesis.
        const char* const name_end = std::strrchr(text, ')');
        if (name_end != nullptr && std::strncmp(name_end, ") S", 3) == 0) {
            return;
        }
        if (name_end != nullptr && std::strncmp(name_end, ") Z", 3) == 0) {
            fail(__FILE__, __LINE__, "%s: it has ended", path);
        }
        sched_yield();
    }
}

pid_t fork_or_fail() {
    const pid_t pid = fork();
    if (pid < 0) {
        fail(__FILE__, __LINE__, "fork: %s", std::strerror(errno));
    }
    return pid;
}

namespace {

/// Runs one case in a child; prints the verdict. True if it passed.
bool run(const Case& test) {
    int ends[2];
    if (pipe(ends) != 0) {
        std::printf("not ok %s no pipe\n", test.name);
        return false;
    }
    std::fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        close(ends[0]);
        report_fd = dup2(ends[1], 200) == 200
                        ? 200
                        : ends[1];  // out of the way of tests of file descriptors
        if (report_fd != ends[1]) {
            close(ends[1]);
        }
        alarm(case_deadline_seconds);
        test.body();
        _Exit(0);
    }
    close(ends[1]);
    int status = 0;
    siginfo_t end{};
    while (pid > 0 && waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR) {
    }
    // Children that a failed case left behind would disturb the next, and hold whoever reads our
    // output. Only now is the case waited for, so that its group's number is not given anew.
    if (pid > 0) {
        kill(-pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    char reason[600] = "";
    if (pid < 0) {
        std::snprintf(reason, sizeof reason, "fork: %s", std::strerror(errno));
    } else if (WIFSIGNALED(status)) {
        std::snprintf(reason, sizeof reason, "killed by signal %d", WTERMSIG(status));
    } else if (status != 0) {
        const ssize_t length = read(ends[0], reason, sizeof reason - 1);
        reason[length > 0 ? length : 0] = '\0';
    }
    close(ends[0]);
    const bool passed = pid > 0 && status == 0;
    if (passed) {
        std::printf("ok %s\n", test.name);
    } else {
        std::printf("not ok %s %s\n", test.name, reason);
    }
    std::fflush(stdout);
    return passed;
}

}  // namespace
}  // namespace check

int main(int argc, char** argv) {
    bool all_passed = true;
    for (const check::Case* test = check::first; test != nullptr; test = test->next) {
        bool wanted = argc < 2;
        for (int i = 1; i < argc; ++i) {
            wanted = wanted || std::strcmp(argv[i], test->name) == 0;
        }
        all_passed = (!wanted || check::run(*test)) && all_passed;
    }
    return all_passed ? 0 : 1;
}
