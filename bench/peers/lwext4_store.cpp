/// lwext4 (ext4.h) as a store of files: its ext2, or its ext4 with the journal; blocks of 4 KiB,
/// 256 of them in its cache, which writes back. Its devices know no flush: there is one after each
/// sync.
#include "bench/peers/handles.hpp"
#include "bench/peers/peers.hpp"

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

extern "C" {
#include "ext4.h"
#include "ext4_mkfs.h"
}

namespace kidney::bench {
namespace {

Status status_of(int error) {
    return error == EOK      ? Status()
           : error == ENOENT ? fail(Errc::not_found)
           : error == EEXIST ? fail(Errc::exists)
           : error == ENOSPC ? fail(Errc::no_space)
                             : fail(Errc::io_error);
}

class Lwext4Store final : public PeerStore {
public:
    explicit Lwext4Store(bool has_journal)
        : has_journal_(has_journal), name_(has_journal ? "lwext4+j" : "lwext4") {
        interface_.open = interface_.close = [](ext4_blockdev*) { return EOK; };
        interface_.bread = [](ext4_blockdev* device, void* to, std::uint64_t first,
                              std::uint32_t count) {
            return disk_of(device).read(fs::BlockIndex(first),
                                        {static_cast<std::byte*>(to), std::size_t{count} * sector})
                       ? EOK
                       : EIO;
        };
        interface_.bwrite = [](ext4_blockdev* device, const void* from, std::uint64_t first,
                               std::uint32_t count) {
            return disk_of(device).write(
                       fs::BlockIndex(first),
                       {static_cast<const std::byte*>(from), std::size_t{count} * sector})
                       ? EOK
                       : EIO;
        };
        interface_.ph_bsize = sector;
        interface_.ph_bcnt = disk_.block_count();
        interface_.ph_bbuf = buffer_.data();
        interface_.p_user = &disk_;
        device_.bdif = &interface_;
        device_.part_size = disk_.block_count() * sector;
    }
    [[nodiscard]] const char* name() const noexcept override { return name_.c_str(); }
    [[nodiscard]] Status start() override {
        stop();
        disk_.clear();
        ext4_mkfs_info info{};
        info.block_size = 4096;
        info.journal = has_journal_;
        auto system = std::make_unique<ext4_fs>();
        TRY(status_of(
            ext4_mkfs(system.get(), &device_, &info, has_journal_ ? F_SET_EXT4 : F_SET_EXT2)));
        return mount();
    }
    void stop() noexcept override {
        if (!is_mounted_) {
            return;
        }
        ext4_cache_write_back(root().c_str(), false);
        if (has_journal_) {
            ext4_journal_stop(root().c_str());
        }
        ext4_umount(root().c_str());
        ext4_device_unregister(name_.c_str());
        is_mounted_ = false;
    }
    [[nodiscard]] Status remount() override {
        stop();
        return mount();
    }
    [[nodiscard]] Status sync() override {
        TRY(status_of(ext4_cache_flush(root().c_str())));
        return disk_.flush();
    }
    [[nodiscard]] Status make_directory(std::string_view path) override {
        return status_of(ext4_dir_mk(full(path).c_str()));
    }
    [[nodiscard]] Result<FilePtr> create(std::string_view path) override {
        return opened(path, "w+");
    }
    [[nodiscard]] Result<FilePtr> open(std::string_view path) override {
        return opened(path, "r+");
    }
    [[nodiscard]] Status look_up(std::string_view path) override {
        return status_of(ext4_inode_exist(full(path).c_str(), EXT4_DE_REG_FILE));
    }
    [[nodiscard]] Status rename(std::string_view from, std::string_view to) override {
        return status_of(ext4_frename(full(from).c_str(), full(to).c_str()));
    }
    [[nodiscard]] Status unlink(std::string_view path) override {
        return status_of(ext4_fremove(full(path).c_str()));
    }
    [[nodiscard]] Result<std::size_t> list(std::string_view path) override {
        ext4_dir directory;
        TRY(status_of(ext4_dir_open(&directory, full(path).c_str())));
        std::size_t count = 0;
        while (ext4_dir_entry_next(&directory) != nullptr) {
            ++count;
        }
        ext4_dir_close(&directory);
        return count - 2;  // "." and ".."
    }
    [[nodiscard]] fakes::CountingDisk* disk() noexcept override { return &disk_; }

private:
    static constexpr std::uint32_t mib = 256;
    static constexpr std::uint32_t sector = 512;

    class File final : public OpenFile {
    public:
        explicit File(Lwext4Store& store) : store_(store) {}
        ~File() override {
            if (is_open) {
                ext4_fclose(&file);
            }
        }
        [[nodiscard]] Status read(std::uint64_t at, std::span<std::byte> to) override {
            std::size_t done = 0;
            TRY(status_of(ext4_fseek(&file, static_cast<std::int64_t>(at), SEEK_SET)));
            TRY(status_of(ext4_fread(&file, to.data(), to.size(), &done)));
            return done == to.size() ? Status() : fail(Errc::io_error);
        }
        [[nodiscard]] Status write(std::uint64_t at, std::span<const std::byte> from) override {
            std::size_t done = 0;
            TRY(status_of(ext4_fseek(&file, static_cast<std::int64_t>(at), SEEK_SET)));
            TRY(status_of(ext4_fwrite(&file, from.data(), from.size(), &done)));
            return done == from.size() ? Status() : fail(Errc::io_error);
        }
        [[nodiscard]] Status append(std::span<const std::byte> from) override {
            return write(ext4_fsize(&file), from);
        }
        [[nodiscard]] Status sync() override { return store_.sync(); }
        ext4_file file{};
        bool is_open = false;

    private:
        Lwext4Store& store_;
    };
    [[nodiscard]] static fakes::CountingDisk& disk_of(ext4_blockdev* device) {
        return *static_cast<fakes::CountingDisk*>(device->bdif->p_user);
    }
    [[nodiscard]] std::string root() const { return "/" + name_ + "/"; }
    [[nodiscard]] std::string full(std::string_view path) const {
        return root() + std::string(path);
    }
    [[nodiscard]] Status mount() {
        TRY(status_of(ext4_device_register(&device_, name_.c_str())));
        TRY(status_of(ext4_mount(name_.c_str(), root().c_str(), false)));
        is_mounted_ = true;
        if (has_journal_) {
            TRY(status_of(ext4_recover(root().c_str())));
            TRY(status_of(ext4_journal_start(root().c_str())));
        }
        return status_of(ext4_cache_write_back(root().c_str(), true));
    }
    [[nodiscard]] Result<FilePtr> opened(std::string_view path, const char* how) {
        auto file = std::make_unique<File>(*this);
        TRY(status_of(ext4_fopen(&file->file, full(path).c_str(), how)));
        file->is_open = true;
        return FilePtr(std::move(file));
    }

    const bool has_journal_;
    const std::string name_;
    fakes::CountingDisk disk_{mib * 2048};
    std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(sector);
    ext4_blockdev_iface interface_{};
    ext4_blockdev device_{};
    bool is_mounted_ = false;
};

}  // namespace

std::unique_ptr<FileStore> make_lwext4(bool has_journal) {
    return std::make_unique<Lwext4Store>(has_journal);
}

}  // namespace kidney::bench
