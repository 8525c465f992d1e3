/// Any `BlockDevice` as one that is asked by requests: each is complete before submit() returns.
#pragma once

#include "kidney/fs/block_request.hpp"

#include <cstdint>

namespace kidney::fs {

/// For devices that do not sleep: disks in memory. Concurrency: as the device's.
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
        BlockIndex block = request.first;
        switch (request.operation) {
            case BlockOperation::read:
                for (const auto buffer : request.to) {
                    TRY(device_.read(block, buffer));
                    block = block + buffer.size() / block_size();
                }
                return {};
            case BlockOperation::write:
                for (const auto buffer : request.from) {
                    TRY(device_.write(block, buffer));
                    block = block + buffer.size() / block_size();
                }
                return request.is_durable ? device_.flush() : Status();
            case BlockOperation::flush:
                return device_.flush();
            case BlockOperation::discard:
                return fail(Errc::not_supported);
        }
        return fail(Errc::not_supported);
    }

    Device& device_;
};

}  // namespace kidney::fs
