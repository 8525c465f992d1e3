/// partition DISK add NUMBER START LENGTH | DISK remove NUMBER: one partition, without a table.
///
/// BLKPG, as addpart and delpart of util-linux have it. Bytes; what was refused is printed.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <string_view>
#include <sys/ioctl.h>

int main(int argc, char** argv) {
    const std::string_view what = argc > 3 ? argv[2] : "";
    if (!(what == "add" && argc == 6) && !(what == "remove" && argc == 4)) {
        std::fputs("usage: partition DISK add NUMBER START LENGTH | DISK remove NUMBER\n", stderr);
        return 2;
    }
    blkpg_partition place{};
    place.pno = std::atoi(argv[3]);
    place.start = what == "add" ? std::atoll(argv[4]) : 0;
    place.length = what == "add" ? std::atoll(argv[5]) : 0;
    blkpg_ioctl_arg change{};
    change.op = what == "add" ? BLKPG_ADD_PARTITION : BLKPG_DEL_PARTITION;
    change.datalen = sizeof(place);
    change.data = &place;
    const int disk = open(argv[1], O_RDONLY);
    if (disk < 0 || ioctl(disk, BLKPG, &change) != 0) {
        std::printf("%s\n", std::strerror(errno));
        return 1;
    }
    return 0;
}
