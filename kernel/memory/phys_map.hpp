/// The kernel's model of `hal::PhysMap`: the direct map, and per-CPU windows on the frames above
/// it.
#pragma once

#include "kernel/memory/kernel_map.hpp"
#include "kernel/memory/layout.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/hal/mmu.hpp"
#include "kidney/hal/phys_map.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <utility>

namespace kidney::kernel {

/// Windows are slots of the executing CPU, taken and given back like a stack. While one is open on
/// a high frame, preemption is off (`Preemption::disable/enable`), so the holder stays on its CPU
/// and must not sleep. Interrupt handlers open none.
template <class Map, hal::CpuIdentity Cpu, hal::Mmu Mmu, class Preemption, class Pages>
class KernelPhysMap {
public:
    explicit constexpr KernelPhysMap(Map& map) noexcept : map_(map) {}

    class Window {
    public:
        Window(const Window&) = delete;
        Window& operator=(const Window&) = delete;
        ~Window() {
            if (owner_ != nullptr) {
                owner_->close(page_);
            }
        }
        [[nodiscard]] std::span<std::byte, page_size> bytes() const noexcept {
            return std::span<std::byte, page_size>(page_, page_size);
        }

    private:
        friend class KernelPhysMap;
        explicit Window(std::byte* direct) noexcept : page_(direct) {}
        Window(KernelPhysMap& owner, std::byte* page) noexcept : owner_(&owner), page_(page) {}
        KernelPhysMap* owner_ = nullptr;
        std::byte* page_;
    };

    [[nodiscard]] bool is_direct(FrameNumber frame) const noexcept {
        return frame.value() < layout::direct_map_size / page_size;
    }
    [[nodiscard]] std::span<std::byte, page_size> direct(FrameNumber frame) const noexcept {
        KIDNEY_ASSERT(is_direct(frame));
        return std::span<std::byte, page_size>(direct_pointer(frame), page_size);
    }
    static void clear_page(std::span<std::byte, page_size> page) noexcept { Pages::clear(page); }
    static void copy_page(std::span<std::byte, page_size> to,
                          std::span<const std::byte, page_size> from) noexcept {
        Pages::copy(to, from);
    }
    [[nodiscard]] Window window(FrameNumber frame) noexcept {
        if (is_direct(frame)) [[likely]] {
            return Window(direct_pointer(frame));
        }
        Preemption::disable();
        const std::uint32_t cpu = Cpu::id().value();
        const std::uint32_t slot = open_[cpu]++;
        KIDNEY_INVARIANT(slot < layout::windows_per_cpu, "too many open windows on high memory");
        const VirtAddr page =
            layout::windows.start + (cpu * layout::windows_per_cpu + slot) * page_size;
        map_.set(page, frame, hal::PageFlags{.writable = true});
        return Window(*this, reinterpret_cast<std::byte*>(page.value()));
    }

private:
    void close(std::byte* page) noexcept {
        const VirtAddr address(static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(page)));
        map_.clear(address);
        Mmu::invalidate(VirtRange{address, page_size});
        --open_[Cpu::id().value()];
        Preemption::enable();
    }

    Map& map_;
    std::array<std::uint32_t, max_cpus> open_{};
};

}  // namespace kidney::kernel
