/// littlefs (lfs.h) as a store of files: blocks of 4 KiB, and caches of one block.
#include "bench/peers/handles.hpp"
#include "bench/peers/peers.hpp"

extern "C" {
#include "lfs.h"
}

namespace kidney::bench {
namespace {

Status status_of(int result) {
    return result >= 0               ? Status()
           : result == LFS_ERR_NOENT ? fail(Errc::not_found)
           : result == LFS_ERR_EXIST ? fail(Errc::exists)
           : result == LFS_ERR_NOSPC ? fail(Errc::no_space)
                                     : fail(Errc::io_error);
}

class LittlefsStore final : public PeerStore {
public:
    LittlefsStore() {
        config_.context = &disk_;
        config_.read = [](const lfs_config* c, lfs_block_t block, lfs_off_t at, void* to,
                          lfs_size_t size) {
            const auto first = fs::BlockIndex((std::uint64_t{block} * block_size + at) / 512);
            return disk_of(c).read(first, {static_cast<std::byte*>(to), size}) ? 0 : LFS_ERR_IO;
        };
        config_.prog = [](const lfs_config* c, lfs_block_t block, lfs_off_t at, const void* from,
                          lfs_size_t size) {
            const auto first = fs::BlockIndex((std::uint64_t{block} * block_size + at) / 512);
            return disk_of(c).write(first, {static_cast<const std::byte*>(from), size})
                       ? 0
                       : LFS_ERR_IO;
        };
        config_.erase = [](const lfs_config*, lfs_block_t) { return 0; };  // a disk needs none
        config_.sync = [](const lfs_config* c) { return disk_of(c).flush() ? 0 : LFS_ERR_IO; };
        config_.read_size = config_.prog_size = 512;
        config_.block_size = config_.cache_size = block_size;
        config_.block_count = mib * 256;
        config_.lookahead_size = 8192;
        config_.block_cycles = -1;
    }
    [[nodiscard]] const char* name() const noexcept override { return "littlefs"; }
    /// It writes the rest of a file again with each change in its middle.
    [[nodiscard]] std::uint32_t most_kib() const noexcept override { return 2048; }
    [[nodiscard]] std::uint32_t most_files() const noexcept override { return 1000; }
    [[nodiscard]] Status start() override {
        stop();
        disk_.clear();
        TRY(status_of(lfs_format(&lfs_, &config_)));
        return mount();
    }
    void stop() noexcept override {
        if (is_mounted_) {
            lfs_unmount(&lfs_);
            is_mounted_ = false;
        }
    }
    [[nodiscard]] Status remount() override {
        stop();
        return mount();
    }
    [[nodiscard]] Status make_directory(std::string_view path) override {
        return status_of(lfs_mkdir(&lfs_, text(path).c_str()));
    }
    [[nodiscard]] Result<FilePtr> create(std::string_view path) override {
        return opened(path, LFS_O_CREAT | LFS_O_EXCL);
    }
    [[nodiscard]] Result<FilePtr> open(std::string_view path) override { return opened(path, 0); }
    [[nodiscard]] Status look_up(std::string_view path) override {
        lfs_info info;
        return status_of(lfs_stat(&lfs_, text(path).c_str(), &info));
    }
    [[nodiscard]] Status rename(std::string_view from, std::string_view to) override {
        return status_of(lfs_rename(&lfs_, text(from).c_str(), text(to).c_str()));
    }
    [[nodiscard]] Status unlink(std::string_view path) override {
        return status_of(lfs_remove(&lfs_, text(path).c_str()));
    }
    [[nodiscard]] Result<std::size_t> list(std::string_view path) override {
        lfs_dir_t directory;
        lfs_info info;
        TRY(status_of(lfs_dir_open(&lfs_, &directory, text(path).c_str())));
        std::size_t count = 0;
        while (lfs_dir_read(&lfs_, &directory, &info) > 0) {
            ++count;
        }
        lfs_dir_close(&lfs_, &directory);
        return count - 2;  // "." and ".."
    }
    [[nodiscard]] fakes::CountingDisk* disk() noexcept override { return &disk_; }

private:
    static constexpr std::uint32_t mib = 256;
    static constexpr lfs_size_t block_size = 4096;

    class File final : public OpenFile {
    public:
        File(PeerStore& store, lfs_t& lfs) : store_(store), lfs_(lfs) { store_.enter(*this); }
        ~File() override {
            store_.leave(*this);
            if (is_open) {
                lfs_file_close(&lfs_, &file);
            }
        }
        [[nodiscard]] Status read(std::uint64_t at, std::span<std::byte> to) override {
            lfs_file_seek(&lfs_, &file, static_cast<lfs_soff_t>(at), LFS_SEEK_SET);
            return moved(lfs_file_read(&lfs_, &file, to.data(), static_cast<lfs_size_t>(to.size())),
                         to.size());
        }
        [[nodiscard]] Status write(std::uint64_t at, std::span<const std::byte> from) override {
            lfs_file_seek(&lfs_, &file, static_cast<lfs_soff_t>(at), LFS_SEEK_SET);
            return moved(
                lfs_file_write(&lfs_, &file, from.data(), static_cast<lfs_size_t>(from.size())),
                from.size());
        }
        [[nodiscard]] Status append(std::span<const std::byte> from) override {
            return write(static_cast<std::uint64_t>(lfs_file_size(&lfs_, &file)), from);
        }
        [[nodiscard]] Status sync() override { return status_of(lfs_file_sync(&lfs_, &file)); }
        lfs_file_t file{};
        bool is_open = false;

    private:
        [[nodiscard]] static Status moved(lfs_ssize_t done, std::size_t wanted) {
            return done == static_cast<lfs_ssize_t>(wanted) ? Status() : fail(Errc::io_error);
        }
        PeerStore& store_;
        lfs_t& lfs_;
    };
    [[nodiscard]] static fakes::CountingDisk& disk_of(const lfs_config* c) {
        return *static_cast<fakes::CountingDisk*>(c->context);
    }
    [[nodiscard]] Status mount() {
        TRY(status_of(lfs_mount(&lfs_, &config_)));
        is_mounted_ = true;
        return {};
    }
    [[nodiscard]] Result<FilePtr> opened(std::string_view path, int how) {
        auto file = std::make_unique<File>(*this, lfs_);
        TRY(status_of(lfs_file_open(&lfs_, &file->file, text(path).c_str(), LFS_O_RDWR | how)));
        file->is_open = true;
        return FilePtr(std::move(file));
    }

    fakes::CountingDisk disk_{mib * 2048};
    lfs_config config_{};
    lfs_t lfs_{};
    bool is_mounted_ = false;
};

}  // namespace

std::unique_ptr<FileStore> make_littlefs() {
    return std::make_unique<LittlefsStore>();
}

}  // namespace kidney::bench
