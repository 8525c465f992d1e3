#include "arch/i686/cpu/tables.hpp"

#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/trap/trap_frame.hpp"

namespace kidney::arch {

constinit std::array<CpuLocal, max_cpus> cpu_locals{};

namespace {

alignas(8) constinit std::array<GateDescriptor, 256> idt{};

// trap/entry.S
extern "C" const std::uint32_t trap_stubs[256];
extern "C" void double_fault_entry() noexcept;

std::uint32_t address_of(const void* p) noexcept {
    return reinterpret_cast<std::uint32_t>(p);
}

void fill_gdt(CpuLocal& cpu) noexcept {
    using Type = SegmentDescriptor::Type;
    constexpr std::uint32_t all = 0xffff'ffff;
    const auto entry = [&](std::uint16_t selector) -> SegmentDescriptor& {
        return cpu.gdt[selector >> 3];
    };
    const auto memory = [](Type type, Privilege dpl) {
        return SegmentDescriptor::make(0, all, type, dpl);
    };
    const auto task = [](const TaskState& state) {
        return SegmentDescriptor::make(address_of(&state), sizeof(state) - 1, Type::task,
                                       Privilege::kernel);
    };
    entry(selector::kernel_code) = memory(Type::code_execute_read, Privilege::kernel);
    entry(selector::kernel_data) = memory(Type::data_read_write, Privilege::kernel);
    entry(selector::user_code) = memory(Type::code_execute_read, Privilege::user);
    entry(selector::user_data) = memory(Type::data_read_write, Privilege::user);
    entry(selector::cpu_local) = SegmentDescriptor::make(address_of(&cpu), sizeof(cpu) - 1,
                                                         Type::data_read_write, Privilege::kernel);
    entry(selector::task_state) = task(cpu.task_state);
    entry(selector::double_fault_task) = task(cpu.double_fault_state);
}

/// A task of its own, because the usual cause of a double fault is that the stack is gone.
void fill_double_fault_task(CpuLocal& cpu, PhysAddr root) noexcept {
    TaskState& t = cpu.double_fault_state;
    t.cr3 = root.value();
    t.eip = address_of(reinterpret_cast<const void*>(&double_fault_entry));
    t.esp = address_of(cpu.double_fault_stack.data() + cpu.double_fault_stack.size());
    t.eflags = eflags::always_one;
    t.cs = selector::kernel_code;
    t.ds = t.es = t.ss = selector::kernel_data;
    t.fs = selector::cpu_local;
}

GateDescriptor gate_for(std::uint32_t vector) noexcept {
    using Type = GateDescriptor::Type;
    constexpr std::uint32_t breakpoint = 3;
    constexpr std::uint32_t overflow = 4;
    constexpr std::uint32_t double_fault = 8;
    const std::uint32_t handler = trap_stubs[vector];
    switch (vector) {
        case double_fault:
            return GateDescriptor::make(0, selector::double_fault_task, Type::task,
                                        Privilege::kernel);
        case breakpoint:  // int3 and into are for programs, too
        case overflow:
            return GateDescriptor::make(handler, selector::kernel_code, Type::interrupt,
                                        Privilege::user);
        case system_call_vector:  // a trap gate: interrupts stay on
            return GateDescriptor::make(handler, selector::kernel_code, Type::trap,
                                        Privilege::user);
        default:
            return GateDescriptor::make(handler, selector::kernel_code, Type::interrupt,
                                        Privilege::kernel);
    }
}

}  // namespace

void load_cpu_tables(CpuId id, PhysAddr root) noexcept {
    CpuLocal& cpu = cpu_locals[id.value()];
    cpu.self = &cpu;
    cpu.id = id.value();
    cpu.task_state.ss0 = selector::kernel_data;
    fill_double_fault_task(cpu, root);
    fill_gdt(cpu);
    lgdt_and_reload({sizeof(cpu.gdt) - 1, address_of(cpu.gdt.data())}, selector::kernel_code,
                    selector::kernel_data, selector::cpu_local);
    ltr(selector::task_state);
    lldt(0);  // none; a reset leaves one of 64 KiB at address 0 (SDM volume 3, table 9-1)
    if (id == CpuId(0)) {
        for (std::uint32_t vector = 0; vector < idt.size(); ++vector) {
            idt[vector] = gate_for(vector);
        }
    }
    lidt({sizeof(idt) - 1, address_of(idt.data())});
}

}  // namespace kidney::arch
