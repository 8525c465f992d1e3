#include "arch/i686/context/fpu.hpp"

#include "arch/i686/cpu/instructions.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace kidney::arch {

namespace {

constexpr std::uint32_t cr0_monitor = 1U << 1;
constexpr std::uint32_t cr0_emulation = 1U << 2;
constexpr std::uint32_t cr0_task_switched = 1U << 3;
constexpr std::uint32_t cr0_numeric_error = 1U << 5;
constexpr std::uint32_t cr4_osfxsr = 1U << 9;
constexpr std::uint32_t cr4_osxmmexcpt = 1U << 10;
constexpr std::uint32_t cpuid_fxsr = 1U << 24;
constexpr std::uint32_t cpuid_sse = 1U << 25;
constexpr std::uint32_t initial_mxcsr = 0x1f80;
constexpr std::size_t mxcsr_at = 24;
constexpr std::size_t mxcsr_mask_at = 28;
constexpr std::uint32_t default_mxcsr_mask = 0xffbf;
constexpr std::uint32_t all_errors = 0x3f;

/// The same on every CPU of the machine; written by the boot CPU before the others start.
constinit bool fxsave_available = false;
constinit std::uint32_t mxcsr_mask = 0;  ///< 0: no SSE
constinit FpuState initial_state;

}  // namespace

namespace detail {
constinit bool sse_available = false;
}  // namespace detail

void initialise_fpu() noexcept {
    const std::uint32_t features = cpuid(1).edx;
    fxsave_available = (features & cpuid_fxsr) != 0;
    const bool has_sse = fxsave_available && (features & cpuid_sse) != 0;
    write_cr0((read_cr0() & ~(cr0_emulation | cr0_task_switched)) | cr0_monitor |
              cr0_numeric_error);
    if (fxsave_available) {
        write_cr4(read_cr4() | cr4_osfxsr | (has_sse ? cr4_osxmmexcpt : 0));
    }
    fninit();
    if (has_sse) {
        ldmxcsr(initial_mxcsr);
    }
    FpuState state;
    state.save();
    std::array<std::byte, FpuState::size> image;
    std::ranges::copy(state.bytes(), image.begin());
    detail::sse_available = has_sse;
    if (has_sse) {
        std::memcpy(&mxcsr_mask, image.data() + mxcsr_mask_at, sizeof mxcsr_mask);
        mxcsr_mask = mxcsr_mask == 0 ? default_mxcsr_mask : mxcsr_mask;
    }
    // fninit leaves the data registers alone; what firmware had in them is no program's business.
    const std::size_t registers_at = fxsave_available ? 32 : 28;
    std::fill(image.begin() + registers_at, image.end(), std::byte{0});
    std::ranges::copy(image, initial_state.bytes_.begin());
}

bool has_fxsave() noexcept {
    return fxsave_available;
}

FpuState FpuState::initial() noexcept {
    return initial_state;
}

void FpuState::load_initial() noexcept {
    initial_state.load();
}

void FpuState::save() noexcept {
    if (fxsave_available) {
        fxsave(bytes_.data());
    } else {
        fnsave(bytes_.data());
        frstor(bytes_.data());  // fnsave empties the registers
    }
}

namespace {

void load_image(const std::byte* image) noexcept {
    if (fxsave_available) {
        fxrstor(image);
    } else {
        fnclex();  // frstor would first report an error that is pending in the registers
        frstor(image);
    }
}

}  // namespace

void FpuState::load() const noexcept {
    load_image(bytes_.data());
}

void FpuState::load_foreign(std::span<std::byte, size> image) noexcept {
    if (fxsave_available) {
        std::uint32_t mxcsr = 0;
        std::memcpy(&mxcsr, image.data() + mxcsr_at, sizeof mxcsr);
        mxcsr &= mxcsr_mask;
        std::memcpy(image.data() + mxcsr_at, &mxcsr, sizeof mxcsr);
    }
    load_image(image.data());
}

std::uint32_t FpuState::x87_errors() const noexcept {
    const std::size_t status_at = fxsave_available ? 2 : 4;
    std::uint16_t control = 0;
    std::uint16_t status = 0;
    std::memcpy(&control, bytes_.data(), sizeof control);
    std::memcpy(&status, bytes_.data() + status_at, sizeof status);
    return status & ~std::uint32_t{control} & all_errors;
}

std::uint32_t FpuState::sse_errors() const noexcept {
    constexpr std::uint32_t masks_at_bit = 7;
    std::uint32_t mxcsr = 0;
    std::memcpy(&mxcsr, bytes_.data() + mxcsr_at, sizeof mxcsr);
    return mxcsr & ~(mxcsr >> masks_at_bit) & all_errors;
}

}  // namespace kidney::arch
