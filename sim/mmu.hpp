/// The MMU of the simulated machine: TLBs that really remember, so that a missing shoot-down shows.
///
/// Each simulated CPU has its own TLB of translations it has used. `translate` first believes the
/// TLB, as hardware does, and compares with the tables: a use of a translation that the tables no
/// longer grant is counted in `stale_uses` (tests expect zero). Model of `hal::Mmu`; its members
/// are static, so the state is a `TlbBank` that the test installs.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/cpu_id.hpp"
#include "kidney/hal/mmu.hpp"
#include "kidney/hal/page_fault.hpp"
#include "kidney/hal/page_table_format.hpp"
#include "kidney/hal/phys_map.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace kidney::sim {

struct Translation {
    FrameNumber frame;
    hal::PageFlags flags;

    [[nodiscard]] bool allows(hal::Access access) const noexcept {
        return flags.user && (access != hal::Access::write || flags.writable) &&
               (access != hal::Access::execute || flags.executable);
    }
};

/// The TLBs of all simulated CPUs.
struct TlbBank {
    struct Tlb {
        PhysAddr root;
        std::map<std::uint32_t, Translation> entries;  ///< by page number
    };
    std::array<Tlb, max_cpus> cpus;
    CpuId current;                      ///< whose TLB is used ...
    CpuId (*ask)() noexcept = nullptr;  ///< ... unless a machine knows (sim::Cpu::id)
    std::size_t stale_uses = 0;   ///< translations used although the tables no longer grant them
    std::size_t shoot_downs = 0;  ///< calls of Mmu::shoot_down

    [[nodiscard]] Tlb& mine() noexcept { return cpus[(ask == nullptr ? current : ask()).value()]; }
};

class Mmu {
public:
    /// Installs the state; the caller keeps it alive.
    static void use(TlbBank& bank) noexcept { bank_ = &bank; }

    static void activate(PhysAddr root) noexcept {
        bank_->mine().root = root;
        bank_->mine().entries.clear();
    }
    static void invalidate(VirtRange range) noexcept { forget(bank_->mine(), range); }
    static void invalidate_all() noexcept { bank_->mine().entries.clear(); }
    static void shoot_down(CpuSet cpus, VirtRange range) noexcept {
        ++bank_->shoot_downs;
        for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
            if (cpus.contains(CpuId(cpu))) {
                forget(bank_->cpus[cpu], range);
            }
        }
    }

    /// What the current CPU's hardware does with an address: the frame, or a fault.
    template <hal::PageTableFormat Format, hal::PhysMap Phys>
    [[nodiscard]] static std::optional<FrameNumber> translate(Phys& phys, VirtAddr address,
                                                              hal::Access access) noexcept {
        TlbBank::Tlb& tlb = bank_->mine();
        const std::uint32_t page = address.value() >> page_shift;
        const auto walked = walk<Format>(phys, tlb.root, address);
        if (const auto hit = tlb.entries.find(page); hit != tlb.entries.end()) {
            if (hit->second.allows(access)) {
                if (!walked || !walked->allows(access) || walked->frame != hit->second.frame) {
                    ++bank_->stale_uses;
                }
                return hit->second.frame;
            }
            // Intel SDM 4.10.4.1: a page fault forgets the translation of its address.
            tlb.entries.erase(hit);
        }
        if (!walked || !walked->allows(access)) {
            return std::nullopt;
        }
        tlb.entries.emplace(page, *walked);
        return walked->frame;
    }

    /// What the tables say, TLBs aside.
    template <hal::PageTableFormat Format, hal::PhysMap Phys>
    [[nodiscard]] static std::optional<Translation> walk(Phys& phys, PhysAddr root,
                                                         VirtAddr address) noexcept {
        using Entry = typename Format::Entry;
        FrameNumber table = FrameNumber::containing(root);
        for (unsigned level = Format::levels; level-- > 0;) {
            const auto* entries = reinterpret_cast<const Entry*>(phys.direct(table).data());
            const Entry entry = entries[Format::index(level, address)];
            if (!Format::is_present(entry)) {
                return std::nullopt;
            }
            if (level == 0) {
                return Translation{Format::frame_of(entry), Format::flags_of(entry)};
            }
            table = Format::frame_of(entry);
        }
        return std::nullopt;
    }

private:
    static void forget(TlbBank::Tlb& tlb, VirtRange range) noexcept {
        const std::uint32_t first = range.start.value() >> page_shift;
        const std::uint32_t last = (range.start.value() + (range.size - 1)) >> page_shift;
        tlb.entries.erase(tlb.entries.lower_bound(first), tlb.entries.upper_bound(last));
    }
    static inline constinit TlbBank* bank_ = nullptr;
};

static_assert(hal::Mmu<Mmu>);

}  // namespace kidney::sim
