#include "kernel/version.hpp"

#include "kernel/config.hpp"

#include <array>
#include <cstddef>

namespace kidney::kernel {

namespace {

/// "#1 SMP buddy round-robin slab", put together by the compiler.
class VersionText {
public:
    consteval VersionText() {
        append("#1 SMP ");
        append(FramePolicy::name);
        append(" ");
        append(SchedulerPolicy::name);
        append(" ");
        append(HeapPolicy::name);
    }
    [[nodiscard]] constexpr std::string_view view() const noexcept { return {text_.data(), size_}; }

private:
    consteval void append(std::string_view text) {
        for (const char c : text) {
            text_[size_++] = c;  // beyond the end: does not compile
        }
    }
    std::array<char, 64> text_{};
    std::size_t size_ = 0;
};
constexpr VersionText text;

}  // namespace

std::string_view kernel_version() noexcept {
    return text.view();
}

}  // namespace kidney::kernel
