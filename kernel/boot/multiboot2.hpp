/// The Multiboot2 boot information (specification 3.6), read without trusting it.
///
/// A list of tags: type, size, payload, padded to 8 bytes. Every read is checked against the bytes
/// that are really there, so a broken list ends early and never faults or loops.
#pragma once

#include "kernel/boot/boot_info.hpp"
#include "kidney/core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace kidney::kernel {

/// Little-endian reads from bytes; a read past the end gives 0 and makes `ok()` false.
class ByteReader {
public:
    explicit constexpr ByteReader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

    [[nodiscard]] std::uint32_t u32(std::size_t at) noexcept { return read<std::uint32_t>(at); }
    [[nodiscard]] std::uint64_t u64(std::size_t at) noexcept { return read<std::uint64_t>(at); }
    /// Characters from `at` to the first NUL or the end.
    [[nodiscard]] std::string_view text(std::size_t at) const noexcept {
        if (at >= bytes_.size()) {
            return {};
        }
        const auto* const first = reinterpret_cast<const char*>(bytes_.data() + at);
        std::size_t length = 0;
        while (length < bytes_.size() - at && first[length] != '\0') {
            ++length;
        }
        return {first, length};
    }
    [[nodiscard]] bool ok() const noexcept { return ok_; }

private:
    template <class T>
    T read(std::size_t at) noexcept {
        T value{};
        if (at > bytes_.size() || bytes_.size() - at < sizeof(T)) {
            ok_ = false;
            return value;
        }
        std::memcpy(&value, bytes_.data() + at, sizeof(T));
        return value;
    }
    std::span<const std::byte> bytes_;
    bool ok_ = true;
};

namespace multiboot2 {

inline constexpr std::size_t header_size = 8;
inline constexpr std::uint32_t max_size = 1U << 20;  ///< no loader makes a list of a megabyte

enum class Tag : std::uint32_t {
    end = 0,
    command_line = 1,
    loader_name = 2,
    module_ = 3,
    memory_map = 6,
    acpi_old = 14,
    acpi_new = 15,
};

inline MemoryKind memory_kind(std::uint32_t type) noexcept {
    switch (type) {
        case 1:
            return MemoryKind::usable;
        case 3:
            return MemoryKind::acpi_reclaimable;
        case 4:
            return MemoryKind::acpi_nvs;
        case 5:
            return MemoryKind::bad;
        default:
            return MemoryKind::reserved;
    }
}

inline void read_memory_map(std::span<const std::byte> payload, BootInfo& info) noexcept {
    constexpr std::size_t smallest_entry = 20;
    ByteReader reader(payload);
    const std::size_t entry_size = reader.u32(0);
    // An entry larger than the tag would also carry the sum below around the end of memory.
    if (!reader.ok() || entry_size < smallest_entry || entry_size > payload.size()) {
        return;
    }
    for (std::size_t at = 8; at + smallest_entry <= payload.size(); at += entry_size) {
        MemoryRegion region{reader.u64(at), reader.u64(at + 8), memory_kind(reader.u32(at + 16))};
        if (region.start + region.size < region.start) {
            region.size = ~std::uint64_t{0} - region.start;  // wraps: cut it at the end
        }
        if (region.size != 0 && !info.memory.push(region)) {
            return;
        }
    }
}

inline void read_module(std::span<const std::byte> payload, BootInfo& info) noexcept {
    ByteReader reader(payload);
    const std::uint32_t start = reader.u32(0);
    const std::uint32_t end = reader.u32(4);
    if (!reader.ok() || end < start) {
        return;
    }
    BootModule module_;
    module_.start = PhysAddr(start);
    module_.size = end - start;
    module_.name.assign(reader.text(8));
    info.modules.push(module_);
}

inline void read_rsdp(std::span<const std::byte> payload, std::size_t size,
                      BootInfo& info) noexcept {
    if (payload.size() < size || info.rsdp_size > size) {  // the newer one wins
        return;
    }
    std::copy_n(payload.begin(), size, info.rsdp.begin());
    info.rsdp_size = size;
}

inline void read_tag(Tag type, std::span<const std::byte> payload, BootInfo& info) noexcept {
    switch (type) {
        case Tag::command_line:
            info.command_line.assign(ByteReader(payload).text(0));
            break;
        case Tag::loader_name:
            info.loader.assign(ByteReader(payload).text(0));
            break;
        case Tag::module_:
            read_module(payload, info);
            break;
        case Tag::memory_map:
            read_memory_map(payload, info);
            break;
        case Tag::acpi_old:
            read_rsdp(payload, 20, info);
            break;
        case Tag::acpi_new:
            read_rsdp(payload, 36, info);
            break;
        case Tag::end:
            break;
    }
}

/// The size of the whole list, from its first 8 bytes. invalid_argument: not a plausible one.
[[nodiscard]] inline Result<std::uint32_t> total_size(std::span<const std::byte> header) noexcept {
    ByteReader reader(header);
    const std::uint32_t size = reader.u32(0);
    if (!reader.ok() || size < header_size || size > max_size) {
        return fail(Errc::invalid_argument);
    }
    return size;
}

/// Everything we understand of the list in `bytes`; unknown tags are skipped.
/// invalid_argument: the list is cut short or a tag contradicts itself.
[[nodiscard]] inline Result<BootInfo> parse(std::span<const std::byte> bytes) noexcept {
    const std::uint32_t size = TRY(total_size(bytes));
    if (size > bytes.size()) {
        return fail(Errc::invalid_argument);
    }
    bytes = bytes.first(size);
    BootInfo info;
    ByteReader reader(bytes);
    for (std::size_t at = header_size;;) {
        const auto type = static_cast<Tag>(reader.u32(at));
        const std::uint32_t tag_size = reader.u32(at + 4);
        if (!reader.ok() || tag_size < 8 || tag_size > bytes.size() - at) {
            return fail(Errc::invalid_argument);
        }
        if (type == Tag::end) {
            return info;
        }
        read_tag(type, bytes.subspan(at + 8, tag_size - 8), info);
        at += (std::size_t{tag_size} + 7) & ~std::size_t{7};
    }
}

}  // namespace multiboot2
}  // namespace kidney::kernel
