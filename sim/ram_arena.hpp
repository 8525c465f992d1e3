/// Physical memory of the simulated machine: a model of `hal::PhysMap` over anonymous host memory.
///
/// Frame n is n pages into the arena, aligned as in the kernel's direct map. The first
/// `direct_frames` are direct; the others, like RAM above 896 MiB, can only be reached through
/// windows. Windows are counted, so that a test can show that none is open where code might sleep,
/// and must close in reverse order, as the kernel's do.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/hal/phys_map.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/mman.h>

namespace kidney::sim {

class RamArena {
public:
    /// As many windows on non-direct frames as the kernel has for each CPU.
    static constexpr std::uint32_t max_windows = 8;

    explicit RamArena(std::uint32_t frames) noexcept : RamArena(frames, frames) {}
    RamArena(std::uint32_t frames, std::uint32_t direct_frames) noexcept
        : frames_(frames), direct_frames_(direct_frames) {
        // Over-allocated to align to the largest block; untouched pages cost nothing.
        mapped_bytes_ = std::size_t{frames} * page_size + alignment;
        mapped_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        KIDNEY_INVARIANT(mapped_ != MAP_FAILED, "no memory for the arena");
        const auto address = reinterpret_cast<std::uintptr_t>(mapped_);
        base_ = static_cast<std::byte*>(mapped_) + (-address & (alignment - 1));
    }
    ~RamArena() { munmap(mapped_, mapped_bytes_); }
    RamArena(const RamArena&) = delete;
    RamArena& operator=(const RamArena&) = delete;

    class Window {
    public:
        Window(const Window&) = delete;
        Window& operator=(const Window&) = delete;
        ~Window() {
            if (depth_ != 0) {
                KIDNEY_INVARIANT(arena_.open_windows_ == depth_, "windows close in reverse order");
                --arena_.open_windows_;
            }
        }
        [[nodiscard]] std::span<std::byte, page_size> bytes() const noexcept {
            return std::span<std::byte, page_size>(page_, page_size);
        }

    private:
        friend class RamArena;
        Window(RamArena& arena, std::byte* page, std::uint32_t depth) noexcept
            : arena_(arena), page_(page), depth_(depth) {}
        RamArena& arena_;
        std::byte* page_;
        std::uint32_t depth_;  ///< open windows including this one; 0 for direct frames
    };

    [[nodiscard]] bool is_direct(FrameNumber frame) noexcept {
        return frame.value() < direct_frames_;
    }
    [[nodiscard]] std::span<std::byte, page_size> direct(FrameNumber frame) noexcept {
        KIDNEY_INVARIANT(is_direct(frame), "this frame has no direct address");
        return std::span<std::byte, page_size>(page(frame), page_size);
    }
    [[nodiscard]] Window window(FrameNumber frame) noexcept {
        if (is_direct(frame)) {
            return Window(*this, page(frame), 0);
        }
        KIDNEY_INVARIANT(open_windows_ < max_windows, "too many open windows");
        return Window(*this, page(frame), ++open_windows_);
    }

    [[nodiscard]] std::uint32_t frames() const noexcept { return frames_; }
    [[nodiscard]] std::uint32_t open_windows() const noexcept { return open_windows_; }

private:
    static constexpr std::size_t alignment = std::size_t{4} << 20;
    [[nodiscard]] std::byte* page(FrameNumber frame) const noexcept {
        KIDNEY_INVARIANT(frame.value() < frames_, "no RAM at this address");
        return base_ + std::size_t{frame.value()} * page_size;
    }

    std::uint32_t frames_;
    std::uint32_t direct_frames_;
    void* mapped_ = nullptr;
    std::size_t mapped_bytes_ = 0;
    std::byte* base_ = nullptr;
    std::uint32_t open_windows_ = 0;
};

static_assert(hal::PhysMap<RamArena>);

}  // namespace kidney::sim
