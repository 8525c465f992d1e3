/// User memory on the simulated machine: what a program's load or store does, faults included.
///
/// Model of `hal::UserMemory`, with the space and the machine installed for the test. Each access
/// goes through the current CPU's TLB and, on a miss or a missing right, through the space's fault
/// handler.
#pragma once

#include "kidney/hal/user_memory.hpp"
#include "sim/mmu.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace kidney::sim {

template <hal::PageTableFormat Format, hal::PhysMap Phys, class Space>
class UserMemory {
public:
    /// From now on "the active space" is this one; the caller keeps both alive.
    static void use(Phys& phys, Space& space) noexcept {
        phys_ = &phys;
        space_ = &space;
    }

    [[nodiscard]] static std::size_t copy_in(std::span<std::byte> to, VirtAddr user) noexcept {
        return for_each_piece(user, to.size(), hal::Access::read,
                              [&](std::span<std::byte> piece, std::size_t done) {
                                  std::memcpy(to.data() + done, piece.data(), piece.size());
                              });
    }
    [[nodiscard]] static std::size_t copy_out(VirtAddr user,
                                              std::span<const std::byte> from) noexcept {
        return for_each_piece(user, from.size(), hal::Access::write,
                              [&](std::span<std::byte> piece, std::size_t done) {
                                  std::memcpy(piece.data(), from.data() + done, piece.size());
                              });
    }
    [[nodiscard]] static std::size_t fill_zero(VirtAddr user, std::size_t length) noexcept {
        return for_each_piece(user, length, hal::Access::write,
                              [](std::span<std::byte> piece, std::size_t) {
                                  std::memset(piece.data(), 0, piece.size());
                              });
    }

private:
    template <class F>
    static std::size_t for_each_piece(VirtAddr user, std::size_t length, hal::Access access,
                                      F&& f) noexcept {
        constexpr int most_faults = 100;
        int faults = 0;
        std::size_t done = 0;
        while (done < length && user < hal::user_end) {
            const auto frame = Mmu::translate<Format>(*phys_, user, access);
            if (!frame) {
                // The program tries again, as after a real fault: on a machine with several CPUs
                // another thread may have taken the right away meanwhile.
                if (!space_->handle_fault({user, access, false, true})) {
                    break;
                }
                KIDNEY_INVARIANT(++faults < most_faults, "a resolved fault happens again");
                continue;
            }
            faults = 0;
            const std::size_t size =
                std::min<std::size_t>(length - done, page_size - user.page_offset());
            const auto window = phys_->window(*frame);
            f(std::span<std::byte>(window.bytes()).subspan(user.page_offset(), size), done);
            done += size;
            user += static_cast<std::uint32_t>(size);
        }
        return done;
    }
    static inline constinit Phys* phys_ = nullptr;
    static inline constinit Space* space_ = nullptr;
};

}  // namespace kidney::sim
