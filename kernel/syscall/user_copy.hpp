/// Moving arguments and results over the user border.
///
/// Everything here ends in UserMemory (the one place that follows a user pointer and survives a
/// fault on it) and turns a short copy into `bad_address`.
#pragma once

#include "kernel/kernel.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/transfer.hpp"
#include "kidney/fs/vnode.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace kidney::kernel {

/// Longest single transfer, as in Linux: larger requests are shortened.
inline constexpr std::uint32_t max_transfer = 0x7fff'f000;

/// Before a transfer of `size` bytes at `at`, which may not touch them all: does the range lie in
/// what a program may name at all? Errors: bad_address; invalid_argument for a size that is
/// negative to the program.
[[nodiscard]] inline Status check_user_range(VirtAddr at, std::uint32_t size) noexcept {
    constexpr std::uint32_t end = hal::user_end.value();
    if (static_cast<std::int32_t>(size) >= 0 && at.value() <= end - size) [[likely]] {
        return {};
    }
    return fail(size > end || at.value() > end - size ? Errc::bad_address : Errc::invalid_argument);
}

[[nodiscard]] inline Status copy_in(std::span<std::byte> to, VirtAddr from) noexcept {
    if (UserMemory::copy_in(to, from) != to.size()) {
        return fail(Errc::bad_address);
    }
    return {};
}
[[nodiscard]] inline Status copy_out(VirtAddr to, std::span<const std::byte> from) noexcept {
    if (UserMemory::copy_out(to, from) != from.size()) {
        return fail(Errc::bad_address);
    }
    return {};
}

/// One object. The program sees every byte of it, padding included: value-initialise it first.
template <class T>
    requires std::is_trivially_copyable_v<T>
[[nodiscard]] Result<std::remove_const_t<T>> get_user(UserPtr<T> from) noexcept {
    std::remove_const_t<T> value;
    TRY(copy_in(std::as_writable_bytes(std::span(&value, 1)), from.address()));
    return value;
}
template <class T>
    requires std::is_trivially_copyable_v<T>
[[nodiscard]] Status put_user(UserPtr<T> to, const std::type_identity_t<T>& value) noexcept {
    if constexpr (sizeof(T) == 4 || sizeof(T) == 8) {
        return UserMemory::store(to.address(), value) ? Status() : fail(Errc::bad_address);
    }
    return copy_out(to.address(), std::as_bytes(std::span(&value, 1)));
}

/// Copies a structure that grows with the years: the program's is `size` bytes long. What it does
/// not have stays as it is; what we do not know must be zero. Errors: bad_address,
/// argument_list_long (it is not zero).
[[nodiscard]] Status copy_structure(std::span<std::byte> to, VirtAddr from,
                                    std::uint32_t size) noexcept;

/// For results that a program need not ask for.
template <class T>
[[nodiscard]] Status put_user_if(UserPtr<T> to, const std::type_identity_t<T>& value) noexcept {
    return to.is_null() ? Status() : put_user(to, value);
}

/// Copies a NUL-terminated string; returns its length without the NUL. Errors: bad_address,
/// name_too_long if no NUL lies within `to`.
[[nodiscard]] Result<std::size_t> copy_string(std::span<char> to,
                                              UserPtr<const char> from) noexcept;

/// A path argument. Short ones live in the object, long ones on the heap.
class UserPath {
public:
    UserPath() noexcept = default;
    ~UserPath();
    UserPath(const UserPath&) = delete;
    UserPath& operator=(const UserPath&) = delete;

    /// Errors: bad_address, name_too_long, no_memory.
    [[nodiscard]] Status read(UserPtr<const char> from) noexcept;
    [[nodiscard]] std::string_view view() const noexcept { return {data_, size_}; }

private:
    std::array<char, 192> short_;
    char* data_ = nullptr;
    std::size_t size_ = 0;
};

/// Where read() puts its bytes.
class UserReadBuffer final : public fs::ReadBuffer {
public:
    UserReadBuffer(VirtAddr to, std::uint32_t size) noexcept
        : ReadBuffer(std::min(size, max_transfer)), at_(to) {}

private:
    std::size_t store(std::span<const std::byte> bytes) noexcept override {
        const std::size_t stored = UserMemory::copy_out(at_, bytes);
        at_ += static_cast<std::uint32_t>(stored);
        return stored;
    }
    std::size_t store_zeros(std::size_t count) noexcept override {
        const std::size_t stored = UserMemory::fill_zero(at_, count);
        at_ += static_cast<std::uint32_t>(stored);
        return stored;
    }
    VirtAddr at_;
};

/// Where write() takes its bytes from.
class UserWriteBuffer final : public fs::WriteBuffer {
public:
    UserWriteBuffer(VirtAddr from, std::uint32_t size) noexcept
        : WriteBuffer(std::min(size, max_transfer)), at_(from) {}

private:
    std::size_t load(std::span<std::byte> bytes) noexcept override {
        const std::size_t loaded = UserMemory::copy_in(bytes, at_);
        at_ += static_cast<std::uint32_t>(loaded);
        return loaded;
    }
    VirtAddr at_;
};

}  // namespace kidney::kernel
