/// write_plan DIRECTORY < PLAN: does what a plan says, a step a line, and tells on its standard
/// output how many steps are done behind every sync. For a machine that dies meanwhile: whoever
/// reads this knows what must be on the disk (./kidney crash --qemu, tests/crash/plan.hpp).

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

namespace {

struct Step {
    std::array<char, 16> kind;
    std::array<char, 512> path, second;
    std::uint32_t number;
};
constexpr std::uint32_t most_at_once = 65'536;
constexpr off_t overwrite_at = 1;

/// As tests/crash/tree.hpp has it: no two writes are the same.
char byte_at(std::uint32_t position, std::uint32_t version) {
    return static_cast<char>(position * 7 + version * 29 + position / 253 + 1);
}

bool write_bytes(const Step& step, bool appends, std::uint32_t version) {
    static std::array<char, most_at_once> bytes;
    struct stat now{};
    const int fd = open(step.path.data(), O_WRONLY | (appends ? O_APPEND : 0));
    bool is_done = fd >= 0 && fstat(fd, &now) == 0 && step.number <= most_at_once;
    const auto begin = static_cast<std::uint32_t>(appends ? now.st_size : overwrite_at);
    for (std::uint32_t n = 0; is_done && n < step.number; ++n) {
        bytes[n] = byte_at(begin + n, version);
    }
    const auto count = static_cast<ssize_t>(step.number);
    is_done = is_done && (appends ? write(fd, bytes.data(), step.number)
                                  : pwrite(fd, bytes.data(), step.number, overwrite_at)) == count;
    return close(fd) == 0 && is_done;
}
/// Everything is to last, by one of the ways to ask for it.
bool store(std::uint32_t version) {
    if (version % 3 != 0) {
        sync();
        return true;
    }
    const int fd = open(".", O_RDONLY | O_DIRECTORY);
    const bool is_done = fd >= 0 && fsync(fd) == 0;
    return close(fd) == 0 && is_done;
}
bool create(const char* path) {
    const int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
    return fd >= 0 && close(fd) == 0;
}

bool run(const Step& step, std::uint32_t version) {
    const std::string_view kind = step.kind.data();
    const char* const path = step.path.data();
    const char* const second = step.second.data();
    return kind == "sync"        ? store(version)
           : kind == "create"    ? create(path)
           : kind == "mkdir"     ? mkdir(path, 0755) == 0
           : kind == "append"    ? write_bytes(step, true, version)
           : kind == "overwrite" ? write_bytes(step, false, version)
           : kind == "truncate" || kind == "extend"
               ? truncate(path, static_cast<off_t>(step.number)) == 0
           : kind == "link"    ? link(path, second) == 0
           : kind == "symlink" ? symlink(second, path) == 0
           : kind == "unlink"  ? unlink(path) == 0
           : kind == "rmdir"   ? rmdir(path) == 0
           : kind == "rename"  ? rename(path, second) == 0
           : kind == "chmod"   ? chmod(path, step.number) == 0
                               : false;
}

/// KIND [PATH [SECOND | NUMBER]]
bool parse(const char* line, Step& step) {
    step = {};
    std::array<char, 512> third{};
    const int words =
        std::sscanf(line, "%15s %511s %511s", step.kind.data(), step.path.data(), third.data());
    if (words == 3 && third[0] >= '0' && third[0] <= '9') {
        step.number = static_cast<std::uint32_t>(std::strtoul(third.data(), nullptr, 10));
    } else {
        step.second = third;
    }
    return words >= 1;
}

/// Is out when this returns: nothing that comes later may be on the disk before.
void tell(const char* what, std::uint32_t steps) {
    std::printf("%s %u\n", what, steps);
    std::fflush(stdout);
    tcdrain(STDOUT_FILENO);
}

}  // namespace

int main(int count, char** words) {
    if (count != 2 || chdir(words[1]) != 0) {
        std::fputs("usage: write_plan DIRECTORY < PLAN\n", stderr);
        return 2;
    }
    umask(0);
    tell("synced", 0);
    std::array<char, 1200> line{};
    Step step;
    std::uint32_t done = 0;
    for (; std::fgets(line.data(), line.size(), stdin) != nullptr && parse(line.data(), step);
         ++done) {
        if (!run(step, done)) {
            std::fprintf(stderr, "step %u: %s: %s\n", done + 1, line.data(), std::strerror(errno));
            return 1;
        }
        if (std::string_view(step.kind.data()) == "sync") {
            tell("synced", done + 1);
        }
    }
    tell("end", done);
    return 0;
}
