/// Names on a server of 9P: the part of P9 that finds, makes, moves and removes them.
#pragma once

#include "fs/p9/bytes_on_heap.hpp"
#include "fs/p9/client.hpp"

namespace kidney::fs {

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
auto P9<Heap, Channel, Cache, Lock, TableLock>::find(Node& directory,
                                                     std::string_view name) noexcept
    -> Result<Ref<Node>> {
    LockGuard guard(lock_);
    settle();
    return node_of(TRY(session_.walk(TRY(fid_of(directory)), name)), &directory, name);
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
auto P9<Heap, Channel, Cache, Lock, TableLock>::parent_of(Node& directory) noexcept
    -> Result<Ref<Node>> {
    LockGuard guard(lock_);
    settle();
    if (&directory == root_.get()) {
        return root_;
    }
    Walked walked = TRY(session_.walk(TRY(fid_of(directory)), ".."));
    if (walked.second.path == root_->number_) {
        return root_;
    }
    Ref<Node> parent = TRY(node_of(std::move(walked), nullptr, {}));
    return parent->type() == NodeType::directory ? Result<Ref<Node>>(std::move(parent))
                                                 : fail(Errc::io_error);
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
auto P9<Heap, Channel, Cache, Lock, TableLock>::create(Node& directory, std::string_view name,
                                                       const NewNode& what) noexcept
    -> Result<Ref<Node>> {
    LockGuard guard(lock_);
    settle();
    const std::uint32_t in = TRY(fid_of(directory));
    Ref<Node> node = TRY(mm::make_ref<Node>(heap_, *this, what.type));
    p9::Qid made;
    switch (what.type) {
        case NodeType::regular: {
            HeldFid fid = TRY(session_.clone(in));
            made = TRY(session_.create(fid.get(), name, what));
            node->reader_ = node->writer_ = fid.keep();
            break;
        }
        case NodeType::directory:
            made = TRY(session_.make_directory(in, name, what));
            break;
        case NodeType::symlink:
            made = TRY(session_.make_symlink(in, name, what));
            break;
        default:
            made = TRY(session_.make_node(in, name, what));
            break;
    }
    Walked walked = TRY(session_.walk(in, name));
    p9::ToldAttributes told = TRY(session_.attributes(walked.first.get()));
    if (made.path != told.qid.path || what.type != told.attributes.type) {
        return fail(Errc::stale);  // somebody on the server was faster
    }
    // It belongs to the user that the server runs as, unless that one may give it away.
    if (told.attributes.uid != what.uid &&
        session_.set_attributes(walked.first.get(), {.uid = what.uid, .gid = what.gid})) {
        told.attributes.uid = what.uid;
    }
    enter(*node, told);
    add_way(*node, std::move(walked.first), way_by(&directory, name));
    return node;
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Status P9<Heap, Channel, Cache, Lock, TableLock>::link(Node& directory, std::string_view name,
                                                       Node& node) noexcept {
    LockGuard guard(lock_);
    settle();
    const std::uint32_t in = TRY(fid_of(directory));
    TRY(session_.link(in, TRY(look(node)), name));
    ++node.known_.links;
    if (Result<Walked> walked = session_.walk(in, name);
        walked && walked->second.path == node.number_) {
        add_way(node, std::move(walked->first), way_by(&directory, name));
    }
    return {};
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Status P9<Heap, Channel, Cache, Lock, TableLock>::unlink(Node& directory, std::string_view name,
                                                         Node& node) noexcept {
    LockGuard guard(lock_);
    settle();
    const std::uint32_t in = TRY(fid_of(directory));
    TRY(check_name(directory, name, node));
    const bool is_directory = node.type() == NodeType::directory;
    if (is_directory && node.is_mount_point()) {
        return fail(Errc::busy);
    }
    TRY(session_.unlink(in, name, is_directory ? p9::unlink_directory : 0));
    forget_name(node, directory, name);
    return {};
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Status P9<Heap, Channel, Cache, Lock, TableLock>::rename(Node& from,
                                                         const NameMove& move) noexcept {
    auto& node = static_cast<Node&>(move.node);
    auto& to = static_cast<Node&>(move.new_parent);
    auto* const replaced = static_cast<Node*>(move.replaced);
    LockGuard guard(lock_);
    settle();
    const std::uint32_t old_place = TRY(fid_of(from));
    const std::uint32_t new_place = TRY(fid_of(to));
    TRY(check_name(from, move.name, node));
    if (node.is_mount_point() || (replaced != nullptr && replaced->is_mount_point())) {
        return fail(Errc::busy);
    }
    if (replaced == &node) {
        return {};  // two names of one file: both stay
    }
    if (replaced != nullptr) {
        TRY(check_name(to, move.new_name, *replaced));
    } else if (const Result<Walked> there = session_.walk(new_place, move.new_name);
               there || there.error() != Errc::not_found) {
        return fail(there ? Errc::stale : there.error());
    }
    TRY(session_.rename(old_place, move.name, new_place, move.new_name));
    if (replaced != nullptr) {
        forget_name(*replaced, to, move.new_name);
    }
    // The server keeps the fids of what it moves right, and of what is in there.
    for (p9::Way& way : node.ways_) {
        if (leads(way, from, move.name)) {
            way = {way.fid, to.number_, p9::hash_of(move.new_name)};
        }
    }
    return {};
}

template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Result<std::uint64_t> P9<Heap, Channel, Cache, Lock, TableLock>::parent_number(
    Node& directory) noexcept {
    LockGuard guard(lock_);
    return &directory == root_.get() ? root_->number_
                                     : TRY(session_.walk(TRY(fid_of(directory)), "..")).second.path;
}

/// Cookies are the server's. "." and ".." come from there as well, but not what they mean: the
/// folder is the root here.
template <mm::ObjectAllocator Heap, MessageChannel Channel, class Cache, BasicLockable Lock,
          BasicLockable TableLock>
Status P9<Heap, Channel, Cache, Lock, TableLock>::list(Node& directory, std::uint64_t cookie,
                                                       DirectorySink& sink) noexcept {
    // As much as most programs ask for at once; and a listing that has no end is none.
    constexpr std::size_t at_once = 4096 - p9::data_overhead;
    constexpr unsigned most_pieces = 1 << 14;
    const auto piece = TRY(p9::BytesOnHeap<Heap>::allocate(heap_, at_once));
    for (unsigned n = 0; n < most_pieces; ++n) {
        const std::size_t got =
            TRY(load(directory, p9::Message::read_directory, cookie, piece.bytes()));
        if (got == 0) {
            return {};
        }
        p9::Reply entries(piece.bytes().first(got));
        while (!entries.is_empty()) {
            const p9::Qid qid = entries.qid();
            DirectoryEntry entry;
            entry.inode = qid.path;
            entry.next_cookie = entries.number<std::uint64_t>();
            entry.type = p9::type_of_entry(entries.number<std::uint8_t>(), qid);
            entry.name = entries.text();
            if (!entries.is_whole() || !p9::is_name(entry.name)) {
                return fail(Errc::io_error);
            }
            if (entry.name == "." || entry.name == "..") {
                entry.type = NodeType::directory;
                entry.inode =
                    entry.name == "." ? directory.number() : TRY(parent_number(directory));
            }
            if (!sink.accept(entry)) {
                return {};
            }
            cookie = entry.next_cookie;
        }
    }
    return fail(Errc::io_error);
}

}  // namespace kidney::fs
