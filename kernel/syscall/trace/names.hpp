/// Names of the numbers and flags in arguments, as strace(1) prints them.
#pragma once

#include "kernel/syscall/errno_map.hpp"
#include "kidney/abi/signal.hpp"

#include <algorithm>
#include <asm/ioctls.h>
#include <cstdint>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <string_view>

namespace kidney::kernel::names {

struct Name {
    std::uint32_t value;
    std::string_view text;
};

// A macro, because only the preprocessor can make a number and a text out of one name.
#define KIDNEY_NAME(name)                       \
    Name {                                      \
        static_cast<std::uint32_t>(name), #name \
    }

// Sets of flags. One that contains another comes first.
inline constexpr Name open_flags[] = {
    KIDNEY_NAME(O_CREAT),     KIDNEY_NAME(O_EXCL),    KIDNEY_NAME(O_NOCTTY),
    KIDNEY_NAME(O_TRUNC),     KIDNEY_NAME(O_APPEND),  KIDNEY_NAME(O_NONBLOCK),
    KIDNEY_NAME(O_SYNC),      KIDNEY_NAME(O_DSYNC),   KIDNEY_NAME(O_DIRECT),
    KIDNEY_NAME(O_LARGEFILE), KIDNEY_NAME(O_TMPFILE), KIDNEY_NAME(O_DIRECTORY),
    KIDNEY_NAME(O_NOFOLLOW),  KIDNEY_NAME(O_NOATIME), KIDNEY_NAME(O_CLOEXEC),
    KIDNEY_NAME(O_PATH)};
inline constexpr Name at_flags[] = {KIDNEY_NAME(AT_SYMLINK_NOFOLLOW), KIDNEY_NAME(AT_REMOVEDIR),
                                    KIDNEY_NAME(AT_SYMLINK_FOLLOW), KIDNEY_NAME(AT_NO_AUTOMOUNT),
                                    KIDNEY_NAME(AT_EMPTY_PATH)};
inline constexpr Name protection[] = {KIDNEY_NAME(PROT_READ), KIDNEY_NAME(PROT_WRITE),
                                      KIDNEY_NAME(PROT_EXEC), KIDNEY_NAME(PROT_GROWSDOWN),
                                      KIDNEY_NAME(PROT_GROWSUP)};
inline constexpr Name map_flags[] = {
    KIDNEY_NAME(MAP_SHARED_VALIDATE), KIDNEY_NAME(MAP_SHARED),         KIDNEY_NAME(MAP_PRIVATE),
    KIDNEY_NAME(MAP_FIXED),           KIDNEY_NAME(MAP_ANONYMOUS),      KIDNEY_NAME(MAP_GROWSDOWN),
    KIDNEY_NAME(MAP_DENYWRITE),       KIDNEY_NAME(MAP_LOCKED),         KIDNEY_NAME(MAP_NORESERVE),
    KIDNEY_NAME(MAP_POPULATE),        KIDNEY_NAME(MAP_NONBLOCK),       KIDNEY_NAME(MAP_STACK),
    KIDNEY_NAME(MAP_HUGETLB),         KIDNEY_NAME(MAP_FIXED_NOREPLACE)};
inline constexpr Name clone_flags[] = {KIDNEY_NAME(CLONE_VM),
                                       KIDNEY_NAME(CLONE_FS),
                                       KIDNEY_NAME(CLONE_FILES),
                                       KIDNEY_NAME(CLONE_SIGHAND),
                                       KIDNEY_NAME(CLONE_PTRACE),
                                       KIDNEY_NAME(CLONE_VFORK),
                                       KIDNEY_NAME(CLONE_PARENT),
                                       KIDNEY_NAME(CLONE_THREAD),
                                       KIDNEY_NAME(CLONE_NEWNS),
                                       KIDNEY_NAME(CLONE_SYSVSEM),
                                       KIDNEY_NAME(CLONE_SETTLS),
                                       KIDNEY_NAME(CLONE_PARENT_SETTID),
                                       KIDNEY_NAME(CLONE_CHILD_CLEARTID),
                                       KIDNEY_NAME(CLONE_DETACHED),
                                       KIDNEY_NAME(CLONE_UNTRACED),
                                       KIDNEY_NAME(CLONE_CHILD_SETTID),
                                       KIDNEY_NAME(CLONE_IO)};
inline constexpr Name wait_options[] = {KIDNEY_NAME(WNOHANG), KIDNEY_NAME(WUNTRACED),
                                        KIDNEY_NAME(WEXITED), KIDNEY_NAME(WCONTINUED),
                                        KIDNEY_NAME(WNOWAIT)};
inline constexpr Name access_modes[] = {{4, "R_OK"}, {2, "W_OK"}, {1, "X_OK"}};
inline constexpr Name futex_flags[] = {KIDNEY_NAME(FUTEX_PRIVATE_FLAG),
                                       KIDNEY_NAME(FUTEX_CLOCK_REALTIME)};

// One of several.
inline constexpr Name open_modes[] = {KIDNEY_NAME(O_RDONLY), KIDNEY_NAME(O_WRONLY),
                                      KIDNEY_NAME(O_RDWR), KIDNEY_NAME(O_ACCMODE)};
inline constexpr Name whence[] = {KIDNEY_NAME(SEEK_SET), KIDNEY_NAME(SEEK_CUR),
                                  KIDNEY_NAME(SEEK_END), KIDNEY_NAME(SEEK_DATA),
                                  KIDNEY_NAME(SEEK_HOLE)};
inline constexpr Name advice[] = {KIDNEY_NAME(MADV_NORMAL),     KIDNEY_NAME(MADV_RANDOM),
                                  KIDNEY_NAME(MADV_SEQUENTIAL), KIDNEY_NAME(MADV_WILLNEED),
                                  KIDNEY_NAME(MADV_DONTNEED),   KIDNEY_NAME(MADV_FREE)};
inline constexpr Name mask_how[] = {{0, "SIG_BLOCK"}, {1, "SIG_UNBLOCK"}, {2, "SIG_SETMASK"}};
inline constexpr Name fcntl_commands[] = {
    KIDNEY_NAME(F_DUPFD),      KIDNEY_NAME(F_GETFD),         KIDNEY_NAME(F_SETFD),
    KIDNEY_NAME(F_GETFL),      KIDNEY_NAME(F_SETFL),         KIDNEY_NAME(F_GETLK),
    KIDNEY_NAME(F_SETLK),      KIDNEY_NAME(F_SETLKW),        KIDNEY_NAME(F_SETOWN),
    KIDNEY_NAME(F_GETOWN),     KIDNEY_NAME(F_GETLK64),       KIDNEY_NAME(F_SETLK64),
    KIDNEY_NAME(F_SETLKW64),   KIDNEY_NAME(F_DUPFD_CLOEXEC), KIDNEY_NAME(F_SETPIPE_SZ),
    KIDNEY_NAME(F_GETPIPE_SZ), KIDNEY_NAME(F_ADD_SEALS),     KIDNEY_NAME(F_GET_SEALS)};
inline constexpr Name ioctl_requests[] = {
    KIDNEY_NAME(TCGETS),    KIDNEY_NAME(TCSETS),     KIDNEY_NAME(TCSETSW),
    KIDNEY_NAME(TCSETSF),   KIDNEY_NAME(TIOCGWINSZ), KIDNEY_NAME(TIOCSWINSZ),
    KIDNEY_NAME(TIOCGPGRP), KIDNEY_NAME(TIOCSPGRP),  KIDNEY_NAME(TIOCSCTTY),
    KIDNEY_NAME(TIOCNOTTY), KIDNEY_NAME(TIOCSTI),    KIDNEY_NAME(TIOCGPTPEER),
    KIDNEY_NAME(TCFLSH),    KIDNEY_NAME(FIONREAD),   KIDNEY_NAME(FIONBIO)};
inline constexpr Name futex_operations[] = {
    KIDNEY_NAME(FUTEX_WAIT),        KIDNEY_NAME(FUTEX_WAKE),       KIDNEY_NAME(FUTEX_REQUEUE),
    KIDNEY_NAME(FUTEX_CMP_REQUEUE), KIDNEY_NAME(FUTEX_WAKE_OP),    KIDNEY_NAME(FUTEX_LOCK_PI),
    KIDNEY_NAME(FUTEX_UNLOCK_PI),   KIDNEY_NAME(FUTEX_TRYLOCK_PI), KIDNEY_NAME(FUTEX_WAIT_BITSET),
    KIDNEY_NAME(FUTEX_WAKE_BITSET)};
// What a failed call returns, negated.
inline constexpr Name errors[] = {KIDNEY_NAME(EPERM),
                                  KIDNEY_NAME(ENOENT),
                                  KIDNEY_NAME(ESRCH),
                                  KIDNEY_NAME(EINTR),
                                  KIDNEY_NAME(EIO),
                                  KIDNEY_NAME(ENXIO),
                                  KIDNEY_NAME(ENODEV),
                                  KIDNEY_NAME(E2BIG),
                                  KIDNEY_NAME(ENOEXEC),
                                  KIDNEY_NAME(ELIBBAD),
                                  KIDNEY_NAME(EBADF),
                                  KIDNEY_NAME(ECHILD),
                                  KIDNEY_NAME(EAGAIN),
                                  KIDNEY_NAME(ENOMEM),
                                  KIDNEY_NAME(EACCES),
                                  KIDNEY_NAME(EFAULT),
                                  KIDNEY_NAME(EBUSY),
                                  KIDNEY_NAME(EEXIST),
                                  KIDNEY_NAME(EXDEV),
                                  KIDNEY_NAME(ENOTDIR),
                                  KIDNEY_NAME(EISDIR),
                                  KIDNEY_NAME(EINVAL),
                                  KIDNEY_NAME(EMFILE),
                                  KIDNEY_NAME(ENFILE),
                                  KIDNEY_NAME(ENOTTY),
                                  KIDNEY_NAME(EFBIG),
                                  KIDNEY_NAME(ENOSPC),
                                  KIDNEY_NAME(ESPIPE),
                                  KIDNEY_NAME(EROFS),
                                  KIDNEY_NAME(EMLINK),
                                  KIDNEY_NAME(EPIPE),
                                  KIDNEY_NAME(ERANGE),
                                  KIDNEY_NAME(ENAMETOOLONG),
                                  KIDNEY_NAME(ENOSYS),
                                  KIDNEY_NAME(ENOTEMPTY),
                                  KIDNEY_NAME(ELOOP),
                                  KIDNEY_NAME(EDEADLK),
                                  KIDNEY_NAME(EOVERFLOW),
                                  KIDNEY_NAME(EOPNOTSUPP),
                                  KIDNEY_NAME(ENOLCK),
                                  KIDNEY_NAME(ETIMEDOUT),
                                  KIDNEY_NAME(ENOMSG),
                                  KIDNEY_NAME(EIDRM),
                                  KIDNEY_NAME(EUCLEAN),
                                  KIDNEY_NAME(ETXTBSY),
                                  KIDNEY_NAME(ENODATA),
                                  KIDNEY_NAME(ESTALE),
                                  KIDNEY_NAME(ENOTBLK),
                                  KIDNEY_NAME(EDOM),
                                  KIDNEY_NAME(ENOTSOCK),
                                  KIDNEY_NAME(EAFNOSUPPORT),
                                  KIDNEY_NAME(ESOCKTNOSUPPORT),
                                  KIDNEY_NAME(EPROTONOSUPPORT),
                                  KIDNEY_NAME(ENOPROTOOPT),
                                  KIDNEY_NAME(EPROTOTYPE),
                                  KIDNEY_NAME(EADDRINUSE),
                                  KIDNEY_NAME(ECONNREFUSED),
                                  KIDNEY_NAME(ECONNRESET),
                                  KIDNEY_NAME(ENOTCONN),
                                  KIDNEY_NAME(EISCONN),
                                  KIDNEY_NAME(EMSGSIZE),
                                  KIDNEY_NAME(ENOBUFS),
                                  KIDNEY_NAME(ETOOMANYREFS),
                                  KIDNEY_NAME(EDQUOT),
                                  KIDNEY_NAME(ECANCELED)};
// <linux/time.h> and <linux/resource.h> cannot be included beside the kernel's own structures.
inline constexpr Name clocks[] = {{0, "CLOCK_REALTIME"},           {1, "CLOCK_MONOTONIC"},
                                  {2, "CLOCK_PROCESS_CPUTIME_ID"}, {3, "CLOCK_THREAD_CPUTIME_ID"},
                                  {4, "CLOCK_MONOTONIC_RAW"},      {5, "CLOCK_REALTIME_COARSE"},
                                  {6, "CLOCK_MONOTONIC_COARSE"},   {7, "CLOCK_BOOTTIME"}};
inline constexpr Name resources[] = {
    {0, "RLIMIT_CPU"},     {1, "RLIMIT_FSIZE"}, {2, "RLIMIT_DATA"},  {3, "RLIMIT_STACK"},
    {4, "RLIMIT_CORE"},    {5, "RLIMIT_RSS"},   {6, "RLIMIT_NPROC"}, {7, "RLIMIT_NOFILE"},
    {8, "RLIMIT_MEMLOCK"}, {9, "RLIMIT_AS"}};
#undef KIDNEY_NAME

// What came a signal's way. Those of all signals, and those of some.
inline constexpr Name codes[] = {{static_cast<std::uint32_t>(abi::si_user), "SI_USER"},
                                 {static_cast<std::uint32_t>(abi::si_kernel), "SI_KERNEL"},
                                 {static_cast<std::uint32_t>(abi::si_queue), "SI_QUEUE"},
                                 {static_cast<std::uint32_t>(abi::si_timer), "SI_TIMER"},
                                 {static_cast<std::uint32_t>(abi::si_tkill), "SI_TKILL"}};
inline constexpr Name child_codes[] = {{1, "CLD_EXITED"},
                                       {2, "CLD_KILLED"},
                                       {3, "CLD_DUMPED"},
                                       {5, "CLD_STOPPED"},
                                       {6, "CLD_CONTINUED"}};
inline constexpr Name segment_codes[] = {{abi::segv_maperr, "SEGV_MAPERR"},
                                         {abi::segv_accerr, "SEGV_ACCERR"}};

inline constexpr std::string_view signals[] = {
    "0",         "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
    "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
    "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
    "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS"};
static_assert(
    [] {
        for (auto e = Errc{}; e != Errc::restart; e = static_cast<Errc>(static_cast<int>(e) + 1)) {
            if (std::ranges::count(errors, static_cast<std::uint32_t>(errno_of(e)), &Name::value) !=
                1) {
                return false;
            }
        }
        return true;
    }(),
    "every error has a name");
static_assert(signals[abi::sig_segv] == "SIGSEGV" && signals[abi::sig_sys] == "SIGSYS");

}  // namespace kidney::kernel::names
