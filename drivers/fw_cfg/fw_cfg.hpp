/// QEMU's firmware configuration device: small named files that the host gives to the guest.
///
/// docs/specs/fw_cfg of QEMU: a 16-bit selector port and an 8-bit data port that yields the
/// selected item byte by byte; numbers in the directory are big-endian.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/hal/port_io.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::drivers {

template <hal::PortIo Io>
class FwCfg {
public:
    explicit constexpr FwCfg(Io io) noexcept : io_(io) {}

    /// Is there such a device? (No: not QEMU.)
    [[nodiscard]] bool is_present() noexcept {
        select(item_signature);
        std::array<char, 4> signature;
        for (char& c : signature) {
            c = static_cast<char>(io_.read8(data));
        }
        return signature == std::array<char, 4>{'Q', 'E', 'M', 'U'};
    }

    /// Reads as much of the file `name` as fits; returns its length there. not_found: no such file,
    /// or no such device.
    [[nodiscard]] Result<std::size_t> read_file(std::string_view name,
                                                std::span<char> to) noexcept {
        if (!is_present()) {
            return fail(Errc::not_found);
        }
        select(item_directory);
        const std::uint32_t files = read_big_endian<std::uint32_t>();
        for (std::uint32_t i = 0; i < files && i < max_files; ++i) {
            const auto size = read_big_endian<std::uint32_t>();
            const auto item = read_big_endian<std::uint16_t>();
            skip(2);
            if (reads_name(name)) {
                return read_item(item, size, to);
            }
        }
        return fail(Errc::not_found);
    }

private:
    static constexpr std::uint16_t selector = 0x510;
    static constexpr std::uint16_t data = 0x511;
    static constexpr std::uint16_t item_signature = 0x0000;
    static constexpr std::uint16_t item_directory = 0x0019;
    static constexpr std::size_t name_size = 56;
    static constexpr std::uint32_t max_files = 256;

    void select(std::uint16_t item) noexcept { io_.write16(selector, item); }
    void skip(std::uint32_t count) noexcept {
        for (; count > 0; --count) {
            static_cast<void>(io_.read8(data));
        }
    }
    template <class T>
    T read_big_endian() noexcept {
        T value = 0;
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            value = static_cast<T>(value << 8 | io_.read8(data));
        }
        return value;
    }
    /// Consumes a directory entry's name field.
    bool reads_name(std::string_view name) noexcept {
        bool same = name.size() < name_size;
        for (std::size_t i = 0; i < name_size; ++i) {
            const auto c = static_cast<char>(io_.read8(data));
            if (i < name.size()) {
                same = same && c == name[i];
            } else if (i == name.size()) {
                same = same && c == '\0';
            }
        }
        return same;
    }
    std::size_t read_item(std::uint16_t item, std::uint32_t size, std::span<char> to) noexcept {
        select(item);
        const std::size_t length = std::min<std::size_t>(size, to.size());
        for (std::size_t i = 0; i < length; ++i) {
            to[i] = static_cast<char>(io_.read8(data));
        }
        return length;
    }

    [[no_unique_address]] Io io_;
};

}  // namespace kidney::drivers
