/// From a file's pages to the address spaces that show them: what truncation needs.
///
/// Each PageSource has a list of its mappings (regions, mm/region.hpp). unmap() visits them one
/// address space after the other. A mapping that a visited one is split from, moved or copied to
/// is a visited one, too, and new ones show nothing yet: so a program that maps and unmaps without
/// end cannot keep a truncation from its end.
///
/// Lock order: `Turn`, then an address space's lock, then `Lock`. `Turn` may sleep.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/mm/page_source.hpp"

#include <cstdint>

namespace kidney::mm {

/// An address space as the reverse map sees it.
class MappingOwner {
public:
    /// A reference for the caller, unless the owner is on its way out.
    [[nodiscard]] virtual bool hold() noexcept = 0;
    /// Gives it back.
    virtual void let_go() noexcept = 0;
    /// Takes the pages out of every mapping that next_unvisited() names, under the owner's lock.
    virtual void take_pages(PageSource& source, PageSpan pages, PrivateCopies copies) noexcept = 0;

protected:
    ~MappingOwner() = default;
};

/// Concurrency: any thread. All but unmap() only for the owner of the mapping, under its lock; the
/// owner keeps the source alive. Cost of each: O(1).
template <BasicLockable Turn, BasicLockable Lock>
class ReverseMap final : public SourceMappings {
public:
    /// A mapping that shows no page yet.
    void add(PageSource& source, SourceMapping& mapping, MappingOwner& owner) noexcept
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        mapping.round = source.round_;
        insert(source, mapping, owner);
    }
    /// A mapping that may show pages of `model`.
    void add_like(PageSource& source, SourceMapping& mapping, const SourceMapping& model,
                  MappingOwner& owner) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        mapping.round = model.round;
        insert(source, mapping, owner);
    }
    void remove(PageSource& source, SourceMapping& mapping) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        take_out(source, mapping);
    }
    /// `mapping` becomes a part of `into`.
    void merge(PageSource& source, SourceMapping& into, SourceMapping& mapping) noexcept
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        MappingOwner& owner = *into.owner;
        take_out(source, mapping);
        if (mapping.round != source.round_) {
            take_out(source, into);
            into.round = mapping.round;
            insert(source, into, owner);
        }
    }

    void unmap(PageSource& source, PageSpan pages, PrivateCopies copies) noexcept override
        EXCLUDES(turn_, lock_) {
        if (is_unmapped(source)) {
            return;
        }
        const LockGuard turn(turn_);
        begin_round(source);
        while (MappingOwner* const owner = hold_unvisited(source)) {
            owner->take_pages(source, pages, copies);
            owner->let_go();
        }
    }

    /// Within take_pages(): a mapping of this owner, or nullptr. It counts as visited now.
    [[nodiscard]] SourceMapping* visit_next(PageSource& source, const MappingOwner& owner) noexcept
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        SourceMapping* const mapping = unvisited(source);
        if (mapping == nullptr || mapping->owner != &owner) {
            return nullptr;
        }
        mark_visited(source, *mapping);
        return mapping;
    }

private:
    // Unvisited mappings are at the front of the list.
    void insert(PageSource& source, SourceMapping& mapping, MappingOwner& owner) noexcept
        REQUIRES(lock_) {
        mapping.owner = &owner;
        if (mapping.round == source.round_) {
            source.mappings_.push_back(mapping);
        } else {
            source.mappings_.push_front(mapping);
        }
        // release: whoever sees it may call unmap(). Every store stores the same.
        source.known_to_.store(this, std::memory_order_release);
    }
    void take_out(PageSource& source, SourceMapping& mapping) noexcept REQUIRES(lock_) {
        source.mappings_.erase(source.mappings_.iterator_to(mapping));
        mapping.owner = nullptr;
    }
    [[nodiscard]] bool is_unmapped(PageSource& source) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return source.mappings_.empty();
    }
    void begin_round(PageSource& source) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        ++source.round_;
    }
    [[nodiscard]] SourceMapping* unvisited(PageSource& source) noexcept REQUIRES(lock_) {
        return source.mappings_.empty() || source.mappings_.front().round == source.round_
                   ? nullptr
                   : &source.mappings_.front();
    }
    void mark_visited(PageSource& source, SourceMapping& mapping) noexcept REQUIRES(lock_) {
        MappingOwner& owner = *mapping.owner;
        take_out(source, mapping);
        mapping.round = source.round_;
        insert(source, mapping, owner);
    }
    [[nodiscard]] MappingOwner* hold_unvisited(PageSource& source) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        while (SourceMapping* const mapping = unvisited(source)) {
            if (mapping->owner->hold()) {
                return mapping->owner;
            }
            mark_visited(source, *mapping);  // nobody runs there any more
        }
        return nullptr;
    }

    Turn turn_;  ///< rounds come one after the other
    Lock lock_;  ///< guards the lists of all sources, and what is in them
};

}  // namespace kidney::mm
