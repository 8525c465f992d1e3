/// The ELF parser: one good image, then every way in which a file can lie.
#include "kernel/exec/elf.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <vector>

namespace kidney::kernel {
namespace {

/// A file of headers: text at 0x08048000, data + bss behind it, as GNU ld lays them out.
struct Image {
    Elf32_Ehdr header{};
    std::vector<Elf32_Phdr> segments;
    std::uint64_t file_size = 0x3000;

    Image() {
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS32;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_EXEC;
        header.e_machine = EM_386;
        header.e_entry = 0x0804'8100;
        header.e_phoff = sizeof header;
        header.e_phentsize = sizeof(Elf32_Phdr);
        segments.push_back({PT_LOAD, 0, 0x0804'8000, 0, 0x1800, 0x1800, PF_R | PF_X, 0x1000});
        segments.push_back({PT_LOAD, 0x1800, 0x0804'a800, 0, 0x300, 0x2900, PF_R | PF_W, 0x1000});
        segments.push_back({PT_GNU_STACK, 0, 0, 0, 0, 0, PF_R | PF_W, 16});
    }
    [[nodiscard]] Result<LoadPlan> plan() {
        header.e_phnum = static_cast<Elf32_Half>(segments.size());
        const auto head = std::as_bytes(std::span(&header, 1));
        return plan_load(head, std::as_bytes(std::span(segments)), file_size);
    }
};

TEST(Elf, PlansTextDataAndBss) {
    Image image;
    const auto plan = image.plan();
    ASSERT_TRUE(plan);
    ASSERT_EQ(plan->segment_count, 2U);
    const LoadSegment& text = plan->segments[0];
    EXPECT_EQ(text.start, VirtAddr(0x0804'8000));
    EXPECT_EQ(text.file_end, VirtAddr(0x0804'a000));
    EXPECT_EQ(text.end, VirtAddr(0x0804'a000));
    EXPECT_TRUE(text.executable);
    EXPECT_FALSE(text.writable);
    const LoadSegment& data = plan->segments[1];
    EXPECT_EQ(data.start, VirtAddr(0x0804'a000));
    EXPECT_EQ(data.file_offset, 0x1000U);
    EXPECT_EQ(data.zero_from, VirtAddr(0x0804'ab00));
    EXPECT_EQ(data.file_end, VirtAddr(0x0804'b000));
    EXPECT_TRUE(data.has_partial_page());
    EXPECT_EQ(data.end, VirtAddr(0x0804'e000));
    EXPECT_EQ(data.anonymous_size(), 0x3000U);
    EXPECT_EQ(plan->entry, VirtAddr(0x0804'8100));
    EXPECT_EQ(plan->program_headers, VirtAddr(0x0804'8034));
    EXPECT_EQ(plan->brk_start, VirtAddr(0x0804'e000));
    EXPECT_FALSE(plan->executable_stack);
}

TEST(Elf, PositionIndependentGoesToItsBase) {
    Image image;
    image.header.e_type = ET_DYN;
    image.header.e_entry = 0x100;
    image.segments[0].p_vaddr = 0;
    image.segments[1].p_vaddr = 0x2800;
    const auto plan = image.plan();
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->segments[0].start, position_independent_base);
    EXPECT_EQ(plan->entry, position_independent_base + 0x100);
}

TEST(Elf, SegmentWithoutFileBytesIsAnonymous) {
    Image image;
    image.segments[1].p_filesz = 0;
    image.segments[1].p_offset = 0;  // meaningless then, and need not be congruent
    const auto plan = image.plan();
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->segments[1].file_pages_size(), 0U);
    EXPECT_FALSE(plan->segments[1].has_partial_page());
}

TEST(Elf, RefusesWhatDoesNotFitTogether) {
    const std::pair<const char*, std::function<void(Image&)>> lies[] = {
        {"magic", [](Image& i) { i.header.e_ident[0] = 'x'; }},
        {"64-bit", [](Image& i) { i.header.e_ident[EI_CLASS] = ELFCLASS64; }},
        {"big endian", [](Image& i) { i.header.e_ident[EI_DATA] = ELFDATA2MSB; }},
        {"machine", [](Image& i) { i.header.e_machine = EM_ARM; }},
        {"object file", [](Image& i) { i.header.e_type = ET_REL; }},
        {"header size", [](Image& i) { i.header.e_phentsize = 16; }},
        {"headers behind the file", [](Image& i) { i.header.e_phoff = 0x2fff; }},
        {"header offset wraps", [](Image& i) { i.header.e_phoff = 0xffff'fff0; }},
        {"no segment", [](Image& i) { i.segments.clear(); }},
        {"only notes",
         [](Image& i) { i.segments.assign(1, Elf32_Phdr{PT_NOTE, 0, 0, 0, 0, 0, 0, 0}); }},
        {"dynamic", [](Image& i) { i.segments[2].p_type = PT_INTERP; }},
        {"data behind the file", [](Image& i) { i.segments[1].p_filesz = 0x2000; }},
        {"offset wraps", [](Image& i) { i.segments[1].p_offset = 0xffff'f800; }},
        {"file larger than memory", [](Image& i) { i.segments[1].p_memsz = 0x2ff; }},
        {"not congruent", [](Image& i) { i.segments[1].p_offset = 0x1900; }},
        {"null page", [](Image& i) { i.segments[0].p_vaddr = 0; }},
        {"kernel memory", [](Image& i) { i.segments[1].p_vaddr = 0xc000'0800; }},
        {"reaches the kernel", [](Image& i) { i.segments[1].p_memsz = 0xb800'0000; }},
        {"memory wraps", [](Image& i) { i.segments[1].p_memsz = 0xffff'ffff; }},
        {"overlap", [](Image& i) { i.segments[1].p_vaddr = 0x0804'9800; }},
        {"descending", [](Image& i) { std::swap(i.segments[0], i.segments[1]); }},
        {"entry outside", [](Image& i) { i.header.e_entry = 0x0900'0000; }},
        {"entry in data", [](Image& i) { i.header.e_entry = 0x0804'a900; }},
        {"bss in read-only", [](Image& i) { i.segments[0].p_memsz = 0x1900; }},
        {"too many loads",
         [](Image& i) {
             for (std::uint32_t n = 0; n < 20; ++n) {
                 i.segments.push_back({PT_LOAD, 0, 0x0900'0000 + n * 0x1000, 0, 8, 8, PF_R, 0});
             }
         }},
        {"too many headers", [](Image& i) { i.segments.resize(65, Elf32_Phdr{}); }},
    };
    for (const auto& [name, lie] : lies) {
        Image image;
        lie(image);
        const auto plan = image.plan();
        ASSERT_FALSE(plan) << name;
        EXPECT_EQ(plan.error(), Errc::not_executable) << name;
    }
}

TEST(Elf, ShortFilesAreNotExecutable) {
    Image image;
    image.header.e_phnum = 3;
    const auto head = std::as_bytes(std::span(&image.header, 1));
    for (std::size_t n = 0; n < head.size(); ++n) {
        EXPECT_FALSE(find_program_headers(head.first(n), n));
    }
    const auto headers = std::as_bytes(std::span(image.segments));
    EXPECT_FALSE(plan_load(head, headers.first(headers.size() - 1), image.file_size));
}

TEST(Elf, RandomHeadersNeverPlanOutsideUserSpace) {
    std::mt19937 random(7);
    int accepted = 0;
    for (int round = 0; round < 200'000; ++round) {
        Image image;
        for (int change = 0; change < 3; ++change) {
            auto bytes = std::as_writable_bytes(std::span(image.segments));
            bytes[random() % bytes.size()] = static_cast<std::byte>(random());
        }
        const auto plan = image.plan();
        if (!plan) {
            continue;
        }
        ++accepted;
        VirtAddr end;
        for (const LoadSegment& s : plan->loads()) {
            ASSERT_GE(s.start, lowest_user_address);
            ASSERT_GE(s.start, end);
            ASSERT_TRUE(s.start <= s.file_end && s.file_end <= s.end);
            ASSERT_LE(s.end, hal::user_end - reserved_top);
            end = s.end;
        }
    }
    EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace kidney::kernel
