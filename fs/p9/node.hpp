/// A file, directory or link on a server of 9P.
#pragma once

#include "fs/mappable_node.hpp"
#include "fs/node_base.hpp"
#include "fs/p9/format.hpp"
#include "fs/page_cache.hpp"
#include "kidney/core/address.hpp"
#include "kidney/fs/vnode.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs::p9 {

/// A name that leads to a node, as far as we know: a fid that was walked there. Servers may keep
/// the path behind a fid, so one is as good as the name that it came by.
struct Way {
    std::uint32_t fid = no_fid;
    std::uint64_t directory = 0;  ///< number of it
    std::uint32_t name = 0;       ///< hash_of() it; with another of the same, both are forgotten
};

[[nodiscard]] constexpr std::uint32_t hash_of(std::string_view name) noexcept {
    std::uint32_t hash = 2166136261U;  // FNV-1a
    for (const char c : name) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    }
    return hash;
}

/// Pages of a file, to be mapped: only those who map or run it need them.
template <class Fs, class Node>
class Pages final : public CachedObject {
public:
    Pages(Fs& fs, Node& node) noexcept : fs_(fs), node_(node) {}

    [[nodiscard]] Status fill(std::uint32_t first,
                              std::span<const std::span<std::byte>> pages) noexcept override {
        return fs_.fill(node_, first, pages);
    }
    [[nodiscard]] std::uint64_t page_count() const noexcept override {
        return (size() + page_mask) >> page_shift;
    }
    // relaxed: a size that the server told; it may be another one by now in any case
    [[nodiscard]] std::uint64_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);
    }
    void set_size(std::uint64_t size) noexcept { size_.store(size, std::memory_order_relaxed); }
    /// Somebody has asked for pages; that remains so.
    [[nodiscard]] bool are_shown() const noexcept {
        return are_shown_.load(std::memory_order_relaxed);
    }
    void show() noexcept { are_shown_.store(true, std::memory_order_relaxed); }

private:
    Fs& fs_;
    Node& node_;
    std::atomic<std::uint64_t> size_ = 0;
    std::atomic<bool> are_shown_ = false;
};

/// What they do is in P9. It is in a NodeTable.
template <class Fs>
class Node final : public NodeBase<Fs, Node<Fs>, MappableNode> {
    using Base = NodeBase<Fs, Node<Fs>, MappableNode>;
    using Base::check_regular;
    using Base::fs;

public:
    static constexpr const char* cache_name = "p9_node";

    Node(Fs& fs, NodeType type) noexcept : Base(fs, type), pages_(fs, *this) {}

    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    [[nodiscard]] Result<Attributes> attributes() noexcept override {
        return fs().attributes(*this);
    }
    [[nodiscard]] Status set_attributes(const AttributeChange& change) noexcept override {
        TRY(change.size ? check_regular() : Status());
        return fs().set_attributes(*this, change);
    }
    [[nodiscard]] Result<std::size_t> read_link(std::span<char> to) noexcept override {
        return this->type() == NodeType::symlink ? fs().read_link(*this, to)
                                                 : fail(Errc::invalid_argument);
    }
    [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, ReadBuffer& to) noexcept override {
        TRY(check_regular());
        return fs().read(*this, offset, to);
    }
    [[nodiscard]] Result<std::size_t> write(std::uint64_t offset,
                                            WriteBuffer& from) noexcept override {
        TRY(check_regular());
        return fs().write(*this, offset, from);
    }
    [[nodiscard]] Result<std::size_t> append(WriteBuffer& from,
                                             std::uint64_t& end) noexcept override {
        TRY(check_regular());
        return fs().append(*this, from, end);
    }
    [[nodiscard]] Status sync() noexcept override { return fs().sync_node(*this); }
    /// The server is asked at once whether it may be opened, and what has become of the file.
    [[nodiscard]] Result<Ref<File>> open(OpenMode mode) noexcept override {
        TRY(mode.path ? Status() : fs().prepare(*this, mode));
        return Ref<File>();
    }

    // Pages. Stores through a shared mapping would not reach the server.
    [[nodiscard]] Result<Ref<mm::PageSource>> pages() noexcept override {
        if (this->type() != NodeType::regular) {
            return fail(Errc::unsuitable_device);
        }
        pages_.show();
        TRY(fs().prepare(*this, {.read = true}));
        return Ref<mm::PageSource>(Ref<Node>::share(*this));
    }
    [[nodiscard]] Result<FrameNumber> page(std::uint32_t index) noexcept override {
        return index < pages_.page_count()
                   ? fs().cache().get(pages_, index, Fs::CacheType::Neighbours::around)
                   : Result<FrameNumber>(fail(Errc::out_of_range));
    }
    [[nodiscard]] Status mark_dirty(std::uint32_t) noexcept override {
        return fail(Errc::read_only);
    }
    [[nodiscard]] bool takes_stores() const noexcept override { return false; }
    [[nodiscard]] bool is_resident(std::uint32_t index) noexcept override {
        return fs().cache().has(pages_, index);
    }
    [[nodiscard]] bool is_memory() const noexcept override { return false; }

    void dispose() noexcept override { fs().node_unused(*this); }

    // For the file system, under its lock.
    [[nodiscard]] p9::Pages<Fs, Node>& shown() noexcept { return pages_; }
    std::uint64_t number_ = 0;  ///< qid.path; set before it is in the table
    std::array<Way, 2> ways_;   ///< two, so that it can lose a name and not be lost
    std::uint32_t reader_ = no_fid, writer_ = no_fid;  ///< open; perhaps the same
    Attributes known_;                                 ///< what the server has told last
    Attributes shown_as_;       ///< of the file as it was when its pages were looked at
    bool is_removed_ = false;   ///< has no name any more
    bool is_nameless_ = false;  ///< is not in the table, because of that

    // For the table.
    Node* next_in_bucket_ = nullptr;
    Node* next_changed_ = nullptr;
    Node* next_orphan_ = nullptr;
    bool is_in_table_ = false, is_changed_ = false;

private:
    p9::Pages<Fs, Node> pages_;
};

}  // namespace kidney::fs::p9
