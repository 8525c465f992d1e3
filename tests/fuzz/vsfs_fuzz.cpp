/// Damages a vsfs image and uses it. The input is a list of edits, four bytes each: three of
/// offset, one new value; so the fuzzer need not find out what an image looks like. Only what was
/// touched is restored between two inputs.
#include "tests/crash/tree.hpp"
#include "tests/crash/vsfs_subject.hpp"

#include <cstdint>

namespace kidney::crash {
namespace {

/// With a log that has something to say, so that recovery is damaged as well.
struct Base {
    explicit Base(std::uint32_t log_blocks) : subject(log_blocks), disk(subject.sectors()) {
        MUST(subject.make(disk));
        MUST(subject.mounted(disk, [](fs::FileSystem& system) -> Status {
            for (std::uint32_t n = 0; n < beginning().size(); ++n) {
                TRY(run(system, beginning()[n], n));
            }
            return {};
        }));
        disk.make_base();
    }
    VsfsSubject subject;
    PowerDisk disk;
    Walk walk;
};

/// Reads everything, and then does every operation: each may fail, and nothing else.
void use(fs::FileSystem& system, Walk& walk) {
    const Ref<fs::Vnode> root = system.root();
    ignore_error(walk.run(*root), "a damaged tree may end anywhere");
    for (const Operation& step : all_operations()) {
        ignore_error(run(system, step, 1), "a damaged tree may refuse anything");
    }
    ignore_error(system.sync(), "or not want to last");
    ignore_error(walk.run(*root), "as before");
    static_cast<void>(system.status());
}

void try_damaged(Base& base, std::span<const std::uint8_t> input) {
    base.disk.reset();
    const std::size_t bytes = static_cast<std::size_t>(base.subject.sectors()) * sector_size;
    for (std::size_t at = 0; at + 4 <= input.size(); at += 4) {
        const std::size_t offset =
            (input[at] | input[at + 1] << 8U | static_cast<std::size_t>(input[at + 2]) << 16U) %
            bytes;
        std::array<std::byte, sector_size> sector{};
        const fs::BlockIndex block(offset / sector_size);
        MUST(base.disk.read(block, sector));
        sector[offset % sector_size] = static_cast<std::byte>(input[at + 3]);
        MUST(base.disk.write(block, sector));
    }
    const Status status = base.subject.mounted(base.disk, [&](fs::FileSystem& system) -> Status {
        use(system, base.walk);
        return {};
    });
    static_cast<void>(base.subject.unsound(base.disk));
    KIDNEY_INVARIANT(status || status.error() == Errc::corrupted, "refused for another reason");
}

}  // namespace
}  // namespace kidney::crash

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static kidney::crash::Base with_log(33), without_log(0);
    kidney::crash::try_damaged(with_log, {data, size});
    kidney::crash::try_damaged(without_log, {data, size});
    return 0;
}
