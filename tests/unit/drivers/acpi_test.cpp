/// The parser against tables made by hand: right ones, and every kind of wrong.
#include "drivers/acpi/discover.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace kidney {
namespace {

namespace acpi = drivers::acpi;
using Bytes = std::vector<std::uint8_t>;

/// Physical memory with holes: pieces at addresses.
class FakePhysicalMemory {
public:
    void put(std::uint32_t address, Bytes bytes) { pieces_[address] = std::move(bytes); }
    bool read(PhysAddr from, std::span<std::byte> to) noexcept {
        for (const auto& [address, bytes] : pieces_) {
            const std::uint64_t offset = std::uint64_t{from.value()} - address;
            if (from.value() >= address && offset + to.size() <= bytes.size()) {
                std::memcpy(to.data(), bytes.data() + offset, to.size());
                return true;
            }
        }
        return false;
    }
    Bytes& at(std::uint32_t address) { return pieces_.at(address); }

private:
    std::map<std::uint32_t, Bytes> pieces_;
};

void append(Bytes& to, std::initializer_list<int> bytes) {
    for (const int b : bytes) {
        to.push_back(static_cast<std::uint8_t>(b));
    }
}
void append32(Bytes& to, std::uint32_t value) {
    append(to, {static_cast<int>(value & 0xff), static_cast<int>(value >> 8 & 0xff),
                static_cast<int>(value >> 16 & 0xff), static_cast<int>(value >> 24)});
}
void set32(Bytes& in, std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) {
        in[at + i] = static_cast<std::uint8_t>(value >> 8 * i);
    }
}
void seal(Bytes& table, std::size_t checksum_at, std::size_t length) {
    table[checksum_at] = 0;
    std::uint8_t sum = 0;
    for (std::size_t i = 0; i < length; ++i) {
        sum = static_cast<std::uint8_t>(sum + table[i]);
    }
    table[checksum_at] = static_cast<std::uint8_t>(-sum);
}
Bytes table(const char* signature, const Bytes& body) {
    Bytes t(36);
    std::memcpy(t.data(), signature, 4);
    t.insert(t.end(), body.begin(), body.end());
    set32(t, 4, static_cast<std::uint32_t>(t.size()));
    seal(t, 9, t.size());
    return t;
}
Bytes root_pointer(std::uint32_t rsdt) {
    Bytes p(20);
    std::memcpy(p.data(), "RSD PTR ", 8);
    set32(p, 16, rsdt);
    seal(p, 8, 20);
    return p;
}
std::span<const std::byte> as_bytes(const Bytes& bytes) {
    return std::as_bytes(std::span(bytes));
}

constexpr std::uint32_t rsdt_at = 0x3fff'0000;
constexpr std::uint32_t madt_at = 0x3fff'1000;
constexpr std::uint32_t fadt_at = 0x3fff'2000;
constexpr std::uint32_t dsdt_at = 0x3fff'3000;

Bytes madt_body() {
    Bytes b;
    append32(b, 0xfee0'0000);
    append32(b, 1);
    append(b, {0, 8, 0, 0, 1, 0, 0, 0});                     // CPU, APIC id 0, enabled
    append(b, {0, 8, 1, 4, 1, 0, 0, 0});                     // CPU, APIC id 4, enabled
    append(b, {0, 8, 2, 5, 0, 0, 0, 0});                     // CPU, disabled
    append(b, {0, 8, 3, 0xff, 1, 0, 0, 0});                  // CPU, enabled, with everybody's id
    append(b, {1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0});  // I/O APIC at fec00000
    append(b, {2, 10, 0, 0, 2, 0, 0, 0, 0, 0});              // line 0 is input 2
    append(b, {2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0});           // line 9: low, level
    append(b, {4, 6, 0xff, 0, 0, 1});                        // NMI: not our business
    return b;
}
Bytes dsdt_body() {
    Bytes b(503, 0x5b);  // the first window ends in the middle of the object
    append(b, {0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0A, 0x05, 0x01, 0x00, 0x00});
    b.resize(900, 0x5b);
    return b;
}
Bytes fadt_body() {
    Bytes b(80);
    set32(b, 40 - 36, dsdt_at);
    set32(b, 48 - 36, 0xb2);
    b[52 - 36] = 0xf1;
    set32(b, 64 - 36, 0x604);
    return b;
}

struct Firmware {
    FakePhysicalMemory memory;
    Bytes root = root_pointer(rsdt_at);
    Firmware() {
        Bytes pointers;
        append32(pointers, fadt_at);
        append32(pointers, 0x1234);  // nothing there
        append32(pointers, madt_at);
        memory.put(rsdt_at, table("RSDT", pointers));
        memory.put(madt_at, table("APIC", madt_body()));
        memory.put(fadt_at, table("FACP", fadt_body()));
        memory.put(dsdt_at, table("DSDT", dsdt_body()));
    }
    Result<acpi::Tables> discover() { return acpi::discover(memory, as_bytes(root)); }
};

TEST(Acpi, ReadsProcessorsAndInterruptControllers) {
    Firmware f;
    const auto tables = f.discover();
    ASSERT_TRUE(tables);
    ASSERT_TRUE(tables->has_processors);
    const acpi::Processors& p = tables->processors;
    EXPECT_EQ(p.local_apic, PhysAddr(0xfee0'0000));
    ASSERT_EQ(p.apic_ids.count, 2U);
    EXPECT_EQ(p.apic_ids.items[1], 4);
    ASSERT_EQ(p.io_apics.count, 1U);
    EXPECT_EQ(p.io_apics.items[0].registers, PhysAddr(0xfec0'0000));
    ASSERT_EQ(p.overrides.count, 2U);
    EXPECT_EQ(p.overrides.items[0].interrupt, 2U);
    EXPECT_FALSE(p.overrides.items[0].level);
    EXPECT_TRUE(p.overrides.items[1].level && p.overrides.items[1].active_low);
}

TEST(Acpi, FindsThePowerSwitchAcrossAWindowsEnd) {
    Firmware f;
    const auto tables = f.discover();
    ASSERT_TRUE(tables);
    ASSERT_TRUE(tables->has_power);
    EXPECT_EQ(tables->power.control_a, 0x604);
    EXPECT_EQ(tables->power.command, 0xb2);
    EXPECT_EQ(tables->power.enable, 0xf1);
    EXPECT_EQ(tables->power.off_type_a, 5);
    EXPECT_EQ(tables->power.off_type_b, 1);
}

TEST(Acpi, TheRootMustAddUp) {
    Firmware f;
    ++f.root[12];
    EXPECT_EQ(f.discover().error(), Errc::not_found);
    f.root.resize(10);
    EXPECT_EQ(f.discover().error(), Errc::not_found);
}

TEST(Acpi, SearchesTheRomWithoutACopyFromTheLoader) {
    Firmware f;
    Bytes rom(0x20000);
    std::memcpy(rom.data() + 0x5ab0, f.root.data(), f.root.size());
    f.memory.put(0xE0000, rom);
    f.root.clear();
    EXPECT_TRUE(f.discover());
}

TEST(Acpi, PrefersTheXsdtAndFallsBackToTheRsdt) {
    Firmware f;
    Bytes pointers;
    append32(pointers, madt_at);
    append32(pointers, 0);
    append32(pointers, fadt_at);
    append32(pointers, 1);  // above 4 GiB: not for us
    f.memory.put(0x1000, table("XSDT", pointers));
    f.root.resize(36);
    f.root[15] = 2;
    set32(f.root, 24, 0x1000);
    seal(f.root, 8, 20);
    seal(f.root, 32, 36);
    auto tables = f.discover();
    ASSERT_TRUE(tables);
    EXPECT_TRUE(tables->has_processors);
    EXPECT_FALSE(tables->has_power);
    ++f.memory.at(0x1000)[40];
    tables = f.discover();
    ASSERT_TRUE(tables);
    EXPECT_TRUE(tables->has_power) << "the broken XSDT is passed over";
}

TEST(Acpi, ABrokenTableCostsItsFeatureOnly) {
    Firmware f;
    ++f.memory.at(madt_at)[50];
    const auto tables = f.discover();
    ASSERT_TRUE(tables);
    EXPECT_FALSE(tables->has_processors);
    EXPECT_TRUE(tables->has_power);
}

TEST(Acpi, AnEntryOfLengthZeroEndsTheMadt) {
    Firmware f;
    Bytes body = madt_body();
    body[8 + 8 + 1] = 0;  // the second CPU's length
    f.memory.put(madt_at, table("APIC", body));
    const auto tables = f.discover();
    ASSERT_TRUE(tables);
    EXPECT_EQ(tables->processors.apic_ids.count, 1U);
    EXPECT_FALSE(tables->has_processors) << "no I/O APIC was read";
}

TEST(Acpi, EveryTruncationAndEveryFlippedByteIsSurvived) {
    for (const std::uint32_t address : {rsdt_at, madt_at, fadt_at, dsdt_at}) {
        const Bytes good = Firmware().memory.at(address);
        for (std::size_t i = 0; i < good.size(); ++i) {
            Firmware f;
            Bytes& t = f.memory.at(address);
            t[i] = static_cast<std::uint8_t>(t[i] ^ 0xff);
            seal(t, 9, t.size());  // the checksum is right, the contents are not
            static_cast<void>(f.discover());
            t = Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(i));
            static_cast<void>(f.discover());
        }
    }
}

TEST(Acpi, ALengthBeyondReasonIsRefused) {
    Firmware f;
    set32(f.memory.at(madt_at), 4, 0xffff'fff0);
    const auto tables = f.discover();
    ASSERT_TRUE(tables);
    EXPECT_FALSE(tables->has_processors);
}

TEST(Acpi, OddSleepPackages) {
    const auto types = [](std::initializer_list<int> object) {
        Bytes b;
        append(b, object);
        return acpi::aml::read_sleep_package(b);
    };
    EXPECT_FALSE(types({'_', 'S', '5', '_', 0x11, 6, 4, 0x0A, 5, 1}));
    EXPECT_FALSE(types({'_', 'S', '5', '_', 0x12, 0xC6, 4}));
    EXPECT_FALSE(types({'_', 'S', '5', '_', 0x12, 6, 4, 0x0B, 5, 1}));
    const auto long_length = types({'_', 'S', '5', '_', 0x12, 0x46, 0, 4, 0x0A, 7, 0x0A, 7});
    ASSERT_TRUE(long_length);
    EXPECT_EQ(long_length->a, 7);
}

}  // namespace
}  // namespace kidney
