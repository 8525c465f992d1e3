/// Sets of signals, and what each of them does by default.
#pragma once

#include "kidney/abi/signal.hpp"

#include <bit>
#include <cstdint>

namespace kidney::proc {

/// A set of signals 1..64, in the layout that programs pass: bit n-1 stands for signal n.
class SignalSet {
public:
    constexpr SignalSet() noexcept = default;
    explicit constexpr SignalSet(std::uint64_t bits) noexcept : bits_(bits) {}
    [[nodiscard]] static constexpr SignalSet of(std::uint32_t signal) noexcept {
        return SignalSet(std::uint64_t{1} << (signal - 1));
    }
    template <class... Signals>
    [[nodiscard]] static constexpr SignalSet of_all(Signals... signals) noexcept {
        return SignalSet((of(signals).bits() | ...));
    }
    [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
    [[nodiscard]] constexpr bool contains(std::uint32_t s) const noexcept {
        return (bits_ >> (s - 1) & 1U) != 0;
    }
    constexpr void insert(std::uint32_t s) noexcept { bits_ |= of(s).bits_; }
    constexpr void erase(std::uint32_t s) noexcept { bits_ &= ~of(s).bits_; }
    [[nodiscard]] constexpr bool is_empty() const noexcept { return bits_ == 0; }
    [[nodiscard]] constexpr std::uint32_t lowest() const noexcept {
        return static_cast<std::uint32_t>(std::countr_zero(bits_)) + 1;
    }
    friend constexpr SignalSet operator|(SignalSet a, SignalSet b) noexcept {
        return SignalSet(a.bits_ | b.bits_);
    }
    friend constexpr SignalSet operator&(SignalSet a, SignalSet b) noexcept {
        return SignalSet(a.bits_ & b.bits_);
    }
    [[nodiscard]] constexpr SignalSet without(SignalSet b) const noexcept {
        return SignalSet(bits_ & ~b.bits_);
    }
    friend constexpr bool operator==(SignalSet, SignalSet) noexcept = default;

private:
    std::uint64_t bits_ = 0;
};

enum class DefaultAction : std::uint8_t { terminate, core, ignore, stop, resume };

[[nodiscard]] constexpr DefaultAction default_action(std::uint32_t signal) noexcept {
    using namespace abi;
    constexpr SignalSet core = SignalSet::of_all(sig_quit, sig_ill, sig_trap, sig_abrt, sig_bus,
                                                 sig_fpe, sig_segv, sig_xcpu, sig_xfsz, sig_sys);
    constexpr SignalSet ignore = SignalSet::of_all(sig_chld, sig_urg, sig_winch);
    constexpr SignalSet stop = SignalSet::of_all(sig_stop, sig_tstp, sig_ttin, sig_ttou);
    if (core.contains(signal)) {
        return DefaultAction::core;
    }
    if (ignore.contains(signal)) {
        return DefaultAction::ignore;
    }
    if (stop.contains(signal)) {
        return DefaultAction::stop;
    }
    return signal == sig_cont ? DefaultAction::resume : DefaultAction::terminate;
}

}  // namespace kidney::proc
