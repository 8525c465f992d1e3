/// What the types of the handlers do not say: which word is a set of flags, which pointer leads to
/// bytes. A call without a line here is shown by its types alone.
#pragma once

#include "kernel/syscall/signature.hpp"

#include <asm/unistd_32.h>

namespace kidney::kernel {

inline constexpr std::uint8_t result_of_call = 6;  ///< in the place of an argument's index

struct Detail {
    std::uint32_t number;
    std::uint8_t index;
    Shown shown;
};

inline constexpr Detail details[] = {
    // files by name
    {__NR_open, 1, Shown::open_flags},
    {__NR_open, 2, Shown::open_mode},
    {__NR_openat, 0, Shown::descriptor_of_at},
    {__NR_openat, 2, Shown::open_flags},
    {__NR_openat, 3, Shown::open_mode},
    {__NR_openat2, 0, Shown::descriptor_of_at},
    {__NR_creat, 1, Shown::octal},
    {__NR_mkdir, 1, Shown::octal},
    {__NR_mkdirat, 0, Shown::descriptor_of_at},
    {__NR_mkdirat, 2, Shown::octal},
    {__NR_mknod, 1, Shown::octal},
    {__NR_mknodat, 0, Shown::descriptor_of_at},
    {__NR_mknodat, 2, Shown::octal},
    {__NR_chmod, 1, Shown::octal},
    {__NR_fchmod, 1, Shown::octal},
    {__NR_fchmodat, 0, Shown::descriptor_of_at},
    {__NR_fchmodat, 2, Shown::octal},
    {__NR_umask, 0, Shown::octal},
    {__NR_umask, result_of_call, Shown::octal},
    {__NR_access, 1, Shown::access_mode},
    {__NR_faccessat, 0, Shown::descriptor_of_at},
    {__NR_faccessat, 2, Shown::access_mode},
    {__NR_faccessat2, 0, Shown::descriptor_of_at},
    {__NR_faccessat2, 2, Shown::access_mode},
    {__NR_fstatat64, 0, Shown::descriptor_of_at},
    {__NR_fstatat64, 3, Shown::at_flags},
    {__NR_statx, 0, Shown::descriptor_of_at},
    {__NR_statx, 2, Shown::at_flags},
    {__NR_unlinkat, 0, Shown::descriptor_of_at},
    {__NR_unlinkat, 2, Shown::at_flags},
    {__NR_linkat, 0, Shown::descriptor_of_at},
    {__NR_linkat, 2, Shown::descriptor_of_at},
    {__NR_linkat, 4, Shown::at_flags},
    {__NR_symlinkat, 1, Shown::descriptor_of_at},
    {__NR_readlink, 1, Shown::bytes_out},
    {__NR_readlinkat, 0, Shown::descriptor_of_at},
    {__NR_readlinkat, 2, Shown::bytes_out},
    {__NR_renameat, 0, Shown::descriptor_of_at},
    {__NR_renameat, 2, Shown::descriptor_of_at},
    {__NR_renameat2, 0, Shown::descriptor_of_at},
    {__NR_renameat2, 2, Shown::descriptor_of_at},
    {__NR_fchownat, 0, Shown::descriptor_of_at},
    {__NR_fchownat, 4, Shown::at_flags},
    {__NR_utimensat, 0, Shown::descriptor_of_at},
    {__NR_utimensat, 3, Shown::at_flags},
    {__NR_utimensat_time64, 0, Shown::descriptor_of_at},
    {__NR_utimensat_time64, 3, Shown::at_flags},
    {__NR_futimesat, 0, Shown::descriptor_of_at},
    {__NR_getcwd, 0, Shown::string_out},
    // open files
    {__NR_read, 1, Shown::bytes_out},
    {__NR_write, 1, Shown::bytes_in},
    {__NR_pread64, 1, Shown::bytes_out},
    {__NR_pwrite64, 1, Shown::bytes_in},
    {__NR_readv, 1, Shown::vectors_out},
    {__NR_writev, 1, Shown::vectors_in},
    {__NR_preadv, 1, Shown::vectors_out},
    {__NR_pwritev, 1, Shown::vectors_in},
    {__NR_lseek, 2, Shown::whence},
    {__NR__llseek, 4, Shown::whence},
    {__NR_fcntl, 1, Shown::fcntl_command},
    {__NR_fcntl64, 1, Shown::fcntl_command},
    {__NR_ioctl, 1, Shown::ioctl_request},
    {__NR_pipe, 0, Shown::two_words_out},
    {__NR_pipe2, 0, Shown::two_words_out},
    {__NR_pipe2, 1, Shown::descriptor_flags},
    {__NR_dup3, 2, Shown::descriptor_flags},
    {__NR_socketpair, 3, Shown::two_words_out},
    {__NR_accept4, 3, Shown::descriptor_flags},
    {__NR_sendto, 1, Shown::bytes_in},
    {__NR_recvfrom, 1, Shown::bytes_out},
    // memory
    {__NR_mmap2, 2, Shown::protection},
    {__NR_mmap2, 3, Shown::map_flags},
    {__NR_mmap2, result_of_call, Shown::pointer},
    {__NR_mmap, result_of_call, Shown::pointer},
    {__NR_brk, result_of_call, Shown::pointer},
    {__NR_mremap, result_of_call, Shown::pointer},
    {__NR_shmat, result_of_call, Shown::pointer},
    {__NR_mprotect, 2, Shown::protection},
    {__NR_madvise, 2, Shown::advice},
    // processes
    {__NR_execve, 1, Shown::strings},
    {__NR_execveat, 0, Shown::descriptor_of_at},
    {__NR_execveat, 2, Shown::strings},
    {__NR_clone, 0, Shown::clone_flags},
    {__NR_unshare, 0, Shown::clone_flags},
    {__NR_wait4, 1, Shown::status_out},
    {__NR_wait4, 2, Shown::wait_options},
    {__NR_waitpid, 1, Shown::status_out},
    {__NR_waitpid, 2, Shown::wait_options},
    {__NR_waitid, 3, Shown::wait_options},
    {__NR_getrlimit, 0, Shown::resource},
    {__NR_ugetrlimit, 0, Shown::resource},
    {__NR_setrlimit, 0, Shown::resource},
    {__NR_prlimit64, 1, Shown::resource},
    // signals
    {__NR_kill, 1, Shown::signal},
    {__NR_tkill, 1, Shown::signal},
    {__NR_tgkill, 2, Shown::signal},
    {__NR_signal, 0, Shown::signal},
    {__NR_sigaction, 0, Shown::signal},
    {__NR_rt_sigaction, 0, Shown::signal},
    {__NR_rt_sigqueueinfo, 1, Shown::signal},
    {__NR_sigprocmask, 0, Shown::mask_how},
    {__NR_rt_sigprocmask, 0, Shown::mask_how},
    // time, and waiting for words
    {__NR_nanosleep, 0, Shown::time},
    {__NR_clock_nanosleep, 0, Shown::clock},
    {__NR_clock_nanosleep, 2, Shown::time},
    {__NR_clock_nanosleep_time64, 0, Shown::clock},
    {__NR_clock_nanosleep_time64, 2, Shown::time64},
    {__NR_clock_gettime, 0, Shown::clock},
    {__NR_clock_gettime64, 0, Shown::clock},
    {__NR_clock_getres, 0, Shown::clock},
    {__NR_clock_getres_time64, 0, Shown::clock},
    {__NR_clock_settime, 0, Shown::clock},
    {__NR_timer_create, 0, Shown::clock},
    {__NR_futex, 1, Shown::futex_operation},
    {__NR_futex_time64, 1, Shown::futex_operation},
};

/// How argument `index` of a call is shown, or its result.
[[nodiscard]] constexpr Shown shown_as(std::uint32_t number, const Signature& signature,
                                       std::uint8_t index) noexcept {
    for (const Detail& detail : details) {
        if (detail.number == number && detail.index == index) {
            return detail.shown;
        }
    }
    if (index == result_of_call) {
        return Shown::signed_number;
    }
    return index < signature.count ? signature.arguments[index] : Shown::nothing;
}

}  // namespace kidney::kernel
