/// The names of the numbers in errno_map.hpp, for people.
#pragma once

#include "kernel/syscall/errno_map.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace kidney::kernel {
namespace detail {

struct ErrnoName {
    std::int32_t number;
    std::string_view name;
};

// A macro, because only the preprocessor can make a number and a text out of one name.
#define KIDNEY_ERRNO(name) \
    ErrnoName {            \
        name, #name        \
    }
inline constexpr ErrnoName errno_names[] = {
    KIDNEY_ERRNO(EPERM),   KIDNEY_ERRNO(ENOENT),    KIDNEY_ERRNO(ESRCH),
    KIDNEY_ERRNO(EINTR),   KIDNEY_ERRNO(EIO),       KIDNEY_ERRNO(ENXIO),
    KIDNEY_ERRNO(ENODEV),  KIDNEY_ERRNO(E2BIG),     KIDNEY_ERRNO(ENOEXEC),
    KIDNEY_ERRNO(ELIBBAD), KIDNEY_ERRNO(EBADF),     KIDNEY_ERRNO(ECHILD),
    KIDNEY_ERRNO(EAGAIN),  KIDNEY_ERRNO(ENOMEM),    KIDNEY_ERRNO(EACCES),
    KIDNEY_ERRNO(EFAULT),  KIDNEY_ERRNO(EBUSY),     KIDNEY_ERRNO(EEXIST),
    KIDNEY_ERRNO(EXDEV),   KIDNEY_ERRNO(ENOTDIR),   KIDNEY_ERRNO(EISDIR),
    KIDNEY_ERRNO(EINVAL),  KIDNEY_ERRNO(EMFILE),    KIDNEY_ERRNO(ENFILE),
    KIDNEY_ERRNO(ENOTTY),  KIDNEY_ERRNO(EFBIG),     KIDNEY_ERRNO(ENOSPC),
    KIDNEY_ERRNO(ESPIPE),  KIDNEY_ERRNO(EROFS),     KIDNEY_ERRNO(EMLINK),
    KIDNEY_ERRNO(EPIPE),   KIDNEY_ERRNO(ERANGE),    KIDNEY_ERRNO(ENAMETOOLONG),
    KIDNEY_ERRNO(ENOSYS),  KIDNEY_ERRNO(ENOTEMPTY), KIDNEY_ERRNO(ELOOP),
    KIDNEY_ERRNO(EDEADLK), KIDNEY_ERRNO(EOVERFLOW), KIDNEY_ERRNO(EOPNOTSUPP),
    KIDNEY_ERRNO(ENOLCK),  KIDNEY_ERRNO(ETIMEDOUT), KIDNEY_ERRNO(ENOMSG),
    KIDNEY_ERRNO(EIDRM),   KIDNEY_ERRNO(EUCLEAN),   KIDNEY_ERRNO(ETXTBSY),
    KIDNEY_ERRNO(ENODATA), KIDNEY_ERRNO(ESTALE),
};
#undef KIDNEY_ERRNO

}  // namespace detail

/// Empty for a number that no call returns.
[[nodiscard]] constexpr std::string_view errno_name(std::int32_t number) noexcept {
    const auto* const found =
        std::ranges::find(detail::errno_names, number, &detail::ErrnoName::number);
    return found == std::end(detail::errno_names) ? std::string_view() : found->name;
}

namespace detail {

[[nodiscard]] consteval bool every_error_has_a_name() noexcept {
    for (auto e = Errc{}; e != Errc::restart; e = static_cast<Errc>(static_cast<int>(e) + 1)) {
        if (errno_name(errno_of(e)).empty()) {
            return false;
        }
    }
    return true;
}
static_assert(every_error_has_a_name());

}  // namespace detail
}  // namespace kidney::kernel
