/// A disk on an ATA channel.
#pragma once

#include "drivers/block/ata_transfer.hpp"
#include "kidney/fs/block_request.hpp"

#include <cstdint>

namespace kidney::drivers {

/// Models `RequestDevice`; concurrency: as the channel.
template <class Channel>
class AtaDrive {
public:
    AtaDrive(Channel& channel, ata::Unit unit) noexcept
        : channel_(channel), unit_(unit), blocks_(channel.drive(unit).sectors) {}

    void submit(fs::BlockRequest& request) noexcept {
        const Status allowed = check_request(*this, request);
        if (!allowed || (request.moves_data() && request.bytes() == 0)) {
            request.complete(allowed);
        } else if (request.operation == fs::BlockOperation::discard) {
            request.complete(fail(Errc::not_supported));
        } else {
            channel_.submit(unit_, request);
        }
    }
    void poll() noexcept { channel_.poll(); }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return ata_sector; }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return blocks_; }

private:
    Channel& channel_;
    const ata::Unit unit_;
    const std::uint64_t blocks_;
};

}  // namespace kidney::drivers
