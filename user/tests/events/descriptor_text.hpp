#pragma once
/// What /proc/self/fdinfo says of a descriptor.

#include "user/tests/check.hpp"

#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

struct DescriptorText {
    explicit DescriptorText(int fd) {
        char path[64];
        std::snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
        const int file = open(path, O_RDONLY);
        const ssize_t size = read(file, text, sizeof text - 1);
        EXPECT(size > 0);
        text[size] = 0;
        close(file);
    }
    /// The rest of the first line that begins like this, or null.
    [[nodiscard]] const char* behind(const char* begin) const {
        const char* const found = std::strstr(text, begin);
        return found == nullptr ? nullptr : found + std::strlen(begin);
    }
    [[nodiscard]] bool says(const char* line) const { return std::strstr(text, line) != nullptr; }

    char text[1024];
};
