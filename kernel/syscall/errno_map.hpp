/// `Errc` to the numbers that programs see. With the UAPI headers the only place that knows them.
#pragma once

#include "kidney/core/result.hpp"

#include <asm/errno.h>
#include <cstdint>

namespace kidney::kernel {

/// A handler gave up because of a signal and wants to be called again with the same arguments once
/// the signal is dealt with (SA_RESTART or no handler). Linux's ERESTARTSYS; never reaches a
/// program.
inline constexpr std::int32_t restart_number = 512;

[[nodiscard]] constexpr std::int32_t errno_of(Errc e) noexcept {
    switch (e) {
        case Errc::not_permitted:
            return EPERM;
        case Errc::not_found:
            return ENOENT;
        case Errc::no_process:
            return ESRCH;
        case Errc::interrupted:
            return EINTR;
        case Errc::io_error:
            return EIO;
        case Errc::no_device:
            return ENXIO;
        case Errc::unsuitable_device:
            return ENODEV;
        case Errc::argument_list_long:
            return E2BIG;
        case Errc::not_executable:
            return ENOEXEC;
        case Errc::bad_library:
            return ELIBBAD;
        case Errc::bad_descriptor:
            return EBADF;
        case Errc::no_child:
            return ECHILD;
        case Errc::would_block:
            return EAGAIN;
        case Errc::no_memory:
            return ENOMEM;
        case Errc::permission_denied:
            return EACCES;
        case Errc::bad_address:
            return EFAULT;
        case Errc::busy:
            return EBUSY;
        case Errc::exists:
            return EEXIST;
        case Errc::cross_device:
            return EXDEV;
        case Errc::not_directory:
            return ENOTDIR;
        case Errc::is_directory:
            return EISDIR;
        case Errc::invalid_argument:
            return EINVAL;
        case Errc::too_many_files:
            return EMFILE;
        case Errc::file_table_full:
            return ENFILE;
        case Errc::not_a_terminal:
            return ENOTTY;
        case Errc::file_too_big:
            return EFBIG;
        case Errc::no_space:
            return ENOSPC;
        case Errc::not_seekable:
            return ESPIPE;
        case Errc::read_only:
            return EROFS;
        case Errc::too_many_links:
            return EMLINK;
        case Errc::broken_pipe:
            return EPIPE;
        case Errc::out_of_range:
            return ERANGE;
        case Errc::name_too_long:
            return ENAMETOOLONG;
        case Errc::not_implemented:
            return ENOSYS;
        case Errc::not_empty:
            return ENOTEMPTY;
        case Errc::too_many_symlinks:
            return ELOOP;
        case Errc::value_overflow:
            return EOVERFLOW;
        case Errc::not_supported:
            return EOPNOTSUPP;
        case Errc::timed_out:
            return ETIMEDOUT;
        case Errc::deadlock:
            return EDEADLK;
        case Errc::no_locks:
            return ENOLCK;
        case Errc::no_message:
            return ENOMSG;
        case Errc::identifier_removed:
            return EIDRM;
        case Errc::corrupted:
            return EUCLEAN;
        case Errc::text_busy:
            return ETXTBSY;
        case Errc::no_data:
            return ENODATA;
        case Errc::not_block_device:
            return ENOTBLK;
        case Errc::quota_exceeded:
            return EDQUOT;
        case Errc::cancelled:
            return ECANCELED;
        case Errc::stale:
            return ESTALE;
        case Errc::outside_domain:
            return EDOM;
        case Errc::not_socket:
            return ENOTSOCK;
        case Errc::unknown_family:
            return EAFNOSUPPORT;
        case Errc::unknown_type:
            return ESOCKTNOSUPPORT;
        case Errc::unknown_protocol:
            return EPROTONOSUPPORT;
        case Errc::unknown_option:
            return ENOPROTOOPT;
        case Errc::wrong_protocol:
            return EPROTOTYPE;
        case Errc::address_in_use:
            return EADDRINUSE;
        case Errc::connection_refused:
            return ECONNREFUSED;
        case Errc::connection_reset:
            return ECONNRESET;
        case Errc::not_connected:
            return ENOTCONN;
        case Errc::is_connected:
            return EISCONN;
        case Errc::message_too_long:
            return EMSGSIZE;
        case Errc::no_buffers:
            return ENOBUFS;
        case Errc::too_many_in_flight:
            return ETOOMANYREFS;
        case Errc::restart:
            return restart_number;
    }
    return EIO;
}

}  // namespace kidney::kernel
