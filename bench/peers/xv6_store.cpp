/// xv6's file system with its log as a store of files. A call is on the disk when it returns: there
/// is nothing to sync, and nobody to tell a disk with a cache of its own.
#include "bench/peers/handles.hpp"
#include "bench/peers/peers.hpp"

#include <memory>
#include <span>
#include <string>

extern "C" {
#include "bench/peers/xv6_calls.h"
}

namespace kidney::bench {
namespace {

constexpr std::uint32_t mib = 256;
fakes::CountingDisk* the_disk = nullptr;  // its buffers are there once, too

class Xv6Store final : public FileStore {
public:
    Xv6Store() { the_disk = &disk_; }
    [[nodiscard]] const char* name() const noexcept override { return "xv6"; }
    [[nodiscard]] std::uint32_t most_kib() const noexcept override { return 256; }  // of 268
    [[nodiscard]] std::uint32_t most_files() const noexcept override { return 1000; }
    [[nodiscard]] Status start() override {
        disk_.clear();
        xv6_format();
        xv6_mount();
        return {};
    }
    void stop() noexcept override {}
    [[nodiscard]] Status remount() override {
        xv6_mount();
        return {};
    }
    [[nodiscard]] Status sync() override { return {}; }
    [[nodiscard]] Status make_directory(std::string_view path) override {
        inode* const made = xv6_create(full(path).c_str(), 1);
        if (made == nullptr) {
            return fail(Errc::exists);
        }
        xv6_close(made);
        return {};
    }
    [[nodiscard]] Result<FilePtr> create(std::string_view path) override {
        return opened(xv6_create(full(path).c_str(), 0), Errc::exists);
    }
    [[nodiscard]] Result<FilePtr> open(std::string_view path) override {
        return opened(xv6_open(full(path).c_str()), Errc::not_found);
    }
    [[nodiscard]] Status look_up(std::string_view path) override {
        inode* const found = xv6_open(full(path).c_str());
        if (found == nullptr) {
            return fail(Errc::not_found);
        }
        xv6_close(found);
        return {};
    }
    [[nodiscard]] Status rename(std::string_view from, std::string_view to) override {
        return xv6_rename(full(from).c_str(), full(to).c_str()) == 0 ? Status()
                                                                     : fail(Errc::not_found);
    }
    [[nodiscard]] Status unlink(std::string_view path) override {
        return xv6_unlink(full(path).c_str()) == 0 ? Status() : fail(Errc::not_found);
    }
    [[nodiscard]] Result<std::size_t> list(std::string_view path) override {
        const int count = xv6_list(full(path).c_str());
        return count < 0 ? Result<std::size_t>(fail(Errc::not_found))
                         : static_cast<std::size_t>(count);
    }
    [[nodiscard]] fakes::CountingDisk* disk() noexcept override { return &disk_; }

private:
    class File final : public OpenFile {
    public:
        explicit File(inode* node) : node_(node) {}
        ~File() override { xv6_close(node_); }
        [[nodiscard]] Status read(std::uint64_t at, std::span<std::byte> to) override {
            return moved(xv6_read(node_, static_cast<unsigned>(at), to.data(),
                                  static_cast<unsigned>(to.size())),
                         to.size());
        }
        [[nodiscard]] Status write(std::uint64_t at, std::span<const std::byte> from) override {
            return moved(xv6_write(node_, static_cast<unsigned>(at), from.data(),
                                   static_cast<unsigned>(from.size())),
                         from.size());
        }
        [[nodiscard]] Status append(std::span<const std::byte> from) override {
            return write(xv6_size(node_), from);
        }
        [[nodiscard]] Status sync() override { return {}; }

    private:
        [[nodiscard]] static Status moved(int done, std::size_t wanted) {
            return done == static_cast<int>(wanted) ? Status() : fail(Errc::no_space);
        }
        inode* const node_;
    };
    [[nodiscard]] static std::string full(std::string_view path) { return "/" + std::string(path); }
    [[nodiscard]] static Result<FilePtr> opened(inode* node, Errc error) {
        return node == nullptr ? Result<FilePtr>(fail(error))
                               : FilePtr(std::make_unique<File>(node));
    }

    fakes::CountingDisk disk_{mib * 2048};
};

}  // namespace

std::unique_ptr<FileStore> make_xv6() {
    return std::make_unique<Xv6Store>();
}

}  // namespace kidney::bench

extern "C" void xv6_disk_read(unsigned block, void* to) {
    using namespace kidney;
    MUST(bench::the_disk->read(fs::BlockIndex(std::uint64_t{block} * 2),
                               {static_cast<std::byte*>(to), 1024}));
}
extern "C" void xv6_disk_write(unsigned block, const void* from) {
    using namespace kidney;
    MUST(bench::the_disk->write(fs::BlockIndex(std::uint64_t{block} * 2),
                                {static_cast<const std::byte*>(from), 1024}));
}
