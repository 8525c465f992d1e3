/// Frames, heap, page tables and user copies with the real memory management unit.
#include "arch/i686/boot/boot.hpp"
#include "arch/i686/mm/probe.hpp"
#include "kernel/kernel.hpp"
#include "kernel/selftest/self_test.hpp"
#include "tests/laws/counted_frames_laws.hpp"
#include "tests/laws/object_allocator_laws.hpp"
#include "tests/laws/object_cache_laws.hpp"
#include "tests/laws/page_table_format_laws.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace kidney::kernel {
namespace {

void frames_count_references(laws::Report& report) noexcept {
    laws::run_laws<laws::CountedFramesLaws<Frames>>(report, frames());
}

void heap_makes_objects(laws::Report& report) noexcept {
    laws::run_laws<laws::ObjectAllocatorLaws<Heap>>(report, heap(), 1U);
    if constexpr (mm::IsCached<mm::Region, Heap>) {
        laws::run_laws<TypeList<laws::O7<Heap, mm::Region>>>(report, heap(), 1U);
    }
}

void page_format_keeps_its_laws(laws::Report& report) noexcept {
    laws::run_laws<laws::PageTableFormatLaws<PageFormat>>(report, 1U);
}

/// Every frame is reachable, the ones above the direct map through windows, and two windows at a
/// time.
void windows_reach_every_frame(laws::Report& report) noexcept {
    const Result<FrameNumber> a = frames().allocate(mm::FrameZone::any);
    const Result<FrameNumber> b = frames().allocate(mm::FrameZone::any);
    LAW_CHECK(report, a.has_value() && b.has_value());
    if (!a || !b) {
        return;
    }
    {
        const auto first = phys_map().window(*a);
        const auto second = phys_map().window(*b);
        std::ranges::fill(first.bytes(), std::byte{0x5a});
        std::ranges::fill(second.bytes(), std::byte{0xa5});
        LAW_CHECK(report, first.bytes()[page_size - 1] == std::byte{0x5a});
    }
    const auto again = phys_map().window(*a);
    LAW_CHECK(report, again.bytes()[0] == std::byte{0x5a});
    frames().release(*a);
    frames().release(*b);
}

/// No user pointer reaches kernel memory, and nothing that is not mapped stops the kernel.
void user_copies_stop_at_the_border(laws::Report& report) noexcept {
    std::array<std::byte, 64> buffer{};
    for (const std::uint32_t address : {0xC000'0000U, 0xC010'0000U, 0xFFFF'F000U, 0xFFFF'FFF0U}) {
        LAW_CHECK(report, UserMemory::copy_in(buffer, VirtAddr(address)) == 0);
        LAW_CHECK(report, UserMemory::copy_out(VirtAddr(address), buffer) == 0);
        LAW_CHECK(report, UserMemory::fill_zero(VirtAddr(address), buffer.size()) == 0);
    }
    // This thread has no address space: everything below the border is unmapped.
    LAW_CHECK(report, UserMemory::copy_in(buffer, VirtAddr(0x1000)) == 0);
    LAW_CHECK(report, UserMemory::copy_in(buffer, VirtAddr(0xBFFF'FFE0)) == 0);
}

constexpr std::array<std::byte, 16> some_constants{std::byte{1}};
constinit std::array<std::byte, 16> some_variables{std::byte{1}};

void code_and_constants_cannot_be_written(laws::Report& report) noexcept {
    const std::byte local{};
    LAW_CHECK(report, arch::can_write(&local));
    LAW_CHECK(report, arch::can_write(some_variables.data()));
    LAW_CHECK(report, !arch::can_write(some_constants.data()));
    LAW_CHECK(report, !arch::can_write(
                          reinterpret_cast<const void*>(&code_and_constants_cannot_be_written)));
    const arch::ImagePlace image = arch::image_place();
    for (PhysAddr page = image.code; page < image.start + image.size; page = page + page_size) {
        const bool is_fixed = page < image.variables;
        LAW_CHECK(report,
                  arch::can_write(direct_pointer(FrameNumber::containing(page))) != is_fixed);
    }
}

constexpr std::array memory_test_list{
    SelfTest{"frames count references", &frames_count_references},
    SelfTest{"the heap makes objects", &heap_makes_objects},
    SelfTest{"the page-table format keeps its laws", &page_format_keeps_its_laws},
    SelfTest{"windows reach every frame", &windows_reach_every_frame},
    SelfTest{"user copies stop at the border", &user_copies_stop_at_the_border},
    SelfTest{"code and constants cannot be written", &code_and_constants_cannot_be_written},
};

}  // namespace

std::span<const SelfTest> memory_self_tests() noexcept {
    return memory_test_list;
}

}  // namespace kidney::kernel
