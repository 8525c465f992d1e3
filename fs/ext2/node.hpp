/// A file or directory of an ext2 file system.
#pragma once

#include "fs/borrowed_page.hpp"
#include "fs/ext2/directory.hpp"
#include "fs/ext2/inode.hpp"
#include "fs/mappable_node.hpp"
#include "fs/page_cache.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs::ext2 {

/// Read-only, so everything but the place in the node table is fixed. Directories keep their bytes
/// in the page cache as files do.
template <class Fs>
class Node final : public MappableNode, private CachedObject {
    using Cache = typename Fs::CacheType;
    using Page = BorrowedPage<Cache>;

public:
    static constexpr const char* cache_name = "ext2_node";

    Node(Fs& fs, std::uint32_t number, const Inode& inode) noexcept
        : fs_(fs), number_(number), inode_(inode) {}

    [[nodiscard]] NodeType type() const noexcept override { return inode_.type; }
    [[nodiscard]] FileSystem& file_system() const noexcept override { return fs_; }
    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
    [[nodiscard]] Result<Attributes> attributes() noexcept override {
        return Attributes{.inode = number_,
                          .device = fs_.device_number(),
                          .type = inode_.type,
                          .permissions = inode_.permissions,
                          .links = inode_.links,
                          .uid = inode_.uid,
                          .gid = inode_.gid,
                          .size = inode_.size,
                          .block_size = fs_.volume().geometry().block_size,
                          .blocks = inode_.sectors,
                          .rdev = inode_.rdev,
                          .accessed = inode_.accessed,
                          .modified = inode_.modified,
                          .changed = inode_.changed};
    }

    // Directories.
    [[nodiscard]] Result<Ref<Vnode>> lookup(std::string_view name) noexcept override {
        if (inode_.type != NodeType::directory) {
            return fail(Errc::not_directory);
        }
        std::uint32_t found = 0;
        TRY(walk(0, [&](const Entry& entry, std::uint64_t) {
            if (entry.name == name) {
                found = entry.inode;
            }
            return found == 0;
        }));
        return found == 0 ? Result<Ref<Vnode>>(fail(Errc::not_found))
                          : Result<Ref<Vnode>>(TRY(fs_.node(found)));
    }
    [[nodiscard]] Result<Ref<Vnode>> parent() noexcept override {
        Ref<Vnode> up = TRY(lookup(".."));
        return up->type() == NodeType::directory ? Result<Ref<Vnode>>(std::move(up))
                                                 : Result<Ref<Vnode>>(fail(Errc::corrupted));
    }
    /// A cookie is the byte offset of the next entry.
    [[nodiscard]] Status read_directory(std::uint64_t cookie,
                                        DirectorySink& sink) noexcept override {
        if (inode_.type != NodeType::directory) {
            return fail(Errc::not_directory);
        }
        return walk(cookie, [&](const Entry& entry, std::uint64_t next) {
            // Without the feature the type costs a look at the inode; one that cannot be read is
            // listed as a file, so that the others can still be seen.
            NodeType type = entry.type.value_or(NodeType::regular);
            if (!entry.type) {
                if (const auto node = fs_.node(entry.inode)) {
                    type = (*node)->type();
                }
            }
            return sink.accept({entry.inode, type, entry.name, next});
        });
    }

    [[nodiscard]] Result<std::size_t> read_link(std::span<char> to) noexcept override {
        if (inode_.type != NodeType::symlink) {
            return fail(Errc::invalid_argument);
        }
        const std::size_t length = std::min(to.size(), static_cast<std::size_t>(inode_.size));
        if (inode_.is_fast_symlink) {
            std::memcpy(to.data(), inode_.blocks.data(), length);
        } else {  // shorter than a page: Inode::create() has seen to it
            const Page page = TRY(Page::get(fs_.cache(), *this, 0));
            std::memcpy(to.data(), page.bytes().data(), length);
        }
        return length;
    }

    // Data.
    [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, ReadBuffer& to) noexcept override {
        if (inode_.type != NodeType::regular) {
            return fail(inode_.type == NodeType::directory ? Errc::is_directory
                                                           : Errc::invalid_argument);
        }
        const std::size_t wanted = to.remaining();
        while (to.remaining() > 0 && offset < inode_.size) {
            const Result<Page> page =
                Page::get(fs_.cache(), *this, static_cast<std::uint32_t>(offset >> page_shift));
            const auto begin = static_cast<std::size_t>(offset & page_mask);
            const std::size_t length = static_cast<std::size_t>(
                std::min<std::uint64_t>({page_size - begin, to.remaining(), inode_.size - offset}));
            const Status status =
                page ? to.put(page->bytes().subspan(begin, length)) : fail(page.error());
            if (!status) {
                return transferred(wanted - to.remaining(), status);
            }
            offset += length;
        }
        return wanted - to.remaining();
    }
    [[nodiscard]] Result<std::size_t> write(std::uint64_t, WriteBuffer&) noexcept override {
        return fail(Errc::read_only);
    }
    [[nodiscard]] Result<std::size_t> append(WriteBuffer&, std::uint64_t&) noexcept override {
        return fail(Errc::read_only);
    }
    [[nodiscard]] Result<Ref<mm::PageSource>> pages() noexcept override {
        if (inode_.type != NodeType::regular) {
            return fail(Errc::unsuitable_device);
        }
        return Ref<mm::PageSource>(Ref<Node>::share(*this));
    }
    [[nodiscard]] Result<FrameNumber> page(std::uint32_t index) noexcept override {
        if (std::uint64_t{index} << page_shift >= inode_.size) {
            return fail(Errc::out_of_range);
        }
        return fs_.cache().get(*this, index, Cache::Neighbours::around);
    }
    void mark_dirty(std::uint32_t) noexcept override {
    }  // nothing can be mapped writable and shared
    [[nodiscard]] bool is_resident(std::uint32_t index) noexcept override {
        return fs_.cache().has(*this, index);
    }
    [[nodiscard]] bool is_memory() const noexcept override { return false; }

    void dispose() noexcept override {
        Fs& fs = fs_;
        fs.node_gone(*this);
        fs.cache().forget(*this);
        mm::destroy(fs.heap(), this);
    }

    Node* next_in_bucket_ = nullptr;  ///< guarded by the file system's lock
    bool is_in_table_ = false;        ///< likewise

private:
    [[nodiscard]] Status fill(std::uint32_t first,
                              std::span<const std::span<std::byte>> pages) noexcept override {
        const std::uint32_t block_size = fs_.volume().geometry().block_size;
        const std::uint64_t end = (inode_.size + block_size - 1) / block_size;
        TRY(fs_.volume().read_pages(inode_, (std::uint64_t{first} << page_shift) / block_size, end,
                                    pages));
        // What the last block holds behind the end of the file is nobody's business.
        const std::uint64_t last = std::uint64_t{first} + pages.size() - 1;
        if (const std::uint64_t begin = last << page_shift; inode_.size < begin + page_size) {
            const std::uint64_t keep = inode_.size > begin ? inode_.size - begin : 0;
            std::memset(pages.back().data() + keep, 0, static_cast<std::size_t>(page_size - keep));
        }
        return {};
    }
    [[nodiscard]] std::uint64_t page_count() const noexcept override {
        return (inode_.size + page_mask) >> page_shift;
    }

    /// Calls `visit(entry, offset of the next)` for the entries at `from` and behind it until it
    /// returns false. Blocks are read from their beginning, because only that is known to be an
    /// entry.
    template <class Visit>
    [[nodiscard]] Status walk(std::uint64_t from, Visit&& visit) noexcept {
        const Geometry& geometry = fs_.volume().geometry();
        std::uint64_t block = from / geometry.block_size * geometry.block_size;
        for (; block < inode_.size; block += geometry.block_size) {
            const Page page =
                TRY(Page::get(fs_.cache(), *this, static_cast<std::uint32_t>(block >> page_shift)));
            const std::span<const std::byte> bytes = page.bytes().subspan(
                static_cast<std::size_t>(block & page_mask), geometry.block_size);
            for (std::size_t at = 0; at < bytes.size();) {
                const Entry entry = TRY(read_entry(bytes, at, geometry));
                if (entry.inode != 0 && block + at >= from && !visit(entry, block + entry.next)) {
                    return {};
                }
                at = entry.next;
            }
        }
        return {};
    }

    Fs& fs_;
    const std::uint32_t number_;
    const Inode inode_;
};

}  // namespace kidney::fs::ext2
