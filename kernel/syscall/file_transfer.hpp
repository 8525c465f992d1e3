/// What all calls that move data have in common.
#pragma once

#include "kernel/process/process.hpp"
#include "kernel/syscall/adapt.hpp"
#include "kidney/fs/change_listener.hpp"

#include <cstdint>
#include <optional>

namespace kidney::kernel::calls {

/// A 64-bit argument, which comes in two registers.
[[nodiscard]] constexpr std::uint64_t wide(std::uint32_t low, std::uint32_t high) noexcept {
    return std::uint64_t{high} << 32 | low;
}
[[nodiscard]] constexpr bool is_negative(std::uint64_t offset) noexcept {
    return static_cast<std::int64_t>(offset) < 0;
}

/// A wait that a signal ended: the call runs again unless a handler says otherwise.
[[nodiscard]] inline Result<std::size_t> restartable(Result<std::size_t> moved) noexcept {
    if (!moved && moved.error() == Errc::interrupted) [[unlikely]] {
        return fail(Errc::restart);
    }
    return moved;
}

namespace detail {
// The rare parts of what follows.
[[nodiscard]] Result<std::size_t> written_partly(Process& self, fs::File& file,
                                                 Result<std::size_t> moved) noexcept;
[[nodiscard]] Result<std::size_t> stored_now(fs::File& file, std::size_t moved) noexcept;
[[nodiscard]] Status prepare_unprivileged_write(Process& self, fs::File& file,
                                                fs::WriteBuffer& from) noexcept;
[[nodiscard]] Errc interrupted_read(fs::File& file) noexcept;
}  // namespace detail

/// The same for a read of `file`; one that was to end at some time does not begin again.
[[nodiscard]] inline Result<std::size_t> restartable(fs::File& file,
                                                     Result<std::size_t> moved) noexcept {
    if (!moved && moved.error() == Errc::interrupted) [[unlikely]] {
        return fail(detail::interrupted_read(file));
    }
    return moved;
}

/// Who watches the file is told.
inline void tell_change(fs::File& file, fs::Change what) noexcept {
    if (fs::ChangeListener* const hearer = vfs().hearer()) [[unlikely]] {
        hearer->file_changed(file, what);
    }
}
/// At the end of a call that has read `moved` bytes from `file`; as restartable().
[[nodiscard]] inline Result<std::size_t> have_read(fs::File& file,
                                                   Result<std::size_t> moved) noexcept {
    if (moved.value_or(0) != 0) {
        tell_change(file, fs::Change::accessed);
    }
    return restartable(file, moved);
}

/// Of `wanted` bytes that were to be written to `file`, a part of what the call writes; a
/// reader that has gone also costs the writer a SIGPIPE, even where it had read some of them, and
/// one behind RLIMIT_FSIZE a SIGXFSZ.
[[nodiscard]] inline Result<std::size_t> written_part(Process& self, fs::File& file,
                                                      std::size_t wanted,
                                                      Result<std::size_t> moved) noexcept {
    return moved && *moved >= wanted ? moved : detail::written_partly(self, file, moved);
}
/// At the end of a call that has written `moved` bytes: who watches the file is told, and with
/// O_SYNC they are stored.
[[nodiscard]] inline Result<std::size_t> stored(fs::File& file,
                                                Result<std::size_t> moved) noexcept {
    if (moved.value_or(0) != 0) {
        tell_change(file, fs::Change::modified);
    }
    return moved && file.is_synchronous() ? detail::stored_now(file, *moved) : moved;
}
/// Both, for all that the call writes.
[[nodiscard]] inline Result<std::size_t> written(Process& self, fs::File& file, std::size_t wanted,
                                                 Result<std::size_t> moved) noexcept {
    return stored(file, written_part(self, file, wanted, moved));
}

/// Before `from` is written to `file`: what the file minds, the end of set-id bits, and how large
/// the process may make files (RLIMIT_FSIZE).
[[nodiscard]] inline Status prepare_write(Process& self, fs::File& file,
                                          fs::WriteBuffer& from) noexcept {
    if (self.identity.is_privileged() && !self.limits.limits_file_size()) [[likely]] {
        return {};
    }
    return detail::prepare_unprivileged_write(self, file, from);
}

}  // namespace kidney::kernel::calls
