/// A small machine for address-space tests: RAM, counted frames that can fail, a heap that can
/// fail, TLBs that remember, and programs that touch memory.
#pragma once

#include "arch/i686/mm/pae.hpp"
#include "arch/i686/mm/two_level.hpp"
#include "mm/address_space.hpp"
#include "sim/mmu.hpp"
#include "sim/user_memory.hpp"
#include "tests/fakes/fake_heap.hpp"
#include "tests/fakes/fake_page_source.hpp"
#include "tests/fakes/faulty_frames.hpp"
#include "tests/support/memory_machine.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>

namespace kidney::test {

template <hal::PageTableFormat Format>
class SpaceMachine {
public:
    using Frames = fakes::FaultyFrames<MemoryMachine::Frames>;
    using Mappings = mm::ReverseMap<NullLock, NullLock>;
    using Space = mm::AddressSpace<Format, Frames, sim::RamArena, sim::Mmu, fakes::FakeHeap,
                                   NullLock, Mappings>;
    using User = sim::UserMemory<Format, sim::RamArena, Space>;
    using Source = fakes::FakePageSource<Frames, sim::RamArena>;

    /// Three quarters of the frames are outside the direct map, as on a large PC.
    SpaceMachine() : memory_(16384, 4096) {
        sim::Mmu::use(tlbs);
        std::memset(memory_.ram.direct(environment.kernel_root).data(), 0, page_size);
        idle_frames_ = frames.free_frames();
    }

    [[nodiscard]] Ref<Space> new_space() { return *Space::create(environment); }

    /// Switches the current CPU to a space, as the dispatcher does.
    void run_in(Space& space) {
        Space* const before = running_[tlbs.current.value()];
        if (before != &space) {
            space.activate(tlbs.current);
            if (before != nullptr) {
                before->deactivate(tlbs.current);
            }
            running_[tlbs.current.value()] = &space;
        }
        User::use(memory_.ram, space);
    }
    /// All CPUs go back to the kernel's own tables.
    void idle() {
        for (Space* const space : running_) {
            if (space != nullptr) {
                leave(*space);
            }
        }
    }

    /// Every CPU that runs in this space goes back to the kernel's own tables.
    void leave(Space& space) {
        for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
            if (running_[cpu] == &space) {
                running_[cpu] = nullptr;
                tlbs.cpus[cpu] = {};
                space.deactivate(CpuId(cpu));
            }
        }
    }

    /// The running program stores a word; false: it would have been killed.
    bool store(VirtAddr address, std::uint32_t value) {
        return User::copy_out(address, std::as_bytes(std::span(&value, 1))) == sizeof value;
    }
    std::optional<std::uint32_t> load(VirtAddr address) {
        std::uint32_t value = 0;
        if (User::copy_in(std::as_writable_bytes(std::span(&value, 1)), address) != sizeof value) {
            return std::nullopt;
        }
        return value;
    }

    /// Nothing is left of any address space, and no CPU ever used a stale translation.
    void expect_clean() {
        EXPECT_EQ(frames.free_frames(), idle_frames_) << "frames leaked";
        EXPECT_EQ(heap.live_objects(), 0U) << "objects leaked";
        EXPECT_EQ(memory_.ram.open_windows(), 0U);
        EXPECT_EQ(tlbs.stale_uses, 0U) << "a TLB was not told";
    }

    sim::RamArena& ram() { return memory_.ram; }

private:
    MemoryMachine memory_;

public:
    Frames frames{memory_.frames};
    fakes::FakeHeap heap;
    sim::TlbBank tlbs;
    Mappings mappings;
    typename Space::Environment environment{frames, memory_.ram, heap, mappings,
                                            *memory_.frames.allocate(mm::FrameZone::direct)};

private:
    std::array<Space*, max_cpus> running_{};
    std::size_t idle_frames_ = 0;
};

inline constexpr mm::Protection read_only{.read = true, .write = false, .execute = false};
inline constexpr mm::Protection read_write{.read = true, .write = true, .execute = false};
inline constexpr mm::Protection no_access{};

/// A request as mmap() makes it.
inline mm::MapRequest anonymous(std::uint32_t pages, mm::Protection protection = read_write) {
    mm::MapRequest request;
    request.size = pages * page_size;
    request.traits.protection = protection;
    return request;
}
inline mm::MapRequest fixed_at(std::uint32_t address, mm::MapRequest request) {
    request.address = VirtAddr(address);
    request.fixed = true;
    return request;
}
inline mm::MapRequest of_file(Ref<mm::PageSource> source, std::uint32_t pages, bool shared,
                              mm::Protection protection = read_write, std::uint32_t first = 0) {
    mm::MapRequest request = anonymous(pages, protection);
    request.traits.source = std::move(source);
    request.traits.shared = shared;
    request.traits.source_page = first;
    return request;
}

}  // namespace kidney::test
