/// Signals as programs see them: numbers, action flags and the structures of the Linux i386 ABI.
///
/// Own definitions instead of <asm/signal.h>, because that header cannot be included beside the C
/// library's <signal.h> in host tests, and on a 64-bit host it has the wrong layouts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kidney::abi {

inline constexpr std::uint32_t signal_count = 64;

/// Signal numbers that the kernel itself sends or treats specially.
enum Signal : std::uint32_t {
    sig_hup = 1,
    sig_int = 2,
    sig_quit = 3,
    sig_ill = 4,
    sig_trap = 5,
    sig_abrt = 6,
    sig_bus = 7,
    sig_fpe = 8,
    sig_kill = 9,
    sig_usr1 = 10,
    sig_segv = 11,
    sig_usr2 = 12,
    sig_pipe = 13,
    sig_alrm = 14,
    sig_term = 15,
    sig_stkflt = 16,
    sig_chld = 17,
    sig_cont = 18,
    sig_stop = 19,
    sig_tstp = 20,
    sig_ttin = 21,
    sig_ttou = 22,
    sig_urg = 23,
    sig_xcpu = 24,
    sig_xfsz = 25,
    sig_vtalrm = 26,
    sig_prof = 27,
    sig_winch = 28,
    sig_io = 29,
    sig_pwr = 30,
    sig_sys = 31,
};

inline constexpr std::uint32_t handler_default = 0;  ///< SIG_DFL
inline constexpr std::uint32_t handler_ignore = 1;   ///< SIG_IGN

// sa_flags
inline constexpr std::uint32_t sa_nocldstop = 0x1;
inline constexpr std::uint32_t sa_nocldwait = 0x2;
inline constexpr std::uint32_t sa_siginfo = 0x4;
inline constexpr std::uint32_t sa_restorer = 0x0400'0000;
inline constexpr std::uint32_t sa_onstack = 0x0800'0000;
inline constexpr std::uint32_t sa_restart = 0x1000'0000;
inline constexpr std::uint32_t sa_nodefer = 0x4000'0000;
inline constexpr std::uint32_t sa_resethand = 0x8000'0000;
/// What Linux knows, SA_EXPOSE_TAGBITS (0x800) included; others read back as 0.
inline constexpr std::uint32_t sa_known = sa_nocldstop | sa_nocldwait | sa_siginfo | sa_restorer |
                                          sa_onstack | sa_restart | sa_nodefer | sa_resethand |
                                          0x800;

// si_code
inline constexpr std::int32_t si_user = 0;
inline constexpr std::int32_t si_kernel = 0x80;
inline constexpr std::int32_t si_queue = -1;
inline constexpr std::int32_t si_timer = -2;
inline constexpr std::int32_t si_tkill = -6;
inline constexpr std::int32_t segv_maperr = 1;
inline constexpr std::int32_t segv_accerr = 2;
inline constexpr std::int32_t bus_adraln = 1;
inline constexpr std::int32_t bus_adrerr = 2;
inline constexpr std::int32_t fpe_intdiv = 1;
inline constexpr std::int32_t fpe_fltdiv = 3;
inline constexpr std::int32_t fpe_fltovf = 4;
inline constexpr std::int32_t fpe_fltund = 5;
inline constexpr std::int32_t fpe_fltres = 6;
inline constexpr std::int32_t fpe_fltinv = 7;
inline constexpr std::int32_t ill_illopn = 2;
inline constexpr std::int32_t trap_brkpt = 1;
inline constexpr std::int32_t trap_trace = 2;
inline constexpr std::int32_t cld_exited = 1;
inline constexpr std::int32_t cld_killed = 2;
inline constexpr std::int32_t cld_dumped = 3;
inline constexpr std::int32_t cld_stopped = 5;
inline constexpr std::int32_t cld_continued = 6;

// rt_sigprocmask
inline constexpr std::uint32_t sig_block = 0;
inline constexpr std::uint32_t sig_unblock = 1;
inline constexpr std::uint32_t sig_setmask = 2;

/// struct kernel_sigaction of rt_sigaction(2).
struct SigAction {
    std::uint32_t handler;
    std::uint32_t flags;
    std::uint32_t restorer;
    std::uint32_t mask[2];
};
static_assert(sizeof(SigAction) == 20);

/// struct old_sigaction of sigaction(2), the call that is older than real-time signals.
struct OldSigAction {
    std::uint32_t handler;
    std::uint32_t mask;
    std::uint32_t flags;
    std::uint32_t restorer;
};
static_assert(sizeof(OldSigAction) == 16);

/// siginfo_t; only the members that the kernel fills.
struct SigInfo {
    std::int32_t signo;
    std::int32_t error;
    std::int32_t code;
    std::uint32_t pid_or_address;  ///< who sent it (kill, SIGCHLD), or where the fault was
    std::uint32_t uid;
    std::int32_t status;  ///< SIGCHLD
    std::int32_t user_time, system_time;
    std::uint32_t padding[24];
};
static_assert(sizeof(SigInfo) == 128 && offsetof(SigInfo, pid_or_address) == 12 &&
              offsetof(SigInfo, status) == 20);

struct SigAltStack {
    std::uint32_t pointer;
    std::uint32_t flags;
    std::uint32_t size;
};
static_assert(sizeof(SigAltStack) == 12);
inline constexpr std::uint32_t ss_onstack = 1;
inline constexpr std::uint32_t ss_disable = 2;
inline constexpr std::uint32_t ss_autodisarm = 0x8000'0000;

/// struct sigevent: how a timer tells.
struct SigEvent {
    std::int32_t value;
    std::uint32_t signo;
    std::uint32_t notify;
    std::int32_t thread;
    std::uint32_t padding[12];
};
static_assert(sizeof(SigEvent) == 64);
inline constexpr std::uint32_t sigev_signal = 0, sigev_none = 1, sigev_thread = 2,
                               sigev_thread_id = 4;

}  // namespace kidney::abi
