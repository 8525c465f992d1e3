#include "kernel/event/process_files.hpp"

#include "kidney/abi/signal.hpp"

#include <linux/signalfd.h>
#include <span>

namespace kidney::kernel {
namespace {

constexpr std::uint32_t sig_ill = 4, sig_trap = 5, sig_bus = 7, sig_fpe = 8;

constexpr bool is_fault(std::uint32_t signal) noexcept {
    return signal == sig_ill || signal == sig_trap || signal == sig_bus || signal == sig_fpe ||
           signal == abi::sig_segv;
}

/// Who sent it, as far as the code says that somebody did.
void add_sender(signalfd_siginfo& record, const SignalCause& cause) noexcept {
    record.ssi_pid = static_cast<std::uint32_t>(cause.pid);
    record.ssi_uid = cause.uid;
}
void add_value(signalfd_siginfo& record, const SignalCause& cause) noexcept {
    record.ssi_int = cause.status;
    record.ssi_ptr = static_cast<std::uint32_t>(cause.status);
}

}  // namespace

Status SignalRecord::put(fs::ReadBuffer& to, std::uint32_t signal,
                         const SignalCause& cause) noexcept {
    static_assert(sizeof(signalfd_siginfo) == size);
    signalfd_siginfo record{};
    record.ssi_signo = signal;
    record.ssi_errno = cause.si_errno;
    record.ssi_code = cause.code;
    if (cause.code == abi::si_timer) {
        record.ssi_tid = static_cast<std::uint32_t>(cause.pid);
        record.ssi_overrun = cause.uid;
        add_value(record, cause);
    } else if (cause.code < 0) {
        add_sender(record, cause);
        add_value(record, cause);
    } else if (cause.code == abi::si_user || cause.code == abi::si_kernel) {
        add_sender(record, cause);
    } else if (signal == abi::sig_chld) {
        add_sender(record, cause);
        record.ssi_status = cause.status;
    } else if (is_fault(signal)) {
        record.ssi_addr = cause.address;
        record.ssi_trapno = cause.trap;
    } else {
        add_sender(record, cause);
    }
    return to.put(std::as_bytes(std::span(&record, 1)));
}

}  // namespace kidney::kernel
