#include "kernel/exec/loader.hpp"

#include "kernel/process/address_spaces.hpp"

namespace kidney::kernel {
namespace {

/// A mapping at these very addresses.
mm::MapRequest request_for(VirtAddr start, std::uint32_t size, mm::Protection protection) noexcept {
    mm::MapRequest request;
    request.address = start;
    request.size = size;
    request.fixed = true;
    request.traits.protection = protection;
    return request;
}

Status map_segment(AddressSpace& space, const Ref<mm::PageSource>& pages, const LoadSegment& s,
                   std::uint32_t bias) noexcept {
    if (s.file_pages_size() != 0) {
        mm::MapRequest file =
            request_for(s.start + bias, s.file_pages_size(),
                        {.read = s.readable, .write = s.writable, .execute = s.executable});
        file.traits.source = pages;
        file.traits.source_page = s.file_offset >> page_shift;
        TRY(space.map(file));
    }
    // A program that may not write where its .bss begins, or has no file there, is left with that.
    if (s.writable && s.zero_from < s.file_end) {
        Status status = space.fill_zero(s.zero_from + bias, s.file_end - s.zero_from);
        if (!status && status.error() != Errc::out_of_range) {
            return status;
        }
    }
    if (s.anonymous_size() != 0) {
        TRY(space.map(request_for(s.file_end + bias, s.anonymous_size(),
                                  {.read = true, .write = true, .execute = s.executable})));
    }
    return {};
}

/// Where an image goes for which every place is good: as high as there is room.
Result<VirtAddr> find_place(AddressSpace& space, const LoadPlan& plan) noexcept {
    mm::MapRequest request;
    request.size = plan.extent.size + (plan.alignment - page_size);
    if (request.size < plan.extent.size ||
        request.size > mm::user_layout::mmap_ceiling - mm::user_layout::lowest) {
        return fail(Errc::invalid_argument);
    }
    const VirtAddr room = TRY(space.map(request));
    TRY(space.unmap({room, request.size}));
    return align_up(room, plan.alignment);
}

/// What a file's segments became.
struct Image {
    std::uint32_t bias = 0;  ///< to be added to every address in the file
    VirtAddr end;
};

Result<Image> map_image(AddressSpace& space, fs::Vnode& file, const LoadPlan& plan,
                        VirtAddr start) noexcept {
    constexpr VirtAddr lowest = mm::user_layout::lowest;
    constexpr std::uint32_t usual_stack = 8U << 20;
    constexpr VirtAddr highest =
        stack_top - proc::largest_shifts.stack - usual_stack - mm::growth_guard;
    if (start < lowest || start > highest || plan.extent.size > highest - start) {
        return fail(Errc::invalid_argument);
    }
    const Result<Ref<mm::PageSource>> pages = file.pages();
    if (!pages) {
        return fail(pages.error() == Errc::unsuitable_device ? Errc::invalid_argument
                                                             : pages.error());
    }
    const Image image{.bias = start - plan.extent.start, .end = start + plan.extent.size};
    Status status = plan.for_each_segment([&](const LoadSegment& segment) noexcept {
        return map_segment(space, *pages, segment, image.bias);
    });
    TRY(std::move(status));
    return image;
}

constexpr std::uint32_t mapped_at_first = 4 * page_size;  ///< of the stack

Status map_stack(AddressSpace& space, VirtAddr top, bool executable, std::uint32_t size) noexcept {
    mm::MapRequest request = request_for(top - mapped_at_first, mapped_at_first,
                                         {.read = true, .write = true, .execute = executable});
    request.traits.kind = mm::RegionKind::stack;
    request.traits.lowest = (top - std::max(size, mapped_at_first)).page_ceiling();
    TRY(space.map(request));
    return {};
}

Status load_interpreter(LoadedProgram& loaded, const ElfFile& interpreter) noexcept {
    const LoadPlan plan = TRY(LoadPlan::of(interpreter.headers()));
    const VirtAddr start = interpreter.headers().is_relocatable()
                               ? TRY(find_place(*loaded.memory, plan))
                               : plan.extent.start;
    const Image image = TRY(map_image(*loaded.memory, interpreter.node(), plan, start));
    loaded.interpreter_base = VirtAddr(image.bias);
    loaded.start = interpreter.headers().entry() + image.bias;
    return {};
}

Result<LoadedProgram> load(const ElfFile& program, const ElfFile& interpreter, std::uint32_t stack,
                           const proc::LayoutShifts& shifts) noexcept {
    const ElfHeaders& headers = program.headers();
    const LoadPlan plan = TRY(LoadPlan::of(headers));
    LoadedProgram loaded;
    loaded.memory = TRY(AddressSpace::create(memory_environment(),
                                             mm::user_layout::mmap_ceiling - shifts.mappings));
    AddressSpace& space = *loaded.memory;
    VirtAddr start = plan.extent.start;
    if (headers.is_relocatable()) {
        // A loader that is started by its name must keep away from where programs go.
        start = interpreter ? align_up(position_independent_base + shifts.image, plan.alignment)
                            : TRY(find_place(space, plan));
    }
    const Image image = TRY(map_image(space, program.node(), plan, start));
    loaded.stack_top = stack_top - shifts.stack;
    TRY(map_stack(space, loaded.stack_top, headers.stack() != StackRights::data_only, stack));
    loaded.start = loaded.entry = headers.entry() + image.bias;
    loaded.program_headers = plan.program_headers + image.bias;
    loaded.program_header_count = headers.count();
    if (interpreter) {
        TRY(load_interpreter(loaded, interpreter));
    }
    // Above a program that lies among the mappings there is no room for a heap.
    const bool has_room_above = interpreter || !headers.is_relocatable();
    const VirtAddr heap = has_room_above ? image.end : position_independent_base;
    space.set_break_start(heap + shifts.heap);
    return loaded;
}

}  // namespace

Result<LoadedProgram> load_program(const ElfFile& program, const ElfFile& interpreter,
                                   std::uint32_t stack, const proc::LayoutShifts& shifts) noexcept {
    Result<LoadedProgram> loaded = load(program, interpreter, stack, shifts);
    if (!loaded) {
        const bool is_ours = loaded.error() == Errc::no_memory || loaded.error() == Errc::io_error;
        return fail(is_ours ? loaded.error() : Errc::invalid_argument);
    }
    return loaded;
}

}  // namespace kidney::kernel
