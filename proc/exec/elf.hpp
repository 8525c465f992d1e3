/// Reading ELF32 programs: file bytes in, checked values out.
///
/// Pure: the bytes of the header and of the program headers are arguments, nothing is mapped here.
/// kernel/exec/loader.cpp carries a plan out. Every field is hostile until it has been checked. Two
/// kinds of errors, because execve(2) tells its caller about the first only: `not_executable` (no
/// program for this machine) and `invalid_argument` (one, but it cannot be laid out in memory).
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"
#include "kidney/hal/user_memory.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <optional>
#include <span>

namespace kidney::proc {

/// Bytes [offset, offset + size) of a file.
struct FileExtent {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
};

/// What PT_GNU_STACK says. A program without one is from before such a thing was known.
enum class StackRights : std::uint8_t { unspecified, executable, data_only };

/// The headers of an ELF file for this machine. A view: the bytes of the program headers stay with
/// the caller.
class ElfHeaders {
public:
    static constexpr std::uint32_t max_count = page_size / sizeof(Elf32_Phdr);  ///< as in Linux
    static constexpr Elf32_Half machine_486 = 6;  ///< as old tools numbered it

    /// Where the program headers lie in a file that begins with `head`; a shorter one is as if
    /// zeros followed. Error: not_executable.
    [[nodiscard]] static Result<FileExtent> locate(std::span<const std::byte> head) noexcept {
        const Elf32_Ehdr h = header_in(head);
        const bool is_ours = std::memcmp(h.e_ident, ELFMAG, SELFMAG) == 0 &&
                             (h.e_machine == EM_386 || h.e_machine == machine_486);
        if (!is_ours || h.e_phentsize != sizeof(Elf32_Phdr) || h.e_phnum == 0 ||
            h.e_phnum > max_count) {
            return fail(Errc::not_executable);
        }
        return FileExtent{h.e_phoff, h.e_phnum * static_cast<std::uint32_t>(sizeof(Elf32_Phdr))};
    }

    ElfHeaders() noexcept = default;
    /// `table` is what locate(head) named.
    ElfHeaders(std::span<const std::byte> head, std::span<const std::byte> table) noexcept
        : header_(header_in(head)), table_(table) {}

    /// Not an object file, a core dump, ...
    [[nodiscard]] bool is_program() const noexcept {
        return header_.e_type == ET_EXEC || header_.e_type == ET_DYN;
    }
    /// Goes where the loader wants, not where its addresses say.
    [[nodiscard]] bool is_relocatable() const noexcept { return header_.e_type == ET_DYN; }
    [[nodiscard]] VirtAddr entry() const noexcept { return VirtAddr(header_.e_entry); }
    [[nodiscard]] std::uint32_t table_offset() const noexcept { return header_.e_phoff; }
    [[nodiscard]] std::uint32_t count() const noexcept {
        return static_cast<std::uint32_t>(table_.size() / sizeof(Elf32_Phdr));
    }
    [[nodiscard]] Elf32_Phdr operator[](std::uint32_t n) const noexcept {
        Elf32_Phdr p;
        std::memcpy(&p, table_.data() + n * sizeof p, sizeof p);
        return p;
    }

    /// The path of the program's interpreter (the dynamic loader), with its NUL, if there is one.
    [[nodiscard]] std::optional<FileExtent> interpreter() const noexcept {
        for (std::uint32_t n = 0; n < count(); ++n) {
            if (const Elf32_Phdr p = (*this)[n]; p.p_type == PT_INTERP) {
                return FileExtent{p.p_offset, p.p_filesz};
            }
        }
        return std::nullopt;
    }
    [[nodiscard]] StackRights stack() const noexcept {
        StackRights rights = StackRights::unspecified;
        for (std::uint32_t n = 0; n < count(); ++n) {
            if (const Elf32_Phdr p = (*this)[n]; p.p_type == PT_GNU_STACK) {
                rights = (p.p_flags & PF_X) != 0 ? StackRights::executable : StackRights::data_only;
            }
        }
        return rights;
    }

private:
    [[nodiscard]] static Elf32_Ehdr header_in(std::span<const std::byte> head) noexcept {
        Elf32_Ehdr h{};
        std::memcpy(&h, head.data(), std::min(head.size(), sizeof h));
        return h;
    }

    Elf32_Ehdr header_{};
    std::span<const std::byte> table_;
};

/// One PT_LOAD, cut into what the file backs and what is zero.
///
///     start          zero_from      file_end         end
///       |  file bytes    |  zeroed     |  anonymous   |       (all but zero_from page-aligned)
struct LoadSegment {
    VirtAddr start;
    VirtAddr file_end;   ///< end of the pages that come from the file
    VirtAddr zero_from;  ///< first byte of those pages that must read as zero
    VirtAddr end;
    std::uint32_t file_offset = 0;  ///< of `start`; page-aligned
    bool readable = false, writable = false, executable = false;

    [[nodiscard]] constexpr std::uint32_t file_pages_size() const noexcept {
        return file_end - start;
    }
    [[nodiscard]] constexpr std::uint32_t anonymous_size() const noexcept { return end - file_end; }

    /// The rules of Linux, so that a file which runs there runs here. Error: invalid_argument.
    [[nodiscard]] static Result<LoadSegment> of(const Elf32_Phdr& p) noexcept {
        constexpr std::uint32_t top = hal::user_end.value();
        if (p.p_vaddr >= top || p.p_filesz > p.p_memsz || p.p_memsz > top - p.p_vaddr) {
            return fail(Errc::invalid_argument);
        }
        const VirtAddr at(p.p_vaddr);
        const VirtAddr data_end = at + p.p_filesz;
        LoadSegment s;
        s.start = s.file_end = s.zero_from = at.page_base();
        s.end = p.p_memsz == 0 ? s.start : (at + p.p_memsz).page_ceiling();
        s.readable = (p.p_flags & PF_R) != 0;
        s.writable = (p.p_flags & PF_W) != 0;
        s.executable = (p.p_flags & PF_X) != 0;
        if (p.p_filesz != 0) {
            s.file_end = s.zero_from = data_end.page_ceiling();
            s.file_offset = p.p_offset - at.page_offset();
            const std::uint32_t size = s.file_pages_size();
            if ((s.file_offset & page_mask) != 0 || s.file_offset + size < s.file_offset) {
                return fail(Errc::invalid_argument);
            }
            if (p.p_memsz > p.p_filesz) {
                s.zero_from = data_end;
            }
        }
        return s;
    }
};

/// How a program lies in memory. Addresses are those of the file; a relocatable one may be moved as
/// a whole.
struct LoadPlan {
    ElfHeaders headers;
    VirtRange extent;             ///< all pages of all segments, and what lies between
    std::uint32_t alignment = 0;  ///< of the extent's start; a power of two, at least a page
    VirtAddr program_headers;     ///< in memory; 0 if no segment has them

    /// Checks every segment. Error: invalid_argument (no program, a segment that cannot be, or
    /// none).
    [[nodiscard]] static Result<LoadPlan> of(const ElfHeaders& headers) noexcept {
        LoadPlan plan{
            .headers = headers, .extent = {}, .alignment = page_size, .program_headers = {}};
        VirtAddr start = hal::user_end;
        VirtAddr end;
        const std::uint32_t table = headers.table_offset();
        for (std::uint32_t n = 0; n < headers.count(); ++n) {
            const Elf32_Phdr p = headers[n];
            if (p.p_type != PT_LOAD) {
                continue;
            }
            const LoadSegment s = TRY(LoadSegment::of(p));
            start = std::min(start, s.start);
            end = std::max(end, s.end);
            if (std::has_single_bit(p.p_align)) {
                plan.alignment = std::max(plan.alignment, p.p_align);
            }
            if (table - p.p_offset < p.p_filesz) {
                plan.program_headers = VirtAddr(p.p_vaddr) + (table - p.p_offset);
            }
        }
        if (start >= end || !headers.is_program()) {
            return fail(Errc::invalid_argument);
        }
        plan.extent = {start, end - start};
        return plan;
    }

    /// Calls f(const LoadSegment&) -> Status for each segment, in the order of the file: a later
    /// one replaces what it overlaps.
    template <class F>
    [[nodiscard]] Status for_each_segment(F&& f) const noexcept {
        for (std::uint32_t n = 0; n < headers.count(); ++n) {
            if (const Elf32_Phdr p = headers[n]; p.p_type == PT_LOAD) {
                TRY(f(TRY(LoadSegment::of(p))));
            }
        }
        return {};
    }
};

/// Where position-independent programs go, and the heap of those that go elsewhere.
inline constexpr VirtAddr position_independent_base{0x0040'0000};

/// The first address from `place` on that suits an alignment.
[[nodiscard]] constexpr VirtAddr align_up(VirtAddr place, std::uint32_t alignment) noexcept {
    return VirtAddr((place.value() + (alignment - 1)) & ~(alignment - 1));
}

}  // namespace kidney::proc
