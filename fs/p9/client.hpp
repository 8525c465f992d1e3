/// The client of 9P2000.L as a file system: its locks and nodes, and what leads to them. Its users
/// include p9.hpp, which has the rest.
#pragma once

#include "fs/disk/node_table.hpp"
#include "fs/p9/node.hpp"
#include "fs/p9/session.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kidney::fs {

/// `Lock` is held while a message is under way: one at a time. `TableLock` ranks behind it. `Cache`
/// is a PageCache. Concurrency: any thread.
///
/// Promise: what an operation has answered is done on the server. Only sync() of a file asks it to
/// have that on its disk.
template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
class P9 final : public FileSystem {
public:
    using Node = p9::Node<P9>;
    using CacheType = Cache;

    /// `device_number` is st_dev. Call mount() before use.
    P9(Heap& heap, Channel& channel, Cache& cache, std::uint32_t device_number) noexcept
        : heap_(heap), cache_(cache), session_(heap, channel), device_number_(device_number) {}
    ~P9() {
        root_.reset();
        {
            LockGuard guard(lock_);
            settle();
        }
        KIDNEY_ASSERT(table_.is_unused());  // somebody still has a file of ours open
    }
    P9(const P9&) = delete;
    P9& operator=(const P9&) = delete;

    /// Messages of at most `most_bytes`. Errors: io_error, not_supported (the server speaks another
    /// language), not_directory, no_memory, and what the server answers.
    [[nodiscard]] Status mount(std::size_t most_bytes) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const auto [fid, qid] = TRY(session_.start(most_bytes));
        HeldFid held(session_, fid);
        const p9::ToldAttributes told = TRY(session_.attributes(held.get()));
        if (told.attributes.type != NodeType::directory || told.qid.path != qid.path) {
            return fail(Errc::not_directory);
        }
        piece_ = session_.piece();
        Ref<Node> root = TRY(mm::make_ref<Node>(heap_, *this, NodeType::directory));
        enter(*root, told);
        add_way(*root, std::move(held), {});
        root_ = std::move(root);
        return {};
    }

    [[nodiscard]] Ref<Vnode> root() noexcept override { return Ref<Vnode>(root_); }
    [[nodiscard]] const char* type_name() const noexcept override { return "9p"; }
    [[nodiscard]] std::uint64_t max_file_size() const noexcept override {
        return p9::Session<Channel, Heap>::max_file;
    }
    [[nodiscard]] bool names_are_ours() const noexcept override { return false; }
    [[nodiscard]] FileSystemStatus status() noexcept override EXCLUDES(lock_) {
        constexpr std::uint32_t magic = 0x0102'1997;
        LockGuard guard(lock_);
        settle();
        FileSystemStatus status = session_.status(root_->ways_[0].fid).value_or(FileSystemStatus());
        status.magic = magic;
        return status;
    }
    /// Nothing is kept back here, so there is nothing to store; files that were closed are closed
    /// on the server, too.
    [[nodiscard]] Status sync() noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        settle();
        return {};
    }
    [[nodiscard]] bool is_in_use() noexcept override {
        return nameless_.load(std::memory_order_relaxed) > 0 ||
               table_.foreign_references() - 1 != idle_references();  // ours to the root
    }

    // Names. (names.hpp)
    [[nodiscard]] Result<Ref<Node>> find(Node& directory, std::string_view name) noexcept
        EXCLUDES(lock_);
    [[nodiscard]] Result<Ref<Node>> parent_of(Node& directory) noexcept EXCLUDES(lock_);
    [[nodiscard]] Result<Ref<Node>> create(Node& directory, std::string_view name,
                                           const NewNode& what) noexcept EXCLUDES(lock_);
    [[nodiscard]] Status link(Node& directory, std::string_view name, Node& node) noexcept
        EXCLUDES(lock_);
    [[nodiscard]] Status unlink(Node& directory, std::string_view name, Node& node) noexcept
        EXCLUDES(lock_);
    [[nodiscard]] Status rename(Node& from, const NameMove& move) noexcept EXCLUDES(lock_);
    [[nodiscard]] Status list(Node& directory, std::uint64_t cookie, DirectorySink& sink) noexcept
        EXCLUDES(lock_);

    // What files have. (data.hpp)
    [[nodiscard]] Result<Attributes> attributes(Node& node) noexcept EXCLUDES(lock_);
    [[nodiscard]] Status set_attributes(Node& node, const AttributeChange& change) noexcept
        EXCLUDES(lock_);
    [[nodiscard]] Result<std::size_t> read_link(Node& node, std::span<char> to) noexcept
        EXCLUDES(lock_);
    [[nodiscard]] Result<std::size_t> read(Node& node, std::uint64_t offset,
                                           ReadBuffer& to) noexcept EXCLUDES(lock_);
    [[nodiscard]] Result<std::size_t> write(Node& node, std::uint64_t offset,
                                            WriteBuffer& from) noexcept EXCLUDES(lock_);
    [[nodiscard]] Result<std::size_t> append(Node& node, WriteBuffer& from,
                                             std::uint64_t& end) noexcept EXCLUDES(lock_);
    [[nodiscard]] Status sync_node(Node& node) noexcept EXCLUDES(lock_);
    /// Somebody opens it so, or wants to map it.
    [[nodiscard]] Status prepare(Node& node, const OpenMode& mode) noexcept EXCLUDES(lock_);
    /// Pages `first`, ... of a file; zeros behind its end.
    [[nodiscard]] Status fill(Node& node, std::uint32_t first,
                              std::span<const std::span<std::byte>> pages) noexcept EXCLUDES(lock_);

    [[nodiscard]] Cache& cache() const noexcept { return cache_; }
    /// The last reference to `node` is gone. No message is sent here, because this may be called
    /// anywhere: the next operation tells the server.
    void node_unused(Node& node) noexcept {
        cache_.forget(node.shown());
        if (node.is_nameless_) {
            nameless_.fetch_sub(1, std::memory_order_relaxed);
        }
        table_.leave(node);
        table_.add_orphan(node, 0);
    }
    /// Fids that the server has for us, for tests.
    [[nodiscard]] std::uint32_t fids() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return session_.fids().taken();
    }

private:
    using HeldFid = typename p9::Session<Channel, Heap>::HeldFid;
    using Walked = std::pair<HeldFid, p9::Qid>;

    /// The server hears of nodes that nobody has any more.
    void settle() noexcept REQUIRES(lock_) {
        for (Node* node = table_.take_orphans(); node != nullptr;) {
            Node* const next = node->next_orphan_;
            forget_ways(*node);
            session_.forget(node->reader_);
            if (node->writer_ != node->reader_) {
                session_.forget(node->writer_);
            }
            table_.keep_promise(0);
            mm::destroy(heap_, node);
            node = next;
        }
    }

    // Nodes.

    /// The node behind a name in `directory` (null: nobody knows which name).
    [[nodiscard]] Result<Ref<Node>> node_of(Walked walked, const Node* directory,
                                            std::string_view name) noexcept REQUIRES(lock_) {
        Ref<Node> node = table_.find(walked.second.path);
        if (!node || !fits(*node, walked.second)) {
            const p9::ToldAttributes told = TRY(session_.attributes(walked.first.get()));
            if (told.qid.path != walked.second.path) {
                return fail(Errc::stale);
            }
            node = TRY(mm::make_ref<Node>(heap_, *this, told.attributes.type));
            enter(*node, told);
        }
        add_way(*node, std::move(walked.first), way_by(directory, name));
        return node;
    }
    [[nodiscard]] static bool fits(const Node& node, const p9::Qid& qid) noexcept {
        const auto is = [&](NodeType type, std::uint8_t bit) noexcept {
            return (node.type() == type) == ((qid.type & bit) != 0);
        };
        return is(NodeType::directory, p9::Qid::directory) &&
               is(NodeType::symlink, p9::Qid::symlink);
    }
    /// A node that has come to be. If there is one of its number, that one's file is gone.
    void enter(Node& node, const p9::ToldAttributes& told) noexcept REQUIRES(lock_) {
        if (const Ref<Node> before = table_.find(told.qid.path)) {
            become_nameless(*before);
        }
        node.number_ = told.qid.path;
        know(node, told.attributes);
        table_.enter(node);
    }
    void know(Node& node, const Attributes& attributes) noexcept REQUIRES(lock_) {
        node.known_ = attributes;
        node.known_.device = device_number_;
        node.shown().set_size(attributes.size);
    }
    /// No name leads to it any more, and its number may come to another file.
    void become_nameless(Node& node) noexcept REQUIRES(lock_) {
        forget_ways(node);
        node.is_removed_ = true;
        if (!std::exchange(node.is_nameless_, true)) {
            table_.leave(node);
            nameless_.fetch_add(1, std::memory_order_relaxed);
        }
    }
    /// A name of it is gone.
    void forget_name(Node& node, const Node& directory, std::string_view name) noexcept
        REQUIRES(lock_) {
        for (p9::Way& way : node.ways_) {
            if (leads(way, directory, name)) {
                session_.forget(std::exchange(way.fid, p9::no_fid));
            }
        }
        const bool is_directory = node.type() == NodeType::directory;
        std::uint32_t& links = node.known_.links;
        links = is_directory || links == 0 ? 0 : links - 1;
        if (links == 0) {
            become_nameless(node);
        }
        if (is_directory) {
            // What was mounted on it meanwhile stays, as if somebody on the server had removed it.
            static_cast<void>(node.become_removed());
        }
    }

    // Ways.

    [[nodiscard]] static p9::Way way_by(const Node* directory, std::string_view name) noexcept {
        return directory == nullptr ? p9::Way{}
                                    : p9::Way{p9::no_fid, directory->number_, p9::hash_of(name)};
    }
    [[nodiscard]] static bool leads(const p9::Way& way, const Node& directory,
                                    std::string_view name) noexcept {
        return way.fid != p9::no_fid && way.directory == directory.number_ &&
               way.name == p9::hash_of(name);
    }
    void forget_ways(Node& node) noexcept REQUIRES(lock_) {
        for (p9::Way& way : node.ways_) {
            session_.forget(std::exchange(way.fid, p9::no_fid));
        }
    }
    /// The newest stands first, and of each name there is only one.
    void add_way(Node& node, HeldFid fid, p9::Way way) noexcept REQUIRES(lock_) {
        auto& [first, second] = node.ways_;
        if (first.fid != p9::no_fid &&
            (first.directory != way.directory || first.name != way.name)) {
            session_.forget(second.fid);
            second = first;
        } else {
            session_.forget(first.fid);
        }
        way.fid = fid.keep();
        first = way;
    }
    /// Of a directory. Error: not_found (it is gone).
    [[nodiscard]] Result<std::uint32_t> fid_of(const Node& directory) const noexcept
        REQUIRES(lock_) {
        for (const p9::Way& way : directory.ways_) {
            if (way.fid != p9::no_fid) {
                return way.fid;
            }
        }
        return fail(Errc::not_found);
    }
    /// What a fid is told that has lost its file.
    [[nodiscard]] static bool is_gone(Errc error) noexcept {
        return error == Errc::not_found || error == Errc::stale || error == Errc::not_directory;
    }
    /// Does the fid lead to the node? Then what the server tells of it is known.
    [[nodiscard]] Result<bool> is_fid_of(Node& node, std::uint32_t fid) noexcept REQUIRES(lock_) {
        const Result<p9::ToldAttributes> told = session_.attributes(fid);
        if (!told) {
            return is_gone(told.error()) ? Result<bool>(false) : fail(told.error());
        }
        if (told->qid.path != node.number_ || told->attributes.type != node.type()) {
            return false;
        }
        know(node, told->attributes);
        return true;
    }
    /// A fid that leads to the node, which is known then. Error: stale (there is none).
    [[nodiscard]] Result<std::uint32_t> look(Node& node) noexcept REQUIRES(lock_) {
        for (p9::Way& way : node.ways_) {
            if (way.fid != p9::no_fid) {
                if (TRY(is_fid_of(node, way.fid))) {
                    return way.fid;
                }
                session_.forget(std::exchange(way.fid, p9::no_fid));
            }
        }
        for (const std::uint32_t open : {node.reader_, node.writer_}) {
            if (open != p9::no_fid && TRY(is_fid_of(node, open))) {
                return open;
            }
        }
        return fail(Errc::stale);
    }
    /// Does the name still lead to the node? Error: stale.
    [[nodiscard]] Status check_name(Node& directory, std::string_view name, Node& node) noexcept
        REQUIRES(lock_) {
        for (p9::Way& way : node.ways_) {
            if (leads(way, directory, name)) {
                return TRY(is_fid_of(node, way.fid)) ? Status() : Status(fail(Errc::stale));
            }
        }
        Result<Walked> walked = session_.walk(TRY(fid_of(directory)), name);
        if (!walked) {
            return fail(is_gone(walked.error()) ? Errc::stale : walked.error());
        }
        if (walked->second.path != node.number_ || !TRY(is_fid_of(node, walked->first.get()))) {
            return fail(Errc::stale);
        }
        add_way(node, std::move(walked->first), way_by(&directory, name));
        return {};
    }
    /// The fid by which it is read, or written. Error: stale.
    [[nodiscard]] Result<std::uint32_t> opened(Node& node, bool writes) noexcept REQUIRES(lock_) {
        std::uint32_t& open = writes ? node.writer_ : node.reader_;
        const std::uint32_t flags = (writes ? p9::open_write : p9::open_read) |
                                    (node.type() == NodeType::directory ? p9::open_directory : 0);
        for (std::size_t n = 0; n < node.ways_.size() && open == p9::no_fid; ++n) {
            if (node.ways_[n].fid == p9::no_fid) {
                continue;
            }
            const auto try_it = [&]() KIDNEY_NO_TSA("held") -> Result<std::uint32_t> {
                HeldFid fid = TRY(session_.clone(node.ways_[n].fid));
                return TRY(session_.open(fid.get(), flags)).path == node.number_
                           ? Result<std::uint32_t>(fid.keep())
                           : fail(Errc::stale);
            };
            if (const Result<std::uint32_t> fid = try_it()) {
                open = *fid;
            } else if (!is_gone(fid.error())) {
                return fail(fid.error());
            }
        }
        return open == p9::no_fid ? Result<std::uint32_t>(fail(Errc::stale)) : open;
    }

    // Pieces of data, for which no lock is held while user memory is copied.
    [[nodiscard]] Result<std::size_t> load(Node& node, p9::Message how, std::uint64_t offset,
                                           std::span<std::byte> to) noexcept EXCLUDES(lock_);
    [[nodiscard]] Result<std::size_t> store(Node& node, std::uint64_t* offset,
                                            std::span<const std::byte> bytes, std::uint64_t most,
                                            SetIdBits set_id) noexcept EXCLUDES(lock_);
    [[nodiscard]] Status end_set_id(Node& node, SetIdBits how) noexcept REQUIRES(lock_);
    [[nodiscard]] Result<std::size_t> transfer(Node& node, std::uint64_t* offset, WriteBuffer& from,
                                               std::uint64_t* end) noexcept EXCLUDES(lock_);
    [[nodiscard]] Result<std::uint64_t> parent_number(Node& directory) noexcept EXCLUDES(lock_);
    void drop_pages(Node& node, std::uint64_t from) noexcept EXCLUDES(lock_);

    Heap& heap_;
    Cache& cache_;
    Lock lock_;
    p9::Session<Channel, Heap> session_ GUARDED_BY(lock_);
    NodeTable<Node, TableLock> table_;
    const std::uint32_t device_number_;
    std::size_t piece_ = 0;                    ///< bytes of data in one message
    std::atomic<std::uint32_t> nameless_ = 0;  ///< nodes without a name that somebody has
    Ref<Node> root_;
};

}  // namespace kidney::fs
