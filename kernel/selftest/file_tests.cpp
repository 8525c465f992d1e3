/// File systems in ring 0: the laws that the host runs, over private ones (a tmpfs, a kfs and a
/// vsfs on disks in memory) on the kernel's own heap, frames, page cache and locks.
#include "drivers/block/ram_disk.hpp"
#include "fs/kfs/make.hpp"
#include "fs/vfs/plain_file.hpp"
#include "fs/vsfs/make.hpp"
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

/// A disk in memory; the test is given up if there is not so much.
class MemoryDisk {
public:
    static constexpr std::uint32_t frames_of_it = 512;  ///< 2 MiB

    explicit MemoryDisk(FrameNumber first) noexcept
        : first_(first),
          disk_({direct_pointer(first), frames_of_it * std::size_t{page_size}}, 512) {}
    ~MemoryDisk() { frames().free_range({first_, frames_of_it}, FrameOrder(0)); }
    MemoryDisk(const MemoryDisk&) = delete;
    MemoryDisk& operator=(const MemoryDisk&) = delete;

    [[nodiscard]] static Result<FrameNumber> take() noexcept {
        return frames().allocate_range(mm::FrameZone::direct, frames_of_it, FrameOrder(0));
    }
    [[nodiscard]] drivers::RamDisk& disk() noexcept { return disk_; }

private:
    const FrameNumber first_;
    drivers::RamDisk disk_;
};

/// Runs the laws in a directory of `system`, which is mounted for it.
template <class System>
void run_on_disk(laws::Report& report, System& system, const law::Abilities& abilities) noexcept {
    const bool mounted = system.mount().has_value();
    LAW_CHECK(report, mounted);
    if (!mounted) {
        return;
    }
    auto home = law::make(*system.root(), "home", fs::NodeType::directory);
    LAW_CHECK(report, home.has_value());
    if (home) {
        law::Subject subject{system, *home, abilities};
        laws::run_laws<law::Suite>(report, subject);
    }
}

void kfs_keeps_the_laws(laws::Report& report) noexcept {
    const auto memory = MemoryDisk::take();
    auto cache = mm::make_box<PageCache>(heap(), heap(), frames(), phys_map());
    auto scratch = mm::make_box<fs::kfs::Block>(heap());
    LAW_CHECK(report, memory && cache && scratch);
    if (!memory || !cache || !scratch) {
        return;
    }
    MemoryDisk disk(*memory);
    LAW_CHECK(report, fs::kfs::make(disk.disk(), {.uuid = {1}}, **scratch).has_value());
    auto system = mm::make_box<Kfs>(heap(), heap(), **cache, fs::AnyBlockDevice(disk.disk()),
                                    self_test_clock, fs::KfsOptions{.device_number = 1001});
    LAW_CHECK(report, system.has_value());
    if (system) {
        run_on_disk(report, **system, {});
        LAW_CHECK(report, (*system)->unmount().has_value());
    }
}

void vsfs_keeps_the_laws(laws::Report& report) noexcept {
    const auto memory = MemoryDisk::take();
    auto scratch = mm::make_box<fs::vsfs::Block>(heap());
    LAW_CHECK(report, memory && scratch);
    if (!memory || !scratch) {
        return;
    }
    MemoryDisk disk(*memory);
    LAW_CHECK(report,
              fs::vsfs::make(disk.disk(), {.inodes = 64, .log_blocks = 33}, **scratch).has_value());
    fs::AnyBlockDevice device(disk.disk());
    auto system = mm::make_box<Vsfs>(heap(), heap(), device, self_test_clock, 1002U);
    LAW_CHECK(report, system.has_value());
    if (system) {
        run_on_disk(report, **system, {.unnamed = false, .exchange = false});
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
    SelfTest{"kfs keeps the laws of file systems", &kfs_keeps_the_laws},
    SelfTest{"vsfs keeps the laws of file systems", &vsfs_keeps_the_laws},
    SelfTest{"open files keep their laws", &open_files_keep_their_laws},
};

}  // namespace

std::span<const SelfTest> file_self_tests() noexcept {
    return file_test_list;
}

}  // namespace kidney::kernel
