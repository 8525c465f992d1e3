/// What each operation of a vsfs changes, by inode numbers: no nodes, no locks, no disk of its own.
#pragma once

#include "fs/vsfs/directories.hpp"
#include "kidney/fs/attributes.hpp"
#include "kidney/fs/vnode.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace kidney::fs::vsfs {

/// Each function is called inside Transaction::run(): when it answers an error, what it has changed
/// until then is forgotten. Concurrency: none; the file system's lock.
template <BlockDevice Device, mm::ObjectAllocator Heap>
class Operations {
public:
    Operations(Volume<Device, Heap>& volume, Files<Device, Heap>& files,
               Directories<Device, Heap>& directories) noexcept
        : volume_(volume), files_(files), directories_(directories) {}

    /// Of all stamps of the operation.
    void set_time(std::uint32_t now) noexcept { now_ = now; }

    [[nodiscard]] Status set_attributes(std::uint32_t number,
                                        const AttributeChange& change) noexcept {
        Inode inode = TRY(files_.inode(number));
        if (change.size) {
            if (*change.size > max_file_size) {
                return fail(Errc::file_too_big);
            }
            TRY(files_.shrink(inode, *change.size));
            inode.modified = now_;
        }
        if (change.permissions) {
            inode.mode =
                static_cast<std::uint16_t>((inode.mode & mode_type) | change.permissions->bits());
        }
        inode.uid = change.uid.value_or(inode.uid);
        inode.gid = change.gid.value_or(inode.gid);
        inode.accessed = change.accessed ? seconds(*change.accessed) : inode.accessed;
        inode.modified = change.modified ? seconds(*change.modified) : inode.modified;
        inode.changed = now_;
        return files_.put(number, inode);
    }
    /// A new file of `type`; its number.
    [[nodiscard]] Result<std::uint32_t> create(std::uint32_t directory, std::string_view name,
                                               std::uint16_t type, const NewNode& what) noexcept {
        Inode parent = TRY(directory_for_new(directory, name));
        const std::uint32_t number = TRY(files_.take_inode());
        Inode inode;
        inode.mode = static_cast<std::uint16_t>(type | what.permissions.bits());
        inode.links = 1;
        inode.uid = what.uid;
        inode.gid = what.gid;
        inode.accessed = inode.modified = inode.changed = now_;
        if (type == mode_directory) {
            inode.links = 2;
            inode.parent = directory;
            TRY(count(parent, 1));
        }
        if (type == mode_symlink) {
            if (what.target.empty() || what.target.size() >= block_size) {
                return fail(Errc::invalid_argument);
            }
            const std::span<std::byte> bytes = TRY(files_.make_block(inode, 0));
            std::memcpy(bytes.data(), what.target.data(), what.target.size());
            inode.size = what.target.size();
        }
        TRY(files_.put(number, inode));
        TRY(directories_.add(parent, name, number, inode.mode));
        TRY(touch(directory, parent));
        return number;
    }
    [[nodiscard]] Status link(std::uint32_t directory, std::string_view name,
                              std::uint32_t number) noexcept {
        Inode parent = TRY(directory_for_new(directory, name));
        Inode inode = TRY(files_.inode(number));
        if (inode.links == 0) {
            return fail(Errc::not_found);
        }
        TRY(count(inode, 1));
        inode.changed = now_;
        TRY(files_.put(number, inode));
        TRY(directories_.add(parent, name, number, inode.mode));
        return touch(directory, parent);
    }
    /// Whether that was the last name. Errors: stale, not_empty.
    [[nodiscard]] Result<bool> unlink(std::uint32_t directory, std::string_view name,
                                      std::uint32_t number) noexcept {
        Inode parent = TRY(files_.inode(directory));
        const Found found = TRY(entry_of(parent, name, number));
        const bool was_last = TRY(lose_name(parent, number));
        TRY(directories_.put(parent, found.slot, Entry{}));
        TRY(touch(directory, parent));
        return was_last;
    }
    struct Move {
        std::uint32_t from = 0;
        std::string_view name;
        std::uint32_t node = 0, to = 0;
        std::string_view new_name;
        std::uint32_t replaced = 0;  ///< 0: nothing
    };
    /// Whether what it replaced has lost its last name. Errors: stale, not_empty, not_found,
    /// invalid_argument.
    [[nodiscard]] Result<bool> rename(const Move& move) noexcept {
        Inode source = TRY(files_.inode(move.from));
        Inode other = TRY(files_.inode(move.to));
        Inode& target = move.from == move.to ? source : other;
        const Found old = TRY(entry_of(source, move.name, move.node));
        if (target.links == 0) {
            return fail(Errc::not_found);
        }
        TRY(check_ancestors(move.node, move.to));
        const bool was_last = TRY(enter(target, move, old.entry));
        TRY(directories_.put(source, old.slot, Entry{}));
        Inode inode = TRY(files_.inode(move.node));
        if ((inode.mode & mode_type) == mode_directory && move.from != move.to) {
            inode.parent = move.to;
            TRY(count(source, -1));
            TRY(count(target, 1));
        }
        inode.changed = now_;
        TRY(files_.put(move.node, inode));
        TRY(touch(move.from, source));
        if (move.from != move.to) {
            TRY(touch(move.to, target));
        }
        return was_last;
    }
    /// Stores at most a block of bytes at `offset` (null: at the end), in two blocks if they lie
    /// so; how many. Errors: no_space, file_too_big.
    [[nodiscard]] Result<std::size_t> store(std::uint32_t number, const std::uint64_t* offset,
                                            std::span<const std::byte> bytes) noexcept {
        Inode inode = TRY(files_.inode(number));
        std::uint64_t at = offset == nullptr ? inode.size : *offset;
        if (at >= max_file_size) {
            return fail(Errc::file_too_big);
        }
        const auto count =
            static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), max_file_size - at));
        for (std::size_t done = 0; done < count;) {
            const auto begin = static_cast<std::size_t>(at % block_size);
            const std::size_t length = std::min(count - done, block_size - begin);
            const std::span<std::byte> block =
                TRY(files_.make_block(inode, static_cast<std::uint32_t>(at / block_size)));
            std::memcpy(block.data() + begin, bytes.data() + done, length);
            at += length;
            done += length;
        }
        inode.size = std::max(inode.size, at);
        TRY(touch(number, inode));
        return count;
    }

    /// Bytes at `offset`, up to the end of a block or the file; how many. 0: the end. No change.
    [[nodiscard]] Result<std::size_t> load(std::uint32_t number, std::uint64_t offset,
                                           std::size_t most, Block& to) noexcept {
        const Inode inode = TRY(files_.inode(number));
        if (offset >= inode.size) {
            return 0U;
        }
        const auto begin = static_cast<std::size_t>(offset % block_size);
        const auto length = static_cast<std::size_t>(
            std::min<std::uint64_t>({block_size - begin, most, inode.size - offset}));
        const std::uint32_t block =
            TRY(files_.find_block(inode, static_cast<std::uint32_t>(offset / block_size)));
        if (block == 0) {
            std::memset(to.data(), 0, length);
        } else {
            std::memcpy(to.data(), TRY(volume_.blocks().read(block)).data() + begin, length);
        }
        return length;
    }

private:
    using Found = typename Directories<Device, Heap>::Found;

    [[nodiscard]] static std::uint32_t seconds(const FileTime& time) noexcept {
        return static_cast<std::uint32_t>(time.seconds);
    }
    /// The parent of a name that must be new. Errors: exists, not_found (it was removed).
    [[nodiscard]] Result<Inode> directory_for_new(std::uint32_t directory,
                                                  std::string_view name) noexcept {
        const Inode parent = TRY(files_.inode(directory));
        if (parent.links == 0) {
            return fail(Errc::not_found);
        }
        TRY(check_new(parent, name, Errc::exists));
        return parent;
    }
    [[nodiscard]] Status check_new(const Inode& directory, std::string_view name,
                                   Errc otherwise) noexcept {
        const Result<Found> there = directories_.find(directory, name);
        return there                              ? Status(fail(otherwise))
               : there.error() == Errc::not_found ? Status()
                                                  : Status(fail(there.error()));
    }
    /// The entry, if its name still means that inode. Error: stale.
    [[nodiscard]] Result<Found> entry_of(const Inode& directory, std::string_view name,
                                         std::uint32_t number) noexcept {
        const Result<Found> found = directories_.find(directory, name);
        if (!found && found.error() != Errc::not_found) {
            return found;
        }
        return found && found->entry.inode == number ? found : fail(Errc::stale);
    }
    /// A name of an inode in `parent` goes: what that means for both; whether it was the last. The
    /// caller stores `parent`. Error: not_empty.
    [[nodiscard]] Result<bool> lose_name(Inode& parent, std::uint32_t number) noexcept {
        Inode inode = TRY(files_.inode(number));
        if ((inode.mode & mode_type) == mode_directory) {
            if (!TRY(directories_.is_empty(inode))) {
                return fail(Errc::not_empty);
            }
            TRY(count(inode, -1));
            TRY(count(parent, -1));
        }
        TRY(count(inode, -1));
        inode.changed = now_;
        TRY(files_.put(number, inode));
        return inode.links == 0;
    }
    /// The new name, over what is there or where nothing is.
    [[nodiscard]] Result<bool> enter(Inode& target, const Move& move, const Entry& old) noexcept {
        if (move.replaced == 0) {
            TRY(check_new(target, move.new_name, Errc::stale));
            TRY(directories_.add(target, move.new_name, move.node,
                                 static_cast<std::uint16_t>(old.type << 12)));
            return false;
        }
        Found there = TRY(entry_of(target, move.new_name, move.replaced));
        const bool was_last = TRY(lose_name(target, move.replaced));
        there.entry.inode = move.node;
        there.entry.type = old.type;
        TRY(directories_.put(target, there.slot, there.entry));
        return was_last;
    }
    /// A directory must not become its own ancestor.
    [[nodiscard]] Status check_ancestors(std::uint32_t node, std::uint32_t to) noexcept {
        if ((TRY(files_.inode(node)).mode & mode_type) != mode_directory) {
            return {};
        }
        std::uint32_t up = to;
        for (std::uint32_t steps = 0; up != root_inode; ++steps) {
            if (up == node) {
                return fail(Errc::invalid_argument);
            }
            if (steps == volume_.geometry().inode_count) {
                return volume_.wrong("inode.parent", up);  // a circle
            }
            up = TRY(files_.inode(up)).parent;
        }
        return {};
    }
    /// Errors: too_many_links, corrupted (there are fewer links than names).
    [[nodiscard]] Status count(Inode& inode, int links) noexcept {
        if (links > 0 && inode.links == 0xFFFF) {
            return fail(Errc::too_many_links);
        }
        if (links < 0 && inode.links == 0) {
            return volume_.wrong("inode.links", 0);
        }
        inode.links = static_cast<std::uint16_t>(inode.links + links);
        return {};
    }
    [[nodiscard]] Status touch(std::uint32_t number, Inode& inode) noexcept {
        inode.modified = inode.changed = now_;
        return files_.put(number, inode);
    }

    Volume<Device, Heap>& volume_;
    Files<Device, Heap>& files_;
    Directories<Device, Heap>& directories_;
    std::uint32_t now_ = 0;
};

}  // namespace kidney::fs::vsfs
