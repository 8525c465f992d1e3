/// FatFs (ff.h) as a store of files, on the image that our FAT32 gets.
#include "bench/peers/handles.hpp"
#include "bench/peers/peers.hpp"
#include "bench/workloads/disk_image.hpp"

extern "C" {
#include "ff.h"
// After ff.h.
#include "diskio.h"
}

namespace kidney::bench {
namespace {

constexpr std::uint32_t mib = 288;
fakes::CountingDisk* medium = nullptr;  // its interface has no place for one

Status status_of(FRESULT result) {
    return result == FR_OK                                ? Status()
           : result == FR_NO_FILE || result == FR_NO_PATH ? fail(Errc::not_found)
           : result == FR_EXIST                           ? fail(Errc::exists)
                                                          : fail(Errc::io_error);
}

class FatFsStore final : public PeerStore {
public:
    FatFsStore() { medium = &disk_; }
    [[nodiscard]] const char* name() const noexcept override { return "FatFs"; }
    [[nodiscard]] Status start() override {
        stop();
        disk_.clear();
        static const Result<DiskImage> empty =
            DiskImage::make("mkfs.fat --invariant -F 32 -s 8", mib);
        if (!empty) {
            return fail(empty.error());
        }
        empty->put(disk_);
        return status_of(f_mount(&fs_, "", 1));
    }
    void stop() noexcept override { f_unmount(""); }
    [[nodiscard]] Status remount() override {
        stop();
        return status_of(f_mount(&fs_, "", 1));
    }
    [[nodiscard]] Status make_directory(std::string_view path) override {
        return status_of(f_mkdir(text(path).c_str()));
    }
    [[nodiscard]] Result<FilePtr> create(std::string_view path) override {
        return opened(path, FA_CREATE_NEW);
    }
    [[nodiscard]] Result<FilePtr> open(std::string_view path) override { return opened(path, 0); }
    [[nodiscard]] Status look_up(std::string_view path) override {
        FILINFO info;
        return status_of(f_stat(text(path).c_str(), &info));
    }
    [[nodiscard]] Status rename(std::string_view from, std::string_view to) override {
        return status_of(f_rename(text(from).c_str(), text(to).c_str()));
    }
    [[nodiscard]] Status unlink(std::string_view path) override {
        return status_of(f_unlink(text(path).c_str()));
    }
    [[nodiscard]] Result<std::size_t> list(std::string_view path) override {
        DIR directory;
        FILINFO info;
        TRY(status_of(f_opendir(&directory, text(path).c_str())));
        std::size_t count = 0;
        while (f_readdir(&directory, &info) == FR_OK && info.fname[0] != 0) {
            ++count;
        }
        f_closedir(&directory);
        return count;
    }
    [[nodiscard]] fakes::CountingDisk* disk() noexcept override { return &disk_; }

private:
    class File final : public OpenFile {
    public:
        explicit File(PeerStore& store) : store_(store) { store_.enter(*this); }
        ~File() override {
            store_.leave(*this);
            f_close(&file);
        }
        [[nodiscard]] Status read(std::uint64_t at, std::span<std::byte> to) override {
            TRY(seek(at));
            UINT done = 0;
            TRY(status_of(f_read(&file, to.data(), static_cast<UINT>(to.size()), &done)));
            return done == to.size() ? Status() : fail(Errc::io_error);
        }
        [[nodiscard]] Status write(std::uint64_t at, std::span<const std::byte> from) override {
            TRY(seek(at));
            UINT done = 0;
            TRY(status_of(f_write(&file, from.data(), static_cast<UINT>(from.size()), &done)));
            return done == from.size() ? Status() : fail(Errc::no_space);
        }
        [[nodiscard]] Status append(std::span<const std::byte> from) override {
            return write(f_size(&file), from);
        }
        [[nodiscard]] Status sync() override { return status_of(f_sync(&file)); }
        FIL file{};

    private:
        [[nodiscard]] Status seek(std::uint64_t at) {
            return f_tell(&file) == at ? Status()
                                       : status_of(f_lseek(&file, static_cast<FSIZE_t>(at)));
        }
        PeerStore& store_;
    };
    [[nodiscard]] Result<FilePtr> opened(std::string_view path, BYTE how) {
        auto file = std::make_unique<File>(*this);
        TRY(status_of(
            f_open(&file->file, text(path).c_str(), static_cast<BYTE>(FA_READ | FA_WRITE | how))));
        return FilePtr(std::move(file));
    }

    fakes::CountingDisk disk_{mib * 2048};
    FATFS fs_{};
};

DRESULT answer(const Status& status) {
    return status ? RES_OK : RES_ERROR;
}

}  // namespace

std::unique_ptr<FileStore> make_fatfs() {
    return std::make_unique<FatFsStore>();
}

}  // namespace kidney::bench

// What FatFs calls.
extern "C" {
DSTATUS disk_initialize(BYTE) {
    return 0;
}
DSTATUS disk_status(BYTE) {
    return 0;
}
DRESULT disk_read(BYTE, BYTE* to, LBA_t sector, UINT count) {
    using namespace kidney;
    return bench::answer(bench::medium->read(fs::BlockIndex(sector),
                                             {reinterpret_cast<std::byte*>(to), count * 512U}));
}
DRESULT disk_write(BYTE, const BYTE* from, LBA_t sector, UINT count) {
    using namespace kidney;
    return bench::answer(bench::medium->write(
        fs::BlockIndex(sector), {reinterpret_cast<const std::byte*>(from), count * 512U}));
}
DRESULT disk_ioctl(BYTE, BYTE command, void*) {
    return command == CTRL_SYNC ? kidney::bench::answer(kidney::bench::medium->flush())
                                : RES_PARERR;
}
}
