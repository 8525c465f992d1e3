/// The model of `hal::UserMemory`: string moves that survive a fault.
///
/// The instructions in user_copy.S are in the exception table. A fault on one of them goes to the
/// kernel like a program's own (demand paging, copy on write); if that cannot help, the copy stops
/// there and says how far it came.
#pragma once

#include "kidney/hal/user_memory.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::arch {

// user_copy.S; both return the number of bytes *not* done.
extern "C" std::size_t user_copy(void* to, const void* from, std::size_t length) noexcept;
extern "C" std::size_t user_fill_zero(void* to, std::size_t length) noexcept;
extern "C" std::uint32_t user_store_words(std::uint32_t* to, const std::uint32_t* from,
                                          std::uint32_t words) noexcept;
extern "C" std::uint32_t user_compare_exchange(std::uint32_t* at, std::uint32_t expected,
                                               std::uint32_t desired, std::uint32_t* seen) noexcept;

struct UserMemory {
    [[nodiscard]] static std::size_t copy_in(std::span<std::byte> to, VirtAddr user) noexcept {
        const std::size_t length = clipped(user, to.size());
        return length - user_copy(to.data(), reinterpret_cast<const void*>(user.value()), length);
    }
    [[nodiscard]] static std::size_t copy_out(VirtAddr user,
                                              std::span<const std::byte> from) noexcept {
        const std::size_t length = clipped(user, from.size());
        return length - user_copy(reinterpret_cast<void*>(user.value()), from.data(), length);
    }
    [[nodiscard]] static std::size_t fill_zero(VirtAddr user, std::size_t length) noexcept {
        length = clipped(user, length);
        return length - user_fill_zero(reinterpret_cast<void*>(user.value()), length);
    }
    /// One object of a few words, all or nothing that matters: false if it cannot be stored. For
    /// small results of calls that are made all the time.
    template <class T>
        requires(sizeof(T) == 4 || sizeof(T) == 8)
    [[nodiscard]] static bool store(VirtAddr user, const T& value) noexcept {
        constexpr std::size_t word = sizeof(std::uint32_t);
        return user <= hal::user_end - sizeof(T) &&
               user_store_words(reinterpret_cast<std::uint32_t*>(user.value()),
                                reinterpret_cast<const std::uint32_t*>(&value),
                                sizeof(T) / word) == 0;
    }
    /// An atomic word of programs. False: there is none at `user`. `seen` is what it was; it became
    /// `desired` if that equals `expected`.
    [[nodiscard]] static bool compare_exchange(VirtAddr user, std::uint32_t expected,
                                               std::uint32_t desired,
                                               std::uint32_t& seen) noexcept {
        return user <= hal::user_end - sizeof(std::uint32_t) &&
               user_compare_exchange(reinterpret_cast<std::uint32_t*>(user.value()), expected,
                                     desired, &seen) == 0;
    }

private:
    /// The page tables forbid user mode the kernel's addresses, but this code is not in user mode:
    /// it has to look itself.
    static std::size_t clipped(VirtAddr user, std::size_t length) noexcept {
        return user >= hal::user_end ? 0 : std::min<std::size_t>(length, hal::user_end - user);
    }
};
static_assert(hal::UserMemory<UserMemory>);

}  // namespace kidney::arch
