/// How a process ended or stopped, in the encoding of wait(2).
#pragma once

#include <cstdint>

namespace kidney::proc {

class ExitStatus {
public:
    constexpr ExitStatus() noexcept = default;
    [[nodiscard]] static constexpr ExitStatus exited(std::uint32_t code) noexcept {
        return ExitStatus((code & 0xffU) << 8);
    }
    [[nodiscard]] static constexpr ExitStatus killed(std::uint32_t signal) noexcept {
        return ExitStatus(signal);
    }
    [[nodiscard]] static constexpr ExitStatus stopped(std::uint32_t signal) noexcept {
        return ExitStatus(signal << 8 | 0x7fU);
    }
    [[nodiscard]] static constexpr ExitStatus continued() noexcept { return ExitStatus(0xffff); }

    [[nodiscard]] constexpr bool is_exited() const noexcept { return (word_ & 0x7fU) == 0; }
    [[nodiscard]] constexpr std::uint32_t code() const noexcept { return word_ >> 8 & 0xffU; }
    [[nodiscard]] constexpr std::uint32_t signal() const noexcept { return word_ & 0x7fU; }
    [[nodiscard]] constexpr std::uint32_t word() const noexcept { return word_; }
    /// As a shell reports it: the code, or 128 + signal.
    [[nodiscard]] constexpr std::uint32_t shell_code() const noexcept {
        return is_exited() ? code() : 128 + signal();
    }

private:
    explicit constexpr ExitStatus(std::uint32_t word) noexcept : word_(word) {}
    std::uint32_t word_ = 0;
};

}  // namespace kidney::proc
