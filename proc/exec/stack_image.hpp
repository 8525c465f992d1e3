/// The first stack of a program: argc, argv, envp and the auxiliary vector (System V i386 ABI).
///
///     high   execfn string, argument and environment strings
///            a gap of any size
///            platform string, 16 random bytes
///            auxv (pairs, AT_NULL last)
///            envp[] 0
///            argv[] 0
///     esp -> argc                                                     (esp % 16 == 0)
///
/// Pure: it computes where everything goes and produces the words; kernel/exec copies them to the
/// new address space. The strings lie together in one block, as exec gathered them.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <elf.h>
#include <span>
#include <string_view>

namespace kidney::proc {

/// What exec knows about the program when it builds the stack.
struct StackImageInput {
    VirtAddr top;  ///< end of the stack; page-aligned
    /// argc argument strings, then envc environment strings, each with its NUL.
    std::span<const char> strings;
    std::uint32_t argc = 0;
    std::uint32_t envc = 0;
    std::uint32_t gap = 0;        ///< bytes unused below the strings
    std::string_view executable;  ///< the path given to execve, for AT_EXECFN
    std::span<const std::byte, 16> random;
    VirtAddr entry, interpreter_base, program_headers;
    VirtAddr vdso, system_call_entry;  ///< the shared code of all programs, and a call in it
    std::uint32_t program_header_count = 0;
    std::uint32_t uid = 0, euid = 0, gid = 0, egid = 0;
    std::uint32_t hardware_capabilities = 0;  ///< CPUID(1).edx
    std::uint32_t signal_frame_size = 0;      ///< what the kernel needs to enter a handler, at most
    bool secure = false;
};

inline constexpr std::uint32_t auxv_pairs = 22;

/// The addresses of the finished image.
struct StackLayout {
    VirtAddr strings, executable, platform, random;
    VirtAddr stack_pointer;   ///< of argc
    std::uint32_t words = 0;  ///< 32-bit words from stack_pointer on

    /// The last of the words.
    [[nodiscard]] constexpr VirtRange auxiliary_vector() const noexcept {
        constexpr std::uint32_t size = auxv_pairs * 8;
        return {stack_pointer + (words * 4 - size), size};
    }
};

inline constexpr std::string_view platform_name = "i686";
inline constexpr std::uint32_t clock_ticks_per_second = 100;

namespace detail {
constexpr std::uint32_t align_down_16(std::uint32_t v) noexcept {
    return v & ~15U;
}
}  // namespace detail

/// Where things go. Error: argument_list_long if it needs more than `limit` bytes.
[[nodiscard]] constexpr Result<StackLayout> layout_stack(const StackImageInput& in,
                                                         std::uint32_t limit) noexcept {
    const std::uint64_t words =
        1 + std::uint64_t{in.argc} + 1 + std::uint64_t{in.envc} + 1 + 2 * auxv_pairs;
    const std::uint64_t total = in.strings.size() + in.executable.size() + platform_name.size() +
                                in.random.size() + words * 4 + in.gap + 64;
    if (total > limit) {
        return fail(Errc::argument_list_long);
    }
    StackLayout at;
    at.words = static_cast<std::uint32_t>(words);
    // The last word of the stack stays zero, as on Linux.
    at.executable = in.top - static_cast<std::uint32_t>(in.executable.size() + 1) - 4;
    at.strings = at.executable - static_cast<std::uint32_t>(in.strings.size());
    at.platform = at.strings - in.gap - static_cast<std::uint32_t>(platform_name.size() + 1);
    at.random = VirtAddr(detail::align_down_16(at.platform.value() - 16));
    at.stack_pointer = VirtAddr(detail::align_down_16(at.random.value() - at.words * 4));
    return at;
}

/// Produces the words from stack_pointer upwards. `put(std::uint32_t)` receives them in order.
template <class Put>
void write_stack_words(const StackImageInput& in, const StackLayout& at, Put&& put) noexcept {
    put(in.argc);
    std::size_t offset = 0;
    const auto put_strings = [&](std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) {
            put(at.strings.value() + static_cast<std::uint32_t>(offset));
            while (offset < in.strings.size() && in.strings[offset] != '\0') {
                ++offset;
            }
            ++offset;
        }
        put(std::uint32_t{0});
    };
    put_strings(in.argc);
    put_strings(in.envc);
    // Linux's order, which programs may not rely on and some do.
    const std::uint32_t auxv[auxv_pairs][2] = {
        {AT_SYSINFO, in.system_call_entry.value()},
        {AT_SYSINFO_EHDR, in.vdso.value()},
        {AT_MINSIGSTKSZ, in.signal_frame_size},
        {AT_HWCAP, in.hardware_capabilities},
        {AT_PAGESZ, page_size},
        {AT_CLKTCK, clock_ticks_per_second},
        {AT_PHDR, in.program_headers.value()},
        {AT_PHENT, sizeof(Elf32_Phdr)},
        {AT_PHNUM, in.program_header_count},
        {AT_BASE, in.interpreter_base.value()},
        {AT_FLAGS, 0},
        {AT_ENTRY, in.entry.value()},
        {AT_UID, in.uid},
        {AT_EUID, in.euid},
        {AT_GID, in.gid},
        {AT_EGID, in.egid},
        {AT_SECURE, in.secure ? 1U : 0U},
        {AT_RANDOM, at.random.value()},
        {AT_HWCAP2, 0},
        {AT_EXECFN, at.executable.value()},
        {AT_PLATFORM, at.platform.value()},
        {AT_NULL, 0},
    };
    for (const auto& pair : auxv) {
        put(pair[0]);
        put(pair[1]);
    }
}

}  // namespace kidney::proc
