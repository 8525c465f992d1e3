/// What the blocks held before the operation that runs now changed them.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace kidney::fs::kfs {

/// A stack of pieces, each with an owner: `Owner` is whoever gets its bytes back. The memory of one
/// piece after the other is kept for the next operation. Concurrency: none.
template <class Owner, mm::ObjectAllocator Heap>
class Undo {
public:
    explicit Undo(Heap& heap) noexcept : heap_(heap) {}
    ~Undo() {
        forget();
        if (spare_ != nullptr) {
            mm::destroy(heap_, spare_);
        }
    }
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;

    [[nodiscard]] std::uint32_t depth() const noexcept { return depth_; }
    /// Remembers bytes that begin at `offset`. A piece without bytes: the owner is new. Error:
    /// no_memory, and nothing was remembered.
    [[nodiscard]] Status push(Owner& owner, std::size_t offset,
                              std::span<const std::byte> bytes) noexcept {
        do {
            const std::span<const std::byte> part =
                bytes.first(std::min(bytes.size(), largest_piece));
            TRY(push_piece(owner, offset, part));
            offset += part.size();
            bytes = bytes.subspan(part.size());
        } while (!bytes.empty());
        return {};
    }
    /// Gives `restore(owner, offset, bytes)` each piece above `depth`, the newest first.
    template <class Restore>
    void pop_to(std::uint32_t depth, Restore&& restore) noexcept {
        while (depth_ > depth) {
            if (top_->used == 0) {
                drop_top();
            }
            Piece piece;
            top_->used -= sizeof piece;
            std::memcpy(&piece, top_->bytes.data() + top_->used, sizeof piece);
            top_->used -= piece.length;
            restore(*piece.owner, std::size_t{piece.offset},
                    std::span<const std::byte>(top_->bytes).subspan(top_->used, piece.length));
            --depth_;
        }
    }
    /// The operation has ended well.
    void forget() noexcept {
        while (top_ != nullptr) {
            drop_top();
        }
        depth_ = 0;
    }

private:
    struct Piece {  ///< behind its bytes
        Owner* owner = nullptr;
        std::uint16_t offset = 0, length = 0;
    };
    struct Chunk {
        static constexpr const char* cache_name = "kfs_undo";
        Chunk() noexcept {}  // not cleared
        Chunk* below = nullptr;
        std::size_t used = 0;
        std::array<std::byte, 4096 - 2 * sizeof(void*)> bytes;
    };
    static constexpr std::size_t largest_piece = 2048;

    [[nodiscard]] Status push_piece(Owner& owner, std::size_t offset,
                                    std::span<const std::byte> bytes) noexcept {
        if (top_ == nullptr || top_->bytes.size() - top_->used < bytes.size() + sizeof(Piece)) {
            Chunk* const chunk =
                spare_ != nullptr ? std::exchange(spare_, nullptr) : TRY(mm::make<Chunk>(heap_));
            chunk->used = 0;
            chunk->below = std::exchange(top_, chunk);
        }
        const Piece piece{&owner, static_cast<std::uint16_t>(offset),
                          static_cast<std::uint16_t>(bytes.size())};
        std::ranges::copy(bytes, top_->bytes.begin() + static_cast<std::ptrdiff_t>(top_->used));
        top_->used += bytes.size();
        std::memcpy(top_->bytes.data() + top_->used, &piece, sizeof piece);
        top_->used += sizeof piece;
        ++depth_;
        return {};
    }
    void drop_top() noexcept {
        Chunk* const chunk = top_;
        top_ = chunk->below;
        if (spare_ == nullptr) {
            spare_ = chunk;
        } else {
            mm::destroy(heap_, chunk);
        }
    }

    Heap& heap_;
    Chunk* top_ = nullptr;
    Chunk* spare_ = nullptr;
    std::uint32_t depth_ = 0;  ///< pieces
};

}  // namespace kidney::fs::kfs
