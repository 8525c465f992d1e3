/// copy_synced sendfile|splice FROM TO: a copy of a file, written with O_SYNC.
#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <string_view>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

/// Through a pipe, as much as it holds at once.
bool copy_by_splice(int from, int to, off_t size) {
    int pipe[2];
    if (::pipe(pipe) != 0) {
        return false;
    }
    while (size > 0) {
        const auto most = static_cast<std::size_t>(std::min<off_t>(size, 65536));
        const ssize_t got = splice(from, nullptr, pipe[1], nullptr, most, 0);
        if (got <= 0 ||
            splice(pipe[0], nullptr, to, nullptr, static_cast<std::size_t>(got), 0) != got) {
            return false;
        }
        size -= got;
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view how = argc == 4 ? argv[1] : "";
    if (how != "sendfile" && how != "splice") {
        std::fputs("usage: copy_synced sendfile|splice FROM TO\n", stderr);
        return 2;
    }
    const int from = open(argv[2], O_RDONLY);
    const int to = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_SYNC, 0644);
    struct stat file{};
    if (from < 0 || to < 0 || fstat(from, &file) != 0) {
        return 1;
    }
    const bool done =
        how == "splice"
            ? copy_by_splice(from, to, file.st_size)
            : sendfile(to, from, nullptr, static_cast<std::size_t>(file.st_size)) == file.st_size;
    return done ? 0 : 1;
}
