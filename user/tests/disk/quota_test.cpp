/// quotactl of a tmpfs with quotas, as the manual page and Linux's documentation of tmpfs have it
/// (from Linux 6.6 on; the one that we compare with is older).
#include "user/tests/check.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <linux/quota.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr uid_t alice = 1000, bob = 1001;
constexpr unsigned page = 4096;
char bytes[8 * page];

unsigned command(unsigned what, unsigned kind = USRQUOTA) {
    return what << 8U | kind;
}
long quota(int fd, unsigned command, unsigned id, void* at) {
    return syscall(443 /* quotactl_fd */, fd, command, id, at);
}
long quota_of(const char* special, unsigned command, unsigned id, void* at) {
    return syscall(SYS_quotactl, command, special, id, at);
}

/// A tmpfs in the current directory; its descriptor.
int mounted(const char* options) {
    char path[64];
    std::snprintf(path, sizeof path, "/tmp/quota.%d", getpid());
    EXPECT_EQ(mkdir(path, 0755), 0);
    EXPECT_EQ(mount("quotas", path, "tmpfs", 0, options), 0);
    EXPECT_EQ(chdir(path), 0);
    EXPECT_EQ(chmod(".", 0777), 0);
    const int fd = open(".", O_RDONLY | O_DIRECTORY);
    EXPECT(fd >= 0);
    EXPECT_EQ(umount2(path, MNT_DETACH), 0);  // it goes when this case ends
    EXPECT_EQ(rmdir(path), 0);
    return fd;
}
if_dqblk used_by(int fd, unsigned id, unsigned kind = USRQUOTA) {
    if_dqblk answer{};
    EXPECT_EQ(quota(fd, command(Q_GETQUOTA, kind), id, &answer), 0);
    EXPECT_EQ(answer.dqb_valid, QIF_ALL);
    return answer;
}
void become(uid_t user) {
    EXPECT_EQ(setgroups(0, nullptr), 0);
    EXPECT_EQ(setgid(user), 0);
    EXPECT_EQ(setuid(user), 0);
}
int create(const char* name) {
    return open(name, O_RDWR | O_CREAT | O_EXCL, 0644);
}

CHECK_CASE(what_is_used_is_counted) {
    const int fd = mounted("usrquota,grpquota");
    const int file = create("file");
    EXPECT_EQ(write(file, bytes, 2 * page), 2 * page);
    EXPECT_EQ(fchown(file, alice, 50), 0);
    EXPECT_EQ(used_by(fd, alice).dqb_curspace, 2 * page);
    EXPECT_EQ(used_by(fd, alice).dqb_curinodes, 1);
    EXPECT_EQ(used_by(fd, 50, GRPQUOTA).dqb_curspace, 2 * page);
    EXPECT_EQ(used_by(fd, 0).dqb_curinodes, 1);  // the root directory
    EXPECT_EQ(link("file", "name"), 0);
    EXPECT_EQ(ftruncate(file, page), 0);
    EXPECT_EQ(used_by(fd, alice).dqb_curspace, page);
    EXPECT_EQ(used_by(fd, alice).dqb_curinodes, 1);
    if_nextdqblk next{};
    EXPECT_EQ(quota(fd, command(Q_GETNEXTQUOTA), 1, &next), 0);
    EXPECT_EQ(next.dqb_id, alice);
    EXPECT_EQ(next.dqb_curspace, page);
    EXPECT_ERRNO(quota(fd, command(Q_GETNEXTQUOTA), alice + 1, &next), ENOENT);
}

CHECK_CASE(mount_options_limit_everybody_but_root) {
    const int fd = mounted("usrquota,usrquota_block_hardlimit=16k,usrquota_inode_hardlimit=2");
    EXPECT_EQ(used_by(fd, alice).dqb_bhardlimit, 16);
    EXPECT_EQ(used_by(fd, alice).dqb_ihardlimit, 2);
    for (const char* const name : {"r1", "r2", "r3"}) {
        EXPECT_EQ(write(create(name), bytes, sizeof bytes), sizeof bytes);
    }
    EXPECT_EQ(chown("r3", alice, 0), 0);  // root may give too much, too
    EXPECT_EQ(used_by(fd, alice).dqb_curspace, sizeof bytes);
    become(alice);
    const int file = open("r3", O_RDWR);
    EXPECT_ERRNO(pwrite(file, bytes, page, sizeof bytes), EDQUOT);
    EXPECT_EQ(ftruncate(file, 3 * page), 0);
    EXPECT_EQ(pwrite(file, bytes, 2 * page, 3 * page), page);  // as far as it goes
    EXPECT_ERRNO(pwrite(file, bytes, page, 4 * page), EDQUOT);
    EXPECT_ERRNO(fallocate(file, 0, 0, 5 * page), EDQUOT);
    EXPECT_EQ(pwrite(file, bytes, page, 0), page);
    EXPECT_EQ(close(create("a2")), 0);
    EXPECT_ERRNO(create("a3"), EDQUOT);
    EXPECT_ERRNO(mkdir("a3", 0755), EDQUOT);
    EXPECT_ERRNO(symlink("x", "a3"), EDQUOT);
    EXPECT_EQ(unlink("a2"), 0);
    EXPECT_EQ(mkdir("a3", 0755), 0);
}

CHECK_CASE(limits_are_set_and_switched) {
    const int fd = mounted("quota");
    if_dqblk limits{};
    limits.dqb_bhardlimit = 4;
    limits.dqb_ihardlimit = 1;
    limits.dqb_valid = QIF_BLIMITS;
    EXPECT_EQ(quota(fd, command(Q_SETQUOTA), alice, &limits), 0);
    EXPECT_EQ(used_by(fd, alice).dqb_bhardlimit, 4);
    EXPECT_EQ(used_by(fd, alice).dqb_ihardlimit, 0);
    const int status = check::status_of_child([fd] {
        become(alice);
        const int file = create("file");
        EXPECT_EQ(write(file, bytes, 2 * page), page);
        EXPECT_ERRNO(write(file, bytes, page), EDQUOT);
        if_dqblk mine{};
        EXPECT_EQ(quota(fd, command(Q_GETQUOTA), alice, &mine), 0);
        EXPECT_EQ(mine.dqb_curspace, page);
        EXPECT_EQ(quota(fd, command(Q_GETQUOTA, GRPQUOTA), alice, &mine), 0);
        EXPECT_ERRNO(quota(fd, command(Q_GETQUOTA), bob, &mine), EPERM);
        EXPECT_ERRNO(quota(fd, command(Q_SETQUOTA), alice, &mine), EPERM);
        EXPECT_ERRNO(quota(fd, command(Q_QUOTAOFF), 0, nullptr), EPERM);
        EXPECT_ERRNO(quota(fd, command(Q_GETNEXTQUOTA), 0, &mine), EPERM);
    });
    EXPECT_EQ(status, 0);
    EXPECT_ERRNO(quota(fd, command(Q_QUOTAON), 5, nullptr), EBUSY);
    EXPECT_EQ(quota(fd, command(Q_QUOTAOFF), 0, nullptr), 0);
    EXPECT_EQ(check::status_of_child([] {
                  become(alice);
                  EXPECT_EQ(write(open("file", O_WRONLY | O_APPEND), bytes, 2 * page), 2 * page);
              }),
              0);
    EXPECT_EQ(used_by(fd, alice).dqb_curspace, 3 * page);  // counted in any case
    EXPECT_EQ(quota(fd, command(Q_QUOTAON), 5, nullptr), 0);
    EXPECT_EQ(check::status_of_child([] {
                  become(alice);
                  EXPECT_ERRNO(write(open("file", O_WRONLY | O_APPEND), bytes, 1), EDQUOT);
              }),
              0);
}

CHECK_CASE(soft_limits_have_a_time_of_grace) {
    const int fd = mounted("usrquota");
    if_dqinfo info{};
    EXPECT_EQ(quota(fd, command(Q_GETINFO), 0, &info), 0);
    EXPECT_EQ(info.dqi_bgrace, 7 * 24 * 60 * 60);
    info.dqi_bgrace = 0;
    info.dqi_valid = IIF_BGRACE;
    EXPECT_EQ(quota(fd, command(Q_SETINFO), 0, &info), 0);
    if_dqblk limits{};
    limits.dqb_bsoftlimit = 4;
    limits.dqb_valid = QIF_BLIMITS;
    EXPECT_EQ(quota(fd, command(Q_SETQUOTA), alice, &limits), 0);
    EXPECT_EQ(check::status_of_child([] {
                  become(alice);
                  const int file = create("file");
                  EXPECT_EQ(write(file, bytes, page), page);
                  EXPECT_EQ(write(file, bytes, page), page);  // the time begins, and is over
                  EXPECT_ERRNO(write(file, bytes, page), EDQUOT);
              }),
              0);
    EXPECT(used_by(fd, alice).dqb_btime != 0);
    EXPECT_EQ(truncate("file", page), 0);
    EXPECT_EQ(used_by(fd, alice).dqb_btime, 0);
}

CHECK_CASE(what_else_may_be_asked) {
    const int fd = mounted("usrquota");
    unsigned format = 0;
    if_dqblk entry{};
    EXPECT_EQ(quota(fd, command(Q_GETFMT), 0, &format), 0);
    EXPECT_EQ(format, 5);
    EXPECT_EQ(quota(fd, command(Q_SYNC), 0, nullptr), 0);
    EXPECT_EQ(quota_of(nullptr, command(Q_SYNC), 0, nullptr), 0);
    EXPECT_ERRNO(quota(fd, command(Q_GETQUOTA, GRPQUOTA), 0, &entry), EINVAL);
    EXPECT_ERRNO(quota(fd, command(Q_GETQUOTA, 7), 0, &entry), EINVAL);
    EXPECT_ERRNO(quota(fd, command(0x123456), 0, &entry), EINVAL);
    EXPECT_ERRNO(quota(fd, command(Q_GETQUOTA), 0, nullptr), EFAULT);
    EXPECT_ERRNO(quota(-1, command(Q_GETQUOTA), 0, &entry), EBADF);
    EXPECT_ERRNO(quota_of(nullptr, command(Q_GETQUOTA), 0, &entry), ENODEV);
    EXPECT_ERRNO(quota_of("/none", command(Q_GETQUOTA), 0, &entry), ENOENT);
    EXPECT_ERRNO(quota_of("/dev/null", command(Q_GETQUOTA), 0, &entry), ENOTBLK);
    const int other = open("/tmp", O_RDONLY | O_DIRECTORY);
    EXPECT_ERRNO(quota(other, command(Q_GETQUOTA), 0, &entry), ENOSYS);  // it has none
    EXPECT_ERRNO(mount("x", "/tmp", "tmpfs", 0, "usrquota=1"), EINVAL);
    EXPECT_ERRNO(mount("x", "/tmp", "tmpfs", 0, "usrquota_block_hardlimit=0"), EINVAL);
}

}  // namespace
