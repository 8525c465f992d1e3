/// Damages images of vsfs, reads and changes them: with a log that has something to say, so that
/// recovery is damaged as well, and without one, by the first byte.
#include "tests/crash/subjects/vsfs.hpp"
#include "tests/fuzz/damaged_image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using Image = kidney::fuzz::DamagedImage<kidney::crash::VsfsSubject, true>;
    static Image with_log(33U), without_log(0U);
    if (size > 0) {
        (data[0] % 2 == 0 ? with_log : without_log).run_once({data + 1, size - 1});
    }
    return 0;
}
