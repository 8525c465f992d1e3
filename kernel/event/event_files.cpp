#include "kernel/event/event_files.hpp"

#include "kernel/boot_object.hpp"

#include <algorithm>

namespace kidney::kernel {
namespace {

constinit BootObject<EventFiles> files;

}  // namespace

void start_event_files() noexcept {
    files.create(heap(), most_watches());
}

EventFiles& event_files() noexcept {
    return files.get();
}

std::uint32_t most_watches() noexcept {
    // As Linux: the items of one user take a twenty-fifth of the memory at most.
    constexpr std::size_t part = 25;
    const std::size_t bytes = std::min(frames().total_frames(), std::size_t{1} << 18U) * page_size;
    return static_cast<std::uint32_t>(bytes / part / sizeof(fs::EventItem<EventFiles>));
}

}  // namespace kidney::kernel
