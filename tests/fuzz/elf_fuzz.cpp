/// Any bytes as an executable: the load plan is refused, or lies inside user space.
#include "proc/exec/elf.hpp"

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
    const auto table = proc::ElfHeaders::locate(file);
    if (!table || std::uint64_t{table->offset} + table->size > size) {
        return 0;
    }
    const proc::ElfHeaders headers(file, file.subspan(table->offset, table->size));
    (void)headers.interpreter();
    (void)headers.stack();
    const auto plan = proc::LoadPlan::of(headers);
    if (!plan) {
        return 0;
    }
    require(plan->extent.size != 0 && plan->extent.start.is_page_aligned());
    require(plan->extent.start < plan->extent.end() && plan->extent.end() <= hal::user_end);
    require(plan->alignment >= page_size && (plan->alignment & (plan->alignment - 1)) == 0);
    const Status status = plan->for_each_segment([&](const proc::LoadSegment& segment) {
        require(segment.start >= plan->extent.start && segment.end <= plan->extent.end());
        require(segment.start <= segment.zero_from && segment.zero_from <= segment.file_end);
        require(segment.file_end <= segment.end);
        require(segment.start.is_page_aligned() && segment.file_end.is_page_aligned());
        require(segment.end.is_page_aligned() && (segment.file_offset & page_mask) == 0);
        return Status();
    });
    require(status.has_value());
    return 0;
}
