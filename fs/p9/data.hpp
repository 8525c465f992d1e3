/// What files on a server of 9P hold: the part of P9 that reads and writes bytes and attributes.
#pragma once

#include "fs/p9/bytes_on_heap.hpp"
#include "fs/p9/client.hpp"

namespace kidney::fs {

/// Of a file whose names are gone: what was known of it.
template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Result<Attributes> P9<Heap, Channel, Cache, Lock, TableLock>::attributes(Node& node) noexcept {
    LockGuard guard(lock_);
    settle();
    const Result<std::uint32_t> found = look(node);
    return found || found.error() == Errc::stale ? Result<Attributes>(node.known_)
                                                 : fail(found.error());
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Status P9<Heap, Channel, Cache, Lock, TableLock>::set_attributes(
    Node& node, const AttributeChange& change) noexcept {
    {
        LockGuard guard(lock_);
        settle();
        TRY(session_.set_attributes(TRY(look(node)), change));
        if (change.size) {
            node.known_.size = *change.size;
            node.shown().set_size(*change.size);
        }
    }
    if (change.size) {
        drop_pages(node, *change.size);
        const std::uint64_t behind = (*change.size + page_mask) >> page_shift;
        if (node.shown().are_shown() && behind < ~std::uint32_t{0}) {
            const auto first = static_cast<std::uint32_t>(behind);
            node.unmap({first, ~first}, mm::PrivateCopies::take);
        }
    }
    return {};
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Result<std::size_t> P9<Heap, Channel, Cache, Lock, TableLock>::read_link(
    Node& node, std::span<char> to) noexcept {
    LockGuard guard(lock_);
    settle();
    return session_.read_link(TRY(fid_of(node)), to);
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Result<std::size_t> P9<Heap, Channel, Cache, Lock, TableLock>::load(
    Node& node, p9::Message how, std::uint64_t offset, std::span<std::byte> to) noexcept {
    LockGuard guard(lock_);
    settle();
    if (how == p9::Message::read_directory) {
        TRY(fid_of(node));  // one that is gone is not listed
    }
    return session_.read(how, TRY(opened(node, false)), offset, to.size(),
                         [&](std::span<const std::byte> bytes) noexcept {
                             std::copy_n(bytes.data(), bytes.size(), to.data());
                         });
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Result<std::size_t> P9<Heap, Channel, Cache, Lock, TableLock>::read(Node& node,
                                                                    std::uint64_t offset,
                                                                    ReadBuffer& to) noexcept {
    const std::size_t wanted = to.remaining();
    if (wanted == 0) {
        return 0U;
    }
    const auto piece = TRY(p9::BytesOnHeap<Heap>::allocate(heap_, std::min(wanted, piece_)));
    while (to.remaining() > 0) {
        const Result<std::size_t> got =
            load(node, p9::Message::read, offset,
                 piece.bytes().first(std::min(to.remaining(), piece.bytes().size())));
        if (!got || *got == 0) {
            return transferred(wanted - to.remaining(), got ? Status() : fail(got.error()));
        }
        if (const Status put = to.put(piece.bytes().first(*got)); !put) {
            return transferred(wanted - to.remaining(), put);
        }
        offset += *got;
    }
    return wanted;
}

/// The server may do it by itself, but knows only its own user.
template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Status P9<Heap, Channel, Cache, Lock, TableLock>::end_set_id(Node& node, SetIdBits how) noexcept {
    if (how == SetIdBits::stay) {
        return {};
    }
    const Result<std::uint32_t> found = look(node);
    if (!found) {
        return found.error() == Errc::stale ? Status() : Status(fail(found.error()));
    }
    const Permissions left = with_set_id(node.known_.permissions, how);
    return left == node.known_.permissions ? Status()
                                           : session_.set_attributes(*found, {.permissions = left});
}

/// `offset` null: at the end. It becomes the place behind the bytes. The file gets `most` bytes at
/// most.
template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Result<std::size_t> P9<Heap, Channel, Cache, Lock, TableLock>::store(
    Node& node, std::uint64_t* offset, std::span<const std::byte> bytes, std::uint64_t most,
    SetIdBits set_id) noexcept {
    std::uint64_t at = 0;
    std::size_t stored = 0;
    {
        LockGuard guard(lock_);
        settle();
        const std::uint32_t fid = TRY(opened(node, true));
        if (offset != nullptr) {
            at = *offset;
        } else {
            const Result<std::uint32_t> found = look(node);
            if (!found && found.error() != Errc::stale) {
                return fail(found.error());
            }
            at = node.known_.size;
        }
        if (at >= most) {
            return fail(Errc::file_too_big);
        }
        bytes =
            bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), most - at)));
        TRY(end_set_id(node, set_id));
        stored = TRY(session_.write(fid, at, bytes));
        node.known_.size = std::max(node.known_.size, at + stored);
        node.shown().set_size(node.known_.size);
    }
    drop_pages(node, at);
    return stored;
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Result<std::size_t> P9<Heap, Channel, Cache, Lock, TableLock>::transfer(
    Node& node, std::uint64_t* offset, WriteBuffer& from, std::uint64_t* end) noexcept {
    if (from.remaining() == 0) {
        return 0U;
    }
    const auto piece =
        TRY(p9::BytesOnHeap<Heap>::allocate(heap_, std::min(from.remaining(), piece_)));
    const std::uint64_t most = std::min(max_file_size(), from.size_limit());
    std::size_t done = 0;
    while (from.remaining() > 0) {
        const std::size_t before = from.remaining();
        const Status taken = from.take(piece.bytes().first(std::min(before, piece.bytes().size())));
        std::span<const std::byte> rest = piece.bytes().first(before - from.remaining());
        while (!rest.empty()) {
            const Result<std::size_t> stored = store(node, offset, rest, most, from.set_id());
            if (!stored) {
                return transferred(done, Status(fail(stored.error())));
            }
            done += *stored;
            rest = rest.subspan(*stored);
            if (offset != nullptr) {
                *offset += *stored;
            } else {
                LockGuard guard(lock_);
                *end = node.known_.size;
            }
        }
        if (!taken) {
            return transferred(done, taken);
        }
    }
    return done;
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Result<std::size_t> P9<Heap, Channel, Cache, Lock, TableLock>::write(Node& node,
                                                                     std::uint64_t offset,
                                                                     WriteBuffer& from) noexcept {
    return transfer(node, &offset, from, nullptr);
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Result<std::size_t> P9<Heap, Channel, Cache, Lock, TableLock>::append(Node& node, WriteBuffer& from,
                                                                      std::uint64_t& end) noexcept {
    return transfer(node, nullptr, from, &end);
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Status P9<Heap, Channel, Cache, Lock, TableLock>::sync_node(Node& node) noexcept {
    if (node.type() != NodeType::regular && node.type() != NodeType::directory) {
        return {};
    }
    LockGuard guard(lock_);
    settle();
    const bool is_written = node.writer_ != p9::no_fid;
    return session_.sync(TRY(opened(node, is_written)));
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Status P9<Heap, Channel, Cache, Lock, TableLock>::prepare(Node& node,
                                                          const OpenMode& mode) noexcept {
    if (node.type() != NodeType::regular && node.type() != NodeType::directory) {
        return {};
    }
    bool is_another = false;
    {
        LockGuard guard(lock_);
        settle();
        if (mode.read) {
            TRY(opened(node, false));
        }
        if (mode.write) {
            TRY(opened(node, true));
        }
        if (node.shown().are_shown() && look(node)) {
            const Attributes& was = node.shown_as_;
            const Attributes& is = node.known_;
            is_another =
                was.modified != is.modified || was.changed != is.changed || was.size != is.size;
            node.shown_as_ = is;
        }
    }
    if (is_another) {
        drop_pages(node, 0);
    }
    return {};
}

/// Bytes at and behind `from` are others now: who maps them asks again. The lock is free, because
/// whoever fills a page needs it, and is waited for.
template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
void P9<Heap, Channel, Cache, Lock, TableLock>::drop_pages(Node& node,
                                                           std::uint64_t from) noexcept {
    const std::uint64_t page = from >> page_shift;
    if (node.shown().are_shown() && page < ~std::uint32_t{0}) {
        const auto first = static_cast<std::uint32_t>(page);
        cache_.drop_from(node.shown(), first);
        node.unmap({first, ~first}, mm::PrivateCopies::keep);
    }
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Status P9<Heap, Channel, Cache, Lock, TableLock>::fill(
    Node& node, std::uint32_t first, std::span<const std::span<std::byte>> pages) noexcept {
    LockGuard guard(lock_);
    const std::uint32_t fid = TRY(opened(node, false));
    const std::size_t wanted = pages.size() * page_size;
    std::size_t at = 0;
    const auto put = [&](std::span<const std::byte> bytes) noexcept {
        while (!bytes.empty()) {
            const std::span<std::byte> room = pages[at / page_size].subspan(at % page_size);
            const std::size_t length = std::min(room.size(), bytes.size());
            std::copy_n(bytes.data(), length, room.data());
            bytes = bytes.subspan(length);
            at += length;
        }
    };
    const std::uint64_t begin = std::uint64_t{first} << page_shift;
    while (at < wanted &&
           TRY(session_.read(p9::Message::read, fid, begin + at, wanted - at, put)) > 0) {
    }
    for (; at < wanted; ++at) {
        pages[at / page_size][at % page_size] = std::byte{};
    }
    return {};
}

}  // namespace kidney::fs
