/// What stands between those who use a disk and its driver: requests wait here in an order that a
/// policy makes, and neighbours become one.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/fs/block_request.hpp"
#include "kidney/fs/disk_scheduler.hpp"
#include "kidney/hal/clock.hpp"

#include <boost/intrusive/set.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace kidney::fs {

struct QueueCounts {
    std::uint64_t issued = 0;  ///< to the device; flushes do not count
    std::uint64_t merged = 0;  ///< requests that went with another one
};

/// Models `RequestDevice`. `Depth` requests are in flight at once: the deeper, the less there is to
/// choose from. Flushes and discards do not wait: no order is promised (law Q5 speaks of what has
/// completed). A durable write goes alone. When a merged request fails, its parts are tried one by
/// one, so that one bad block fails those only who wanted it. Concurrency: any thread and interrupt
/// handlers, if `Lock` is for both; it is never held while the device or a completion runs.
template <RequestDevice Device, DiskScheduler Policy, hal::Clock Clock, BasicLockable Lock,
          std::size_t Depth = 8>
class RequestQueue {
public:
    static constexpr std::size_t capacity = 64;  ///< requests among which the policy chooses
    static constexpr std::size_t most_buffers = 64;
    static constexpr std::uint64_t most_bytes = 256 * 1024;  ///< of a merged request

    explicit RequestQueue(Device& device) noexcept : device_(device) {
        for (Entry& entry : entries_) {
            free_.push_back(entry);
        }
    }
    RequestQueue(const RequestQueue&) = delete;
    RequestQueue& operator=(const RequestQueue&) = delete;

    void submit(BlockRequest& request) noexcept EXCLUDES(lock_) {
        if (const Status allowed = check_request(*this, request); !allowed) {
            request.complete(allowed);
            return;
        }
        if (!request.moves_data() || request.bytes() == 0) {
            device_.submit(request);
            return;
        }
        {
            LockGuard guard(lock_);
            late_.push_back(request);
            take_late();
        }
        issue();
    }
    void poll() noexcept { device_.poll(); }

    /// Holds requests back until unplug(), as often as plug(): so that a bunch of them is sorted
    /// and merged before the first one goes. Whoever plugs must not wait for a request.
    void plug() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        ++plugs_;
    }
    void unplug() noexcept EXCLUDES(lock_) {
        {
            LockGuard guard(lock_);
            KIDNEY_ASSERT(plugs_ > 0);
            --plugs_;
        }
        issue();
    }

    [[nodiscard]] QueueCounts counts() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return counts_;
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return device_.block_size(); }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return device_.block_count(); }
    [[nodiscard]] bool is_read_only() const noexcept { return fs::is_read_only(device_); }

private:
    struct Entry : DiskEntry {
        BlockRequest* request = nullptr;
        boost::intrusive::list_member_hook<Mode> free_hook;
        boost::intrusive::set_member_hook<Mode> place_hook;
    };
    struct First {
        using type = std::uint64_t;
        type operator()(const Entry& entry) const noexcept { return entry.first.value(); }
    };
    using FreeEntries = boost::intrusive::list<
        Entry, boost::intrusive::member_hook<Entry, decltype(Entry::free_hook), &Entry::free_hook>,
        boost::intrusive::constant_time_size<false>>;
    using Places = boost::intrusive::multiset<
        Entry,
        boost::intrusive::member_hook<Entry, decltype(Entry::place_hook), &Entry::place_hook>,
        boost::intrusive::key_of_value<First>, boost::intrusive::constant_time_size<false>>;

    /// A request of our own, with one or more of others in it.
    struct Carrier {
        RequestQueue* queue = nullptr;
        bool is_busy = false;
        BlockRequest request;
        RequestList parts;  ///< in the order of their blocks
        std::size_t buffers = 0;
        std::uint64_t bytes = 0;
        std::array<std::span<std::byte>, most_buffers> to;
        std::array<std::span<const std::byte>, most_buffers> from;
    };

    /// Makes entries of requests as long as there are free ones.
    void take_late() noexcept REQUIRES(lock_) {
        while (!late_.empty() && !free_.empty()) {
            BlockRequest& request = late_.front();
            late_.pop_front();
            Entry& entry = free_.front();
            free_.pop_front();
            entry.first = request.first;
            entry.blocks = request.bytes() / block_size();
            entry.is_read = request.operation == BlockOperation::read;
            entry.arrived = Clock::now();
            entry.request = &request;
            places_.insert_equal(entry);
            policy_.add(entry);
        }
    }

    /// Gives the device as much as it may have. One at a time does: a device that completes inside
    /// submit() would otherwise come here again from within.
    void issue() noexcept EXCLUDES(lock_) {
        {
            LockGuard guard(lock_);
            if (std::exchange(is_issuing_, true)) {
                return;  // who is at it looks again before it stops
            }
        }
        for (;;) {
            Carrier* next = nullptr;
            {
                LockGuard guard(lock_);
                next = choose();
                is_issuing_ = next != nullptr;
            }
            if (next == nullptr) {
                return;
            }
            device_.submit(next->request);
        }
    }
    [[nodiscard]] Carrier* choose() noexcept REQUIRES(lock_) {
        Carrier* carrier = nullptr;
        for (Carrier& each : carriers_) {
            carrier = each.is_busy ? carrier : &each;
        }
        if (carrier == nullptr || plugs_ > 0) {
            return nullptr;
        }
        DiskEntry* const chosen = policy_.next(head_, Clock::now());
        if (chosen == nullptr) {
            return nullptr;
        }
        fill(*carrier, static_cast<Entry&>(*chosen));
        take_late();
        return carrier;
    }

    void fill(Carrier& carrier, Entry& chosen) noexcept REQUIRES(lock_) {
        BlockRequest& first = *chosen.request;
        carrier.queue = this;
        carrier.is_busy = true;
        carrier.buffers = first.buffers();
        carrier.bytes = first.bytes();
        carrier.request.operation = first.operation;
        carrier.request.is_durable = first.is_durable;
        std::uint64_t begin = chosen.first.value();
        std::uint64_t end = chosen.end().value();
        const bool merges = !first.is_durable;
        carrier.parts.push_back(first);
        forget(chosen);
        while (Entry* const next = merges ? beginning_at(carrier, end) : nullptr) {
            end = next->end().value();
            join(carrier, *next, carrier.parts.end());
        }
        while (Entry* const before = merges ? ending_at(carrier, begin) : nullptr) {
            begin = before->first.value();
            join(carrier, *before, carrier.parts.begin());
        }
        head_ = BlockIndex(end);
        ++counts_.issued;
        carrier.request.first = BlockIndex(begin);
        gather(carrier);
        carrier.request.on_completion(&on_completion, &carrier);
    }
    void join(Carrier& carrier, Entry& entry, RequestList::iterator where) noexcept
        REQUIRES(lock_) {
        carrier.buffers += entry.request->buffers();
        carrier.bytes += entry.request->bytes();
        carrier.parts.insert(where, *entry.request);
        ++counts_.merged;
        forget(entry);
    }
    void forget(Entry& entry) noexcept REQUIRES(lock_) {
        policy_.remove(entry);
        places_.erase(places_.iterator_to(entry));
        free_.push_back(entry);
    }
    [[nodiscard]] Entry* beginning_at(const Carrier& carrier, std::uint64_t block) noexcept
        REQUIRES(lock_) {
        const auto found = places_.find(block);
        return found != places_.end() && may_join(carrier, *found) ? &*found : nullptr;
    }
    [[nodiscard]] Entry* ending_at(const Carrier& carrier, std::uint64_t block) noexcept
        REQUIRES(lock_) {
        const auto behind = places_.lower_bound(block);
        if (behind == places_.begin()) {
            return nullptr;
        }
        Entry& before = *std::prev(behind);
        return before.end().value() == block && may_join(carrier, before) ? &before : nullptr;
    }
    [[nodiscard]] bool may_join(const Carrier& carrier, const Entry& entry) const noexcept {
        const BlockRequest& request = *entry.request;
        return request.operation == carrier.request.operation && !request.is_durable &&
               carrier.buffers + request.buffers() <= most_buffers &&
               carrier.bytes + request.bytes() <= most_bytes;
    }
    /// One list of buffers out of several; that of a single request is used as it is.
    void gather(Carrier& carrier) noexcept {
        BlockRequest& all = carrier.request;
        all.to = carrier.parts.front().to;
        all.from = carrier.parts.front().from;
        if (std::next(carrier.parts.begin()) == carrier.parts.end()) {
            return;
        }
        std::size_t n = 0;
        for (const BlockRequest& part : carrier.parts) {
            for (std::size_t b = 0; b < part.buffers(); ++b, ++n) {
                if (all.operation == BlockOperation::read) {
                    carrier.to[n] = part.to[b];
                } else {
                    carrier.from[n] = part.from[b];
                }
            }
        }
        all.to = std::span(carrier.to).first(n);
        all.from = std::span(carrier.from).first(n);
    }

    static void on_completion(void* who, BlockRequest&, Status outcome) noexcept {
        auto& carrier = *static_cast<Carrier*>(who);
        carrier.queue->complete(carrier, outcome);
    }
    void complete(Carrier& carrier, const Status& outcome) noexcept EXCLUDES(lock_) {
        RequestList parts;
        {
            LockGuard guard(lock_);
            parts.swap(carrier.parts);
            carrier.is_busy = false;
        }
        const bool is_merged = std::next(parts.begin()) != parts.end();
        while (!parts.empty()) {
            BlockRequest& part = parts.front();
            parts.pop_front();
            if (!outcome && is_merged) {
                device_.submit(part);
            } else {
                part.complete(outcome);
            }
        }
        issue();
    }

    Device& device_;
    Lock lock_;
    Policy policy_ GUARDED_BY(lock_);
    std::array<Entry, capacity> entries_{};
    FreeEntries free_ GUARDED_BY(lock_);
    Places places_ GUARDED_BY(lock_);     ///< entries that wait, by block
    RequestList late_ GUARDED_BY(lock_);  ///< those that found no entry
    std::array<Carrier, Depth> carriers_ GUARDED_BY(lock_){};
    BlockIndex head_ GUARDED_BY(lock_);
    std::uint32_t plugs_ GUARDED_BY(lock_) = 0;
    bool is_issuing_ GUARDED_BY(lock_) = false;
    QueueCounts counts_ GUARDED_BY(lock_);
};

}  // namespace kidney::fs
