#include "kernel/process/process_table.hpp"

#include "kernel/boot_object.hpp"

namespace kidney::kernel {
namespace {
constinit BootObject<ProcessTable> process_table;
}  // namespace

void create_process_table() noexcept {
    process_table.create();
}
bool has_process_table() noexcept {
    return process_table.is_created();
}
ProcessTable& processes() noexcept {
    return process_table.get();
}
ProcessTable& World::processes() noexcept {
    return process_table.get();
}

}  // namespace kidney::kernel
