/// A port space in memory: nobody is there until a test attaches devices.
#pragma once

#include "kidney/hal/port_io.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace kidney::fakes {

/// One access, for tests that check an order.
struct PortAccess {
    std::uint16_t port = 0;
    unsigned width = 0;  ///< bytes
    std::uint32_t value = 0;
    bool is_write = false;

    friend bool operator==(const PortAccess&, const PortAccess&) = default;
};

/// The state behind `FakePorts`. Devices answer per port; every access is logged.
class FakePortSpace {
public:
    using Read = std::function<std::uint32_t()>;
    using Write = std::function<void(std::uint32_t)>;

    void on_read(std::uint16_t port, Read read) { reads_[port] = std::move(read); }
    void on_write(std::uint16_t port, Write write) { writes_[port] = std::move(write); }

    std::uint32_t read(std::uint16_t port, unsigned width) {
        const auto device = reads_.find(port);
        const std::uint32_t all_ones = width == 4 ? ~0U : (1U << 8 * width) - 1;
        const std::uint32_t value = device == reads_.end() ? all_ones : device->second() & all_ones;
        log_.push_back({port, width, value, false});
        return value;
    }
    void write(std::uint16_t port, unsigned width, std::uint32_t value) {
        log_.push_back({port, width, value, true});
        if (const auto device = writes_.find(port); device != writes_.end()) {
            device->second(value);
        }
    }
    [[nodiscard]] const std::vector<PortAccess>& log() const { return log_; }
    /// What was written to `port`, in order.
    [[nodiscard]] std::vector<std::uint32_t> written(std::uint16_t port) const {
        std::vector<std::uint32_t> values;
        for (const PortAccess& a : log_) {
            if (a.is_write && a.port == port) {
                values.push_back(a.value);
            }
        }
        return values;
    }
    void clear_log() { log_.clear(); }

private:
    std::map<std::uint16_t, Read> reads_;
    std::map<std::uint16_t, Write> writes_;
    std::vector<PortAccess> log_;
};

/// Drivers keep their port space by value, so this is a handle.
class FakePorts {
public:
    explicit FakePorts(FakePortSpace& space) noexcept : space_(&space) {}

    std::uint8_t read8(std::uint16_t port) noexcept {
        return static_cast<std::uint8_t>(space_->read(port, 1));
    }
    std::uint16_t read16(std::uint16_t port) noexcept {
        return static_cast<std::uint16_t>(space_->read(port, 2));
    }
    std::uint32_t read32(std::uint16_t port) noexcept { return space_->read(port, 4); }
    void write8(std::uint16_t port, std::uint8_t value) noexcept { space_->write(port, 1, value); }
    void write16(std::uint16_t port, std::uint16_t value) noexcept {
        space_->write(port, 2, value);
    }
    void write32(std::uint16_t port, std::uint32_t value) noexcept {
        space_->write(port, 4, value);
    }

private:
    FakePortSpace* space_;
};
static_assert(hal::PortIo<FakePorts>);

/// Registers in memory behind a handle, as FakePorts.
class FakeMmio {
public:
    struct Space {
        std::map<std::uint32_t, std::uint32_t> registers;
        std::vector<std::pair<std::uint32_t, std::uint32_t>> writes;
        std::function<void(std::uint32_t offset, std::uint32_t value)> on_write;
        std::function<std::uint32_t(std::uint32_t offset)> on_read;
    };
    FakeMmio() noexcept = default;
    explicit FakeMmio(Space& space) noexcept : space_(&space) {}

    std::uint32_t read32(std::uint32_t offset) noexcept {
        return space_->on_read ? space_->on_read(offset) : space_->registers[offset];
    }
    void write32(std::uint32_t offset, std::uint32_t value) noexcept {
        space_->registers[offset] = value;
        space_->writes.emplace_back(offset, value);
        if (space_->on_write) {
            space_->on_write(offset, value);
        }
    }

private:
    Space* space_ = nullptr;
};
static_assert(hal::MmioBus<FakeMmio>);

}  // namespace kidney::fakes
