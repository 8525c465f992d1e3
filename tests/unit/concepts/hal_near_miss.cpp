/// Types that break one requirement of a hardware contract each: the concept must refuse them.
#include "kidney/hal/page_fault.hpp"
#include "kidney/hal/per_cpu.hpp"
#include "tests/archetypes/hal.hpp"

#include <cstddef>
#include <span>

namespace kidney {
namespace {

using namespace archetypes;

// CharacterSink
struct NoPut {};
struct PutMayThrow {
    void put(char);
};
struct PutReportsSuccess {  // nobody would look: output has nowhere to go on an error
    bool put(char) noexcept;
};
static_assert(!hal::CharacterSink<NoPut>);
static_assert(!hal::CharacterSink<PutMayThrow>);
static_assert(!hal::CharacterSink<PutReportsSuccess>);

// PortIo
struct NoWideRead : PortIoArchetype {
    std::uint32_t read32(std::uint16_t) noexcept = delete;
};
struct ReadsInt : PortIoArchetype {
    int read8(std::uint16_t) noexcept;
};
struct WriteMayThrow : PortIoArchetype {
    void write16(std::uint16_t, std::uint16_t);
};
static_assert(!hal::PortIo<NoWideRead>);
static_assert(!hal::PortIo<ReadsInt>);
static_assert(!hal::PortIo<WriteMayThrow>);

// MmioBus
struct NarrowRegisters : MmioBusArchetype {
    std::uint16_t read32(std::uint32_t) noexcept;
};
static_assert(!hal::MmioBus<NarrowRegisters>);

// InterruptController
struct BareLineNumber {
    struct Line {};
    void enable(Line, hal::Trigger, CpuId) noexcept;
    void disable(Line) noexcept;
    void acknowledge(Line) noexcept;
};
struct NoAcknowledge : InterruptControllerArchetype {
    void acknowledge(hal::IrqLine) noexcept = delete;
};
struct EnableMayFail : InterruptControllerArchetype {
    bool enable(hal::IrqLine, hal::Trigger, CpuId) noexcept;
};
static_assert(!hal::InterruptController<BareLineNumber>);
static_assert(!hal::InterruptController<NoAcknowledge>);
static_assert(!hal::InterruptController<EnableMayFail>);

// Clock and Timer
struct ClockInTicks {
    static std::uint64_t now() noexcept;
};
struct ClockNeedsObject {
    Instant now() noexcept;
};
struct TimerTakesDuration {
    static void arm(Duration) noexcept;
    static void disarm() noexcept;
};
static_assert(!hal::Clock<ClockInTicks>);
static_assert(!hal::Clock<ClockNeedsObject>);
static_assert(!hal::Timer<TimerTakesDuration>);

// CpuPin and PreemptionControl
struct PinTakesCpu {
    explicit PinTakesCpu(CpuId) noexcept;
    PinTakesCpu(const PinTakesCpu&) = delete;
};
struct PinMayThrow {
    PinMayThrow();
    PinMayThrow(const PinMayThrow&) = delete;
};
struct PinIsCopied {};
struct EnableIsMissing {
    static void disable() noexcept;
};
struct DisableMayThrow {
    static void disable();
    static void enable() noexcept;
};
static_assert(!hal::CpuPin<PinTakesCpu>);
static_assert(!hal::CpuPin<PinMayThrow>);
static_assert(!hal::CpuPin<PinIsCopied>);
static_assert(!hal::PreemptionControl<EnableIsMissing>);
static_assert(!hal::PreemptionControl<DisableMayThrow>);

// UserMemory
struct CopiesAllOrNothing {
    static bool copy_in(std::span<std::byte>, VirtAddr) noexcept;
    static bool copy_out(VirtAddr, std::span<const std::byte>) noexcept;
    static bool fill_zero(VirtAddr, std::size_t) noexcept;
};
static_assert(!hal::UserMemory<CopiesAllOrNothing>);

}  // namespace
}  // namespace kidney
