/// Any bytes as a machine's ACPI tables. The input is all of physical memory; checksums are put
/// right first, or nothing but the first sum would ever be tested.
#include "drivers/acpi/discover.hpp"

#include <vector>

namespace {

class InputMemory {
public:
    explicit InputMemory(std::vector<std::uint8_t>& bytes) noexcept : bytes_(bytes) {}
    bool read(kidney::PhysAddr from, std::span<std::byte> to) noexcept {
        if (from.value() > bytes_.size() || to.size() > bytes_.size() - from.value()) {
            return false;
        }
        std::memcpy(to.data(), bytes_.data() + from.value(), to.size());
        return true;
    }

private:
    std::vector<std::uint8_t>& bytes_;
};

/// Makes the table at `at`, if its length is inside of the input, add up to zero.
void seal(std::vector<std::uint8_t>& bytes, std::size_t at) {
    constexpr std::size_t header = 36;
    if (at + header > bytes.size()) {
        return;
    }
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data() + at + 4, sizeof length);
    if (length < header || length > bytes.size() - at) {
        return;
    }
    std::uint8_t sum = 0;
    for (std::size_t i = 0; i < length; ++i) {
        sum = static_cast<std::uint8_t>(sum + bytes[at + i]);
    }
    bytes[at + 9] = static_cast<std::uint8_t>(bytes[at + 9] - sum);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::uint8_t> bytes(data, data + size);
    // Tables at fixed places: root at 0, the others where the root's pointers are likely to lead.
    for (std::size_t at = 0; at < size; at += 64) {
        seal(bytes, at);
    }
    std::array<std::uint8_t, 20> root{};
    std::memcpy(root.data(), "RSD PTR ", 8);
    std::uint8_t sum = 0;
    for (const std::uint8_t b : root) {
        sum = static_cast<std::uint8_t>(sum + b);
    }
    root[8] = static_cast<std::uint8_t>(-sum);
    InputMemory memory(bytes);
    static_cast<void>(kidney::drivers::acpi::discover(memory, std::as_bytes(std::span(root))));
    return 0;
}
