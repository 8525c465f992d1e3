/// Reading an ELF32 executable: file bytes in, a checked `LoadPlan` out.
///
/// Pure: the bytes of the header and of the program headers are arguments, nothing is mapped here.
/// kernel/exec/loader.cpp carries the plan out. Every field is hostile until it has been checked;
/// whatever does not fit together is `not_executable`, never a trap later.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"
#include "kidney/hal/user_memory.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <span>

namespace kidney::kernel {

/// One PT_LOAD, cut into what the file backs and what is zero.
///
///     start          zero_from      file_end         end
///       |  file bytes    |  zeroed     |  anonymous   |       (all but zero_from page-aligned)
struct LoadSegment {
    VirtAddr start;
    VirtAddr file_end;   ///< end of the pages that come from the file
    VirtAddr zero_from;  ///< first byte behind the file's data, within the last file page
    VirtAddr end;
    std::uint32_t file_offset = 0;  ///< of `start`; page-aligned
    bool readable = false, writable = false, executable = false;

    [[nodiscard]] constexpr std::uint32_t file_pages_size() const noexcept {
        return file_end - start;
    }
    [[nodiscard]] constexpr std::uint32_t anonymous_size() const noexcept { return end - file_end; }
    /// The last file page holds bytes of the file that must read as zero (start of .bss).
    [[nodiscard]] constexpr bool has_partial_page() const noexcept { return zero_from < file_end; }
};

/// Everything exec needs to know about an executable.
struct LoadPlan {
    static constexpr std::size_t max_segments = 16;

    std::array<LoadSegment, max_segments> segments{};
    std::size_t segment_count = 0;
    VirtAddr entry;
    VirtAddr program_headers;  ///< where they end up in memory, for AT_PHDR; 0 if not loaded
    std::uint32_t program_header_count = 0;
    VirtAddr load_base;  ///< what was added to every address (0 for ET_EXEC)
    VirtAddr brk_start;  ///< first page behind the highest segment
    bool executable_stack = false;

    [[nodiscard]] std::span<const LoadSegment> loads() const noexcept {
        return {segments.data(), segment_count};
    }
};

/// Lowest address a program may ask for; below it a null pointer with an offset must fault.
inline constexpr VirtAddr lowest_user_address{0x1000};
/// Where a static position-independent executable goes.
inline constexpr VirtAddr position_independent_base{0x5655'5000};
/// Room that must stay free between a program and user_end, for the stack.
inline constexpr std::uint32_t reserved_top = 0x0100'0000;

/// The program headers' place in the file: what to read before `plan_load`.
struct ProgramHeaderExtent {
    std::uint32_t offset = 0;
    std::uint32_t count = 0;
    [[nodiscard]] constexpr std::uint32_t bytes() const noexcept {
        return count * static_cast<std::uint32_t>(sizeof(Elf32_Phdr));
    }
};

inline constexpr std::uint32_t max_program_headers = 64;

namespace detail {

inline bool is_our_machine(const Elf32_Ehdr& h) noexcept {
    return std::memcmp(h.e_ident, ELFMAG, SELFMAG) == 0 && h.e_ident[EI_CLASS] == ELFCLASS32 &&
           h.e_ident[EI_DATA] == ELFDATA2LSB && h.e_ident[EI_VERSION] == EV_CURRENT &&
           h.e_machine == EM_386 && (h.e_type == ET_EXEC || h.e_type == ET_DYN);
}

/// Checks one PT_LOAD and turns it into a segment. 64-bit sums: no input can wrap them.
inline Result<LoadSegment> plan_segment(const Elf32_Phdr& p, std::uint32_t base,
                                        std::uint64_t file_size) noexcept {
    const std::uint64_t start = std::uint64_t{base} + p.p_vaddr;
    const std::uint64_t memory_end = start + p.p_memsz;
    const std::uint64_t limit = hal::user_end.value() - reserved_top;
    const bool fits_file = std::uint64_t{p.p_offset} + p.p_filesz <= file_size;
    const bool congruent = (p.p_vaddr & page_mask) == (p.p_offset & page_mask);
    if (p.p_filesz > p.p_memsz || !fits_file || (p.p_filesz != 0 && !congruent) ||
        start < lowest_user_address.value() || memory_end > limit) {
        return fail(Errc::not_executable);
    }
    const VirtAddr first = VirtAddr(static_cast<std::uint32_t>(start)).page_base();
    const VirtAddr data_end(static_cast<std::uint32_t>(start + p.p_filesz));
    LoadSegment s;
    s.start = first;
    s.zero_from = data_end;
    s.file_end = p.p_filesz == 0 ? first : data_end.page_ceiling();
    if (p.p_filesz == 0) {
        s.zero_from = first;
    }
    s.end = VirtAddr(static_cast<std::uint32_t>(memory_end)).page_ceiling();
    s.file_offset = p.p_offset & ~page_mask;
    s.readable = (p.p_flags & PF_R) != 0;
    s.writable = (p.p_flags & PF_W) != 0;
    s.executable = (p.p_flags & PF_X) != 0;
    // Zeroing the tail of a page that the program cannot write would need a private copy for
    // nothing: no linker makes such a file.
    if (p.p_memsz > p.p_filesz && !s.writable) {
        return fail(Errc::not_executable);
    }
    return s;
}

}  // namespace detail

/// Checks the ELF header. `head` is the start of the file, at least sizeof(Elf32_Ehdr) bytes.
/// Error: not_executable.
[[nodiscard]] inline Result<ProgramHeaderExtent> find_program_headers(
    std::span<const std::byte> head, std::uint64_t file_size) noexcept {
    Elf32_Ehdr h;
    if (head.size() < sizeof h) {
        return fail(Errc::not_executable);
    }
    std::memcpy(&h, head.data(), sizeof h);
    const ProgramHeaderExtent extent{h.e_phoff, h.e_phnum};
    if (!detail::is_our_machine(h) || h.e_phentsize != sizeof(Elf32_Phdr) || extent.count == 0 ||
        extent.count > max_program_headers ||
        std::uint64_t{extent.offset} + extent.bytes() > file_size) {
        return fail(Errc::not_executable);
    }
    return extent;
}

/// The load plan. `head` as above, `headers` the bytes that find_program_headers() named.
/// Segments come out in ascending, non-overlapping order, as the ELF specification demands.
/// Error: not_executable (malformed, dynamic, or outside user space).
[[nodiscard]] inline Result<LoadPlan> plan_load(std::span<const std::byte> head,
                                                std::span<const std::byte> headers,
                                                std::uint64_t file_size) noexcept {
    const ProgramHeaderExtent extent = TRY(find_program_headers(head, file_size));
    if (headers.size() < extent.bytes()) {
        return fail(Errc::not_executable);
    }
    Elf32_Ehdr h;
    std::memcpy(&h, head.data(), sizeof h);
    LoadPlan plan;
    plan.load_base = h.e_type == ET_DYN ? position_independent_base : VirtAddr(0);
    plan.program_header_count = extent.count;
    VirtAddr previous_end;
    bool entry_is_code = false;
    const VirtAddr entry = plan.load_base + h.e_entry;
    for (std::uint32_t i = 0; i < extent.count; ++i) {
        Elf32_Phdr p;
        std::memcpy(&p, headers.data() + i * sizeof p, sizeof p);
        if (p.p_type == PT_INTERP) {
            return fail(Errc::not_executable);  // dynamic linking is a later tier
        }
        if (p.p_type == PT_GNU_STACK) {
            plan.executable_stack = (p.p_flags & PF_X) != 0;
        }
        if (p.p_type != PT_LOAD || p.p_memsz == 0) {
            continue;
        }
        const LoadSegment s = TRY(detail::plan_segment(p, plan.load_base.value(), file_size));
        if (plan.segment_count == LoadPlan::max_segments || s.start < previous_end) {
            return fail(Errc::not_executable);
        }
        previous_end = s.end;
        plan.segments[plan.segment_count++] = s;
        entry_is_code |= s.executable && entry >= s.start && entry < s.end;
        const bool holds_headers =
            p.p_offset <= extent.offset &&
            std::uint64_t{extent.offset} + extent.bytes() <= std::uint64_t{p.p_offset} + p.p_filesz;
        if (holds_headers) {
            plan.program_headers = plan.load_base + p.p_vaddr + (extent.offset - p.p_offset);
        }
    }
    if (!entry_is_code) {
        return fail(Errc::not_executable);
    }
    plan.entry = entry;
    plan.brk_start = previous_end;
    return plan;
}

}  // namespace kidney::kernel
