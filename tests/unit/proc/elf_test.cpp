/// The ELF parser: one good image, then every way in which a file can lie.
#include "proc/exec/elf.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <vector>

namespace kidney::proc {
namespace {

/// A file of headers: text at 0x08048000, data + bss behind it, as GNU ld lays them out.
struct Image {
    Elf32_Ehdr header{};
    std::vector<Elf32_Phdr> segments;

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
        header.e_phnum = 3;
    }
    [[nodiscard]] std::span<const std::byte> head() const {
        return std::as_bytes(std::span(&header, 1));
    }
    /// Good until the image changes.
    [[nodiscard]] ElfHeaders headers() {
        header.e_phnum = static_cast<Elf32_Half>(segments.size());
        return {head(), std::as_bytes(std::span(segments))};
    }
    [[nodiscard]] Result<LoadPlan> plan() { return LoadPlan::of(headers()); }
    [[nodiscard]] LoadSegment segment(std::size_t n) { return *LoadSegment::of(segments[n]); }
};

TEST(Elf, PlansTextDataAndBss) {
    Image image;
    const auto plan = image.plan();
    ASSERT_TRUE(plan);
    std::vector<LoadSegment> segments;
    ASSERT_TRUE(plan->for_each_segment([&](const LoadSegment& s) {
        segments.push_back(s);
        return Status();
    }));
    ASSERT_EQ(segments.size(), 2U);
    const LoadSegment& text = segments[0];
    EXPECT_EQ(text.start, VirtAddr(0x0804'8000));
    EXPECT_EQ(text.file_end, VirtAddr(0x0804'a000));
    EXPECT_EQ(text.end, VirtAddr(0x0804'a000));
    EXPECT_TRUE(text.readable && text.executable);
    EXPECT_FALSE(text.writable);
    const LoadSegment& data = segments[1];
    EXPECT_EQ(data.start, VirtAddr(0x0804'a000));
    EXPECT_EQ(data.file_offset, 0x1000U);
    EXPECT_EQ(data.zero_from, VirtAddr(0x0804'ab00));
    EXPECT_EQ(data.file_end, VirtAddr(0x0804'b000));
    EXPECT_EQ(data.end, VirtAddr(0x0804'e000));
    EXPECT_EQ(data.anonymous_size(), 0x3000U);
    EXPECT_EQ(plan->extent, (VirtRange{VirtAddr(0x0804'8000), 0x6000}));
    EXPECT_EQ(plan->alignment, page_size);
    EXPECT_EQ(plan->program_headers, VirtAddr(0x0804'8034));
    EXPECT_EQ(plan->headers.entry(), VirtAddr(0x0804'8100));
    EXPECT_FALSE(plan->headers.is_relocatable());
}

TEST(Elf, StopsAtTheFirstErrorOfAVisitor) {
    Image image;
    int visited = 0;
    const Status status = image.plan()->for_each_segment([&](const LoadSegment&) {
        ++visited;
        return Status(fail(Errc::no_memory));
    });
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error(), Errc::no_memory);
    EXPECT_EQ(visited, 1);
}

TEST(Elf, OnlyWhatHasMoreMemoryThanFileIsZeroed) {
    Image image;
    image.segments[1].p_memsz = image.segments[1].p_filesz;
    const LoadSegment data = image.segment(1);
    EXPECT_EQ(data.zero_from, data.file_end);
    EXPECT_EQ(data.end, data.file_end);
    ++image.segments[1].p_memsz;  // still within the page
    EXPECT_EQ(image.segment(1).zero_from, VirtAddr(0x0804'ab00));
    EXPECT_EQ(image.segment(1).end, data.end);
}

TEST(Elf, SegmentWithoutFileBytesIsAnonymous) {
    Image image;
    image.segments[1].p_filesz = 0;
    image.segments[1].p_offset = 7;  // meaningless then, and need not be congruent
    const LoadSegment data = image.segment(1);
    EXPECT_EQ(data.file_pages_size(), 0U);
    EXPECT_EQ(data.zero_from, data.file_end);
    EXPECT_EQ(data.start, VirtAddr(0x0804'a000));
    EXPECT_EQ(data.end, VirtAddr(0x0804'e000));
    image.segments[1].p_memsz = 0;
    EXPECT_EQ(image.segment(1).end, image.segment(1).start);
}

TEST(Elf, SegmentsMayOverlapAndComeInAnyOrder) {
    Image image;
    std::swap(image.segments[0], image.segments[1]);
    EXPECT_TRUE(image.plan());
    image.segments[0].p_vaddr = 0x0804'8800;
    EXPECT_EQ(image.plan()->extent.start, VirtAddr(0x0804'8000));
}

TEST(Elf, ProgramHeadersMayLieInNoSegment) {
    Image image;
    image.header.e_phoff = 0x1800 + 0x300;
    EXPECT_EQ(image.plan()->program_headers, VirtAddr(0));
    image.header.e_phoff -= 1;
    EXPECT_EQ(image.plan()->program_headers, VirtAddr(0x0804'aaff));
}

TEST(Elf, AlignmentIsTheLargestThatIsOne) {
    Image image;
    image.segments[0].p_align = 0x20'0000;
    image.segments[1].p_align = 0x30'0000;
    EXPECT_EQ(image.plan()->alignment, 0x20'0000U);
    EXPECT_EQ(align_up(VirtAddr(0x40'0000), 0x20'0000), VirtAddr(0x40'0000));
    EXPECT_EQ(align_up(VirtAddr(0x40'1000), 0x20'0000), VirtAddr(0x60'0000));
}

TEST(Elf, NamesInterpreterAndStackRights) {
    Image image;
    EXPECT_FALSE(image.headers().interpreter());
    EXPECT_EQ(image.headers().stack(), StackRights::data_only);
    image.segments[2].p_flags |= PF_X;
    EXPECT_EQ(image.headers().stack(), StackRights::executable);
    image.segments[2] = {PT_INTERP, 0x134, 0, 0, 19, 19, PF_R, 1};
    image.segments.push_back({PT_INTERP, 0x200, 0, 0, 5, 5, PF_R, 1});
    const auto path = image.headers().interpreter();
    ASSERT_TRUE(path);
    EXPECT_EQ(path->offset, 0x134U);  // the first one counts
    EXPECT_EQ(path->size, 19U);
    EXPECT_EQ(image.headers().stack(), StackRights::unspecified);
}

using Lie = std::pair<const char*, std::function<void(Image&)>>;

TEST(Elf, RefusesWhatIsNoProgramForThisMachine) {
    const Lie lies[] = {
        {"magic", [](Image& i) { i.header.e_ident[0] = 'x'; }},
        {"machine", [](Image& i) { i.header.e_machine = EM_X86_64; }},
        {"header size", [](Image& i) { i.header.e_phentsize = 16; }},
        {"no headers", [](Image& i) { i.header.e_phnum = 0; }},
        {"too many headers", [](Image& i) { i.header.e_phnum = ElfHeaders::max_count + 1; }},
    };
    for (const auto& [name, lie] : lies) {
        Image image;
        ASSERT_TRUE(ElfHeaders::locate(image.head()));
        lie(image);
        const auto extent = ElfHeaders::locate(image.head());
        ASSERT_FALSE(extent) << name;
        EXPECT_EQ(extent.error(), Errc::not_executable) << name;
    }
    const Image image;
    for (std::size_t n = 0; n < offsetof(Elf32_Ehdr, e_phnum) + 1; ++n) {
        EXPECT_FALSE(ElfHeaders::locate(image.head().first(n))) << n;
    }
}

TEST(Elf, RefusesWhatCannotLieInMemory) {
    const Lie lies[] = {
        {"object file", [](Image& i) { i.header.e_type = ET_REL; }},
        {"only notes",
         [](Image& i) { i.segments.assign(1, Elf32_Phdr{PT_NOTE, 0, 0, 0, 0, 0, 0, 0}); }},
        {"empty", [](Image& i) { i.segments.assign(1, {PT_LOAD, 0, 0x0804'8000, 0, 0, 0, 0, 0}); }},
        {"offset wraps", [](Image& i) { i.segments[1].p_offset = 0xffff'f800; }},
        {"offset before the file", [](Image& i) { i.segments[1].p_offset = 0; }},
        {"file larger than memory", [](Image& i) { i.segments[1].p_memsz = 0x2ff; }},
        {"not congruent", [](Image& i) { i.segments[1].p_offset = 0x1900; }},
        {"kernel memory", [](Image& i) { i.segments[1].p_vaddr = 0xc000'0800; }},
        {"reaches the kernel", [](Image& i) { i.segments[1].p_memsz = 0xb800'0000; }},
        {"memory wraps", [](Image& i) { i.segments[1].p_memsz = 0xffff'ffff; }},
    };
    for (const auto& [name, lie] : lies) {
        Image image;
        lie(image);
        const auto plan = image.plan();
        ASSERT_FALSE(plan) << name;
        EXPECT_EQ(plan.error(), Errc::invalid_argument) << name;
    }
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
        ASSERT_LE(plan->extent.end(), hal::user_end);
        ASSERT_TRUE(plan->for_each_segment([&](const LoadSegment& s) {
            EXPECT_GE(s.start, plan->extent.start);
            EXPECT_TRUE(s.start <= s.zero_from && s.zero_from <= s.file_end && s.file_end <= s.end);
            EXPECT_LE(s.end, plan->extent.end());
            return Status();
        }));
    }
    EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace kidney::proc
