#include "tools/disk/volume.hpp"

#include "fs/ext2/ext2.hpp"
#include "fs/fat/fat.hpp"
#include "fs/fat/fat_nodes.hpp"
#include "fs/kfs/kfs.hpp"
#include "fs/vsfs/vsfs.hpp"
#include "tools/disk/complaint.hpp"

#include <chrono>
#include <cstdio>
#include <utility>

namespace kidney::image {

fs::FileTime WallClock::operator()() noexcept {
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    constexpr std::int64_t second = 1'000'000'000;
    return {now.count() / second, static_cast<std::uint32_t>(now.count() % second)};
}

Status Volume::open_tree() {
    vfs_ = std::make_unique<Vfs>(heap_);
    TRY(vfs_->mount_root(system(), "image"));
    root_ = vfs_->root();
    return {};
}
void Volume::close_tree() {
    root_ = {};
    vfs_.reset();
}

template <class System>
class Volume::Of final : public Volume {
public:
    template <class Make>
    explicit Of(Make&& make) : system_(make(*this)) {}
    ~Of() override { close_tree(); }
    [[nodiscard]] Status unmount() override {
        close_tree();
        return system_->unmount();
    }
    [[nodiscard]] fs::FileSystem& system() noexcept override { return *system_; }
    [[nodiscard]] bool wants_checker() noexcept override {
        if constexpr (requires { System::checker; }) {
            return !system_->was_clean();
        } else {
            return false;
        }
    }

    // For who makes it.
    using Volume::cache_;
    using Volume::clock_;
    using Volume::heap_;

private:
    [[nodiscard]] Status start() override { return system_->mount(); }
    [[nodiscard]] std::string refusal() override {
        return std::string(system_->explain_refusal().view());
    }
    const std::unique_ptr<System> system_;
};

namespace {

using Heap = crash::PlainHeap;
using DiskCache = fs::PageCache<Heap, fs_test::Frames, sim::RamArena, NullLock, fs_test::NullQueue>;
using Locks = fs::DiskLocks<NullLock, NullLock, NullLock, NullLock>;
using Ext2 = fs::Ext2<Heap, DiskCache, Locks, WallClock>;
using Fat = fs::Fat<Heap, DiskCache, Locks, WallClock>;
using Kfs = fs::Kfs<Heap, DiskCache, Locks, WallClock>;
using Vsfs = fs::Vsfs<Heap, ImageFile, NullLock, NullLock, WallClock>;

}  // namespace

std::unique_ptr<Volume> Volume::mount(ImageFile& image, bool lenient, std::string& complaint) {
    const fs::AnyBlockDevice device(image);
    const bool read_only = !image.changes();
    std::unique_ptr<Volume> volume;
    switch (format_of(image)) {
        case Format::kfs:
            // Its log goes home into memory, if nothing else is to be changed.
            volume = std::make_unique<Of<Kfs>>([&](auto& v) {
                return std::make_unique<Kfs>(v.heap_, v.cache_, device, v.clock_,
                                             fs::KfsOptions{.device_number = 1});
            });
            break;
        case Format::vsfs:
            volume = std::make_unique<Of<Vsfs>>(
                [&](auto& v) { return std::make_unique<Vsfs>(v.heap_, image, v.clock_, 1); });
            break;
        case Format::ext2:
            volume = std::make_unique<Of<Ext2>>([&](auto& v) {
                return std::make_unique<Ext2>(v.heap_, v.cache_, device, v.clock_,
                                              fs::Ext2Options{1, read_only});
            });
            break;
        case Format::fat:
            volume = std::make_unique<Of<Fat>>([&](auto& v) {
                return std::make_unique<Fat>(
                    v.heap_, v.cache_, device, v.clock_,
                    fs::FatOptions{.device_number = 1, .read_only = read_only, .quiet = lenient});
            });
            break;
        case Format::unknown:
            complaint = "there is no file system that we know";
            return nullptr;
    }
    const std::string type = volume->system().type_name();
    if (const Status started = volume->start(); !started) {
        const std::string why = volume->refusal();
        complaint = "its " + type +
                    " cannot be mounted: " + (why.empty() ? in_words(started.error()) : why);
        return nullptr;
    }
    if (!read_only && volume->system().is_read_only()) {
        complaint = "its " + type + " can only be read: it has features that we must not change";
        return nullptr;
    }
    if (!read_only && volume->wants_checker()) {
        complaint = "its " + type + " was not unmounted, and may be damaged: image check --mend";
        return nullptr;
    }
    if (const Status opened = volume->open_tree(); !opened) {
        complaint = in_words(opened.error());
        return nullptr;
    }
    return volume;
}

int with_volume(const std::string& text, ImageFile::Use use, bool lenient,
                const std::function<int(Volume&)>& what) {
    const ImageName name = ImageName::of(text);
    ImageFile image;
    std::string wrong = open_part(image, name, use);
    if (!wrong.empty()) {
        return complain(text, wrong);
    }
    const std::unique_ptr<Volume> volume = Volume::mount(image, lenient, wrong);
    if (volume == nullptr) {
        return complain(text, wrong);
    }
    if (volume->wants_checker()) {
        complain(text, "it was not unmounted; what is read may be wrong");
    }
    int status = what(*volume);
    if (use == ImageFile::Use::look) {
        return status;
    }
    if (const Status stored = volume->unmount(); !stored) {
        status = complain(text, "it cannot be unmounted cleanly: " + in_words(stored.error()));
    }
    return image.store() ? status : complain(text, "the disk of this machine fails");
}

}  // namespace kidney::image
