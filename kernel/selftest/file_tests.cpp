/// File systems in ring 0: the laws that the host runs, over a private tmpfs on the kernel's own
/// heap, frames and locks.
#include "fs/vfs/plain_file.hpp"
#include "kernel/kernel.hpp"
#include "kernel/selftest/self_test.hpp"
#include "kidney/mm/make.hpp"
#include "tests/laws/file_laws.hpp"
#include "tests/laws/file_system_laws.hpp"

#include <utility>

namespace kidney::kernel {
namespace {

namespace law = laws::file_system;

constinit WallFileClock self_test_clock;

/// A tmpfs that nobody else sees, with a directory for the laws.
class PrivateTmpfs {
public:
    [[nodiscard]] bool start() noexcept {
        constexpr std::uint32_t device = 1000;
        auto made =
            mm::make_box<Tmpfs>(heap(), heap(), reclaiming_frames(), phys_map(), self_test_clock,
                                device, fs::TmpfsLimits{.pages = 100, .nodes = 200});
        if (!made) {
            return false;
        }
        system_.emplace(std::move(*made));
        if (!(*system_)->start(fs::Permissions(0755))) {
            return false;
        }
        auto home = law::make(*(*system_)->root(), "home", fs::NodeType::directory);
        home_ = home ? *home : nullptr;
        return home.has_value();
    }
    ~PrivateTmpfs() { home_.reset(); }
    [[nodiscard]] law::Subject subject() noexcept { return {**system_, home_}; }

private:
    std::optional<mm::Box<Tmpfs, Heap>> system_;
    Ref<fs::Vnode> home_;
};

void file_systems_keep_their_laws(laws::Report& report) noexcept {
    PrivateTmpfs disk;
    const bool started = disk.start();
    LAW_CHECK(report, started);
    if (started) {
        law::Subject subject = disk.subject();
        laws::run_laws<law::Suite>(report, subject);
    }
}

/// Opens plain files in a private tmpfs.
class PlainOpener final : public laws::file::Opener {
public:
    explicit PlainOpener(fs::Vnode& home) noexcept : home_(home) {}
    [[nodiscard]] Ref<fs::File> open_file(fs::OpenMode mode) noexcept override {
        if (!law::is_free(home_, "opened")) {
            ignore_error(law::remove(home_, "opened"), "the law finds the old bytes");
        }
        auto node = law::make(home_, "opened");
        return node ? open(*node, mode) : nullptr;
    }
    [[nodiscard]] Ref<fs::File> open_directory() noexcept override {
        return open(Ref<fs::Vnode>::share(home_), {.read = true});
    }

private:
    using Plain = fs::PlainFile<Heap, Mutex<ranks::file>>;
    [[nodiscard]] static Ref<fs::File> open(Ref<fs::Vnode> node, fs::OpenMode mode) noexcept {
        if (mode.write && !node->begin_writing()) {
            return nullptr;
        }
        fs::Vnode& opened = *node;
        auto file = mm::make_ref<Plain>(heap(), heap(), std::move(node), mode);
        if (!file && mode.write) {
            opened.end_writing();
        }
        return file ? Ref<fs::File>(*file) : nullptr;
    }
    fs::Vnode& home_;
};

void open_files_keep_their_laws(laws::Report& report) noexcept {
    PrivateTmpfs disk;
    const bool started = disk.start();
    LAW_CHECK(report, started);
    if (started) {
        const law::Subject subject = disk.subject();
        PlainOpener opener(*subject.home);
        laws::run_laws<laws::file::Suite>(report, static_cast<laws::file::Opener&>(opener));
    }
}

constexpr std::array file_test_list{
    SelfTest{"file systems keep their laws", &file_systems_keep_their_laws},
    SelfTest{"open files keep their laws", &open_files_keep_their_laws},
};

}  // namespace

std::span<const SelfTest> file_self_tests() noexcept {
    return file_test_list;
}

}  // namespace kidney::kernel
