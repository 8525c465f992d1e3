/// The boot information, right and wrong.
#include "kernel/boot/multiboot2.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kidney::kernel {
namespace {

/// Builds a list tag by tag.
class InfoBuilder {
public:
    InfoBuilder() : bytes_(8) {}
    InfoBuilder& tag(std::uint32_t type, const std::string& payload) {
        word(type);
        word(static_cast<std::uint32_t>(payload.size() + 8));
        bytes_.insert(bytes_.end(), payload.begin(), payload.end());
        bytes_.resize((bytes_.size() + 7) & ~std::size_t{7});
        return *this;
    }
    std::vector<char> finish() {
        tag(0, "");
        const auto size = static_cast<std::uint32_t>(bytes_.size());
        std::memcpy(bytes_.data(), &size, 4);
        return bytes_;
    }

private:
    void word(std::uint32_t value) {
        const auto* p = reinterpret_cast<const char*>(&value);
        bytes_.insert(bytes_.end(), p, p + 4);
    }
    std::vector<char> bytes_;
};

std::string words(std::initializer_list<std::uint32_t> values) {
    std::string text;
    for (const std::uint32_t v : values) {
        text.append(reinterpret_cast<const char*>(&v), 4);
    }
    return text;
}
std::string region(std::uint64_t start, std::uint64_t size, std::uint32_t type) {
    return words({static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(start >> 32),
                  static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(size >> 32), type,
                  0});
}
Result<BootInfo> parse(const std::vector<char>& bytes) {
    return multiboot2::parse(std::as_bytes(std::span(bytes)));
}

std::vector<char> typical() {
    return InfoBuilder()
        .tag(1, std::string("root=/dev/vda selftest\0", 23))
        .tag(2, std::string("GRUB 2.06\0", 10))
        .tag(21, words({0x100000}))  // unknown to us
        .tag(3, words({0x200000, 0x200123}) + std::string("initrd a=b\0", 11))
        .tag(6, words({24, 0}) + region(0, 0x9fc00, 1) + region(0x9fc00, 0x400, 2) +
                    region(0x100000, 0x7ee0000, 1) + region(0x7fe0000, 0x20000, 3) +
                    region(0x1'0000'0000, 0x2000'0000, 1))
        .tag(14, std::string(20, 'r'))
        .finish();
}

TEST(Multiboot2, ReadsWhatGrubHandsOver) {
    const auto info = parse(typical());
    ASSERT_TRUE(info);
    EXPECT_EQ(info->command_line.view(), "root=/dev/vda selftest");
    EXPECT_EQ(info->loader.view(), "GRUB 2.06");
    ASSERT_EQ(info->memory.size(), 5U);
    EXPECT_EQ(info->memory.view()[2].size, 0x7ee0000U);
    EXPECT_EQ(info->memory.view()[3].kind, MemoryKind::acpi_reclaimable);
    EXPECT_EQ(info->memory.view()[4].start, 0x1'0000'0000U);
    ASSERT_EQ(info->modules.size(), 1U);
    EXPECT_EQ(info->modules.view()[0].start, PhysAddr(0x200000));
    EXPECT_EQ(info->modules.view()[0].size, 0x123U);
    EXPECT_EQ(info->modules.view()[0].name.view(), "initrd a=b");
    EXPECT_EQ(info->rsdp_size, 20U);
}

TEST(Multiboot2, TheNewerRootPointerWins) {
    const auto old_last =
        parse(InfoBuilder().tag(15, std::string(36, 'n')).tag(14, std::string(20, 'o')).finish());
    ASSERT_TRUE(old_last);
    EXPECT_EQ(old_last->rsdp_size, 36U);
    EXPECT_EQ(static_cast<char>(old_last->rsdp[0]), 'n');
}

TEST(Multiboot2, EveryCutIsSurvived) {
    const std::vector<char> good = typical();
    for (std::size_t length = 0; length < good.size(); ++length) {
        const std::vector<char> cut(good.begin(),
                                    good.begin() + static_cast<std::ptrdiff_t>(length));
        EXPECT_FALSE(parse(cut)) << length;
    }
}

TEST(Multiboot2, EveryDamagedByteIsSurvived) {
    const std::vector<char> good = typical();
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (const int damage : {0x00, 0xff, 0x01, 0x80}) {
            std::vector<char> bad = good;
            bad[i] = static_cast<char>(bad[i] ^ damage);
            static_cast<void>(parse(bad));
        }
    }
}

TEST(Multiboot2, ATagShorterThanItsHeaderEndsTheList) {
    std::vector<char> bad = typical();
    bad[12] = 0;  // the first tag's size: the parser would stand still
    EXPECT_EQ(parse(bad).error(), Errc::invalid_argument);
}

TEST(Multiboot2, MapEntriesOfAnUnknownSizeAreSteppedOver) {
    const std::string large = region(0, 0x1000, 1) + words({7, 7});
    const auto info = parse(InfoBuilder().tag(6, words({32, 0}) + large + large).finish());
    ASSERT_TRUE(info);
    EXPECT_EQ(info->memory.size(), 2U);
    const auto none = parse(InfoBuilder().tag(6, words({0, 0}) + large).finish());
    ASSERT_TRUE(none);
    EXPECT_EQ(none->memory.size(), 0U);
}

TEST(Multiboot2, RegionsThatWrapAreCutAtTheEnd) {
    const auto info =
        parse(InfoBuilder().tag(6, words({24, 0}) + region(~0ULL - 10, 100, 1)).finish());
    ASSERT_TRUE(info);
    EXPECT_EQ(info->memory.view()[0].size, 10U);
}

TEST(Multiboot2, MoreThanFitsIsDropped) {
    InfoBuilder builder;
    for (int i = 0; i < 20; ++i) {
        builder.tag(3, words({0x1000, 0x2000}) + "m");
    }
    builder.tag(1, std::string(5000, 'x'));
    const auto info = parse(builder.finish());
    ASSERT_TRUE(info);
    EXPECT_EQ(info->modules.size(), 8U);
    EXPECT_EQ(info->command_line.view().size(), 1024U);
}

TEST(Multiboot2, AModuleThatEndsBeforeItStartsIsIgnored) {
    const auto info = parse(InfoBuilder().tag(3, words({0x2000, 0x1000}) + "m").finish());
    ASSERT_TRUE(info);
    EXPECT_EQ(info->modules.size(), 0U);
}

TEST(Multiboot2, AMemoryMapOfGiantEntriesHasNone) {
    // 8 + 0xfffffff8 is 0 where addresses have 32 bits.
    for (const std::uint32_t entry_size : {0xffff'fff8U, 0xffff'ffffU, 1000U}) {
        const auto info = parse(
            InfoBuilder().tag(6, words({entry_size, 0}) + region(0x100000, 0x10000, 1)).finish());
        ASSERT_TRUE(info);
        EXPECT_EQ(info->memory.size(), 0U);
    }
}

}  // namespace
}  // namespace kidney::kernel
