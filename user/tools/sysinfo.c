/* sysinfo: what the kernel says about the machine and about itself: uname, sysinfo, the clocks, our identity. */

#define _GNU_SOURCE
#include <stdio.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void print_clock(const char *name, clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) == 0)
        printf("%-10s %lld.%09ld s\n", name, (long long)now.tv_sec, now.tv_nsec);
}

int main(void)
{
    struct utsname system;
    if (uname(&system) == 0) {
        printf("%-10s %s %s\n", "system", system.sysname, system.release);
        printf("%-10s %s\n", "version", system.version);
        printf("%-10s %s\n", "machine", system.machine);
        printf("%-10s %s\n", "host", system.nodename);
    }
    struct sysinfo info;
    if (sysinfo(&info) == 0) {
        const unsigned long long unit = info.mem_unit ? info.mem_unit : 1;
        printf("%-10s %llu KiB, %llu KiB free\n", "memory", info.totalram * unit / 1024, info.freeram * unit / 1024);
        printf("%-10s %u\n", "processes", info.procs);
        printf("%-10s %ld s\n", "uptime", info.uptime);
    }
    cpu_set_t processors;
    if (sched_getaffinity(0, sizeof processors, &processors) == 0)
        printf("%-10s %d\n", "cpus", CPU_COUNT(&processors));
    print_clock("realtime", CLOCK_REALTIME);
    print_clock("monotonic", CLOCK_MONOTONIC);
    printf("%-10s %ld bytes\n", "page", sysconf(_SC_PAGESIZE));
    printf("%-10s pid %d, parent %d, uid %u, gid %u\n", "self", getpid(), getppid(), getuid(), getgid());
    return 0;
}
