/// Any `BlockDevice` as one that is asked by requests: each is complete before submit() returns.
#pragma once

#include "kidney/fs/block_request.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// For devices that do not sleep (disks in memory), or where nobody but a WaitingDevice asks.
/// Concurrency: as the device's.
template <BlockDevice Device>
class ImmediateRequests {
public:
    explicit ImmediateRequests(Device& device) noexcept : device_(device) {}

    void submit(BlockRequest& request) noexcept { request.complete(perform(request)); }
    void poll() noexcept {}
    [[nodiscard]] std::uint32_t block_size() const noexcept { return device_.block_size(); }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return device_.block_count(); }
    [[nodiscard]] bool is_read_only() const noexcept { return fs::is_read_only(device_); }

private:
    [[nodiscard]] Status perform(const BlockRequest& request) noexcept {
        TRY(check_request(*this, request));
        switch (request.operation) {
            case BlockOperation::read:
                return read(request.first, request.to);
            case BlockOperation::write:
                TRY(write(request.first, request.from));
                return request.is_durable ? device_.flush() : Status();
            case BlockOperation::flush:
                return device_.flush();
            case BlockOperation::discard:
                return fs::discard(device_, request.first, request.discarded, request.discarded_to);
        }
        return fail(Errc::not_supported);
    }

    [[nodiscard]] Status read(BlockIndex block, std::span<const std::span<std::byte>> to) noexcept {
        if constexpr (ScatterBlockDevice<Device>) {
            return device_.read_scattered(block, to);
        } else {
            for (const auto buffer : to) {
                TRY(device_.read(block, buffer));
                block = block + buffer.size() / block_size();
            }
            return {};
        }
    }
    [[nodiscard]] Status write(BlockIndex block,
                               std::span<const std::span<const std::byte>> from) noexcept {
        if constexpr (ScatterBlockDevice<Device>) {
            return device_.write_scattered(block, from);
        } else {
            for (const auto buffer : from) {
                TRY(device_.write(block, buffer));
                block = block + buffer.size() / block_size();
            }
            return {};
        }
    }

    Device& device_;
};

}  // namespace kidney::fs
