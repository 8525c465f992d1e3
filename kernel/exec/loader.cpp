#include "kernel/exec/loader.hpp"

#include "kernel/process/address_spaces.hpp"

namespace kidney::kernel {
namespace {

mm::Protection protection_of(const LoadSegment& s) noexcept {
    return {.read = s.readable, .write = s.writable, .execute = s.executable};
}

Status map_at(AddressSpace& space, VirtAddr start, std::uint32_t size,
              mm::RegionTraits traits) noexcept {
    mm::MapRequest request;
    request.address = start;
    request.size = size;
    request.fixed = true;
    request.traits = std::move(traits);
    const Result<VirtAddr> at = space.map(request);
    if (!at) {
        // Addresses that may not be mapped are the file's fault, not the caller's.
        return fail(at.error() == Errc::no_memory ? Errc::no_memory : Errc::not_executable);
    }
    return {};
}

Status map_segment(AddressSpace& space, const Ref<mm::PageSource>& pages,
                   const LoadSegment& s) noexcept {
    if (s.file_pages_size() != 0) {
        mm::RegionTraits traits;
        traits.protection = protection_of(s);
        traits.source = pages;
        traits.source_page = s.file_offset >> page_shift;
        TRY(map_at(space, s.start, s.file_pages_size(), std::move(traits)));
    }
    if (s.anonymous_size() != 0) {
        mm::RegionTraits traits;
        traits.protection = protection_of(s);
        TRY(map_at(space, s.file_end, s.anonymous_size(), std::move(traits)));
    }
    if (s.writable && s.has_partial_page()) {
        TRY(space.fill_zero(s.zero_from, s.file_end - s.zero_from));
    }
    return {};
}

Status map_stack(AddressSpace& space, bool executable) noexcept {
    constexpr std::uint32_t mapped_at_first = 4 * page_size;
    mm::RegionTraits traits;
    traits.protection = {.read = true, .write = true, .execute = executable};
    traits.kind = mm::RegionKind::stack;
    traits.lowest = stack_top - stack_size;
    return map_at(space, stack_top - mapped_at_first, mapped_at_first, std::move(traits));
}

}  // namespace

Result<Ref<AddressSpace>> build_address_space(fs::Vnode& file, const LoadPlan& plan) noexcept {
    const Result<Ref<mm::PageSource>> pages = file.pages();
    if (!pages) {
        return fail(pages.error() == Errc::no_device ? Errc::not_executable : pages.error());
    }
    Ref<AddressSpace> space = TRY(AddressSpace::create(memory_environment()));
    for (const LoadSegment& segment : plan.loads()) {
        TRY(map_segment(*space, *pages, segment));
    }
    TRY(map_stack(*space, plan.executable_stack));
    space->set_break_start(plan.brk_start);
    return space;
}

}  // namespace kidney::kernel
