/// A vsfs read from its disk by nobody's code but ours: what is really there, whatever its own
/// program says. A second solution for the reading half; after recovery the log has no part in it.
#pragma once

#include "fs/vsfs/device_blocks.hpp"
#include "kidney/fs/file_system.hpp"
#include "kidney/fs/vnode.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string_view>

namespace kidney::course::files {

template <fs::BlockDevice Device>
class DiskReader final : public fs::FileSystem {
public:
    explicit DiskReader(Device& device) : device_(device) {}

    [[nodiscard]] Status load() {
        TRY(fs::vsfs::read_block(device_, 0, block_));
        fs::vsfs::Complaint complaint;
        geometry_ = TRY(fs::vsfs::Geometry::create(
            fs::vsfs::load<fs::vsfs::Superblock>(block_, 0),
            device_.block_count() * device_.block_size() / fs::vsfs::block_size, complaint));
        return {};
    }
    [[nodiscard]] Ref<fs::Vnode> root() noexcept override {
        return Ref<fs::Vnode>(Ref<Node>::adopt(new Node(*this, fs::vsfs::root_inode)));
    }
    [[nodiscard]] const char* type_name() const noexcept override { return "vsfs"; }
    [[nodiscard]] bool is_read_only() const noexcept override { return true; }
    [[nodiscard]] const fs::vsfs::Geometry& geometry() const noexcept { return geometry_; }

    [[nodiscard]] Result<fs::vsfs::Inode> inode(std::uint32_t number) {
        using fs::vsfs::Inode;
        if (!geometry_.is_inode(number)) {
            return fail(Errc::corrupted);
        }
        TRY(fs::vsfs::read_block(device_, geometry_.inode_table() + number / 32, block_));
        const auto inode = fs::vsfs::load<Inode>(block_, number % 32 * sizeof(Inode));
        return inode.size <= fs::vsfs::max_file_size ? Result<Inode>(inode) : fail(Errc::corrupted);
    }
    /// Block `index` of the file, into `to`; zeros for a hole.
    [[nodiscard]] Status file_block(const fs::vsfs::Inode& inode, std::uint64_t index,
                                    fs::vsfs::Block& to) {
        std::uint32_t block = 0;
        if (index < fs::vsfs::direct_blocks) {
            block = inode.direct[index];
        } else if (inode.indirect != 0) {
            TRY(take(inode.indirect, to));
            block = fs::vsfs::load<std::uint32_t>(to, (index - fs::vsfs::direct_blocks) * 4);
        }
        to.fill(std::byte{});
        return block == 0 ? Status() : take(block, to);
    }

private:
    [[nodiscard]] Status take(std::uint32_t block, fs::vsfs::Block& to) {
        return geometry_.is_data(block) ? fs::vsfs::read_block(device_, block, to)
                                        : Status(fail(Errc::corrupted));
    }

    class Node final : public fs::Vnode {
    public:
        Node(DiskReader& reader, std::uint32_t number) noexcept
            : reader_(reader), number_(number), inode_(reader.inode(number)) {}
        [[nodiscard]] fs::NodeType type() const noexcept override {
            switch (inode_ ? inode_->mode & fs::vsfs::mode_type : 0) {
                case fs::vsfs::mode_directory:
                    return fs::NodeType::directory;
                case fs::vsfs::mode_symlink:
                    return fs::NodeType::symlink;
                default:
                    return fs::NodeType::regular;
            }
        }
        [[nodiscard]] fs::FileSystem& file_system() const noexcept override { return reader_; }
        [[nodiscard]] Result<fs::Attributes> attributes() noexcept override {
            const fs::vsfs::Inode i = TRY(Result<fs::vsfs::Inode>(inode_));
            fs::Attributes a;
            a.inode = number_;
            a.type = type();
            a.permissions = fs::Permissions(i.mode & fs::vsfs::mode_permissions);
            a.links = i.links;
            a.uid = i.uid;
            a.gid = i.gid;
            a.size = i.size;
            return a;
        }
        [[nodiscard]] Result<std::size_t> read(std::uint64_t offset,
                                               fs::ReadBuffer& to) noexcept override {
            const fs::vsfs::Inode inode = TRY(Result<fs::vsfs::Inode>(inode_));
            std::size_t done = 0;
            while (to.remaining() > 0 && offset < inode.size) {
                TRY(reader_.file_block(inode, offset / fs::vsfs::block_size, bytes_));
                const auto begin = static_cast<std::size_t>(offset % fs::vsfs::block_size);
                const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(
                    {fs::vsfs::block_size - begin, to.remaining(), inode.size - offset}));
                TRY(to.put(std::span(bytes_).subspan(begin, length)));
                offset += length;
                done += length;
            }
            return done;
        }
        [[nodiscard]] Result<std::size_t> read_link(std::span<char> to) noexcept override {
            fs::SpanReadBuffer buffer(std::as_writable_bytes(to));
            return read(0, buffer);
        }
        [[nodiscard]] Result<Ref<fs::Vnode>> lookup(std::string_view name) noexcept override {
            Ref<fs::Vnode> found;
            TRY(for_each([&](const fs::vsfs::Entry& entry, std::uint64_t) {
                if (!found && entry.name() == name) {
                    found = Ref<fs::Vnode>(Ref<Node>::adopt(new Node(reader_, entry.inode)));
                }
                return true;
            }));
            return found ? Result<Ref<fs::Vnode>>(found) : fail(Errc::not_found);
        }
        [[nodiscard]] Status read_directory(std::uint64_t cookie,
                                            fs::DirectorySink& sink) noexcept override {
            return for_each([&](const fs::vsfs::Entry& entry, std::uint64_t at) {
                return at < cookie ||
                       sink.accept({entry.inode, fs::NodeType::regular, entry.name(), at + 1});
            });
        }
        void dispose() noexcept override { delete this; }

    private:
        template <class Visit>
        [[nodiscard]] Status for_each(Visit&& visit) {
            const fs::vsfs::Inode inode = TRY(Result<fs::vsfs::Inode>(inode_));
            for (std::uint64_t block = 0; block < inode.size / fs::vsfs::block_size; ++block) {
                TRY(reader_.file_block(inode, block, bytes_));
                for (std::uint32_t slot = 0; slot < fs::vsfs::entries_per_block; ++slot) {
                    const auto entry =
                        fs::vsfs::load<fs::vsfs::Entry>(bytes_, slot * sizeof(fs::vsfs::Entry));
                    if (entry.inode != 0 &&
                        (entry.length > fs::vsfs::Entry::max_name ||
                         !visit(entry, block * fs::vsfs::entries_per_block + slot))) {
                        return entry.length > fs::vsfs::Entry::max_name
                                   ? Status(fail(Errc::corrupted))
                                   : Status();
                    }
                }
            }
            return {};
        }
        DiskReader& reader_;
        const std::uint32_t number_;
        const Result<fs::vsfs::Inode> inode_;
        fs::vsfs::Block bytes_;
    };

    Device& device_;
    fs::vsfs::Geometry geometry_;
    fs::vsfs::Block block_{};
};

}  // namespace kidney::course::files
