/// vsfs, the course's very simple file system: complete, writable, and small enough to be read in
/// an evening.
///
/// From the disk up: format.hpp (bytes), log.hpp (what makes it crash-safe), transaction.hpp
/// (blocks that change together), volume.hpp (what is checked), files.hpp (inodes, blocks of
/// files), directories.hpp (names), operations.hpp (what each changes), node.hpp (what the VFS
/// sees), this file (locks and nodes). make.hpp makes one, check.hpp says whether one is sound.
/// log, files, directories and operations are what students write (course/03-files). It has no
/// cache: every operation reads what it needs. Use it to learn from, not for large disks.
#pragma once

#include "fs/vsfs/node.hpp"
#include "fs/vsfs/node_table.hpp"
#include "fs/vsfs/operations.hpp"
#include "fs/vsfs/refusal.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/file_clock.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kidney::fs {

/// One lock for everything, and one for the table of nodes, which ranks behind it. Concurrency: any
/// thread.
///
/// Promise, with a log: after a loss of power the next mount() finds a state that the file system
/// was in, and no older one than at the last sync(). Without a log: nothing but what is synced, if
/// nothing was changed since.
template <mm::ObjectAllocator Heap, BlockDevice Device, BasicLockable Lock, BasicLockable TableLock,
          FileClock Clock>
class Vsfs final : public FileSystem {
public:
    using Node = vsfs::Node<Vsfs>;

    /// `device_number` is st_dev. Call mount() before use.
    Vsfs(Heap& heap, Device& device, Clock& clock, std::uint32_t device_number) noexcept
        : heap_(heap), clock_(clock), volume_(heap, device), device_number_(device_number) {}
    ~Vsfs() {
        root_.reset();
        nodes_.take_orphans([&](Node& node) {
            mm::destroy(heap_, &node);  // its inode waits for the next mount
            return true;
        });
        KIDNEY_ASSERT(nodes_.is_empty());  // somebody still has a file of ours open
    }
    Vsfs(const Vsfs&) = delete;
    Vsfs& operator=(const Vsfs&) = delete;

    /// Recovery included. Errors: corrupted (complaint() names the field), io_error, no_memory.
    [[nodiscard]] Status mount() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        TRY(volume_.load());
        if ((TRY(files_.inode(vsfs::root_inode)).mode & vsfs::mode_type) != vsfs::mode_directory) {
            return volume_.wrong("root.mode", 0);
        }
        TRY(free_nameless());
        root_ = TRY(node(vsfs::root_inode, NodeType::directory));
        return {};
    }
    /// An orderly end: nothing is left to recover. Nobody has a file open.
    [[nodiscard]] Status unmount() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        root_.reset();
        TRY(free_orphans());
        return volume_.blocks().clear_log();
    }
    /// What was found to be wrong on the disk: the field and its value.
    [[nodiscard]] vsfs::Complaint complaint() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return volume_.complaint();
    }

    /// The same in words, after a mount() that was refused; empty: the disk cannot be read.
    [[nodiscard]] vsfs::RefusalText explain_refusal() noexcept EXCLUDES(lock_) {
        return vsfs::explain_refusal(complaint());
    }

    [[nodiscard]] Ref<Vnode> root() noexcept override { return Ref<Vnode>(root_); }
    [[nodiscard]] const char* type_name() const noexcept override { return "vsfs"; }
    [[nodiscard]] std::uint64_t max_file_size() const noexcept override {
        return vsfs::max_file_size;
    }
    [[nodiscard]] FileSystemStatus status() noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const vsfs::Geometry& g = volume_.geometry();
        return {.magic = vsfs::Superblock::right_magic,
                .block_size = vsfs::block_size,
                .blocks = g.data_blocks(),
                .free_blocks = volume_.free_blocks().value_or(0),
                .nodes = g.inode_count - 1,
                .free_nodes = volume_.free_inodes().value_or(0),
                .read_only = volume_.blocks().is_broken()};
    }
    [[nodiscard]] Status sync() noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        TRY(free_orphans());
        return volume_.blocks().sync();
    }

    // For the nodes. Each is one operation.

    [[nodiscard]] Result<Attributes> attributes(Node& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const vsfs::Inode inode = TRY(files_.raw_inode(node.number()));
        constexpr auto time = [](std::uint32_t seconds) { return FileTime{seconds, 0}; };
        return Attributes{
            .inode = node.number(),
            .device = device_number_,
            .type = node.type(),
            .permissions = Permissions(inode.mode & vsfs::mode_permissions),
            .links = inode.links,
            .uid = inode.uid,
            .gid = inode.gid,
            .size = inode.size,
            .block_size = vsfs::block_size,
            .blocks = TRY(files_.count_blocks(inode)) * std::uint64_t{vsfs::block_size / 512},
            .rdev = {},
            .accessed = time(inode.accessed),
            .modified = time(inode.modified),
            .changed = time(inode.changed)};
    }
    [[nodiscard]] Status set_attributes(Node& node, const AttributeChange& change) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return run([&]() KIDNEY_NO_TSA("held") {
            return operations_.set_attributes(node.number(), change);
        });
    }
    [[nodiscard]] Result<Ref<Vnode>> lookup(Node& directory, std::string_view name) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const vsfs::Inode inode = TRY(files_.inode(directory.number()));
        return Ref<Vnode>(TRY(node(TRY(directories_.find(inode, name)).entry.inode)));
    }
    [[nodiscard]] Result<Ref<Vnode>> parent(Node& directory) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const vsfs::Inode inode = TRY(files_.inode(directory.number()));
        return Ref<Vnode>(TRY(node(inode.parent)));
    }
    [[nodiscard]] Result<Ref<Vnode>> create(Node& directory, std::string_view name,
                                            const NewNode& what) noexcept EXCLUDES(lock_) {
        const std::uint16_t type = mode_of(what.type);
        if (type == 0) {
            return fail(Errc::not_supported);
        }
        LockGuard guard(lock_);
        return run([&]() KIDNEY_NO_TSA("held") -> Result<Ref<Vnode>> {
            return Ref<Vnode>(TRY(
                node(TRY(operations_.create(directory.number(), name, type, what)), what.type)));
        });
    }
    [[nodiscard]] Status link(Node& directory, std::string_view name, Node& node) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return run([&]() KIDNEY_NO_TSA("held") {
            return operations_.link(directory.number(), name, node.number());
        });
    }
    [[nodiscard]] Status unlink(Node& directory, std::string_view name, Node& node) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        node.is_unlinked_ = TRY(run([&]() KIDNEY_NO_TSA("held") -> Result<bool> {
            const bool was_last = TRY(operations_.unlink(directory.number(), name, node.number()));
            TRY(remove_for_good(node));
            return was_last;
        }));
        return {};
    }
    [[nodiscard]] Status rename(Node& from, const NameMove& move) noexcept EXCLUDES(lock_) {
        auto& node = static_cast<Node&>(move.node);
        auto& to = static_cast<Node&>(move.new_parent);
        auto* const replaced = static_cast<Node*>(move.replaced);
        LockGuard guard(lock_);
        if (node.is_mount_point()) {
            return fail(Errc::busy);
        }
        const bool was_last = TRY(run([&]() KIDNEY_NO_TSA("held") -> Result<bool> {
            const bool last = TRY(
                operations_.rename({from.number(), move.name, node.number(), to.number(),
                                    move.new_name, replaced == nullptr ? 0 : replaced->number()}));
            TRY(replaced == nullptr ? Status() : remove_for_good(*replaced));
            return last;
        }));
        if (replaced != nullptr) {
            replaced->is_unlinked_ = was_last;
        }
        return {};
    }
    /// A cookie is the number of an entry and 3; 1 and 2 stand behind "." and "..".
    [[nodiscard]] Status list(Node& directory, std::uint64_t cookie, DirectorySink& sink) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const vsfs::Inode inode = TRY(files_.inode(directory.number()));
        if (inode.links == 0) {
            return fail(Errc::not_found);
        }
        if ((cookie < 1 && !sink.accept({directory.number(), NodeType::directory, ".", 1})) ||
            (cookie < 2 && !sink.accept({inode.parent, NodeType::directory, "..", 2}))) {
            return {};
        }
        const std::uint64_t first = std::min<std::uint64_t>(cookie < 3 ? 0 : cookie - 2, ~0U);
        return directories_.for_each_entry(
            inode, static_cast<std::uint32_t>(first),
            [&](std::uint32_t slot, const vsfs::Entry& entry) {
                const auto mode = static_cast<std::uint16_t>(entry.type << 12);
                return entry.inode == 0 || sink.accept({entry.inode, type_of(mode), entry.name(),
                                                        std::uint64_t{slot} + 3});
            });
    }

    /// A block at a time: no lock is held while bytes move to or from the caller.
    [[nodiscard]] Result<std::size_t> read(Node& node, std::uint64_t offset,
                                           ReadBuffer& to) noexcept EXCLUDES(lock_) {
        const std::size_t wanted = to.remaining();
        const auto piece = TRY(mm::make_box<vsfs::Block>(heap_));
        while (to.remaining() > 0) {
            const Result<std::size_t> length = load(node, offset, to.remaining(), *piece);
            if (!length || *length == 0) {
                return transferred(wanted - to.remaining(),
                                   length ? Status() : Status(fail(length.error())));
            }
            if (const Status put = to.put(std::span(*piece).first(*length)); !put) {
                return transferred(wanted - to.remaining(), put);
            }
            offset += *length;
        }
        return wanted;
    }
    /// `offset` null: at the end.
    [[nodiscard]] Result<std::size_t> write(Node& node, std::uint64_t* offset,
                                            WriteBuffer& from) noexcept EXCLUDES(lock_) {
        const auto piece = TRY(mm::make_box<vsfs::Block>(heap_));
        std::size_t done = 0;
        while (from.remaining() > 0) {
            const std::uint64_t in_block = offset == nullptr ? 0 : *offset % vsfs::block_size;
            const std::size_t length = std::min<std::size_t>(
                from.remaining(), static_cast<std::size_t>(vsfs::block_size - in_block));
            const std::size_t before = from.remaining();
            const Status taken = from.take(std::span(*piece).first(length));
            const std::size_t got = before - from.remaining();
            const Result<std::size_t> stored =
                got == 0 ? Result<std::size_t>(0)
                         : store(node, offset, std::span<const std::byte>(*piece).first(got),
                                 from.set_id());
            if (!stored) {
                return transferred(done, Status(fail(stored.error())));
            }
            done += *stored;
            if (!taken || *stored < got) {
                return transferred(done, taken);
            }
            if (offset != nullptr) {
                *offset += got;
            }
        }
        return done;
    }
    /// The last reference to `node` is gone. Does no I/O: an inode without names waits for the next
    /// operation.
    void node_gone(Node& node) noexcept {
        if (!nodes_.remove(node)) {
            mm::destroy(heap_, &node);
        }
    }

private:
    /// An operation that changes something.
    template <class Operation>
    [[nodiscard]] std::invoke_result_t<Operation&> run(Operation&& operation) noexcept
        REQUIRES(lock_) {
        TRY(free_orphans());
        operations_.set_time(static_cast<std::uint32_t>(clock_().seconds));
        return volume_.blocks().run(operation);
    }
    /// The last step that can fail: from here on nothing is mounted on a directory any more.
    [[nodiscard]] static Status remove_for_good(Node& node) noexcept {
        return node.type() != NodeType::directory || node.become_removed()
                   ? Status()
                   : Status(fail(Errc::busy));
    }
    [[nodiscard]] Result<std::size_t> load(Node& node, std::uint64_t offset, std::size_t most,
                                           vsfs::Block& to) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return operations_.load(node.number(), offset, most, to);
    }
    [[nodiscard]] Result<std::size_t> store(Node& node, const std::uint64_t* offset,
                                            std::span<const std::byte> bytes,
                                            SetIdBits set_id) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return run([&]() KIDNEY_NO_TSA("held") -> Result<std::size_t> {
            const std::size_t stored = TRY(operations_.store(node.number(), offset, bytes));
            if (set_id != SetIdBits::stay) {
                TRY(end_set_id(node.number(), set_id));
            }
            return stored;
        });
    }

    [[nodiscard]] Status end_set_id(std::uint32_t number, SetIdBits how) noexcept REQUIRES(lock_) {
        const Permissions now(TRY(files_.raw_inode(number)).mode & vsfs::mode_permissions);
        const Permissions left = with_set_id(now, how);
        return left == now ? Status() : operations_.set_attributes(number, {.permissions = left});
    }
    /// What a crash has left: inodes that were open without a name.
    [[nodiscard]] Status free_nameless() noexcept REQUIRES(lock_) {
        bool was_one = false;
        for (std::uint32_t n = vsfs::root_inode + 1; n < volume_.geometry().inode_count; ++n) {
            const vsfs::Inode inode = TRY(files_.raw_inode(n));
            if (inode.mode != 0 && inode.links == 0) {
                TRY(free(n));
                was_one = true;
            }
        }
        return was_one ? volume_.blocks().sync() : Status();
    }
    [[nodiscard]] Status free(std::uint32_t number) noexcept REQUIRES(lock_) {
        return volume_.blocks().run([&]() KIDNEY_NO_TSA("held") -> Status {
            return files_.free_inode(number, TRY(files_.raw_inode(number)));
        });
    }
    /// Those that nobody has open any more.
    [[nodiscard]] Status free_orphans() noexcept REQUIRES(lock_) {
        Status outcome;
        nodes_.take_orphans([&](Node& node) KIDNEY_NO_TSA("held") {
            outcome = free(node.number());
            if (outcome) {
                mm::destroy(heap_, &node);
            }
            return outcome.has_value();
        });
        return outcome;
    }

    [[nodiscard]] Result<Ref<Node>> node(std::uint32_t number) noexcept REQUIRES(lock_) {
        return node(number, type_of(TRY(files_.inode(number)).mode));
    }
    /// The one node of inode `number`.
    [[nodiscard]] Result<Ref<Node>> node(std::uint32_t number, NodeType type) noexcept
        REQUIRES(lock_) {
        if (Ref<Node> known = nodes_.find(number)) {
            return known;
        }
        const Ref<Node> fresh = TRY(mm::make_ref<Node>(heap_, *this, number, type));
        nodes_.add(*fresh);
        return fresh;
    }
    /// 0: there is no such thing here.
    [[nodiscard]] static std::uint16_t mode_of(NodeType type) noexcept {
        switch (type) {
            case NodeType::regular:
                return vsfs::mode_regular;
            case NodeType::directory:
                return vsfs::mode_directory;
            case NodeType::symlink:
                return vsfs::mode_symlink;
            default:
                return 0;
        }
    }
    [[nodiscard]] static NodeType type_of(std::uint16_t mode) noexcept {
        switch (mode & vsfs::mode_type) {
            case vsfs::mode_directory:
                return NodeType::directory;
            case vsfs::mode_symlink:
                return NodeType::symlink;
            default:
                return NodeType::regular;
        }
    }

    Heap& heap_;
    Clock& clock_;
    Lock lock_;
    vsfs::Volume<Device, Heap> volume_ GUARDED_BY(lock_);
    vsfs::Files<Device, Heap> files_ GUARDED_BY(lock_){volume_};
    vsfs::Directories<Device, Heap> directories_ GUARDED_BY(lock_){volume_, files_};
    vsfs::Operations<Device, Heap> operations_ GUARDED_BY(lock_){volume_, files_, directories_};
    vsfs::NodeTable<Node, TableLock> nodes_;
    const std::uint32_t device_number_;
    Ref<Node> root_;
};

}  // namespace kidney::fs
