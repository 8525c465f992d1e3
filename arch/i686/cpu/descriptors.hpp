/// Segment, gate and task-state structures, bit by bit (Intel SDM volume 3, chapters 3, 6 and 7).
/// Pure values: tests check the encodings on the host.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kidney::arch {

enum class Privilege : std::uint8_t { kernel = 0, user = 3 };

/// An 8-byte entry of the GDT.
struct SegmentDescriptor {
    std::uint32_t low = 0;
    std::uint32_t high = 0;

    enum class Type : std::uint8_t {
        data_read_write = 0x12,
        code_execute_read = 0x1a,
        task = 0x09
    };

    /// `limit` counts bytes below 1 MiB, else pages. Type bit 4 is S (code or data).
    [[nodiscard]] static constexpr SegmentDescriptor make(std::uint32_t base, std::uint32_t limit,
                                                          Type type, Privilege dpl) noexcept {
        const bool in_pages = limit > 0xf'ffff;
        const std::uint32_t size = in_pages ? limit >> 12 : limit;
        const auto access = static_cast<std::uint32_t>(type) |
                            static_cast<std::uint32_t>(dpl) << 5 | 1U << 7;  // present
        const std::uint32_t is_memory = type == Type::task ? 0 : 1;          // D: 32-bit segment
        return {(size & 0xffff) | base << 16, (base >> 16 & 0xff) | access << 8 |
                                                  (size & 0xf'0000) | is_memory << 22 |
                                                  (in_pages ? 1U << 23 : 0) | (base & 0xff00'0000)};
    }
    friend constexpr bool operator==(const SegmentDescriptor&, const SegmentDescriptor&) = default;
};
static_assert(sizeof(SegmentDescriptor) == 8);
static_assert(SegmentDescriptor::make(0, 0xffff'ffff, SegmentDescriptor::Type::code_execute_read,
                                      Privilege::kernel) ==
              SegmentDescriptor{0x0000'ffff, 0x00cf'9a00});

/// An 8-byte entry of the IDT.
struct GateDescriptor {
    std::uint32_t low = 0;
    std::uint32_t high = 0;

    /// An interrupt gate turns interrupts off on entry, a trap gate leaves them as they are, a task
    /// gate switches to the task of `selector` and with it to a good stack.
    enum class Type : std::uint8_t { task = 0x5, interrupt = 0xe, trap = 0xf };

    /// `dpl`: the least privilege that may use the gate with an `int` instruction.
    [[nodiscard]] static constexpr GateDescriptor make(std::uint32_t handler,
                                                       std::uint16_t selector, Type type,
                                                       Privilege dpl) noexcept {
        const auto access = static_cast<std::uint32_t>(type) |
                            static_cast<std::uint32_t>(dpl) << 5 | 1U << 7;  // present
        return {std::uint32_t{selector} << 16 | (handler & 0xffff),
                (handler & 0xffff'0000) | access << 8};
    }
    friend constexpr bool operator==(const GateDescriptor&, const GateDescriptor&) = default;
};
static_assert(sizeof(GateDescriptor) == 8);
static_assert(GateDescriptor::make(0xc012'3456, 0x60, GateDescriptor::Type::trap,
                                   Privilege::user) == GateDescriptor{0x0060'3456, 0xc012'ef00});

/// The 32-bit TSS. The kernel uses ss0:esp0 (the stack for traps from user mode), and the whole of
/// it for the double-fault task.
struct TaskState {
    std::uint32_t back_link = 0;
    std::uint32_t esp0 = 0, ss0 = 0, esp1 = 0, ss1 = 0, esp2 = 0, ss2 = 0;
    std::uint32_t cr3 = 0, eip = 0, eflags = 0;
    std::uint32_t eax = 0, ecx = 0, edx = 0, ebx = 0, esp = 0, ebp = 0, esi = 0, edi = 0;
    std::uint32_t es = 0, cs = 0, ss = 0, ds = 0, fs = 0, gs = 0, ldt = 0;
    std::uint16_t debug_trap = 0;
    std::uint16_t io_map_base = sizeof(TaskState);  ///< beyond the limit: no port for user mode
};
static_assert(offsetof(TaskState, esp0) == 4 && offsetof(TaskState, io_map_base) == 102);

}  // namespace kidney::arch
