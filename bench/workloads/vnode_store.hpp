/// A file system of ours as a FileStore: its nodes, without the VFS above them.
#pragma once

#include "bench/workloads/file_store.hpp"
#include "kidney/fs/file_system.hpp"
#include "kidney/fs/vnode.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::bench {

/// What derives from it mounts something.
class VnodeStore : public FileStore {
public:
    [[nodiscard]] Status make_directory(std::string_view path) final {
        TRY(make(path, {.type = fs::NodeType::directory, .permissions = fs::Permissions(0755)}));
        return {};
    }
    [[nodiscard]] Result<FilePtr> create(std::string_view path) final {
        return opened(make(path, {.permissions = fs::Permissions(0644)}));
    }
    [[nodiscard]] Result<FilePtr> open(std::string_view path) final { return opened(at(path)); }
    [[nodiscard]] Status look_up(std::string_view path) final {
        TRY(at(path));
        return {};
    }
    [[nodiscard]] Status rename(std::string_view from, std::string_view to) final {
        const Ref<fs::Vnode> parent = TRY(at(parent_of(from)));
        const Ref<fs::Vnode> new_parent = TRY(at(parent_of(to)));
        const Ref<fs::Vnode> node = TRY(parent->lookup(leaf_of(from)));
        return parent->rename({.name = leaf_of(from),
                               .node = *node,
                               .new_parent = *new_parent,
                               .new_name = leaf_of(to)});
    }
    [[nodiscard]] Status unlink(std::string_view path) final {
        const Ref<fs::Vnode> parent = TRY(at(parent_of(path)));
        const Ref<fs::Vnode> node = TRY(parent->lookup(leaf_of(path)));
        return parent->unlink(leaf_of(path), *node);
    }
    /// As many at a time as getdents(2) has room for.
    [[nodiscard]] Result<std::size_t> list(std::string_view path) final {
        const Ref<fs::Vnode> directory = TRY(at(path));
        Names names;
        do {
            names.count = 0;
            TRY(directory->read_directory(names.next, names));
        } while (names.count > 0);
        return names.all;
    }
    [[nodiscard]] Status sync() final { return system().sync(); }
    [[nodiscard]] Status remount() final {
        used_ = {};
        return mount_again();
    }
    void stop() noexcept final {
        used_ = {};
        unmount();
    }

protected:
    [[nodiscard]] virtual fs::FileSystem& system() noexcept = 0;
    [[nodiscard]] virtual Status mount_again() = 0;
    virtual void unmount() noexcept = 0;
    /// The kernel's flusher would come now.
    [[nodiscard]] virtual bool is_too_dirty() noexcept { return false; }

private:
    class File final : public OpenFile {
    public:
        File(VnodeStore& store, Ref<fs::Vnode> node) : store_(store), node_(std::move(node)) {}
        [[nodiscard]] Status read(std::uint64_t at, std::span<std::byte> to) override {
            fs::SpanReadBuffer buffer(to);
            return TRY(node_->read(at, buffer)) == to.size() ? Status() : fail(Errc::io_error);
        }
        [[nodiscard]] Status write(std::uint64_t at, std::span<const std::byte> from) override {
            fs::SpanWriteBuffer buffer(from);
            return store_.wrote(TRY(node_->write(at, buffer)), from.size());
        }
        [[nodiscard]] Status append(std::span<const std::byte> from) override {
            fs::SpanWriteBuffer buffer(from);
            std::uint64_t end = 0;
            return store_.wrote(TRY(node_->append(buffer, end)), from.size());
        }
        [[nodiscard]] Status sync() override { return node_->sync(); }

    private:
        VnodeStore& store_;
        Ref<fs::Vnode> node_;
    };
    struct Names final : fs::DirectorySink {
        static constexpr std::size_t most = 128;
        std::size_t count = 0;  ///< of this call
        std::size_t all = 0;
        std::uint64_t next = 0;
        bool accept(const fs::DirectoryEntry& entry) noexcept override {
            if (count == most) {
                return false;
            }
            ++count;
            all += entry.name != "." && entry.name != ".." ? 1 : 0;
            next = entry.next_cookie;
            return true;
        }
    };

    [[nodiscard]] Result<FilePtr> opened(Result<Ref<fs::Vnode>> node) {
        return node ? Result<FilePtr>(std::make_unique<File>(*this, *std::move(node)))
                    : fail(node.error());
    }
    [[nodiscard]] Result<Ref<fs::Vnode>> at(std::string_view path) {
        Ref<fs::Vnode> node = system().root();
        for (std::size_t depth = 0; !path.empty(); ++depth) {
            const std::size_t slash = path.find('/');
            node = TRY(node->lookup(path.substr(0, slash)));
            if (depth < used_.size() && node->type() == fs::NodeType::directory) {
                used_[depth] = node;
            }
            path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
        }
        return node;
    }
    [[nodiscard]] Result<Ref<fs::Vnode>> make(std::string_view path, const fs::NewNode& what) {
        return TRY(at(parent_of(path)))->create(leaf_of(path), what);
    }
    [[nodiscard]] Status wrote(std::size_t done, std::size_t wanted) {
        if (done != wanted) {
            return fail(Errc::no_space);
        }
        return is_too_dirty() ? sync() : Status();
    }

    /// The directories of the last path stay in use, as the names keep them that the VFS remembers.
    std::array<Ref<fs::Vnode>, 8> used_;
};

}  // namespace kidney::bench
