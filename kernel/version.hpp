/// What this kernel calls itself.
#pragma once

#include <string_view>

namespace kidney::kernel {

/// C libraries refuse kernels below 3.2; programs decide by it what to try.
inline constexpr std::string_view kernel_release = "6.1.0-kidney";

/// The policies that this image was built with, as `uname -v` shows them.
[[nodiscard]] std::string_view kernel_version() noexcept;

}  // namespace kidney::kernel
