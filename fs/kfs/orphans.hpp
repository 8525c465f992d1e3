/// Inodes without a name: they give back what they have, and a mount finds those that a crash has
/// left.
#pragma once

#include "fs/kfs/extents.hpp"
#include "fs/kfs/inode.hpp"
#include "fs/kfs/volume.hpp"

#include <cstdint>
#include <utility>

namespace kidney::fs::kfs {

/// Concurrency: the file system's lock.
template <class Cache, mm::ObjectAllocator Heap>
class Orphans {
    using Disk = Volume<Cache, Heap>;

public:
    Orphans(Disk& volume, Extents<Cache, Heap>& extents) noexcept
        : volume_(volume), extents_(extents) {}

    /// The inode is free, with all that it has. Errors: io_error, no_memory, corrupted; restart
    /// (`inode` is what is left of it, also in the transaction; a checkpoint must come first).
    [[nodiscard]] Status release(Inode& inode) noexcept {
        const Status removed =
            inode.has_extents() ? extents_.remove(inode, 0, ~std::uint64_t{0}) : Status();
        typename Disk::Step step(volume_);
        if (removed) {
            TRY(volume_.give_inode(inode.number));
            TRY(volume_.mark_orphan(inode.number, false));
        } else {
            TRY(volume_.put_inode(inode.number, inode.raw()));
        }
        step.keep();
        return removed;
    }
    /// At a mount: what was open without a name when the power failed. Errors: as release().
    [[nodiscard]] Status free_all() noexcept {
        bool was_one = false;
        for (std::uint32_t n = TRY(volume_.next_orphan(1)); n != 0;
             n = TRY(volume_.next_orphan(n + 1))) {
            Inode inode = TRY(volume_.read_inode(n));
            if (inode.links != 0) {
                return volume_.wrong("orphan_bitmap", n);
            }
            Status freed = release(inode);
            while (!freed && freed.error() == Errc::restart) {
                TRY(checkpoint());
                freed = release(inode);
            }
            TRY(std::move(freed));
            was_one = true;
        }
        return was_one ? checkpoint() : Status();
    }

private:
    /// Nobody has a file open yet.
    [[nodiscard]] Status checkpoint() noexcept {
        TRY(volume_.changes().commit(volume_.log()));
        return volume_.bring_home();
    }

    Disk& volume_;
    Extents<Cache, Heap>& extents_;
};

}  // namespace kidney::fs::kfs
