/// Any bytes as an executable: the load plan is refused, or lies inside user space.
#include "kernel/exec/elf.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

using namespace kidney;

namespace {

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span file{reinterpret_cast<const std::byte*>(data), size};
    const auto extent = kernel::find_program_headers(file, size);
    if (!extent) {
        return 0;
    }
    const auto headers = file.subspan(extent->offset, extent->bytes());
    const auto plan = kernel::plan_load(file, headers, size);
    if (!plan) {
        return 0;
    }
    VirtAddr previous_end = kernel::lowest_user_address;
    for (const kernel::LoadSegment& segment : plan->loads()) {
        require(segment.start >= previous_end);
        require(segment.start <= segment.zero_from && segment.zero_from <= segment.end);
        require(segment.start.is_page_aligned() && segment.end.is_page_aligned());
        require(segment.end <= VirtAddr(0xC000'0000));
        previous_end = segment.end;
    }
    require(plan->brk_start == previous_end);
    return 0;
}
