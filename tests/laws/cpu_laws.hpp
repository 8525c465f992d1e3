/// Laws of `hal::Cpu` that one CPU can show by itself: identity, interrupt flag, atomics, contexts.
/// Sleeping, interrupts and messages between CPUs are the dispatcher's tests, here and there.
#pragma once

#include "kidney/core/type_list.hpp"
#include "kidney/hal/cpu.hpp"
#include "tests/laws/report.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::laws {

/// Stack of the second context, at least 8 KiB.
template <hal::Cpu Cpu>
struct CpuC1 {
    static constexpr const char* text = "C1 the identity is constant while interrupts are disabled";
    static void check(Report& report, std::span<std::byte>) noexcept {
        const hal::InterruptState state = Cpu::interrupts_disable();
        const CpuId first = Cpu::id();
        bool same = true;
        for (int i = 0; i < 1000; ++i) {
            same = same && Cpu::id() == first;
        }
        Cpu::interrupts_restore(state);
        LAW_CHECK(report, same);
        LAW_CHECK(report, first.value() < max_cpus);
    }
};

template <hal::Cpu Cpu>
struct CpuC3 {
    static constexpr const char* text = "C3 disable and restore nest";
    static void check(Report& report, std::span<std::byte>) noexcept {
        const bool before = Cpu::interrupts_enabled();
        const hal::InterruptState outer = Cpu::interrupts_disable();
        LAW_CHECK(report, !Cpu::interrupts_enabled());
        const hal::InterruptState inner = Cpu::interrupts_disable();
        LAW_CHECK(report, inner == hal::InterruptState::disabled);
        Cpu::interrupts_restore(inner);
        LAW_CHECK(report, !Cpu::interrupts_enabled());
        Cpu::interrupts_restore(outer);
        LAW_CHECK(report, Cpu::interrupts_enabled() == before);
    }
};

template <hal::Cpu Cpu>
struct CpuC5 {
    static constexpr const char* text = "C5 atomics have std::atomic's meaning";
    static void check(Report& report, std::span<std::byte>) noexcept {
        typename Cpu::template Atomic<std::uint32_t> a{5};
        LAW_CHECK(report, a.load() == 5);
        a.store(6);
        LAW_CHECK(report, a.exchange(7) == 6);
        LAW_CHECK(report, a.fetch_add(~0U) == 7 && a.load() == 6);
        std::uint32_t expected = 1;
        LAW_CHECK(report, !a.compare_exchange_strong(expected, 9) && expected == 6);
        LAW_CHECK(report, a.compare_exchange_strong(expected, 9) && a.load() == 9);
    }
};

namespace detail {
/// Two contexts that count in turns.
template <class Cpu>
struct Game {
    static constexpr std::uint32_t rounds = 500;
    typename Cpu::Context here;
    typename Cpu::Context there;
    std::uint32_t answers = 0;
    bool began_disabled = false;

    static void answer(void* argument) noexcept {
        auto& game = *static_cast<Game*>(argument);
        game.began_disabled = !Cpu::interrupts_enabled();
        // Enough live values that some are in callee-saved registers.
        std::uint32_t a = 1;
        std::uint32_t b = 2;
        std::uint32_t c = 3;
        for (;;) {
            game.answers += a + 1 == b && b + 1 == c ? 1 : 0;
            Cpu::switch_context(game.there, game.here);
            ++a;
            ++b;
            ++c;
        }
    }
};
}  // namespace detail

template <hal::Cpu Cpu>
struct CpuC6C7 {
    static constexpr const char* text =
        "C6 C7 a context starts at its entry, interrupts off, and keeps its state across switches";
    static void check(Report& report, std::span<std::byte> stack) noexcept {
        using Game = detail::Game<Cpu>;
        Game game;
        Cpu::prepare_context(game.there, stack, &Game::answer, &game);
        const hal::InterruptState state = Cpu::interrupts_disable();
        std::uint32_t own = 0;
        for (std::uint32_t i = 0; i < Game::rounds; ++i) {
            Cpu::switch_context(game.here, game.there);
            own += i;
        }
        Cpu::interrupts_restore(state);
        LAW_CHECK(report, game.began_disabled);
        LAW_CHECK(report, game.answers == Game::rounds);
        LAW_CHECK(report, own == Game::rounds * (Game::rounds - 1) / 2);
    }
};

template <hal::Cpu Cpu>
using CpuLaws = TypeList<CpuC1<Cpu>, CpuC3<Cpu>, CpuC5<Cpu>, CpuC6C7<Cpu>>;

}  // namespace kidney::laws
