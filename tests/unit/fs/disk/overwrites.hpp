/// Writes that replace whole pages, whose old bytes nobody reads: unless it turns out that they are
/// needed after all.
#pragma once

#include "tests/unit/fs/torn_buffers.hpp"
#include "tests/unit/fs/volume_under_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace kidney::fs_test {

/// Bytes ('N') of somebody who reads the file while they are on their way.
class NosySource final : public fs::WriteBuffer {
public:
    NosySource(fs::Vnode& file, std::size_t size) : WriteBuffer(size), file_(file) {}

private:
    std::size_t load(std::span<std::byte> bytes) noexcept override {
        std::string seen(60'000, '?');
        fs::SpanReadBuffer to(std::as_writable_bytes(std::span(seen)));
        EXPECT_TRUE(file_.read(0, to));
        std::memset(bytes.data(), 'N', bytes.size());
        return bytes.size();
    }
    fs::Vnode& file_;
};

/// The memory ends within a page that was to be replaced as a whole, or somebody reads the page
/// before it is: nothing is lost, nothing is old.
template <class Volume>
void overwrite_pages(Volume& v) {
    const std::string old = pattern(30'000, 5);
    const auto expect = [&](const char* path, std::size_t at, std::size_t count, char byte) {
        std::string wanted = old;
        wanted.resize(std::max<std::size_t>(wanted.size(), at + count), byte);
        std::fill_n(wanted.begin() + static_cast<std::ptrdiff_t>(at), count, byte);
        for (int n = 0; n < 2; ++n) {
            EXPECT_EQ(v.read(path).value_or(""), wanted) << path << " at " << at;
            EXPECT_TRUE(v.fs().sync());
            v.cache().reclaim(~std::size_t{0});  // once more from the disk
        }
    };
    const auto fresh = [&](const char* path) {
        EXPECT_TRUE(v.write(path, old) && v.fs().sync());
        v.cache().reclaim(~std::size_t{0});
        return *v.at(path);
    };
    for (const std::size_t at : {0U, 4000U}) {
        TornSource torn(3 * page_size, page_size + 300);
        EXPECT_EQ(fresh("TORN")->write(at, torn), page_size + 300);
        expect("TORN", at, page_size + 300, 'T');
        ASSERT_TRUE(v.unlink("TORN"));
    }
    for (const std::size_t at : {0U, 28'000U}) {
        const Ref<fs::Vnode> file = fresh("NOSY");
        NosySource nosy(*file, 3 * page_size);
        EXPECT_EQ(file->write(at, nosy), 3 * page_size);
        expect("NOSY", at, 3 * page_size, 'N');
        ASSERT_TRUE(v.unlink("NOSY"));
    }
    std::uint64_t end = 0;
    TornSource torn(2 * page_size, page_size + 300);
    EXPECT_EQ(fresh("LOG")->append(torn, end), page_size + 300);
    EXPECT_EQ(end, old.size() + page_size + 300);
    expect("LOG", old.size(), page_size + 300, 'T');
    TornSource nothing(page_size, 0);
    EXPECT_EQ((*v.at("LOG"))->write(page_size, nothing).error(), Errc::bad_address);
    expect("LOG", old.size(), page_size + 300, 'T');
}

}  // namespace kidney::fs_test
