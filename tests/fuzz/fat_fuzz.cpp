/// Damages FAT images, walks over them, and writes to them. The input begins with the kind of
/// image; the rest is a list of edits, four bytes each: three of offset, one new value; so the
/// fuzzer need not find out what an image looks like.
#include "tests/unit/fs/fat/fat_image.hpp"

#include <array>
#include <cstdint>

namespace kidney::fs_test {
namespace {

std::vector<std::byte> make_base(const FatFormat& format) {
    std::vector<std::byte> image = make_fat(format);
    if (image.empty()) {
        return image;
    }
    World world;
    fakes::FakeDisk disk(image, 512);
    FatUnderTest<fakes::FakeDisk> v(world, disk);
    const auto fill = [&]() -> Status {
        TRY(v.fs().mount());
        TRY(v.mkdir("d"));
        TRY(v.mkdir("d/a longer name"));
        TRY(v.write("d/a longer name/file", std::string(5000, 'f')));
        TRY(v.write("SHORT", "x"));
        return v.fs().unmount();
    };
    KIDNEY_INVARIANT(fill().has_value(), "the image can be filled");
    return {disk.bytes().begin(), disk.bytes().end()};
}
const std::vector<std::byte>& base_image(unsigned kind) {
    static const std::array images = {make_base({12, 1, "64k", "-r 64"}),
                                      make_base({16, 1, "2200k", "-r 64"}),
                                      make_base({32, 1, "200k"})};
    return images[kind % images.size()];
}

/// Whatever it answers, it comes to an end.
Status disturb(FatUnderTest<fakes::FakeDisk>& v) {
    Seen seen;
    ignore_error(walk(*v.fs().root(), "", seen), "a damaged tree may end anywhere");
    const Status results[] = {v.write("SHORT", std::string(3000, 'n'), 400),
                              v.write("d/new name", "x"),
                              v.rename("SHORT", "d/moved"),
                              v.resize("d/a longer name/file", 10),
                              v.mkdir("d/e"),
                              v.unlink("d/a longer name/file")};
    for (const Status& result : results) {
        ignore_error(result, "the damage may be where it works");
    }
    return v.fs().unmount();
}

void try_damaged(std::span<const std::uint8_t> input) {
    if (input.empty()) {
        return;
    }
    std::vector<std::byte> image = base_image(input[0]);
    if (image.empty()) {
        return;  // no mkfs.fat here
    }
    // Most of an image is empty: half of the edits are in what matters, its beginning.
    for (std::size_t at = 1; at + 4 <= input.size(); at += 4) {
        const std::size_t offset = input[at] | input[at + 1] << 8U | input[at + 2] << 16U;
        const std::size_t range = (input[at + 2] & 0x80U) != 0 ? image.size() : 24 * 1024;
        image[offset % std::min(range, image.size())] = static_cast<std::byte>(input[at + 3]);
    }
    static World world;
    {
        fakes::FakeDisk disk(image, 512);
        FatUnderTest<fakes::FakeDisk> v(world, disk);
        if (v.fs().mount()) {
            ignore_error(disturb(v), "the damage may be where it works");
        }
    }
    KIDNEY_INVARIANT(world.is_clean(), "it leaked");
}

}  // namespace
}  // namespace kidney::fs_test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    kidney::fs_test::try_damaged({data, size});
    return 0;
}
