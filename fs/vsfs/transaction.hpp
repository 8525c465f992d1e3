/// The blocks that operations change, on their way to the disk: where vsfs is crash-safe, or not.
///
/// An operation reads blocks and asks for those that it changes; nothing reaches the disk before it
/// has ended well, so one that fails leaves no trace. What happens then is the superblock's choice:
///
///   without a log  the changed blocks are written home, one after the other. A crash between two
///                  of them leaves half an operation.
///   with a log     changes gather until sync(), or until the log could not hold another
///                  operation. Then commit(): all of them into the log, the header with a
///                  checksum over them, flush, and only now home. A crash before the flush leaves
///                  the old state, a crash after it is mended by recover(), which writes them home
///                  again: as often as it is interrupted.
#pragma once

#include "fs/vsfs/format.hpp"
#include "kidney/fs/block_device.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace kidney::fs::vsfs {

/// Concurrency: none; the file system's lock.
template <BlockDevice Device, mm::ObjectAllocator Heap>
class Transaction {
public:
    /// Blocks that one operation changes, at most.
    static constexpr std::uint32_t max_changes = Geometry::min_log_blocks - 1;

    Transaction(Heap& heap, Device& device) noexcept : heap_(heap), device_(device) {}
    ~Transaction() {
        for (Slot& slot : slots_) {
            if (slot.bytes != nullptr) {
                mm::destroy(heap_, slot.bytes);
            }
        }
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    /// From now on blocks mean those of this file system.
    void start(const Geometry& geometry) noexcept { geometry_ = geometry; }
    [[nodiscard]] bool is_broken() const noexcept { return broken_; }

    /// The block as the operation sees it. Valid until the next call of read() or change().
    [[nodiscard]] Result<std::span<const std::byte>> read(std::uint32_t block) noexcept {
        if (const Slot* const slot = find(block, 0)) {
            return std::span<const std::byte>(*slot->bytes);
        }
        if (window_block_ != block) {
            window_block_ = none;
            TRY(device_.read(at(block), window_));
            window_block_ = block;
        }
        return std::span<const std::byte>(window_);
    }
    /// The block to be changed. Valid until the operation ends.
    [[nodiscard]] Result<std::span<std::byte>> change(std::uint32_t block) noexcept {
        if (Slot* const slot = find(block, kept_)) {
            return std::span<std::byte>(*slot->bytes);
        }
        const std::span<const std::byte> old = TRY(read(block));
        const std::span<std::byte> bytes = TRY(add(block));
        std::memcpy(bytes.data(), old.data(), block_size);
        return bytes;
    }
    /// The same for a block whose old bytes do not matter: zeros.
    [[nodiscard]] Result<std::span<std::byte>> fresh(std::uint32_t block) noexcept {
        Slot* const slot = find(block, kept_);
        const std::span<std::byte> bytes =
            slot != nullptr ? std::span<std::byte>(*slot->bytes) : TRY(add(block));
        std::memset(bytes.data(), 0, block_size);
        return bytes;
    }

    /// Runs an operation: what it changed counts if it answers no error, and never happened
    /// otherwise. Errors: its own, io_error, read_only (the disk has failed before).
    template <class Operation>
    [[nodiscard]] std::invoke_result_t<Operation&> run(Operation&& operation) noexcept {
        if (broken_) {
            return fail(Errc::read_only);
        }
        if (used_ + max_changes > capacity()) {
            TRY(commit());
        }
        auto result = operation();
        if (!result) {
            used_ = kept_;
            return result;
        }
        keep();
        if (!geometry_.has_log()) {
            TRY(write_home());
        }
        return result;
    }

    /// What was done so far survives a loss of power. Error: io_error; then nothing can be changed
    /// any more, because nobody knows what the disk has.
    [[nodiscard]] Status sync() noexcept {
        if (broken_) {
            return fail(Errc::io_error);
        }
        return geometry_.has_log() ? commit() : unbroken(device_.flush());
    }

    /// Finishes what a crash has interrupted. Comes before the first read.
    [[nodiscard]] Status recover() noexcept {
        if (!geometry_.has_log()) {
            return {};
        }
        TRY(device_.read(at(geometry_.log_start()), window_));
        const auto header = load<LogHeader>(window_, 0);
        window_block_ = none;
        sequence_ = header.sequence;
        if (header.magic != LogHeader::right_magic || header.count == 0 ||
            header.count > capacity() || TRY(checksum_of_log(header)) != header.checksum) {
            return {};  // the log was being written: what it was to say had not happened
        }
        for (std::uint32_t i = 0; i < header.count; ++i) {
            if (header.blocks[i] < geometry_.inode_bitmap() ||
                header.blocks[i] >= geometry_.block_count) {
                return fail(Errc::corrupted);
            }
            TRY(device_.read(at(geometry_.log_start() + 1 + i), window_));
            TRY(device_.write(at(header.blocks[i]), window_));
        }
        return device_.flush();
    }
    /// Before an orderly end: what is home needs no log.
    [[nodiscard]] Status clear_log() noexcept {
        if (broken_ || !geometry_.has_log()) {
            return broken_ ? Status(fail(Errc::io_error)) : Status();
        }
        TRY(commit());
        TRY(unbroken(device_.flush()));
        return write_header({.sequence = sequence_});
    }

private:
    static constexpr std::uint32_t none = ~0U;

    struct Slot {
        std::uint32_t block = none;
        Block* bytes = nullptr;
    };

    [[nodiscard]] BlockIndex at(std::uint32_t block) const noexcept {
        return BlockIndex(std::uint64_t{block} * (block_size / device_.block_size()));
    }
    [[nodiscard]] std::uint32_t capacity() const noexcept {
        return geometry_.has_log() ? geometry_.log_blocks - 1 : max_changes;
    }
    /// The newest version of a block, among those from slot `first` on.
    [[nodiscard]] Slot* find(std::uint32_t block, std::uint32_t first) noexcept {
        for (std::uint32_t i = used_; i-- > first;) {
            if (slots_[i].block == block) {
                return &slots_[i];
            }
        }
        return nullptr;
    }
    /// Error: no_memory.
    [[nodiscard]] Result<std::span<std::byte>> add(std::uint32_t block) noexcept {
        KIDNEY_INVARIANT(used_ < slots_.size(), "an operation changes more than max_changes");
        Slot& slot = slots_[used_];
        if (slot.bytes == nullptr) {
            slot.bytes = TRY(mm::make<Block>(heap_));
        }
        slot.block = block;
        ++used_;
        return std::span<std::byte>(*slot.bytes);
    }
    /// The operation has ended well: its versions replace older ones.
    void keep() noexcept {
        std::uint32_t kept = kept_;
        for (std::uint32_t i = kept_; i < used_; ++i) {
            std::uint32_t to = 0;
            while (to < kept_ && slots_[to].block != slots_[i].block) {
                ++to;
            }
            std::swap(slots_[to < kept_ ? to : kept++], slots_[i]);
        }
        used_ = kept_ = kept;
    }
    [[nodiscard]] Status unbroken(Status status) noexcept {
        broken_ = broken_ || !status;
        return status;
    }
    [[nodiscard]] Status write_home() noexcept {
        window_block_ = none;
        for (std::uint32_t i = 0; i < used_; ++i) {
            TRY(unbroken(device_.write(at(slots_[i].block), *slots_[i].bytes)));
        }
        used_ = kept_ = 0;
        return {};
    }
    [[nodiscard]] Status commit() noexcept {
        if (used_ == 0) {
            return {};
        }
        if (!geometry_.has_log()) {
            return write_home();
        }
        if (log_is_needed_) {  // until the last commit's blocks are home for sure
            TRY(unbroken(device_.flush()));
        }
        LogHeader header{.sequence = ++sequence_, .count = used_};
        for (std::uint32_t i = 0; i < used_; ++i) {
            header.blocks[i] = slots_[i].block;
            TRY(unbroken(device_.write(at(geometry_.log_start() + 1 + i), *slots_[i].bytes)));
        }
        header.checksum = checksum_of(header);
        for (std::uint32_t i = 0; i < used_; ++i) {
            header.checksum = checksum(*slots_[i].bytes, header.checksum);
        }
        TRY(write_header(header));
        TRY(unbroken(device_.flush()));
        log_is_needed_ = true;
        return write_home();
    }
    [[nodiscard]] Status write_header(const LogHeader& header) noexcept {
        window_block_ = none;
        window_.fill(std::byte{});
        store(std::span(window_), 0, header);
        return unbroken(device_.write(at(geometry_.log_start()), window_));
    }
    /// Of the header alone.
    [[nodiscard]] static std::uint32_t checksum_of(LogHeader header) noexcept {
        header.checksum = 0;
        return checksum(std::as_bytes(std::span(&header, 1)));
    }
    [[nodiscard]] Result<std::uint32_t> checksum_of_log(const LogHeader& header) noexcept {
        std::uint32_t sum = checksum_of(header);
        for (std::uint32_t i = 0; i < header.count; ++i) {
            TRY(device_.read(at(geometry_.log_start() + 1 + i), window_));
            sum = checksum(window_, sum);
        }
        return sum;
    }

    Heap& heap_;
    Device& device_;
    Geometry geometry_;
    std::array<Slot, LogHeader::max_blocks> slots_;
    std::uint32_t kept_ = 0;  ///< slots of operations that have ended
    std::uint32_t used_ = 0;  ///< and of the one that runs
    std::uint32_t sequence_ = 0;
    bool log_is_needed_ = false;
    bool broken_ = false;
    std::uint32_t window_block_ = none;
    Block window_{};
};

}  // namespace kidney::fs::vsfs
