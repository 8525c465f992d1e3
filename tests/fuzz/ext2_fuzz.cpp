/// Damages an ext2 image and walks it. The input is a list of edits, four bytes each: three of
/// offset, one new value; so the fuzzer need not find out what an image looks like.
#include "tests/unit/fs/ext2_image.hpp"

#include <cstdint>

namespace kidney::fs_test {
namespace {

const std::vector<std::byte>& base_image() {
    static const std::vector<std::byte> image = [] {
        const TemporaryDirectory tree;
        std::filesystem::create_directories(tree.path() / "d/e");
        write_file(tree.path() / "d/e/file", std::string(40'000, 'f'));
        write_file(tree.path() / "sparse", "x", 400'000);
        std::filesystem::create_symlink("d/e", tree.path() / "fast");
        std::filesystem::create_symlink(std::string(100, 's'), tree.path() / "slow");
        return make_image(tree.path(), 1024, "256k", "-N 32");
    }();
    return image;
}

void walk_damaged(std::span<const std::uint8_t> input) {
    std::vector<std::byte> image = base_image();
    if (image.empty()) {
        return;  // no mke2fs here
    }
    for (std::size_t at = 0; at + 4 <= input.size(); at += 4) {
        const std::size_t offset = input[at] | input[at + 1] << 8U | input[at + 2] << 16U;
        image[offset % image.size()] = static_cast<std::byte>(input[at + 3]);
    }
    static World world;
    {
        fakes::FakeDisk disk(image, 512);
        TestCache cache(world.heap, world.frames, world.arena);
        TestExt2 ext2(world.heap, cache, fs::AnyBlockDevice(disk), world.clock, read_only);
        Seen seen;
        if (ext2.mount()) {
            ignore_error(walk(*ext2.root(), "", seen), "a damaged tree may end anywhere");
        }
    }
    KIDNEY_INVARIANT(world.is_clean(), "the walk leaked");
}

}  // namespace
}  // namespace kidney::fs_test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    kidney::fs_test::walk_damaged({data, size});
    return 0;
}
