/// The name cache: (directory, name) -> node, or "there is no such name".
///
/// A path walk finds most components here without asking a file system. Entries own references, so
/// a cached node stays in memory; the cache has a fixed size and drops the least recently used.
///
/// Correctness is by one counter. A miss notes version(), asks the file system, and insert()
/// refuses if anything was changed since: so an answer that a concurrent create, unlink or rename
/// made stale never gets in. Changes call replace() or forget() *after* the file system has done
/// its part.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/fs/change_listener.hpp"
#include "kidney/fs/vnode.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// Hears of names that the cache lets go of.
class NameKeeper {
public:
    /// `node` is still called so, and somebody uses it.
    virtual void keep_name(Vnode& node, Vnode& directory, std::string_view name) noexcept = 0;

protected:
    ~NameKeeper() = default;
};

/// What the cache knows of this file system would be true: names stay until we change them, and a
/// name is its bytes.
[[nodiscard]] inline bool may_remember_names(const FileSystem& system) noexcept {
    return system.names_are_stable() && system.names_are_exact() && system.names_are_ours();
}

/// Concurrency: any thread. `Lock` is a leaf: no file system is called and no node is released
/// while it is held.
template <BasicLockable Lock, std::size_t Capacity = 1024>
class NameCache final : public NameSource {
    static_assert((Capacity & (Capacity - 1)) == 0 && Capacity < 0xFFFF);

public:
    using NameSource::longest;  ///< bytes; longer names are not remembered
    using Version = std::uint32_t;

    [[nodiscard]] Version version() const noexcept {
        // acquire: the file system is asked after this, never before.
        return version_.load(std::memory_order_acquire);
    }

    /// nullopt: unknown. A null Ref: known not to exist.
    [[nodiscard]] std::optional<Ref<Vnode>> find(const Vnode& directory,
                                                 std::string_view name) noexcept EXCLUDES(lock_) {
        if (name.size() > longest) {
            return std::nullopt;
        }
        const std::uint32_t hash = hash_of(directory, name);
        LockGuard guard(lock_);
        const Index at = position(directory, name, hash);
        if (at == none) {
            return std::nullopt;
        }
        entries_[at].used = true;
        return entries_[at].node;
    }

    /// Remembers the answer of a lookup that began at version `seen`; null says "no such name".
    void insert(Version seen, Vnode& directory, std::string_view name, Vnode* node) noexcept
        EXCLUDES(lock_) {
        Entry dropped;  // released after the lock
        {
            LockGuard guard(lock_);
            if (version_.load(std::memory_order_relaxed) == seen) {
                store(directory, name, node, dropped);
            }
        }
        retire(dropped);
    }
    /// The name now means `node`, unless something else changed since `seen`: then it is unknown.
    void replace(Version seen, Vnode& directory, std::string_view name, Vnode& node) noexcept
        EXCLUDES(lock_) {
        Entry dropped;
        bool current = false;
        {
            LockGuard guard(lock_);
            current = version_.fetch_add(1, std::memory_order_release) == seen;
            if (current) {
                store(directory, name, &node, dropped);
            } else {
                erase(directory, name, dropped);
            }
        }
        if (current) {
            retire(dropped);
        }
    }
    /// The name has changed its meaning or vanished.
    void forget(Vnode& directory, std::string_view name) noexcept EXCLUDES(lock_) {
        Entry dropped;
        LockGuard guard(lock_);
        version_.fetch_add(1, std::memory_order_release);
        erase(directory, name, dropped);
    }
    /// Drops every entry for which `unwanted(directory, node or null)` is true: those in a
    /// directory that was removed, those of a file system that goes away, all when memory is short.
    template <class Unwanted>
    void purge(Unwanted&& unwanted) noexcept EXCLUDES(lock_) {
        Index next = 0;
        while (next < Capacity) {
            std::array<Entry, 8> dropped;  // released after the lock, eight at a time
            std::size_t count = 0;
            LockGuard guard(lock_);
            version_.fetch_add(1, std::memory_order_release);
            for (; next < Capacity && count < dropped.size(); ++next) {
                Entry& entry = entries_[next];
                if (entry.directory && unwanted(*entry.directory, entry.node.get())) {
                    unlink(next);
                    dropped[count++] = std::exchange(entry, Entry{});
                }
            }
        }
    }
    /// Who keeps the names of nodes in use when there is no room for them here. Before use.
    void set_keeper(NameKeeper& keeper) noexcept { keeper_ = &keeper; }
    /// What a keeper has kept, or null.
    void keep_path(Vnode& node, Ref<NodePath> path) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        std::swap(node.last_path(), path);
    }
    [[nodiscard]] Ref<NodePath> kept_path(Vnode& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return node.last_path();
    }

    /// Some name under which `node` is known, for /proc and getcwd(); copied into `to`.
    [[nodiscard]] std::optional<std::pair<Ref<Vnode>, std::string_view>> name_of(
        const Vnode& node, std::array<char, longest>& to) noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (const Entry& entry : entries_) {
            if (entry.node.get() == &node) {
                std::memcpy(to.data(), entry.name.data(), entry.length);
                return std::pair(entry.directory, std::string_view(to.data(), entry.length));
            }
        }
        return std::nullopt;
    }

private:
    using Index = std::uint16_t;
    static constexpr Index none = 0xFFFF;

    struct Entry {
        Ref<Vnode> directory;  ///< null: free
        Ref<Vnode> node;       ///< null: no such name
        std::uint32_t hash = 0;
        Index next = none;  ///< in its bucket
        std::uint8_t length = 0;
        bool used = false;  ///< since the clock hand came by
        std::array<char, longest> name;
    };

    /// An entry that made room for another: its node may be in use.
    void retire(Entry& dropped) noexcept EXCLUDES(lock_) {
        if (keeper_ != nullptr && dropped.directory && dropped.node &&
            dropped.node->references() > 1 + dropped.node->file_system().own_references()) {
            keeper_->keep_name(*dropped.node, *dropped.directory,
                               {dropped.name.data(), dropped.length});
        }
    }
    /// FNV-1a over the name, seeded with the directory's address.
    [[nodiscard]] static std::uint32_t hash_of(const Vnode& directory,
                                               std::string_view name) noexcept {
        auto hash = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(&directory) >> 4) ^
                    2166136261U;
        for (const char c : name) {
            hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
        }
        return hash ^ hash >> 15;
    }
    [[nodiscard]] Index position(const Vnode& directory, std::string_view name,
                                 std::uint32_t hash) const noexcept REQUIRES(lock_) {
        Index at = buckets_[hash & (Capacity - 1)];
        while (at != none) {
            const Entry& entry = entries_[at];
            if (entry.hash == hash && entry.directory.get() == &directory &&
                entry.length == name.size() &&
                std::memcmp(entry.name.data(), name.data(), name.size()) == 0) {
                return at;
            }
            at = entry.next;
        }
        return none;
    }
    void store(Vnode& directory, std::string_view name, Vnode* node, Entry& dropped) noexcept
        REQUIRES(lock_) {
        if (name.size() > longest) {
            return;
        }
        const std::uint32_t hash = hash_of(directory, name);
        Index at = position(directory, name, hash);
        if (at == none) {
            at = victim();
            Entry& entry = entries_[at];
            if (entry.directory) {
                unlink(at);
                dropped = std::exchange(entry, Entry{});
            }
            entry.directory = Ref<Vnode>::share(directory);
            entry.hash = hash;
            entry.length = static_cast<std::uint8_t>(name.size());
            std::memcpy(entry.name.data(), name.data(), name.size());
            Index& bucket = buckets_[hash & (Capacity - 1)];
            entry.next = std::exchange(bucket, at);
        } else {
            dropped.node = std::exchange(entries_[at].node, nullptr);
        }
        entries_[at].node = node == nullptr ? Ref<Vnode>() : Ref<Vnode>::share(*node);
        entries_[at].used = true;
    }
    void erase(Vnode& directory, std::string_view name, Entry& dropped) noexcept REQUIRES(lock_) {
        if (name.size() > longest) {
            return;
        }
        const Index at = position(directory, name, hash_of(directory, name));
        if (at != none) {
            unlink(at);
            dropped.directory = std::move(entries_[at].directory);
            dropped.node = std::move(entries_[at].node);
            hand_ = at;  // the next name goes here, and drops nothing that is still good
        }
    }
    /// Takes entry `at` out of its bucket.
    void unlink(Index at) noexcept REQUIRES(lock_) {
        Index* link = &buckets_[entries_[at].hash & (Capacity - 1)];
        while (*link != at) {
            link = &entries_[*link].next;
        }
        *link = entries_[at].next;
    }
    /// Second-chance clock.
    [[nodiscard]] Index victim() noexcept REQUIRES(lock_) {
        for (;;) {
            const Index at = hand_;
            hand_ = static_cast<Index>((hand_ + 1) & (Capacity - 1));
            if (!entries_[at].directory || !std::exchange(entries_[at].used, false)) {
                return at;
            }
        }
    }
    [[nodiscard]] static constexpr std::array<Index, Capacity> empty_buckets() noexcept {
        std::array<Index, Capacity> buckets{};
        buckets.fill(none);
        return buckets;
    }

    NameKeeper* keeper_ = nullptr;
    Lock lock_;
    std::array<Entry, Capacity> entries_ GUARDED_BY(lock_){};
    std::array<Index, Capacity> buckets_ GUARDED_BY(lock_) = empty_buckets();
    Index hand_ GUARDED_BY(lock_) = 0;
    std::atomic<Version> version_ = 0;
};

}  // namespace kidney::fs
