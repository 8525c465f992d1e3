#include "arch/i686/context/context.hpp"

#include <cstdint>

namespace kidney::arch {

extern "C" void start_of_context() noexcept;  // switch.S

void prepare_context(Context& context, std::span<std::byte> stack, hal::ContextEntry entry,
                     void* argument) noexcept {
    // What switch_stacks() will pop, lowest address first; start_of_context finds the entry in EBX
    // and its argument in ESI.
    struct Prepared {
        void* edi = nullptr;
        void* esi = nullptr;
        hal::ContextEntry ebx = nullptr;
        void* ebp = nullptr;  // null ends backtraces
        void (*return_to)() noexcept = start_of_context;
    };
    const auto end = reinterpret_cast<std::uintptr_t>(stack.data() + stack.size());
    auto* const prepared =
        reinterpret_cast<Prepared*>((end & ~std::uintptr_t{15}) - sizeof(Prepared));
    *prepared = Prepared{.esi = argument, .ebx = entry};
    context.stack_pointer = prepared;
}

}  // namespace kidney::arch
