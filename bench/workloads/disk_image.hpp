/// Empty file systems by the tools that everybody has, as what is not zero of them.
#pragma once

#include "tests/fakes/counting_disk.hpp"
#include "tests/unit/fs/ext2_image.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace kidney::bench {

/// The pages of an image that are not zero: what a disk of hundreds of MiB takes when it is empty.
class DiskImage {
public:
    /// `command` makes an image in the file whose name is put behind it. The same command, the same
    /// image. Error: not_supported (there is no such tool, or it refuses).
    [[nodiscard]] static Result<DiskImage> make(const std::string& command, std::uint32_t mib) {
        const fs_test::TemporaryDirectory scratch;
        const std::string path = (scratch.path() / "image").string();
        const std::string line = "truncate -s " + std::to_string(mib) + "M " + path +
                                 " && PATH=$PATH:/sbin:/usr/sbin E2FSPROGS_FAKE_TIME=1 " + command +
                                 " " + path + " >/dev/null 2>&1";
        if (std::system(line.c_str()) != 0) {
            return fail(Errc::not_supported);
        }
        DiskImage image;
        return image.load(path) ? Result<DiskImage>(std::move(image)) : fail(Errc::io_error);
    }
    void put(fakes::CountingDisk& disk) const {
        for (const Page& page : pages_) {
            disk.put(page.at, std::as_bytes(std::span(page.bytes)));
        }
    }

private:
    struct Page {
        std::size_t at = 0;
        std::array<char, page_size> bytes{};
    };
    [[nodiscard]] bool load(const std::string& path) {
        const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        const off_t end = file < 0 ? 0 : lseek(file, 0, SEEK_END);
        off_t at = file < 0 ? -1 : lseek(file, 0, SEEK_DATA);
        Page page;
        while (at >= 0 && at < end) {
            page.at = static_cast<std::size_t>(at) & ~page_mask;
            const auto offset = static_cast<off_t>(page.at);
            if (pread(file, page.bytes.data(), page_size, offset) < 0) {
                break;
            }
            if (page.bytes != std::array<char, page_size>{}) {
                pages_.push_back(page);
            }
            at = lseek(file, offset + static_cast<off_t>(page_size), SEEK_DATA);
        }
        close(file);
        return !pages_.empty();
    }

    std::vector<Page> pages_;
};

}  // namespace kidney::bench
