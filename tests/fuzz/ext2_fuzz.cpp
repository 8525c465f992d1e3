/// Damages ext2 images, reads and changes them.
#include "tests/crash/subjects/ext2.hpp"
#include "tests/fuzz/damaged_image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static kidney::fuzz::DamagedImage<kidney::crash::Ext2Subject> image(1024U);
    image.run_once({data, size});
    return 0;
}
