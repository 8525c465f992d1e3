/// How long a disk would have taken for commands that were recorded, one after the other.
#pragma once

#include "bench/lab/disk/models.hpp"
#include "kidney/fs/block_request.hpp"
#include "tests/fakes/counting_disk.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kidney::lab {

struct Command {
    fs::BlockOperation operation = fs::BlockOperation::read;
    std::uint64_t first = 0, sectors = 0;
};

class CommandRecorder final : public fakes::CommandListener {
public:
    void command(fs::BlockOperation operation, std::uint64_t first,
                 std::uint64_t sectors) noexcept override {
        commands_.push_back({operation, first, sectors});
    }
    [[nodiscard]] const std::vector<Command>& commands() const noexcept { return commands_; }

private:
    std::vector<Command> commands_;
};

/// When each is through, in microseconds. Neither model has a cache that could lose something: a
/// flush takes no time of its own, and what it costs is that nobody goes on meanwhile.
template <class Device>
[[nodiscard]] std::vector<std::uint64_t> ends_of(std::span<const Command> commands) {
    LabClock::time = Instant();
    Device device;
    std::vector<std::byte> bytes;
    std::vector<std::uint64_t> ends;
    for (const Command& command : commands) {
        if (command.operation != fs::BlockOperation::flush) {
            bytes.resize(std::max<std::size_t>(
                bytes.size(), static_cast<std::size_t>(command.sectors) * Device::bytes_per_block));
            const std::span<std::byte> to = std::span(bytes).first(
                static_cast<std::size_t>(command.sectors) * Device::bytes_per_block);
            const std::span<const std::byte> from = to;
            fs::BlockRequest request;
            request.operation = command.operation;
            request.first = fs::BlockIndex(command.first);
            if (command.operation == fs::BlockOperation::read) {
                request.to = std::span(&to, 1);
            } else {
                request.from = std::span(&from, 1);
            }
            request.on_completion([](void*, fs::BlockRequest&, Status) noexcept {}, nullptr);
            device.submit(request);
            LabClock::time = device.next_end();
            device.poll();
        }
        ends.push_back(static_cast<std::uint64_t>(LabClock::time.nanoseconds()) / 1000);
    }
    return ends;
}

}  // namespace kidney::lab
