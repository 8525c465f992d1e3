/// What `./kidney image` tells its user: what went wrong, with what.
#pragma once

#include "kernel/syscall/errno_map.hpp"
#include "kidney/core/result.hpp"

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace kidney::image {

/// As a program would be told.
[[nodiscard]] inline std::string in_words(Errc error) {
    return std::strerror(kernel::errno_of(error));
}

/// A name, however odd, in one line that does nothing to a terminal.
[[nodiscard]] inline std::string printable(std::string_view name) {
    std::string text;
    for (const char letter : name) {
        const auto code = static_cast<unsigned char>(letter);
        if (code >= 0x20 && code != 0x7F) {
            text += letter;
        } else {
            char octal[8];
            std::snprintf(octal, sizeof octal, "\\%03o", code);
            text += octal;
        }
    }
    return text;
}

/// Returns the exit status of who has something to complain about.
inline int complain(std::string_view where, std::string_view what) {
    std::fprintf(stderr, "image: %s: %s\n", printable(where).c_str(), std::string(what).c_str());
    return 1;
}

}  // namespace kidney::image
