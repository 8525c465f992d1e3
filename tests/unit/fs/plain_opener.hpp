/// Opens files for the laws of File, whatever file system they are of.
#pragma once

#include "fs/vfs/plain_file.hpp"
#include "tests/laws/file_laws.hpp"
#include "tests/laws/file_system_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <utility>

namespace kidney::fs_test {

/// PlainFiles over a file and a directory that it makes in `home`.
class PlainOpener final : public laws::file::Opener {
public:
    PlainOpener(World& world, fs::Vnode& home) : world_(world), home_(home) {}
    [[nodiscard]] Ref<fs::File> open_file(fs::OpenMode mode) noexcept override {
        static_cast<void>(laws::file_system::remove(home_, "opened"));
        return open(*laws::file_system::make(home_, "opened"), mode);
    }
    [[nodiscard]] Ref<fs::File> open_directory() noexcept override {
        static_cast<void>(laws::file_system::make(home_, "opened.d", fs::NodeType::directory));
        return open(*home_.lookup("opened.d"), {.read = true});
    }

private:
    [[nodiscard]] Ref<fs::File> open(Ref<fs::Vnode> node, fs::OpenMode mode) {
        if (!node->open(mode) || (mode.write && !node->begin_writing())) {
            return nullptr;
        }
        return *mm::make_ref<fs::PlainFile<fakes::FakeHeap, NullLock>>(world_.heap, world_.heap,
                                                                       std::move(node), mode);
    }
    World& world_;
    fs::Vnode& home_;
};

/// The laws of File, on files in `home`.
inline void run_file_laws(test::LawReport& report, World& world, fs::Vnode& home) {
    PlainOpener opener(world, home);
    laws::run_laws<laws::file::Suite>(report, static_cast<laws::file::Opener&>(opener));
}

}  // namespace kidney::fs_test
