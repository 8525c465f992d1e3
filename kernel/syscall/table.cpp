/// The list of system calls: number, name, handler. What is not here is ENOSYS.
#include "kernel/syscall/table.hpp"

#include "kernel/event_trace.hpp"
#include "kernel/syscall/event_calls.hpp"
#include "kernel/syscall/file_calls.hpp"
#include "kernel/syscall/ipc_calls.hpp"
#include "kernel/syscall/memory_calls.hpp"
#include "kernel/syscall/mount_calls.hpp"
#include "kernel/syscall/path_calls.hpp"
#include "kernel/syscall/poll_calls.hpp"
#include "kernel/syscall/process_calls.hpp"
#include "kernel/syscall/signal_calls.hpp"
#include "kernel/syscall/socket/socket_calls.hpp"
#include "kernel/syscall/system_calls.hpp"
#include "kernel/syscall/time_calls.hpp"

#include <algorithm>
#include <array>
#include <asm/unistd_32.h>
#include <atomic>
#include <iterator>

namespace kidney::kernel {
namespace {

// A macro, because only the preprocessor can make a number and a text out of one name.
#define KIDNEY_CALL(name, handler)                                                 \
    SystemCall {                                                                   \
        __NR_##name, #name, &adapt<&calls::handler>, signature_of<&calls::handler> \
    }

constexpr SystemCall list[] = {
    KIDNEY_CALL(exit, exit),
    KIDNEY_CALL(fork, fork),
    KIDNEY_CALL(read, read),
    KIDNEY_CALL(write, write),
    KIDNEY_CALL(open, open),
    KIDNEY_CALL(close, close),
    KIDNEY_CALL(waitpid, waitpid),
    KIDNEY_CALL(creat, creat),
    KIDNEY_CALL(link, link),
    KIDNEY_CALL(unlink, unlink),
    KIDNEY_CALL(execve, execve),
    KIDNEY_CALL(execveat, execveat),
    KIDNEY_CALL(chdir, chdir),
    KIDNEY_CALL(time, time),
    KIDNEY_CALL(mknod, mknod),
    KIDNEY_CALL(chmod, chmod),
    KIDNEY_CALL(lchown, lchown16),
    KIDNEY_CALL(oldstat, old_stat),
    KIDNEY_CALL(lseek, lseek),
    KIDNEY_CALL(getpid, getpid),
    KIDNEY_CALL(mount, mount),
    KIDNEY_CALL(setuid, setuid16),
    KIDNEY_CALL(getuid, getuid16),
    KIDNEY_CALL(alarm, alarm),
    KIDNEY_CALL(oldfstat, old_fstat),
    KIDNEY_CALL(pause, pause),
    KIDNEY_CALL(utime, utime),
    KIDNEY_CALL(access, access),
    KIDNEY_CALL(nice, nice),
    KIDNEY_CALL(sync, sync),
    KIDNEY_CALL(kill, kill),
    KIDNEY_CALL(rename, rename),
    KIDNEY_CALL(mkdir, mkdir),
    KIDNEY_CALL(rmdir, rmdir),
    KIDNEY_CALL(dup, dup),
    KIDNEY_CALL(pipe, pipe),
    KIDNEY_CALL(times, times),
    KIDNEY_CALL(brk, brk),
    KIDNEY_CALL(setgid, setgid16),
    KIDNEY_CALL(getgid, getgid16),
    KIDNEY_CALL(signal, signal),
    KIDNEY_CALL(geteuid, geteuid16),
    KIDNEY_CALL(getegid, getegid16),
    KIDNEY_CALL(umount, umount),
    KIDNEY_CALL(umount2, umount2),
    KIDNEY_CALL(ioctl, ioctl),
    KIDNEY_CALL(fcntl, fcntl64),
    KIDNEY_CALL(setpgid, setpgid),
    KIDNEY_CALL(umask, umask),
    KIDNEY_CALL(chroot, chroot),
    KIDNEY_CALL(dup2, dup2),
    KIDNEY_CALL(ustat, ustat),
    KIDNEY_CALL(getppid, getppid),
    KIDNEY_CALL(getpgrp, getpgrp),
    KIDNEY_CALL(setsid, setsid),
    KIDNEY_CALL(setreuid, setreuid16),
    KIDNEY_CALL(setregid, setregid16),
    KIDNEY_CALL(sethostname, sethostname),
    KIDNEY_CALL(setrlimit, setrlimit),
    KIDNEY_CALL(getrlimit, getrlimit),
    KIDNEY_CALL(getrusage, getrusage),
    KIDNEY_CALL(gettimeofday, gettimeofday),
    KIDNEY_CALL(settimeofday, settimeofday),
    KIDNEY_CALL(getgroups, getgroups16),
    KIDNEY_CALL(setgroups, setgroups16),
    KIDNEY_CALL(stime, stime),
    KIDNEY_CALL(adjtimex, adjtimex),
    KIDNEY_CALL(clock_adjtime, clock_adjtime),
    KIDNEY_CALL(clock_adjtime64, clock_adjtime64),
    KIDNEY_CALL(symlink, symlink),
    KIDNEY_CALL(oldlstat, old_lstat),
    KIDNEY_CALL(readlink, readlink),
    KIDNEY_CALL(reboot, reboot),
    KIDNEY_CALL(mmap, old_mmap),
    KIDNEY_CALL(munmap, munmap),
    KIDNEY_CALL(truncate, truncate),
    KIDNEY_CALL(ftruncate, ftruncate),
    KIDNEY_CALL(fchmod, fchmod),
    KIDNEY_CALL(fchown, fchown16),
    KIDNEY_CALL(getpriority, getpriority),
    KIDNEY_CALL(setpriority, setpriority),
    KIDNEY_CALL(statfs, statfs),
    KIDNEY_CALL(fstatfs, fstatfs),
    KIDNEY_CALL(syslog, syslog),
    KIDNEY_CALL(setitimer, setitimer),
    KIDNEY_CALL(getitimer, getitimer),
    KIDNEY_CALL(stat, stat),
    KIDNEY_CALL(lstat, lstat),
    KIDNEY_CALL(fstat, fstat),
    KIDNEY_CALL(wait4, wait4),
    KIDNEY_CALL(sysinfo, sysinfo),
    KIDNEY_CALL(fsync, fsync),
    KIDNEY_CALL(sigreturn, sigreturn),
    KIDNEY_CALL(clone, clone),
    KIDNEY_CALL(setdomainname, setdomainname),
    KIDNEY_CALL(olduname, olduname),
    KIDNEY_CALL(oldolduname, oldolduname),
    KIDNEY_CALL(acct, acct),
    KIDNEY_CALL(iopl, iopl),
    KIDNEY_CALL(ioperm, ioperm),
    KIDNEY_CALL(quotactl, quotactl),
    KIDNEY_CALL(quotactl_fd, quotactl_fd),
    KIDNEY_CALL(vhangup, for_root_only),
    KIDNEY_CALL(swapon, for_root_only),
    KIDNEY_CALL(swapoff, for_root_only),
    KIDNEY_CALL(pivot_root, for_root_only),
    KIDNEY_CALL(init_module, for_root_only),
    KIDNEY_CALL(finit_module, for_root_only),
    KIDNEY_CALL(delete_module, for_root_only),
    KIDNEY_CALL(kexec_load, for_root_only),
    KIDNEY_CALL(uname, uname),
    KIDNEY_CALL(mprotect, mprotect),
    KIDNEY_CALL(getpgid, getpgid),
    KIDNEY_CALL(fchdir, fchdir),
    KIDNEY_CALL(personality, personality),
    KIDNEY_CALL(setfsuid, setfsuid16),
    KIDNEY_CALL(setfsgid, setfsgid16),
    KIDNEY_CALL(_llseek, llseek),
    KIDNEY_CALL(_newselect, select),
    KIDNEY_CALL(select, old_select),
    KIDNEY_CALL(flock, flock),
    KIDNEY_CALL(msync, msync),
    KIDNEY_CALL(readv, readv),
    KIDNEY_CALL(writev, writev),
    KIDNEY_CALL(getsid, getsid),
    KIDNEY_CALL(fdatasync, fsync),
    KIDNEY_CALL(mlock, mlock),
    KIDNEY_CALL(munlock, munlock),
    KIDNEY_CALL(mlockall, mlockall),
    KIDNEY_CALL(munlockall, munlockall),
    KIDNEY_CALL(sched_setparam, sched_setparam),
    KIDNEY_CALL(sched_getparam, sched_getparam),
    KIDNEY_CALL(sched_setscheduler, sched_setscheduler),
    KIDNEY_CALL(sched_getscheduler, sched_getscheduler),
    KIDNEY_CALL(sched_yield, sched_yield),
    KIDNEY_CALL(sched_get_priority_max, sched_get_priority_max),
    KIDNEY_CALL(sched_get_priority_min, sched_get_priority_min),
    KIDNEY_CALL(sched_rr_get_interval, sched_rr_get_interval),
    KIDNEY_CALL(nanosleep, nanosleep),
    KIDNEY_CALL(mremap, mremap),
    KIDNEY_CALL(setresuid, setresuid16),
    KIDNEY_CALL(getresuid, getresuid16),
    KIDNEY_CALL(poll, poll),
    KIDNEY_CALL(setresgid, setresgid16),
    KIDNEY_CALL(getresgid, getresgid16),
    KIDNEY_CALL(prctl, prctl),
    KIDNEY_CALL(rt_sigreturn, rt_sigreturn),
    KIDNEY_CALL(rt_sigaction, rt_sigaction),
    KIDNEY_CALL(rt_sigprocmask, rt_sigprocmask),
    KIDNEY_CALL(rt_sigpending, rt_sigpending),
    KIDNEY_CALL(rt_sigtimedwait, rt_sigtimedwait),
    KIDNEY_CALL(rt_sigsuspend, rt_sigsuspend),
    KIDNEY_CALL(rt_sigqueueinfo, rt_sigqueueinfo),
    KIDNEY_CALL(rt_tgsigqueueinfo, rt_tgsigqueueinfo),
    KIDNEY_CALL(rt_sigtimedwait_time64, rt_sigtimedwait_time64),
    KIDNEY_CALL(sigaction, sigaction),
    KIDNEY_CALL(sigprocmask, sigprocmask),
    KIDNEY_CALL(sgetmask, sgetmask),
    KIDNEY_CALL(ssetmask, ssetmask),
    KIDNEY_CALL(sigpending, sigpending),
    KIDNEY_CALL(sigsuspend, sigsuspend),
    KIDNEY_CALL(timer_create, timer_create),
    KIDNEY_CALL(timer_settime, timer_settime),
    KIDNEY_CALL(timer_settime64, timer_settime64),
    KIDNEY_CALL(timer_gettime, timer_gettime),
    KIDNEY_CALL(timer_gettime64, timer_gettime64),
    KIDNEY_CALL(timer_getoverrun, timer_getoverrun),
    KIDNEY_CALL(timer_delete, timer_delete),
    KIDNEY_CALL(pread64, pread64),
    KIDNEY_CALL(pwrite64, pwrite64),
    KIDNEY_CALL(chown, chown16),
    KIDNEY_CALL(getcwd, getcwd),
    KIDNEY_CALL(capget, capget),
    KIDNEY_CALL(capset, capset),
    KIDNEY_CALL(sigaltstack, sigaltstack),
    KIDNEY_CALL(sendfile, sendfile),
    KIDNEY_CALL(vfork, vfork),
    KIDNEY_CALL(ugetrlimit, getrlimit),
    KIDNEY_CALL(mmap2, mmap2),
    KIDNEY_CALL(truncate64, truncate64),
    KIDNEY_CALL(ftruncate64, ftruncate64),
    KIDNEY_CALL(stat64, stat64),
    KIDNEY_CALL(lstat64, lstat64),
    KIDNEY_CALL(fstat64, fstat64),
    KIDNEY_CALL(lchown32, lchown32),
    KIDNEY_CALL(getuid32, getuid),
    KIDNEY_CALL(getgid32, getgid),
    KIDNEY_CALL(geteuid32, geteuid),
    KIDNEY_CALL(getegid32, getegid),
    KIDNEY_CALL(setreuid32, setreuid),
    KIDNEY_CALL(setregid32, setregid),
    KIDNEY_CALL(getgroups32, getgroups),
    KIDNEY_CALL(setgroups32, setgroups),
    KIDNEY_CALL(fchown32, fchown32),
    KIDNEY_CALL(setresuid32, setresuid),
    KIDNEY_CALL(getresuid32, getresuid),
    KIDNEY_CALL(setresgid32, setresgid),
    KIDNEY_CALL(getresgid32, getresgid),
    KIDNEY_CALL(chown32, chown32),
    KIDNEY_CALL(setuid32, setuid),
    KIDNEY_CALL(setgid32, setgid),
    KIDNEY_CALL(setfsuid32, setfsuid),
    KIDNEY_CALL(setfsgid32, setfsgid),
    KIDNEY_CALL(mincore, mincore),
    KIDNEY_CALL(madvise, madvise),
    KIDNEY_CALL(getdents64, getdents64),
    KIDNEY_CALL(getdents, getdents),
    KIDNEY_CALL(readdir, old_readdir),
    KIDNEY_CALL(fcntl64, fcntl64),
    KIDNEY_CALL(gettid, gettid),
    KIDNEY_CALL(setxattr, setxattr),
    KIDNEY_CALL(lsetxattr, lsetxattr),
    KIDNEY_CALL(fsetxattr, fsetxattr),
    KIDNEY_CALL(getxattr, getxattr),
    KIDNEY_CALL(lgetxattr, lgetxattr),
    KIDNEY_CALL(fgetxattr, fgetxattr),
    KIDNEY_CALL(listxattr, listxattr),
    KIDNEY_CALL(llistxattr, llistxattr),
    KIDNEY_CALL(flistxattr, flistxattr),
    KIDNEY_CALL(removexattr, removexattr),
    KIDNEY_CALL(lremovexattr, lremovexattr),
    KIDNEY_CALL(fremovexattr, fremovexattr),
    KIDNEY_CALL(tkill, tkill),
    KIDNEY_CALL(sendfile64, sendfile64),
    KIDNEY_CALL(readahead, readahead),
    KIDNEY_CALL(futex, futex),
    KIDNEY_CALL(sched_setaffinity, sched_setaffinity),
    KIDNEY_CALL(sched_getaffinity, sched_getaffinity),
    KIDNEY_CALL(set_thread_area, set_thread_area),
    KIDNEY_CALL(get_thread_area, get_thread_area),
    KIDNEY_CALL(fadvise64, fadvise64),
    KIDNEY_CALL(exit_group, exit_group),
    KIDNEY_CALL(set_tid_address, set_tid_address),
    KIDNEY_CALL(clock_settime, clock_settime),
    KIDNEY_CALL(clock_gettime, clock_gettime),
    KIDNEY_CALL(clock_getres, clock_getres),
    KIDNEY_CALL(clock_nanosleep, clock_nanosleep),
    KIDNEY_CALL(statfs64, statfs64),
    KIDNEY_CALL(fstatfs64, fstatfs64),
    KIDNEY_CALL(tgkill, tgkill),
    KIDNEY_CALL(utimes, utimes),
    KIDNEY_CALL(fadvise64_64, fadvise64_64),
    KIDNEY_CALL(waitid, waitid),
    KIDNEY_CALL(ioprio_set, ioprio_set),
    KIDNEY_CALL(ioprio_get, ioprio_get),
    KIDNEY_CALL(openat, openat),
    KIDNEY_CALL(mkdirat, mkdirat),
    KIDNEY_CALL(mknodat, mknodat),
    KIDNEY_CALL(fchownat, fchownat),
    KIDNEY_CALL(futimesat, futimesat),
    KIDNEY_CALL(fstatat64, fstatat64),
    KIDNEY_CALL(unlinkat, unlinkat),
    KIDNEY_CALL(renameat, renameat),
    KIDNEY_CALL(linkat, linkat),
    KIDNEY_CALL(symlinkat, symlinkat),
    KIDNEY_CALL(readlinkat, readlinkat),
    KIDNEY_CALL(fchmodat, fchmodat),
    KIDNEY_CALL(faccessat, faccessat),
    KIDNEY_CALL(pselect6, pselect6),
    KIDNEY_CALL(ppoll, ppoll),
    KIDNEY_CALL(unshare, unshare),
    KIDNEY_CALL(set_robust_list, set_robust_list),
    KIDNEY_CALL(get_robust_list, get_robust_list),
    KIDNEY_CALL(utimensat, utimensat),
    KIDNEY_CALL(getcpu, getcpu),
    KIDNEY_CALL(fallocate, fallocate),
    KIDNEY_CALL(dup3, dup3),
    KIDNEY_CALL(eventfd, eventfd),
    KIDNEY_CALL(eventfd2, eventfd2),
    KIDNEY_CALL(epoll_create, epoll_create),
    KIDNEY_CALL(epoll_create1, epoll_create1),
    KIDNEY_CALL(epoll_ctl, epoll_ctl),
    KIDNEY_CALL(epoll_wait, epoll_wait),
    KIDNEY_CALL(epoll_pwait, epoll_pwait),
    KIDNEY_CALL(epoll_pwait2, epoll_pwait2),
    KIDNEY_CALL(inotify_init, inotify_init),
    KIDNEY_CALL(inotify_init1, inotify_init1),
    KIDNEY_CALL(inotify_add_watch, inotify_add_watch),
    KIDNEY_CALL(inotify_rm_watch, inotify_rm_watch),
    KIDNEY_CALL(signalfd, signalfd),
    KIDNEY_CALL(signalfd4, signalfd4),
    KIDNEY_CALL(pidfd_open, pidfd_open),
    KIDNEY_CALL(pidfd_getfd, pidfd_getfd),
    KIDNEY_CALL(pidfd_send_signal, pidfd_send_signal),
    KIDNEY_CALL(timerfd_create, timerfd_create),
    KIDNEY_CALL(timerfd_settime, timerfd_settime),
    KIDNEY_CALL(timerfd_settime64, timerfd_settime64),
    KIDNEY_CALL(timerfd_gettime, timerfd_gettime),
    KIDNEY_CALL(timerfd_gettime64, timerfd_gettime64),
    KIDNEY_CALL(pipe2, pipe2),
    KIDNEY_CALL(splice, splice),
    KIDNEY_CALL(tee, tee),
    KIDNEY_CALL(vmsplice, vmsplice),
    KIDNEY_CALL(sync_file_range, sync_file_range),
    KIDNEY_CALL(preadv, preadv),
    KIDNEY_CALL(pwritev, pwritev),
    KIDNEY_CALL(copy_file_range, copy_file_range),
    KIDNEY_CALL(preadv2, preadv2),
    KIDNEY_CALL(pwritev2, pwritev2),
    KIDNEY_CALL(close_range, close_range),
    KIDNEY_CALL(memfd_create, memfd_create),
    KIDNEY_CALL(prlimit64, prlimit64),
    KIDNEY_CALL(syncfs, syncfs),
    KIDNEY_CALL(sched_setattr, sched_setattr),
    KIDNEY_CALL(sched_getattr, sched_getattr),
    KIDNEY_CALL(renameat2, renameat2),
    KIDNEY_CALL(getrandom, getrandom),
    KIDNEY_CALL(mlock2, mlock2),
    KIDNEY_CALL(statx, statx),
    KIDNEY_CALL(clock_gettime64, clock_gettime64),
    KIDNEY_CALL(clock_settime64, clock_settime64),
    KIDNEY_CALL(clock_getres_time64, clock_getres64),
    KIDNEY_CALL(clock_nanosleep_time64, clock_nanosleep64),
    KIDNEY_CALL(utimensat_time64, utimensat_time64),
    KIDNEY_CALL(pselect6_time64, pselect6_time64),
    KIDNEY_CALL(ppoll_time64, ppoll64),
    KIDNEY_CALL(futex_time64, futex_time64),
    KIDNEY_CALL(sched_rr_get_interval_time64, sched_rr_get_interval64),
    KIDNEY_CALL(clone3, clone3),
    KIDNEY_CALL(openat2, openat2),
    KIDNEY_CALL(faccessat2, faccessat2),
    KIDNEY_CALL(socketcall, socketcall),
    KIDNEY_CALL(socket, socket),
    KIDNEY_CALL(socketpair, socketpair),
    KIDNEY_CALL(bind, bind),
    KIDNEY_CALL(connect, connect),
    KIDNEY_CALL(listen, listen),
    KIDNEY_CALL(accept4, accept4),
    KIDNEY_CALL(getsockname, getsockname),
    KIDNEY_CALL(getpeername, getpeername),
    KIDNEY_CALL(shutdown, shutdown),
    KIDNEY_CALL(sendto, sendto),
    KIDNEY_CALL(sendmsg, sendmsg),
    KIDNEY_CALL(sendmmsg, sendmmsg),
    KIDNEY_CALL(recvfrom, recvfrom),
    KIDNEY_CALL(recvmsg, recvmsg),
    KIDNEY_CALL(recvmmsg, recvmmsg),
    KIDNEY_CALL(recvmmsg_time64, recvmmsg_time64),
    KIDNEY_CALL(getsockopt, getsockopt),
    KIDNEY_CALL(setsockopt, setsockopt),
    KIDNEY_CALL(ipc, ipc),
    KIDNEY_CALL(semget, semget),
    KIDNEY_CALL(semctl, semctl),
    KIDNEY_CALL(semtimedop_time64, semtimedop64),
    KIDNEY_CALL(msgget, msgget),
    KIDNEY_CALL(msgsnd, msgsnd),
    KIDNEY_CALL(msgrcv, msgrcv),
    KIDNEY_CALL(msgctl, msgctl),
    KIDNEY_CALL(shmget, shmget),
    KIDNEY_CALL(shmat, shmat),
    KIDNEY_CALL(shmdt, shmdt),
    KIDNEY_CALL(shmctl, shmctl),
};
#undef KIDNEY_CALL

/// Not constexpr: reaching it is the compile error, and its name the message.
inline void a_number_is_listed_twice_or_too_large() {}

/// The list, indexed by number. Two entries with one number do not compile.
consteval std::array<const SystemCall*, call_limit> index_list() {
    std::array<const SystemCall*, call_limit> table{};
    for (const SystemCall& call : list) {
        if (call.number >= call_limit || table[call.number] != nullptr) {
            a_number_is_listed_twice_or_too_large();
        }
        table[call.number] = &call;
    }
    return table;
}
consteval std::array<RawHandler, call_limit> index_handlers() {
    std::array<RawHandler, call_limit> table{};
    for (const SystemCall& call : list) {
        table[call.number] = call.handler;
    }
    return table;
}

constinit const std::array<const SystemCall*, call_limit> by_number = index_list();
/// What is called: the handlers, or detours in their place.
constinit std::array<RawHandler, call_limit> handlers = index_handlers();

}  // namespace

RawHandler handler_of(std::uint32_t number) noexcept {
    return number < call_limit ? std::atomic_ref(handlers[number]).load(std::memory_order_relaxed)
                               : nullptr;
}

const SystemCall* call_of(std::uint32_t number) noexcept {
    return number < call_limit ? by_number[number] : nullptr;
}

std::uint32_t number_of_call(std::string_view name) noexcept {
    const auto* const found = std::ranges::find(list, name, &SystemCall::name);
    return found == std::end(list) ? call_limit : found->number;
}

void set_detour(std::uint32_t number, RawHandler detour) noexcept {
    const SystemCall* const call = by_number[number];
    const RawHandler own = call == nullptr   ? nullptr
                           : traces_events() ? &traced_call
                                             : call->handler;
    // Relaxed: either may be called for a while, and both do the call.
    std::atomic_ref(handlers[number])
        .store(detour != nullptr ? detour : own, std::memory_order_relaxed);
}

}  // namespace kidney::kernel
