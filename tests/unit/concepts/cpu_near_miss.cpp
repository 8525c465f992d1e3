/// Types that break one requirement of `hal::Cpu`, `hal::Mmu` or `hal::PhysMap` each.
#include "kidney/hal/cpu.hpp"
#include "kidney/hal/mmu.hpp"
#include "kidney/hal/phys_map.hpp"
#include "sim/cpu.hpp"

namespace kidney {
namespace {

struct Good : sim::Cpu {};
static_assert(hal::Cpu<Good>);

struct IdIsANumber : sim::Cpu {
    static std::uint32_t id() noexcept;
};
struct DisableForgetsTheState : sim::Cpu {
    static void interrupts_disable() noexcept;
};
struct RestoreTakesABool : sim::Cpu {
    enum class Other : bool {};
    static void interrupts_restore(Other) noexcept;
};
struct EntryMayThrow : sim::Cpu {
    static void prepare_context(Context&, std::span<std::byte>, void (*)(void*), void*);
};
struct SwitchMayThrow : sim::Cpu {
    static void switch_context(Context&, Context&);
};
struct NoMessages : sim::Cpu {
    static void send_reschedule(CpuId) noexcept = delete;
};
struct RanksByValue : sim::Cpu {
    static HeldRanks held_ranks() noexcept;
};
static_assert(!hal::Cpu<IdIsANumber> && !hal::CpuIdentity<IdIsANumber>);
static_assert(!hal::Cpu<DisableForgetsTheState> && !hal::InterruptFlag<DisableForgetsTheState>);
static_assert(!hal::Cpu<RestoreTakesABool>);
static_assert(!hal::Cpu<EntryMayThrow> && !hal::ContextSwitcher<EntryMayThrow>);
static_assert(!hal::Cpu<SwitchMayThrow>);
static_assert(!hal::Cpu<NoMessages> && !hal::Rescheduler<NoMessages>);
static_assert(!hal::Cpu<RanksByValue> && !hal::RankKeeper<RanksByValue>);

struct FencesOne {
    static void fence_everywhere(CpuId) noexcept;
};
struct FenceMayThrow {
    static void fence_everywhere();
};
static_assert(!hal::RemoteFence<FencesOne>);
static_assert(!hal::RemoteFence<FenceMayThrow>);

struct Window {
    std::span<std::byte, page_size> bytes() const noexcept;
};
struct GoodMap {
    Window window(FrameNumber) noexcept;
    bool is_direct(FrameNumber) noexcept;
    std::span<std::byte, page_size> direct(FrameNumber) noexcept;
};
static_assert(hal::PhysMap<GoodMap>);

struct WindowOfUnknownSize {
    struct Loose {
        std::span<std::byte> bytes() const noexcept;
    };
    Loose window(FrameNumber) noexcept;
    bool is_direct(FrameNumber) noexcept;
    std::span<std::byte, page_size> direct(FrameNumber) noexcept;
};
struct MapsAddresses : GoodMap {
    Window window(PhysAddr) noexcept;
};
static_assert(!hal::PhysMap<WindowOfUnknownSize>);
static_assert(!hal::PhysMap<MapsAddresses>);

}  // namespace
}  // namespace kidney
