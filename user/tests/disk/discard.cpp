/// discard DISK discard|zero|hole START LENGTH: bytes of a disk that are not needed any more.
///
/// BLKDISCARD, BLKZEROOUT and fallocate(2), as blkdiscard and fallocate of util-linux have them.
/// What was refused is printed.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string_view>
#include <sys/ioctl.h>

int main(int argc, char** argv) {
    const std::string_view what = argc == 5 ? argv[2] : "";
    if (what != "discard" && what != "zero" && what != "hole") {
        std::fputs("usage: discard DISK discard|zero|hole START LENGTH\n", stderr);
        return 2;
    }
    std::uint64_t range[] = {std::strtoull(argv[3], nullptr, 0),
                             std::strtoull(argv[4], nullptr, 0)};
    const int disk = open(argv[1], O_RDWR);
    const int done =
        disk < 0 ? -1
        : what == "hole"
            ? fallocate64(disk, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                          static_cast<off64_t>(range[0]), static_cast<off64_t>(range[1]))
            : ioctl(disk, what == "zero" ? BLKZEROOUT : BLKDISCARD, range);
    if (done != 0) {
        std::printf("%s\n", std::strerror(errno));
        return 1;
    }
    return 0;
}
