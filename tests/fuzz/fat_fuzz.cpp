/// Damages FAT images, reads and changes them. The first byte says which kind.
#include "tests/crash/subjects/fat.hpp"
#include "tests/fuzz/damaged_image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using kidney::fs_test::FatFormat;
    using Image = kidney::fuzz::DamagedImage<kidney::crash::FatSubject>;
    static Image fat12(FatFormat{12, 1, "64k", "-r 64"}), fat16(FatFormat{16, 1, "2200k", "-r 64"}),
        fat32(FatFormat{32, 1, "200k"});
    if (size > 0) {
        Image* const images[] = {&fat12, &fat16, &fat32};
        images[data[0] % 3]->run_once({data + 1, size - 1});
    }
    return 0;
}
