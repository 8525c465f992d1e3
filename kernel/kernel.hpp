/// The kernel's objects. Each exists once; only kernel/ touches them, engines are handed
/// references.
#pragma once

#include "kernel/boot_object.hpp"
#include "kernel/config.hpp"

namespace kidney::kernel {

/// In the order in which boot creates them (kernel/boot/): each may use those above it.
struct Kernel {
    BootObject<KernelTables> tables;
    BootObject<PhysMap> phys_map;
    BootObject<Frames> frames;
    BootObject<ReclaimingFrames> reclaiming_frames;
    BootObject<Heap> heap;
    BootObject<Stacks> stacks;
    BootObject<ReverseMap> reverse_map;
    BootObject<MemoryEnvironment> memory_environment;
    BootObject<Dispatcher> dispatcher;
    BootObject<PageCache> page_cache;
    BootObject<Vfs> vfs;
};
extern constinit Kernel kernel_objects;

[[nodiscard]] inline KernelTables& kernel_tables() noexcept {
    return kernel_objects.tables.get();
}
[[nodiscard]] inline PhysMap& phys_map() noexcept {
    return kernel_objects.phys_map.get();
}
[[nodiscard]] inline Frames& frames() noexcept {
    return kernel_objects.frames.get();
}
[[nodiscard]] inline ReclaimingFrames& reclaiming_frames() noexcept {
    return kernel_objects.reclaiming_frames.get();
}
[[nodiscard]] inline Heap& heap() noexcept {
    return kernel_objects.heap.get();
}
[[nodiscard]] inline Stacks& stacks() noexcept {
    return kernel_objects.stacks.get();
}
/// What a new AddressSpace is made from.
[[nodiscard]] inline MemoryEnvironment& memory_environment() noexcept {
    return kernel_objects.memory_environment.get();
}
[[nodiscard]] inline Dispatcher& dispatcher() noexcept {
    return kernel_objects.dispatcher.get();
}
[[nodiscard]] inline Vfs& vfs() noexcept {
    return kernel_objects.vfs.get();
}
[[nodiscard]] inline Thread& current_thread() noexcept {
    return Dispatcher::current();
}

}  // namespace kidney::kernel
