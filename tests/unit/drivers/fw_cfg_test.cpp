#include "drivers/fw_cfg/fw_cfg.hpp"

#include "tests/archetypes/hal.hpp"
#include "tests/fakes/fake_ports.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace kidney {

template class drivers::FwCfg<archetypes::PortIoArchetype>;

namespace {

std::string big_endian(std::uint32_t value, int bytes) {
    std::string text;
    for (int i = bytes - 1; i >= 0; --i) {
        text.push_back(static_cast<char>(value >> 8 * i));
    }
    return text;
}

/// QEMU's side: items by selector, read byte by byte, zeros past the end.
struct FwCfgMachine {
    fakes::FakePortSpace space;
    std::map<std::uint32_t, std::string> items;
    std::string selected;
    std::size_t at = 0;
    drivers::FwCfg<fakes::FakePorts> device{fakes::FakePorts(space)};

    FwCfgMachine() {
        items[0] = "QEMU";
        items[0x19] = big_endian(0, 4);
        space.on_write(0x510, [this](std::uint32_t item) {
            selected = items[item];
            at = 0;
        });
        space.on_read(0x511, [this]() -> std::uint32_t {
            return at < selected.size() ? static_cast<unsigned char>(selected[at++]) : 0U;
        });
    }
    void add(const std::string& name, const std::string& contents) {
        const auto item = static_cast<std::uint32_t>(0x20 + items.size());
        std::string& directory = items[0x19];
        const auto count = static_cast<std::uint32_t>((directory.size() - 4) / 64);
        directory.replace(0, 4, big_endian(count + 1, 4));
        std::string field = name;
        field.resize(56, '\0');
        directory += big_endian(static_cast<std::uint32_t>(contents.size()), 4) +
                     big_endian(item, 2) + big_endian(0, 2) + field;
        items[item] = contents;
    }
    std::string read(const std::string& name, std::size_t room = 100) {
        std::string text(room, '?');
        const auto length = device.read_file(name, text);
        return length ? text.substr(0, *length) : std::string(to_string(length.error()));
    }
};

TEST(FwCfg, FindsAFileByItsWholeName) {
    FwCfgMachine m;
    m.add("opt/kidney/append2", "wrong");
    m.add("opt/kidney/append", "smp=2 selftest");
    m.add("opt/kidney", "wrong");
    EXPECT_EQ(m.read("opt/kidney/append"), "smp=2 selftest");
    EXPECT_EQ(m.read("opt/kidney/exec"), "not_found");
}

TEST(FwCfg, CutsWhatDoesNotFit) {
    FwCfgMachine m;
    m.add("f", "0123456789");
    EXPECT_EQ(m.read("f", 4), "0123");
}

TEST(FwCfg, OtherMachinesHaveNone) {
    FwCfgMachine m;
    m.items[0] = "";
    EXPECT_FALSE(m.device.is_present());
    EXPECT_EQ(m.read("f"), "not_found");
}

TEST(FwCfg, AnAbsurdDirectoryEnds) {
    FwCfgMachine m;
    m.items[0x19] = big_endian(0xffff'ffff, 4);
    EXPECT_EQ(m.read("f"), "not_found");
}

}  // namespace
}  // namespace kidney
