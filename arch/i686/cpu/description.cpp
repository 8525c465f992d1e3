#include "arch/i686/cpu/description.hpp"

#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/time/clock.hpp"

#include <array>
#include <cstring>
#include <string_view>

namespace kidney::arch {
namespace {

/// Where a feature's bit is: Intel SDM volume 2A, CPUID; AMD's for the extended leaf.
enum class Word : std::uint8_t { leaf_1_edx, leaf_1_ecx, leaf_7_ebx, extended_edx, extended_ecx };
struct Feature {
    Word word;
    std::uint8_t bit;
    std::string_view name;
};
constexpr Feature features[] = {
    {Word::leaf_1_edx, 0, "fpu"},
    {Word::leaf_1_edx, 1, "vme"},
    {Word::leaf_1_edx, 2, "de"},
    {Word::leaf_1_edx, 3, "pse"},
    {Word::leaf_1_edx, 4, "tsc"},
    {Word::leaf_1_edx, 5, "msr"},
    {Word::leaf_1_edx, 6, "pae"},
    {Word::leaf_1_edx, 7, "mce"},
    {Word::leaf_1_edx, 8, "cx8"},
    {Word::leaf_1_edx, 9, "apic"},
    {Word::leaf_1_edx, 11, "sep"},
    {Word::leaf_1_edx, 12, "mtrr"},
    {Word::leaf_1_edx, 13, "pge"},
    {Word::leaf_1_edx, 14, "mca"},
    {Word::leaf_1_edx, 15, "cmov"},
    {Word::leaf_1_edx, 16, "pat"},
    {Word::leaf_1_edx, 17, "pse36"},
    {Word::leaf_1_edx, 19, "clflush"},
    {Word::leaf_1_edx, 23, "mmx"},
    {Word::leaf_1_edx, 24, "fxsr"},
    {Word::leaf_1_edx, 25, "sse"},
    {Word::leaf_1_edx, 26, "sse2"},
    {Word::leaf_1_edx, 27, "ss"},
    {Word::leaf_1_edx, 28, "ht"},
    {Word::extended_edx, 11, "syscall"},
    {Word::extended_edx, 20, "nx"},
    {Word::extended_edx, 26, "pdpe1gb"},
    {Word::extended_edx, 27, "rdtscp"},
    {Word::extended_edx, 29, "lm"},
    {Word::leaf_1_ecx, 0, "pni"},
    {Word::leaf_1_ecx, 1, "pclmulqdq"},
    {Word::leaf_1_ecx, 3, "monitor"},
    {Word::leaf_1_ecx, 9, "ssse3"},
    {Word::leaf_1_ecx, 12, "fma"},
    {Word::leaf_1_ecx, 13, "cx16"},
    {Word::leaf_1_ecx, 19, "sse4_1"},
    {Word::leaf_1_ecx, 20, "sse4_2"},
    {Word::leaf_1_ecx, 21, "x2apic"},
    {Word::leaf_1_ecx, 22, "movbe"},
    {Word::leaf_1_ecx, 23, "popcnt"},
    {Word::leaf_1_ecx, 24, "tsc_deadline_timer"},
    {Word::leaf_1_ecx, 25, "aes"},
    {Word::leaf_1_ecx, 26, "xsave"},
    {Word::leaf_1_ecx, 28, "avx"},
    {Word::leaf_1_ecx, 29, "f16c"},
    {Word::leaf_1_ecx, 30, "rdrand"},
    {Word::leaf_1_ecx, 31, "hypervisor"},
    {Word::extended_ecx, 0, "lahf_lm"},
    {Word::extended_ecx, 5, "abm"},
    {Word::leaf_7_ebx, 0, "fsgsbase"},
    {Word::leaf_7_ebx, 3, "bmi1"},
    {Word::leaf_7_ebx, 5, "avx2"},
    {Word::leaf_7_ebx, 7, "smep"},
    {Word::leaf_7_ebx, 8, "bmi2"},
    {Word::leaf_7_ebx, 9, "erms"},
    {Word::leaf_7_ebx, 18, "rdseed"},
    {Word::leaf_7_ebx, 19, "adx"},
    {Word::leaf_7_ebx, 20, "smap"},
    {Word::leaf_7_ebx, 23, "clflushopt"},
    {Word::leaf_7_ebx, 29, "sha_ni"},
};
constexpr std::uint32_t extended = 0x8000'0000;

/// The text that registers hold.
template <std::size_t N>
[[nodiscard]] std::array<char, N * 4> text_of(const std::array<std::uint32_t, N>& words) noexcept {
    std::array<char, N * 4> text;
    std::memcpy(text.data(), words.data(), text.size());
    return text;
}

void set_name(BoundedText<48>& to) noexcept {
    std::array<std::uint32_t, 12> words;
    for (std::uint32_t i = 0; i < 3; ++i) {
        const CpuidResult r = cpuid(extended + 2 + i);
        words[i * 4] = r.eax;
        words[i * 4 + 1] = r.ebx;
        words[i * 4 + 2] = r.ecx;
        words[i * 4 + 3] = r.edx;
    }
    const auto text = text_of(words);
    std::string_view name(text.data(), text.size());
    if (const std::size_t end = name.find('\0'); end != name.npos) {
        name = {name.data(), end};
    }
    while (name.starts_with(' ')) {  // some are set to the right
        name.remove_prefix(1);
    }
    to.assign(name);
}

/// The signature in CPUID(1).eax: bits 3:0 stepping, 7:4 model, 11:8 family, 19:16 and 27:20 more
/// of both.
void set_signature(hal::CpuDescription& to, std::uint32_t signature) noexcept {
    to.stepping = signature & 0xF;
    to.family = signature >> 8 & 0xF;
    to.model = signature >> 4 & 0xF;
    const bool has_more_model = to.family == 6 || to.family == 15;
    if (to.family == 15) {
        to.family += signature >> 20 & 0xFF;
    }
    if (has_more_model) {
        to.model += (signature >> 16 & 0xF) << 4;
    }
}

}  // namespace

void CpuidDescriber::describe(hal::CpuDescription& to) noexcept {
    const CpuidResult basic = cpuid(0);
    const auto vendor = text_of(std::array{basic.ebx, basic.edx, basic.ecx});
    to.vendor.assign({vendor.data(), vendor.size()});
    const CpuidResult first = cpuid(1);
    set_signature(to, first.eax);
    const std::uint32_t highest = cpuid(extended).eax;
    const CpuidResult more = highest > extended ? cpuid(extended + 1) : CpuidResult{};
    const CpuidResult seventh = basic.eax >= 7 ? cpuid(7) : CpuidResult{};
    if (highest >= extended + 4) {
        set_name(to.name);
    }
    const std::array words{first.edx, first.ecx, seventh.ebx, more.edx, more.ecx};
    to.features.assign("");
    for (const Feature& feature : features) {
        if ((words[static_cast<std::size_t>(feature.word)] >> feature.bit & 1) != 0) {
            if (!to.features.view().empty()) {
                to.features.append(" ");
            }
            to.features.append(feature.name);
        }
    }
    to.hertz = clock_state.tsc_hertz;
}

}  // namespace kidney::arch
