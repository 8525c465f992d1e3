/// The blocks that operations change, on their way to the disk.
///
/// An operation reads blocks and asks for those that it changes; nothing reaches the disk before it
/// has ended well, so one that fails leaves no trace. What happens then is the superblock's choice:
///
///   without a log  the changed blocks are written home, one after the other. A crash between two
///                  of them leaves half an operation.
///   with a log     changes gather until sync(), or until the log could not hold another
///                  operation. Then Log::commit().
#pragma once

#include "fs/vsfs/device_blocks.hpp"
#include "fs/vsfs/log.hpp"
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

    Transaction(Heap& heap, Device& device) noexcept : heap_(heap), device_(device), log_(device) {}
    ~Transaction() {
        for (Version& slot : slots_) {
            if (slot.bytes != nullptr) {
                mm::destroy(heap_, slot.bytes);
            }
        }
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    /// From now on blocks mean those of this file system.
    void start(const Geometry& geometry) noexcept {
        geometry_ = geometry;
        log_.start(geometry);
    }
    [[nodiscard]] bool is_broken() const noexcept { return broken_; }

    /// The block as the operation sees it. Valid until the next call of read() or change().
    [[nodiscard]] Result<std::span<const std::byte>> read(std::uint32_t block) noexcept {
        if (const Version* const slot = find(block, 0)) {
            return std::span<const std::byte>(*slot->bytes);
        }
        if (window_block_ != block) {
            window_block_ = none;
            TRY(read_block(device_, block, window_));
            window_block_ = block;
        }
        return std::span<const std::byte>(window_);
    }
    /// The block to be changed. Valid until the operation ends.
    [[nodiscard]] Result<std::span<std::byte>> change(std::uint32_t block) noexcept {
        if (Version* const slot = find(block, kept_)) {
            return std::span<std::byte>(*slot->bytes);
        }
        const std::span<const std::byte> old = TRY(read(block));
        const std::span<std::byte> bytes = TRY(add(block));
        std::memcpy(bytes.data(), old.data(), block_size);
        return bytes;
    }
    /// The same for a block whose old bytes do not matter: zeros.
    [[nodiscard]] Result<std::span<std::byte>> fresh(std::uint32_t block) noexcept {
        Version* const slot = find(block, kept_);
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
        return geometry_.has_log() ? done(log_.sync(changes())) : unbroken(device_.flush());
    }

    /// Finishes what a crash has interrupted. Comes before the first read.
    [[nodiscard]] Status recover() noexcept {
        return geometry_.has_log() ? log_.recover() : Status();
    }
    /// Before an orderly end: what is home needs no log.
    [[nodiscard]] Status clear_log() noexcept {
        if (broken_ || !geometry_.has_log()) {
            return broken_ ? Status(fail(Errc::io_error)) : Status();
        }
        TRY(commit());
        return unbroken(log_.clear());
    }

private:
    static constexpr std::uint32_t none = Version::none;

    [[nodiscard]] std::uint32_t capacity() const noexcept {
        return geometry_.has_log() ? log_.capacity() : max_changes;
    }
    /// The newest version of a block, among those from slot `first` on.
    [[nodiscard]] Version* find(std::uint32_t block, std::uint32_t first) noexcept {
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
        Version& slot = slots_[used_];
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
    [[nodiscard]] std::span<const Version> changes() const noexcept {
        return std::span(slots_).first(used_);
    }
    [[nodiscard]] Status unbroken(Status status) noexcept {
        broken_ = broken_ || !status;
        return status;
    }
    /// The changes were brought to the disk, or the disk has failed.
    [[nodiscard]] Status done(Status status) noexcept {
        window_block_ = none;
        if (status) {
            used_ = kept_ = 0;
        }
        return unbroken(status);
    }
    [[nodiscard]] Status write_home() noexcept {
        Status status;
        for (std::uint32_t i = 0; i < used_ && status; ++i) {
            status = write_block(device_, slots_[i].block, *slots_[i].bytes);
        }
        return done(status);
    }
    [[nodiscard]] Status commit() noexcept {
        if (used_ == 0) {
            return {};
        }
        return geometry_.has_log() ? done(log_.commit(changes())) : write_home();
    }

    Heap& heap_;
    Device& device_;
    Geometry geometry_;
    Log<Device> log_;
    std::array<Version, LogHeader::max_blocks> slots_;
    std::uint32_t kept_ = 0;  ///< slots of operations that have ended
    std::uint32_t used_ = 0;  ///< and of the one that runs
    bool broken_ = false;
    std::uint32_t window_block_ = none;
    Block window_{};
};

}  // namespace kidney::fs::vsfs
