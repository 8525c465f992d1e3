/// A virtio-9p function with a server behind it.
#pragma once

#include "tests/fakes/fake_9p_server.hpp"
#include "tests/fakes/fake_virtio_device.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace kidney::fakes {

class FakeVirtio9p : public FakeVirtioDevice {
public:
    explicit FakeVirtio9p(sim::RamArena& ram)
        : FakeVirtioDevice(ram,
                           [this](std::span<const std::byte> request, std::span<std::byte> reply) {
                               return server.exchange(request, reply).value_or(0);
                           }) {
        features = 1;
        set_tag("host");
    }
    void set_tag(std::string_view tag) {
        device_bytes = {static_cast<char>(tag.size()), static_cast<char>(tag.size() >> 8U)};
        device_bytes += tag;
    }

    Fake9pServer server;
};

}  // namespace kidney::fakes
