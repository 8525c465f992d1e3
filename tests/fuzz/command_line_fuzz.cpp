/// Any text as a kernel command line: parsed without a word from the sanitizers.
#include "kernel/boot/command_line.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    kidney::kernel::BootOptions options;
    kidney::kernel::command_line::parse({reinterpret_cast<const char*>(data), size}, options);
    return 0;
}
