/// Damages images of kfs, reads and changes them.
#include "tests/crash/subjects/kfs.hpp"
#include "tests/fuzz/damaged_image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static kidney::fuzz::DamagedImage<kidney::crash::KfsSubject, true> image(false);
    image.run_once({data, size});
    return 0;
}
