/// Exactly what `RequestDevice` promises and nothing more.
#pragma once

#include "kidney/fs/block_request.hpp"

namespace kidney::archetypes {

class RequestDevice {
public:
    RequestDevice() = delete;
    RequestDevice(const RequestDevice&) = delete;
    RequestDevice& operator=(const RequestDevice&) = delete;
    void submit(fs::BlockRequest&) noexcept {}
    void poll() noexcept {}
    std::uint32_t block_size() const noexcept { return 512; }
    std::uint64_t block_count() const noexcept { return 0; }
};

static_assert(fs::RequestDevice<RequestDevice>);

}  // namespace kidney::archetypes
