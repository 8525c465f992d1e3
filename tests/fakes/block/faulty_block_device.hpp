/// Makes the k-th operation of a device fail: the tool of every fault sweep.
#pragma once

#include "kidney/fs/block_device.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace kidney::fakes {

/// Counts read, write, discard and flush calls and answers io_error where it is told to; the device
/// behind it does not see those. Concurrency: none, callers serialise.
template <fs::BlockDevice Device>
class FaultyBlockDevice {
public:
    enum class Mode : std::uint8_t { one_shot, from_then_on };

    explicit FaultyBlockDevice(Device& device) noexcept : device_(device) {}

    /// The `k`-th operation from now (0 is the next one) fails; then all others too, or none.
    void fail_operation(std::uint64_t k, Mode mode) noexcept {
        fails_at_ = operations_ + k;
        mode_ = mode;
    }
    void heal() noexcept { fails_at_ = never; }
    /// Operations seen so far, failed ones included.
    [[nodiscard]] std::uint64_t operations() const noexcept { return operations_; }

    [[nodiscard]] Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept {
        return fails_now() ? Status(fail(Errc::io_error)) : device_.read(first, to);
    }
    [[nodiscard]] Status write(fs::BlockIndex first, std::span<const std::byte> from) noexcept {
        return fails_now() ? Status(fail(Errc::io_error)) : device_.write(first, from);
    }
    [[nodiscard]] Status read_scattered(fs::BlockIndex first,
                                        std::span<const std::span<std::byte>> to) noexcept
        requires fs::ScatterBlockDevice<Device>
    {
        return fails_now() ? Status(fail(Errc::io_error)) : device_.read_scattered(first, to);
    }
    [[nodiscard]] Status write_scattered(fs::BlockIndex first,
                                         std::span<const std::span<const std::byte>> from) noexcept
        requires fs::ScatterBlockDevice<Device>
    {
        return fails_now() ? Status(fail(Errc::io_error)) : device_.write_scattered(first, from);
    }
    [[nodiscard]] Status discard(fs::BlockIndex first, std::uint64_t count,
                                 fs::Discarded to) noexcept {
        return fails_now() ? Status(fail(Errc::io_error)) : fs::discard(device_, first, count, to);
    }
    [[nodiscard]] Status flush() noexcept {
        return fails_now() ? Status(fail(Errc::io_error)) : device_.flush();
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return device_.block_size(); }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return device_.block_count(); }

private:
    static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

    [[nodiscard]] bool fails_now() noexcept {
        const std::uint64_t now = operations_++;
        return mode_ == Mode::one_shot ? now == fails_at_ : now >= fails_at_;
    }

    Device& device_;
    std::uint64_t operations_ = 0;
    std::uint64_t fails_at_ = never;
    Mode mode_ = Mode::one_shot;
};

}  // namespace kidney::fakes
