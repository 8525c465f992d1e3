/// What operations have changed since the last commit: parts of blocks of metadata, which wait in
/// the page cache, and bytes of files that go into the log with them.
#pragma once

#include "fs/device_blocks.hpp"
#include "fs/kfs/format.hpp"
#include "fs/kfs/log.hpp"
#include "fs/kfs/undo.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace kidney::fs::kfs {

/// The phase in which all metadata is dirty in the cache. Only a checkpoint writes it.
inline constexpr Phase metadata_phase{1};

/// Blocks change in the page cache, where everybody sees them at once; what of them changed is
/// remembered in pieces of 64 bytes, and goes into the log with the next commit. An operation that
/// fails goes back to where it began: the old bytes are kept until it ends. Concurrency: none; the
/// file system's lock. Errors of all: io_error, no_memory.
template <class Cache, mm::ObjectAllocator Heap>
class Transaction {
public:
    using Blocks = DeviceBlocks<Cache>;
    using Block = typename Blocks::Block;

    Transaction(Heap& heap, Blocks& blocks) noexcept : heap_(heap), blocks_(blocks), undo_(heap) {}
    ~Transaction() { clear(); }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    [[nodiscard]] Result<Block> read(std::uint32_t block) noexcept { return blocks_.read(block); }
    /// Bytes of a block, to be changed. Valid until the next commit.
    [[nodiscard]] Result<std::span<std::byte>> change(std::uint32_t block, std::size_t offset,
                                                      std::size_t length) noexcept {
        Entry* entry = find(block);
        if (entry == nullptr) {
            entry = TRY(enter(block, TRY(blocks_.read(block))));
        }
        const std::span<const std::byte> old = entry->bytes.bytes();
        TRY(undo_.push(*entry, offset, old.subspan(offset, length)));
        note(*entry, offset, length);
        return entry->bytes.change(metadata_phase, offset, length).subspan(offset, length);
    }
    template <class T>
    [[nodiscard]] Status put(std::uint32_t block, std::size_t offset, const T& value) noexcept {
        const std::span<std::byte> to = TRY(change(block, offset, sizeof value));
        std::memcpy(to.data(), &value, sizeof value);
        return {};
    }
    /// A block that was free until now: zeros. Nothing is read.
    [[nodiscard]] Status make_fresh(std::uint32_t block) noexcept {
        if (find(block) != nullptr) {  // on a damaged disk
            const std::span<std::byte> bytes = TRY(change(block, 0, block_size));
            std::memset(bytes.data(), 0, bytes.size());
            return {};
        }
        Entry* const entry = TRY(enter(block, TRY(blocks_.fresh(block))));
        entry->is_fresh = true;
        size_.add(0);
        if (const Status pushed = undo_.push(*entry, 0, {}); !pushed) {
            withdraw(*entry);
            return pushed;
        }
        static_cast<void>(entry->bytes.change(metadata_phase));
        return {};
    }

    // An operation, or a part of one that may fail alone: begins at savepoint(), and either
    // rolls back to it or goes on; the outermost ends with keep().
    [[nodiscard]] std::uint32_t savepoint() const noexcept { return undo_.depth(); }
    void roll_back(std::uint32_t savepoint) noexcept {
        undo_.pop_to(savepoint, [this](Entry& entry, std::size_t offset,
                                       std::span<const std::byte> old) noexcept {
            if (old.empty()) {
                withdraw(entry);
            } else {
                std::memcpy(entry.bytes.change(metadata_phase, offset, old.size()).data() + offset,
                            old.data(), old.size());
            }
        });
    }
    void keep() noexcept { undo_.forget(); }

    /// These bytes of a block of a file go into the log as well. They are copied.
    [[nodiscard]] Status add_data(std::uint32_t block, std::uint32_t offset,
                                  std::span<const std::byte> bytes) noexcept {
        void* const memory = TRY(heap_.allocate(sizeof(Data) + bytes.size()));
        Data* const data = ::new (memory) Data;
        data->record = {.block = block,
                        .place = static_cast<std::uint16_t>(offset),
                        .length = static_cast<std::uint16_t>(bytes.size())};
        std::memcpy(data + 1, bytes.data(), bytes.size());
        *last_data_ = data;
        last_data_ = &data->next;
        size_.add(data->record.length);
        return {};
    }

    [[nodiscard]] bool is_empty() const noexcept { return first_ == nullptr && data_ == nullptr; }
    /// At least what it takes in the log.
    [[nodiscard]] const LogSize& size() const noexcept { return size_; }
    /// Blocks of metadata that no checkpoint has brought home yet.
    [[nodiscard]] std::uint32_t dirty_blocks() const noexcept { return dirty_blocks_; }

    /// Writes everything to the log, which must have room. Error: io_error.
    template <class Log>
    [[nodiscard]] Status commit(Log& log) noexcept {
        LogSize exact;
        for (const Entry* e = first_; e != nullptr; e = e->next) {
            for_each_run(*e, [&](const RecordHeader& record) { exact.add(record.length); });
        }
        for (const Data* d = data_; d != nullptr; d = d->next) {
            exact.add(d->record.length);
        }
        log.begin(exact);
        for (const Entry* e = first_; e != nullptr; e = e->next) {
            for_each_run(*e, [&](const RecordHeader& record) {
                log.put(record, e->bytes.bytes().subspan(record.offset(), record.length));
            });
        }
        for (const Data* d = data_; d != nullptr; d = d->next) {
            log.put(d->record, {reinterpret_cast<const std::byte*>(d + 1), d->record.length});
        }
        TRY(log.commit());
        clear();
        return {};
    }
    /// Everything is in the log: home with it. A flush is the caller's.
    [[nodiscard]] Status write_home() noexcept {
        TRY(blocks_.write(metadata_phase));
        dirty_blocks_ = 0;
        return {};
    }
    /// Forgets everything. What is in the cache stays there.
    void clear() noexcept {
        undo_.forget();
        for (Entry* e = first_; e != nullptr;) {
            buckets_[e->block % buckets_.size()] = nullptr;
            mm::destroy(heap_, std::exchange(e, e->next));
        }
        first_ = nullptr;
        for (Data* d = data_; d != nullptr;) {
            Data* const gone = std::exchange(d, d->next);
            heap_.free(gone, sizeof(Data) + gone->record.length);
        }
        data_ = nullptr;
        last_data_ = &data_;
        size_ = {};
    }
    /// Drops what add_data() brought since the last commit: it will come again.
    void drop_data() noexcept {
        for (Data* d = data_; d != nullptr;) {
            Data* const gone = std::exchange(d, d->next);
            heap_.free(gone, sizeof(Data) + gone->record.length);
        }
        data_ = nullptr;
        last_data_ = &data_;
    }

private:
    static constexpr std::size_t granule = 64;
    static_assert(block_size / granule == 64);

    struct Entry {
        static constexpr const char* cache_name = "kfs_changed_block";
        Entry(std::uint32_t number, Block its_bytes) noexcept
            : block(number), bytes(std::move(its_bytes)) {}
        Entry* next = nullptr;
        Entry* previous = nullptr;
        Entry* next_in_bucket = nullptr;
        std::uint64_t changed = 0;  ///< bit n: bytes [64 n, 64 n + 64)
        std::uint32_t block;
        bool is_fresh = false;
        Block bytes;
    };
    struct Data {  ///< its bytes follow
        Data* next = nullptr;
        RecordHeader record;
    };

    [[nodiscard]] Entry* find(std::uint32_t block) noexcept {
        Entry* entry = buckets_[block % buckets_.size()];
        while (entry != nullptr && entry->block != block) {
            entry = entry->next_in_bucket;
        }
        return entry;
    }
    [[nodiscard]] Result<Entry*> enter(std::uint32_t block, Block bytes) noexcept {
        dirty_blocks_ += bytes.phase_at(0) == 0 ? 1 : 0;
        Entry* const entry = TRY(mm::make<Entry>(heap_, block, std::move(bytes)));
        entry->next_in_bucket = std::exchange(buckets_[block % buckets_.size()], entry);
        entry->next = std::exchange(first_, entry);
        if (entry->next != nullptr) {
            entry->next->previous = entry;
        }
        return entry;
    }
    /// A fresh block is free again.
    void withdraw(Entry& entry) noexcept {
        Entry** at = &buckets_[entry.block % buckets_.size()];
        while (*at != &entry) {
            at = &(*at)->next_in_bucket;
        }
        *at = entry.next_in_bucket;
        (entry.previous != nullptr ? entry.previous->next : first_) = entry.next;
        if (entry.next != nullptr) {
            entry.next->previous = entry.previous;
        }
        blocks_.forget(entry.block);
        mm::destroy(heap_, &entry);
    }
    void note(Entry& entry, std::size_t offset, std::size_t length) noexcept {
        const std::size_t first = offset / granule;
        const std::size_t count = (offset + length + granule - 1) / granule - first;
        const std::uint64_t ones = ~std::uint64_t{0} >> (64 - count) << first;
        const auto fresh = static_cast<std::uint32_t>(std::popcount(ones & ~entry.changed));
        if (fresh > 0) {
            size_.add(fresh * granule);  // a record of its own, at worst
        }
        entry.changed |= ones;
    }
    template <class Use>
    static void for_each_run(const Entry& entry, Use&& use) noexcept {
        std::uint64_t left = entry.changed;
        std::uint16_t flags = entry.is_fresh ? RecordHeader::fresh : std::uint16_t{0};
        if (left == 0 && entry.is_fresh) {
            use(RecordHeader{entry.block, flags, 0});
        }
        while (left != 0) {
            const int first = std::countr_zero(left);
            const int count = std::countr_one(left >> first);
            use(RecordHeader{
                entry.block,
                static_cast<std::uint16_t>(static_cast<std::size_t>(first) * granule | flags),
                static_cast<std::uint16_t>(static_cast<std::size_t>(count) * granule)});
            flags = 0;
            left = first + count == 64 ? 0 : left >> (first + count) << (first + count);
        }
    }

    Heap& heap_;
    Blocks& blocks_;
    Undo<Entry, Heap> undo_;
    std::array<Entry*, 256> buckets_{};
    Entry* first_ = nullptr;
    Data* data_ = nullptr;
    Data** last_data_ = &data_;
    LogSize size_;
    std::uint32_t dirty_blocks_ = 0;
};

}  // namespace kidney::fs::kfs
