/// Who a process is, and what that lets it do to itself and to others.

#include "user/tests/check.hpp"

#include <asm/unistd_32.h>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr uid_t somebody = 1000, stranger = 1001;

/// Only root can become somebody else.
bool is_root() {
    return getuid() == 0;
}

/// Runs `body` in a child that is `uid`, with a process of root's and one of its own to act on.
template <class Body>
void as_user_beside_others(Body body) {
    if (!is_root()) {
        return;
    }
    int gate[2];
    EXPECT_EQ(pipe(gate), 0);
    const auto start = [&](uid_t uid) {
        const pid_t pid = check::fork_or_fail();
        if (pid == 0) {
            EXPECT_EQ(setresgid(uid, uid, uid), 0);
            EXPECT_EQ(setresuid(uid, uid, uid), 0);
            EXPECT_EQ(write(gate[1], "x", 1), 1);
            for (;;) {
                pause();
            }
        }
        char c;
        EXPECT_EQ(read(gate[0], &c, 1), 1);
        return pid;
    };
    const pid_t roots = start(0);
    const pid_t strangers = start(stranger);
    const pid_t own = start(somebody);
    const int status = check::status_of_child([&] {
        EXPECT_EQ(setgroups(0, nullptr), 0);
        EXPECT_EQ(setresgid(somebody, somebody, somebody), 0);
        EXPECT_EQ(setresuid(somebody, somebody, somebody), 0);
        body(roots, strangers, own);
    });
    for (const pid_t pid : {roots, strangers, own}) {
        kill(pid, SIGKILL);
        EXPECT_EQ(check::wait_status(pid), SIGKILL);
    }
    EXPECT_EQ(status, 0);
}

long call(long number, long a = 0, long b = 0, long c = 0) {
    return syscall(number, a, b, c);
}

}  // namespace

// --- Other users' processes ---

CHECK_CASE(strangers_are_not_reniced) {
    as_user_beside_others([](pid_t roots, pid_t strangers, pid_t own) {
        for (const pid_t pid : {roots, strangers}) {
            const auto who = static_cast<id_t>(pid);
            EXPECT_ERRNO(setpriority(PRIO_PROCESS, who, 10), EPERM);
            EXPECT_EQ(getpriority(PRIO_PROCESS, who), 0);
        }
        EXPECT_ERRNO(setpriority(PRIO_USER, stranger, 10), EPERM);
        const auto mine = static_cast<id_t>(own);
        EXPECT_EQ(setpriority(PRIO_PROCESS, mine, 10), 0);
        EXPECT_EQ(getpriority(PRIO_PROCESS, mine), 10);
        EXPECT_ERRNO(setpriority(PRIO_PROCESS, mine, 9), EACCES);
        EXPECT_EQ(getpriority(PRIO_PROCESS, mine), 10);
        errno = 0;
        EXPECT_EQ(nice(-1), -1);
        EXPECT_EQ(errno, EPERM);
        EXPECT_ERRNO(setpriority(PRIO_PROCESS, 32000, 1), ESRCH);
        EXPECT_ERRNO(setpriority(3, 0, 1), EINVAL);
    });
}

CHECK_CASE(a_limit_lets_nice_go_down) {
    if (!is_root()) {
        return;
    }
    EXPECT_EQ(check::status_of_child([] {
                  const rlimit limit{15, 15};  // down to 5
                  EXPECT_EQ(setrlimit(RLIMIT_NICE, &limit), 0);
                  EXPECT_EQ(setresuid(somebody, somebody, somebody), 0);
                  EXPECT_EQ(setpriority(PRIO_PROCESS, 0, 10), 0);
                  EXPECT_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
                  EXPECT_ERRNO(setpriority(PRIO_PROCESS, 0, 4), EACCES);
              }),
              0);
}

CHECK_CASE(strangers_are_not_rescheduled) {
    as_user_beside_others([](pid_t roots, pid_t strangers, pid_t own) {
        const sched_param none{};
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET(0, &cpus);
        for (const pid_t pid : {roots, strangers}) {
            EXPECT_ERRNO(sched_setscheduler(pid, SCHED_BATCH, &none), EPERM);
            EXPECT_ERRNO(sched_setparam(pid, &none), EPERM);
            EXPECT_ERRNO(sched_setaffinity(pid, sizeof cpus, &cpus), EPERM);
            EXPECT_EQ(sched_getscheduler(pid), SCHED_OTHER);
        }
        EXPECT_EQ(sched_setscheduler(own, SCHED_BATCH, &none), 0);
        EXPECT_EQ(sched_getscheduler(own), SCHED_BATCH);
        EXPECT_EQ(sched_setaffinity(own, sizeof cpus, &cpus), 0);
        const sched_param urgent{.sched_priority = 1};
        EXPECT_ERRNO(sched_setscheduler(own, SCHED_FIFO, &urgent), EPERM);
        EXPECT_EQ(sched_setscheduler(own, SCHED_IDLE, &none), 0);
        EXPECT_ERRNO(sched_setscheduler(own, SCHED_OTHER, &none), EPERM);
    });
}

CHECK_CASE(scheduling_calls_check_what_they_are_given) {
    const sched_param none{}, urgent{.sched_priority = 50}, wild{.sched_priority = 100};
    sched_param got{};
    timespec slice{};
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    EXPECT_ERRNO(sched_setscheduler(0, SCHED_OTHER, &urgent), EINVAL);
    EXPECT_ERRNO(sched_setscheduler(0, SCHED_FIFO, &none), EINVAL);
    EXPECT_ERRNO(sched_setscheduler(0, SCHED_FIFO, &wild), EINVAL);
    EXPECT_ERRNO(sched_setscheduler(0, 77, &none), EINVAL);
    EXPECT_ERRNO(sched_setscheduler(0, -1, &none), EINVAL);
    EXPECT_ERRNO(sched_setscheduler(-1, SCHED_OTHER, &none), EINVAL);
    EXPECT_ERRNO(sched_setscheduler(32000, SCHED_OTHER, &none), ESRCH);
    EXPECT_ERRNO(sched_setscheduler(0, SCHED_OTHER, nullptr), EINVAL);
    EXPECT_ERRNO(sched_getscheduler(-1), EINVAL);
    EXPECT_ERRNO(sched_getscheduler(32000), ESRCH);
    EXPECT_ERRNO(sched_getparam(0, nullptr), EINVAL);
    EXPECT_ERRNO(sched_getparam(32000, &got), ESRCH);
    EXPECT_ERRNO(sched_setparam(0, &urgent), EINVAL);
    EXPECT_EQ(sched_get_priority_max(SCHED_FIFO), 99);
    EXPECT_EQ(sched_get_priority_min(SCHED_RR), 1);
    EXPECT_EQ(sched_get_priority_max(SCHED_OTHER), 0);
    EXPECT_ERRNO(sched_get_priority_max(77), EINVAL);
    EXPECT_ERRNO(sched_get_priority_min(-1), EINVAL);
    EXPECT_ERRNO(sched_rr_get_interval(-1, &slice), EINVAL);
    EXPECT_ERRNO(sched_rr_get_interval(32000, &slice), ESRCH);
    EXPECT_EQ(sched_rr_get_interval(0, &slice), 0);
    EXPECT_ERRNO(sched_setaffinity(0, sizeof cpus, &cpus), EINVAL);
    EXPECT_ERRNO(sched_setaffinity(32000, sizeof cpus, &cpus), ESRCH);
    EXPECT_ERRNO(call(__NR_sched_getaffinity, 0, 3, reinterpret_cast<long>(&cpus)), EINVAL);
    unsigned cpu = 77, node = 77;
    EXPECT_EQ(call(__NR_getcpu, reinterpret_cast<long>(&cpu), reinterpret_cast<long>(&node)), 0);
    EXPECT(cpu < 64 && node < 64);
    EXPECT_EQ(call(__NR_getcpu), 0);
}

CHECK_CASE(root_may_ask_for_real_time) {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    if (!is_root() || setrlimit(RLIMIT_RTPRIO, &unlimited) != 0) {
        return;
    }
    EXPECT_EQ(check::status_of_child([] {
                  const sched_param urgent{.sched_priority = 50};
                  if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &urgent) != 0) {
                      EXPECT_EQ(errno, EPERM);  // a container's root
                      return;
                  }
                  EXPECT_EQ(sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK);
                  sched_param got{};
                  EXPECT_EQ(sched_getparam(0, &got), 0);
                  EXPECT_EQ(got.sched_priority, 50);
                  timespec slice{};
                  EXPECT_EQ(sched_rr_get_interval(0, &slice), 0);
                  EXPECT(slice.tv_sec == 0 && slice.tv_nsec > 0);
                  EXPECT_EQ(
                      check::status_of_child([] { EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER); }),
                      0);
                  const sched_param more{.sched_priority = 60};
                  EXPECT_EQ(sched_setparam(0, &more), 0);
                  EXPECT_EQ(sched_setscheduler(0, SCHED_FIFO, &more), 0);
                  EXPECT_EQ(sched_rr_get_interval(0, &slice), 0);
                  EXPECT(slice.tv_sec == 0 && slice.tv_nsec == 0);
              }),
              0);
}

CHECK_CASE(others_processes_do_not_open_up) {
    as_user_beside_others([](pid_t roots, pid_t strangers, pid_t own) {
        char path[64];
        const auto of = [&](pid_t pid, const char* name) {
            std::snprintf(path, sizeof path, "/proc/%d/%s", static_cast<int>(pid), name);
            return path;
        };
        for (const pid_t pid : {roots, strangers, pid_t{1}}) {
            for (const char* name : {"maps", "smaps", "environ", "auxv", "mem"}) {
                EXPECT_ERRNO(open(of(pid, name), O_RDONLY), EACCES);
            }
            char text[64];
            for (const char* name : {"exe", "cwd", "root"}) {
                EXPECT_ERRNO(readlink(of(pid, name), text, sizeof text), EACCES);
            }
            EXPECT_ERRNO(open(of(pid, "fd"), O_RDONLY | O_DIRECTORY), EACCES);
            EXPECT(open(of(pid, "stat"), O_RDONLY) >= 0);
            EXPECT(open(of(pid, "cmdline"), O_RDONLY) >= 0);
        }
        EXPECT(open(of(own, "limits"), O_RDONLY) >= 0);
    });
}

CHECK_CASE(who_was_root_is_not_looked_into) {
    if (!is_root()) {
        return;
    }
    EXPECT_EQ(check::status_of_child([] {
                  EXPECT_EQ(prctl(PR_GET_DUMPABLE), 1);
                  EXPECT_EQ(setresuid(somebody, somebody, somebody), 0);
                  EXPECT_EQ(prctl(PR_GET_DUMPABLE), 0);
                  struct stat info{};
                  EXPECT_EQ(stat("/proc/self/maps", &info), 0);
                  EXPECT_EQ(info.st_uid, 0);
                  EXPECT_EQ(stat("/proc/self", &info), 0);
                  EXPECT_EQ(info.st_uid, somebody);
                  EXPECT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
                  EXPECT_EQ(stat("/proc/self/maps", &info), 0);
                  EXPECT_EQ(info.st_uid, somebody);
                  EXPECT_ERRNO(prctl(PR_SET_DUMPABLE, 3), EINVAL);
              }),
              0);
}

CHECK_CASE(consoles_are_roots) {
    struct stat info{};
    if (!is_root() || stat("/dev/console", &info) != 0) {
        return;
    }
    EXPECT_EQ(info.st_uid, 0);
    EXPECT_EQ(info.st_mode & 0077U & ~0020U, 0);
    EXPECT_EQ(check::status_of_child([] {
                  EXPECT_EQ(setresgid(somebody, somebody, somebody), 0);
                  EXPECT_EQ(setresuid(somebody, somebody, somebody), 0);
                  EXPECT_ERRNO(open("/dev/console", O_RDWR), EACCES);
              }),
              0);
}

// --- Numbers ---

CHECK_CASE(minus_one_is_nobody) {
    EXPECT_EQ(check::status_of_child([] {
                  EXPECT_ERRNO(call(__NR_setuid32, -1), EINVAL);
                  EXPECT_ERRNO(call(__NR_setgid32, -1), EINVAL);
                  EXPECT_ERRNO(call(__NR_setuid, -1), EINVAL);
                  EXPECT_EQ(call(__NR_setreuid32, -1, -1), 0);
                  EXPECT_EQ(call(__NR_setresuid32, -1, -1, -1), 0);
                  EXPECT_EQ(call(__NR_setresgid32, -1, -1, -1), 0);
                  EXPECT_ERRNO(call(__NR_getgroups32, -1), EINVAL);
                  EXPECT_ERRNO(setpgid(-1, 0), EINVAL);
                  EXPECT_ERRNO(setpgid(-1, 5), ESRCH);
                  EXPECT_ERRNO(setpgid(0, -1), EINVAL);
                  const uid_t before = getuid();
                  EXPECT_EQ(call(__NR_setfsuid32, -1), static_cast<long>(geteuid()));
                  EXPECT_EQ(getuid(), before);
              }),
              0);
}

CHECK_CASE(files_go_by_a_number_of_their_own) {
    if (!is_root()) {
        return;
    }
    EXPECT_EQ(check::status_of_child([] {
                  const char* const path = "/tmp/identity_test.file";
                  const int fd = open(path, O_CREAT | O_RDWR, 0600);
                  EXPECT(fd >= 0);
                  EXPECT_EQ(call(__NR_setfsuid32, somebody), 0);
                  EXPECT_ERRNO(open(path, O_RDONLY), EACCES);
                  EXPECT_EQ(geteuid(), 0);
                  EXPECT_EQ(call(__NR_setfsuid32, 0), somebody);
                  EXPECT_EQ(call(__NR_setfsuid32, -1), 0);
                  EXPECT(open(path, O_RDONLY) >= 0);
                  unlink(path);
              }),
              0);
}

CHECK_CASE(sixteen_bits_do_not_hold_every_number) {
    if (!is_root()) {
        return;
    }
    EXPECT_EQ(check::status_of_child([] {
                  const gid_t groups[] = {7, 70000};
                  EXPECT_EQ(setgroups(2, groups), 0);
                  std::uint16_t old[2] = {};
                  EXPECT_EQ(call(__NR_getgroups, 2, reinterpret_cast<long>(old)), 2);
                  EXPECT_EQ(old[0], 7);
                  EXPECT_EQ(old[1], 65534);
                  const std::uint16_t fresh[] = {3, 4, 5};
                  EXPECT_EQ(call(__NR_setgroups, 3, reinterpret_cast<long>(fresh)), 0);
                  gid_t now[3] = {};
                  EXPECT_EQ(getgroups(3, now), 3);
                  EXPECT_EQ(now[2], 5);
                  EXPECT_ERRNO(getgroups(2, now), EINVAL);
                  EXPECT_EQ(setresuid(70000, 70000, 0), 0);
                  EXPECT_EQ(call(__NR_getuid), 65534);
                  EXPECT_EQ(call(__NR_getuid32), 70000);
                  std::uint16_t real = 0, effective = 0, saved = 1;
                  EXPECT_EQ(
                      call(__NR_getresuid, reinterpret_cast<long>(&real),
                           reinterpret_cast<long>(&effective), reinterpret_cast<long>(&saved)),
                      0);
                  EXPECT_EQ(real, 65534);
                  EXPECT_EQ(saved, 0);
                  EXPECT_EQ(call(__NR_setresuid, 0xffff, 0, 0xffff), 0);
                  EXPECT_EQ(geteuid(), 0);
              }),
              0);
}

// --- What a process says about itself ---

CHECK_CASE(options_keep_their_values) {
    EXPECT_EQ(check::status_of_child([] {
                  int signal = 0;
                  EXPECT_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
                  EXPECT_EQ(prctl(PR_GET_PDEATHSIG, &signal), 0);
                  EXPECT_EQ(signal, SIGUSR1);
                  EXPECT_ERRNO(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
                  EXPECT_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
                  EXPECT_EQ(prctl(PR_GET_KEEPCAPS), 1);
                  EXPECT_ERRNO(prctl(PR_SET_KEEPCAPS, 2), EINVAL);
                  EXPECT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
                  EXPECT_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
                  EXPECT_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
                  EXPECT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
                  EXPECT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
                  EXPECT_EQ(prctl(PR_SET_TIMERSLACK, 70000), 0);
                  EXPECT_EQ(prctl(PR_GET_TIMERSLACK), 70000);
                  EXPECT_EQ(prctl(PR_CAPBSET_READ, CAP_CHOWN), 1);
                  EXPECT_ERRNO(prctl(PR_CAPBSET_READ, 77), EINVAL);
                  EXPECT_ERRNO(prctl(9999), EINVAL);
                  EXPECT_EQ(check::status_of_child([] {
                                int inherited = 1;
                                EXPECT_EQ(prctl(PR_GET_PDEATHSIG, &inherited), 0);
                                EXPECT_EQ(inherited, 0);
                                EXPECT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
                            }),
                            0);
                  EXPECT_EQ(call(__NR_personality, -1), 0);
                  EXPECT_EQ(call(__NR_personality, 0x0040000), 0);
                  EXPECT_EQ(call(__NR_personality, -1), 0x0040000);
              }),
              0);
}

CHECK_CASE(orphans_come_to_who_asked_for_them) {
    EXPECT_EQ(check::status_of_child([] {
                  EXPECT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
                  const pid_t guardian = getpid();
                  int out[2];
                  EXPECT_EQ(pipe(out), 0);
                  const pid_t child = check::fork_or_fail();
                  if (child == 0) {
                      int hold[2];
                      EXPECT_EQ(pipe(hold), 0);
                      if (check::fork_or_fail() == 0) {
                          close(hold[1]);
                          char c;
                          EXPECT_EQ(read(hold[0], &c, 1), 0);  // until our parent has gone
                          while (getppid() != guardian) {
                              sched_yield();
                          }
                          EXPECT_EQ(write(out[1], "y", 1), 1);
                          _exit(5);
                      }
                      _exit(0);
                  }
                  EXPECT_EQ(check::wait_status(child), 0);
                  char c = 0;
                  EXPECT_EQ(read(out[0], &c, 1), 1);
                  int status = 0;
                  EXPECT(waitpid(-1, &status, 0) > 0);
                  EXPECT_EQ(status, 5 << 8);
              }),
              0);
}

CHECK_CASE(a_parents_end_can_be_a_signal) {
    int out[2];
    EXPECT_EQ(pipe(out), 0);
    const pid_t child = check::fork_or_fail();
    if (child == 0) {
        int ready[2];
        EXPECT_EQ(pipe(ready), 0);
        if (check::fork_or_fail() == 0) {
            close(out[0]);
            EXPECT_EQ(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
            EXPECT_EQ(write(ready[1], "x", 1), 1);
            for (;;) {
                pause();
            }
        }
        char c;
        EXPECT_EQ(read(ready[0], &c, 1), 1);
        _exit(0);
    }
    close(out[1]);
    EXPECT_EQ(check::wait_status(child), 0);
    char c;
    EXPECT_EQ(read(out[0], &c, 1), 0);  // the grandchild, who held the other end, is gone
}

CHECK_CASE(capabilities_are_roots) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    EXPECT_EQ(call(__NR_capget, reinterpret_cast<long>(&header), reinterpret_cast<long>(data)), 0);
    EXPECT_EQ(data[0].effective & ~data[0].permitted, 0);
    if (is_root()) {
        EXPECT_EQ(call(__NR_capset, reinterpret_cast<long>(&header), reinterpret_cast<long>(data)),
                  0);
    }
    header.version = 5;
    EXPECT_ERRNO(call(__NR_capget, reinterpret_cast<long>(&header), reinterpret_cast<long>(data)),
                 EINVAL);
    EXPECT_EQ(header.version, _LINUX_CAPABILITY_VERSION_3);
    header.pid = -1;
    EXPECT_ERRNO(call(__NR_capget, reinterpret_cast<long>(&header), reinterpret_cast<long>(data)),
                 EINVAL);
    header.pid = 32000;
    EXPECT_ERRNO(call(__NR_capget, reinterpret_cast<long>(&header), reinterpret_cast<long>(data)),
                 ESRCH);
    if (!is_root()) {
        return;
    }
    EXPECT_EQ(check::status_of_child([] {
                  __user_cap_header_struct own{_LINUX_CAPABILITY_VERSION_3, 0};
                  __user_cap_data_struct sets[2] = {};
                  EXPECT_EQ(setresuid(somebody, somebody, somebody), 0);
                  EXPECT_EQ(
                      call(__NR_capget, reinterpret_cast<long>(&own), reinterpret_cast<long>(sets)),
                      0);
                  EXPECT_EQ(sets[0].effective | sets[0].permitted, 0);
                  sets[0].effective = sets[0].permitted = 1U << CAP_CHOWN;
                  EXPECT_ERRNO(
                      call(__NR_capset, reinterpret_cast<long>(&own), reinterpret_cast<long>(sets)),
                      EPERM);
              }),
              0);
}

CHECK_CASE(rights_can_be_kept_and_given_up) {
    if (!is_root()) {
        return;
    }
    __user_cap_header_struct own{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[2] = {};
    const auto get = [&] {
        EXPECT_EQ(call(__NR_capget, reinterpret_cast<long>(&own), reinterpret_cast<long>(sets)), 0);
    };
    const auto set = [&] {
        return call(__NR_capset, reinterpret_cast<long>(&own), reinterpret_cast<long>(sets));
    };
    get();
    const unsigned all = sets[0].permitted;
    EXPECT_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
    EXPECT_EQ(setresuid(somebody, somebody, somebody), 0);
    get();
    EXPECT_EQ(sets[0].permitted, all);
    EXPECT_EQ(sets[0].effective, 0);
    EXPECT_ERRNO(sethostname("", 1000), EPERM);
    sets[0].effective = all;
    sets[1].effective = sets[1].permitted;
    EXPECT_EQ(set(), 0);
    EXPECT_ERRNO(sethostname("", 1000), EINVAL);  // it may, but that is no name
    sets[0] = sets[1] = {};
    EXPECT_EQ(set(), 0);
    EXPECT_ERRNO(sethostname("", 1000), EPERM);
    sets[0].permitted = all;
    EXPECT_ERRNO(set(), EPERM);
    EXPECT_ERRNO(prctl(PR_SET_SECUREBITS, 0), EPERM);
    EXPECT_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0), 0);
    EXPECT_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), 0);
    EXPECT_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), EPERM);
    EXPECT_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 99, 0, 0), EINVAL);
}
