/// What has happened to watched nodes and nobody has read yet.
#pragma once

#include "kidney/core/user_account.hpp"
#include "kidney/fs/change_listener.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// One change, as a reader is told of it.
struct ChangeRecord {
    std::int32_t watch = 0;  ///< its number; -1: of none
    Change what{};
    std::uint32_t cookie = 0;
    std::string_view name{};  ///< in the directory that is watched; empty: the node itself
};

/// A record on a heap, with its name behind it.
template <mm::ObjectAllocator Heap>
class QueuedChange {
public:
    /// Error: no_memory.
    [[nodiscard]] static Result<QueuedChange*> create(Heap& heap,
                                                      const ChangeRecord& record) noexcept {
        void* const memory = TRY(heap.allocate(bytes_for(record)));
        return ::new (memory) QueuedChange(record);
    }
    static void destroy(Heap& heap, QueuedChange* change) noexcept {
        const std::size_t bytes = bytes_for(change->record());
        change->~QueuedChange();
        heap.free(change, bytes);
    }
    /// Of memory.
    [[nodiscard]] static std::size_t bytes_for(const ChangeRecord& record) noexcept {
        return sizeof(QueuedChange) + record.name.size();
    }
    [[nodiscard]] const ChangeRecord& record() const noexcept { return record_; }
    /// A reader need not be told of the second one. The cookie does not count: what has one has a
    /// name, which is not moved twice without coming back.
    [[nodiscard]] bool says(const ChangeRecord& other) const noexcept {
        return record_.watch == other.watch && record_.what == other.what &&
               record_.name == other.name && (record_.what & Change::forgotten) == Change::none;
    }

    QueuedChange* next = nullptr;

private:
    explicit QueuedChange(const ChangeRecord& record) noexcept : record_(record) {
        auto* const name = reinterpret_cast<char*>(this + 1);
        record.name.copy(name, record.name.size());
        record_.name = {name, record.name.size()};
    }
    ~QueuedChange() = default;

    ChangeRecord record_;
};

/// The changes in the order in which they happened. When there are `most`, when the memory of their
/// owner's user is used up, or when there is none, one record says that some are lost. Concurrency:
/// the caller's.
template <mm::ObjectAllocator Heap>
class ChangeQueue {
public:
    using Queued = QueuedChange<Heap>;

    /// `share` pays for the bytes of records, up to `most_bytes` of its user. `lost` is had at the
    /// beginning, to be there when there is nothing else.
    ChangeQueue(Heap& heap, Queued& lost, Share share, std::uint32_t most,
                std::uint64_t most_bytes) noexcept
        : heap_(heap),
          lost_(lost),
          share_(std::move(share)),
          most_(most),
          most_bytes_(most_bytes) {}
    ~ChangeQueue() {
        while (Queued* const change = pop()) {
            done_with(change);
        }
        Queued::destroy(heap_, &lost_);
    }
    ChangeQueue(const ChangeQueue&) = delete;
    ChangeQueue& operator=(const ChangeQueue&) = delete;

    /// False: the last record says it already.
    bool push(const ChangeRecord& record) noexcept {
        if (count_ >= most_) {
            return push_lost();
        }
        if (last_ != nullptr && last_->says(record)) {
            return false;
        }
        const auto bytes = static_cast<std::uint32_t>(Queued::bytes_for(record));
        if (!share_.resize(share_.count() + bytes, most_bytes_, false)) {
            return push_lost();
        }
        const Result<Queued*> change = Queued::create(heap_, record);
        if (!change) {
            shrink(bytes);
            return push_lost();
        }
        append(**change);
        return true;
    }
    /// Null: there is none.
    [[nodiscard]] const ChangeRecord* front() const noexcept {
        return first_ == nullptr ? nullptr : &first_->record();
    }
    /// The first, which its taker hands to done_with(); null: there is none.
    [[nodiscard]] Queued* pop() noexcept {
        Queued* const change = first_;
        if (change == nullptr) {
            return nullptr;
        }
        first_ = change->next;
        last_ = first_ == nullptr ? nullptr : last_;
        --count_;
        if (change == &lost_) {
            is_lost_queued_ = false;
        } else {
            shrink(static_cast<std::uint32_t>(Queued::bytes_for(change->record())));
        }
        return change;
    }
    /// The record that says that some are lost stays with the queue: what it says is always true.
    void done_with(Queued* change) noexcept {
        if (change != &lost_) {
            Queued::destroy(heap_, change);
        }
    }
    /// Adds up f(name size) of all.
    template <class F>
    [[nodiscard]] std::size_t sum(F&& f) const noexcept {
        std::size_t all = 0;
        for (const Queued* change = first_; change != nullptr; change = change->next) {
            all += f(change->record().name.size());
        }
        return all;
    }
    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }

private:
    bool push_lost() noexcept {
        if (std::exchange(is_lost_queued_, true)) {
            return false;
        }
        append(lost_);
        return true;
    }
    void append(Queued& change) noexcept {
        change.next = nullptr;
        (last_ == nullptr ? first_ : last_->next) = &change;
        last_ = &change;
        ++count_;
    }
    void shrink(std::uint32_t bytes) noexcept {
        // Less is always allowed.
        const bool is_done = share_.resize(share_.count() - bytes, most_bytes_, false);
        KIDNEY_ASSERT(is_done);
    }

    Heap& heap_;
    Queued& lost_;
    Share share_;
    const std::uint32_t most_;
    const std::uint64_t most_bytes_;
    Queued* first_ = nullptr;
    Queued* last_ = nullptr;
    std::uint32_t count_ = 0;
    bool is_lost_queued_ = false;
};

}  // namespace kidney::fs
