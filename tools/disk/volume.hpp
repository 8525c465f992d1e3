/// A file system of an image, mounted in this process as the kernel mounts it.
#pragma once

#include "fs/vfs/vfs.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/file_clock.hpp"
#include "tests/crash/subjects/world.hpp"
#include "tools/disk/contents.hpp"
#include "tools/disk/image_file.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace kidney::image {

struct WallClock {
    fs::FileTime operator()() noexcept;
};
static_assert(fs::FileClock<WallClock>);

/// Concurrency: none.
class Volume {
public:
    using Vfs = fs::Vfs<crash::PlainHeap, NullLock, NullLock>;

    virtual ~Volume() = default;
    Volume(const Volume&) = delete;
    Volume& operator=(const Volume&) = delete;

    /// What the image shows, which must outlive it. Null: it cannot be, and `complaint` says why.
    /// To be changed it must be clean: what a check has to mend gets worse by changes. `lenient`:
    /// a FAT takes owners and permissions that it cannot keep.
    [[nodiscard]] static std::unique_ptr<Volume> mount(ImageFile& image, bool lenient,
                                                       std::string& complaint);
    /// Everything goes to the image, which is marked as clean. Nothing of the volume is used any
    /// more, nobody has a place in it.
    [[nodiscard]] virtual Status unmount() = 0;

    [[nodiscard]] virtual fs::FileSystem& system() noexcept = 0;
    /// It was not unmounted when it was last used.
    [[nodiscard]] virtual bool wants_checker() noexcept = 0;

    [[nodiscard]] Vfs& vfs() noexcept { return *vfs_; }
    /// For paths that begin at the root, or at `start`.
    [[nodiscard]] fs::PathContext at_root() noexcept { return {root_, root_, {}}; }
    [[nodiscard]] fs::PathContext at(const fs::Place& start) noexcept { return {root_, start, {}}; }

protected:
    using Cache = fs::PageCache<crash::PlainHeap, fs_test::Frames, sim::RamArena, NullLock,
                                fs_test::NullQueue>;

    Volume() = default;
    [[nodiscard]] virtual Status start() = 0;
    /// Why start() failed; empty: the image cannot be read.
    [[nodiscard]] virtual std::string refusal() = 0;
    [[nodiscard]] Status open_tree();
    void close_tree();

    crash::PlainHeap heap_;
    sim::RamArena arena_{16384};
    fs_test::Frames frames_{arena_};
    Cache cache_{heap_, frames_, arena_};
    WallClock clock_;

private:
    template <class System>
    class Of;

    std::unique_ptr<Vfs> vfs_;
    fs::Place root_;
};

/// Mounts what is named, lets `use` do something with it, and unmounts it, whatever happened. `use`
/// returns an exit status; so does this, having complained.
int with_volume(const std::string& image, ImageFile::Use use, bool lenient,
                const std::function<int(Volume&)>& what);

}  // namespace kidney::image
