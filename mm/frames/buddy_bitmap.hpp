/// A buddy system without lists: free blocks are aligned runs of ones in a bitmap tree.
///
/// Two levels that work alike, each on words of 32 units with two bits per unit (frame_row.hpp):
///   row    32 frames; blocks of order 0..4 are runs of frames
///   chunk  32 rows (4 MiB); blocks of order 5..10 are runs of rows
/// Splitting and merging are implicit: taking half of a run clears its bits, a freed buddy
/// completes the run. So there is no cascade of list operations, and 2.3 bits per frame are all it
/// needs.
///
/// To read on, these words help. A row is
///   whole    none of its frames is taken: a unit of its chunk, which says free
///   cut      its frames are handed out one level down; to its chunk it is live. When the last
///            frame comes back it is whole again, and the chunk is told
///   current  a cut row that serves single frames, so that most such calls touch one word. No
///            summary counts it
///   stale    a cut row that may have a larger block than its chunk says (below)
/// A chunk is *broken* unless it is one free block. The *level* of a row is one more than the order
/// of its largest free block, or 0; of a chunk likewise, but single frames do not count.
///
/// Who looks for a block asks summaries, from the top: `index_` has every chunk by its level,
/// `with_room_` those with a single frame; `BuddyChunk::cut` has the cut rows of a chunk by the
/// orders that they have. Placement: the chunk, then the row, whose largest free block is the
/// smallest that fits; single frames from the first broken chunk. So half-used ones fill up and
/// whole ones are broken last.
///
/// Telling all summaries of each free() would cost more than everything else. Two things are put
/// off, and each is safe because summaries promise too little, never too much:
///   - The block that came back last (`last_`) is free in its word, but nobody is told until the
///     next block comes back or a search begins. Often the next request is for the same size, and
///     would find this very block: then both calls touch one word. It is reused in a chunk that a
///     search would have chosen and nowhere else, so that this costs no long runs.
///   - A block that comes back beside a free buddy has merged with it, perhaps several times over.
///     Its row is marked stale instead of looking how far. A search settles stale rows before it
///     cuts a whole row, and all of them before it fails.
///
/// Cost: O(1); a few dozen instructions, some 250 if a block has to be searched; O(stale rows)
/// before failing.
#pragma once

#include "mm/frames/buddy_bitmap_chunk.hpp"
#include "mm/frames/chunk_index.hpp"
#include "mm/frames/frame_states.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace kidney::mm {

class BuddyBitmap {
public:
    static constexpr const char* name = "buddy_bitmap";

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return FrameStates::chunks_of(span) * (rows_per_chunk * sizeof(FrameRow) + sizeof(Chunk));
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        auto* rows = reinterpret_cast<FrameRow*>(metadata.data());
        states_.attach(span, rows);
        chunks_ = reinterpret_cast<Chunk*>(rows + states_.row_count());
        for (std::uint32_t i = 0; i < FrameStates::chunks_of(span); ++i) {
            chunks_[i] = Chunk{};
        }
        index_ = ChunkIndex{};
        with_room_ = ChunkSet{};
        with_stale_rows_ = ChunkSet{};
        current_ = no_row;
        last_ = {};
        free_ = 0;
    }
    void add_region(FrameRange region) noexcept {
        if (region.count == 0) {
            return;
        }
        file_last();
        show_current();
        states_.add(region);
        free_ += region.count;
        const std::uint32_t first = states_.index_of(region.first) / row_bits;
        const std::uint32_t last = (states_.index_of(region.first) + region.count - 1) / row_bits;
        for (std::uint32_t row = first; row <= last; ++row) {
            Chunk& c = chunks_[row / rows_per_chunk];
            const std::uint32_t bit = 1U << row % rows_per_chunk;
            if ((c.rows.open & c.rows.mark & bit) != 0) {
                c.rows.open &= ~bit;  // absent -> cut; refile() knows whether it is whole
            }
            refile(row);
        }
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }
    [[nodiscard]] std::uint32_t free_row(FrameNumber frame) const noexcept {
        const std::uint32_t row = states_.index_of(frame) / row_bits;
        const bool is_last = last_.order < row_order && last_.index / row_bits == row;
        const std::uint32_t frames = states_.row(row).free();
        return is_last || row == current_ ? frames
                                          : chunks_[row / rows_per_chunk].free(row, frames);
    }

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        if (order.value() == 0 && current_ != no_row) {
            if (const std::uint32_t word = states_.row(current_).free(); word != 0) [[likely]] {
                return take_from_current(word);
            }
        }
        if (order.value() == last_.order && last_is_best()) {
            return take_last();
        }
        return search(order.value());
    }

    void free(FrameNumber first, FrameOrder order) noexcept {
        const std::uint32_t index = states_.index_of(first);
        free_ += order.frames();
        if (order.value() == 0) {
            free_single(index);
        } else {
            remember({index, order.value()});
        }
    }

private:
    static constexpr std::uint32_t no_row = ~0U;
    static constexpr unsigned no_order = ~0U;
    using Chunk = BuddyChunk;
    struct Block {
        std::uint32_t index = 0;  ///< of its first frame
        unsigned order = no_order;
    };

    // --- Single frames ---

    [[nodiscard]] FrameNumber take_from_current(std::uint32_t word) noexcept {
        FrameRow& row = states_.row(current_);
        const std::uint32_t lowest = word & -word;
        row.open ^= lowest;
        row.mark |= lowest;
        --free_;
        return states_.frame(current_ * row_bits + static_cast<unsigned>(std::countr_zero(lowest)));
    }

    void free_single(std::uint32_t index) noexcept {
        const std::uint32_t row = index / row_bits;
        const std::uint32_t frame = index % row_bits;
        FrameRow& frames = states_.row(row);
        if (row == current_) {
            frames.give_back(frame, 0);
            return;
        }
        if (frames.free() == 0 || frames.free() == ~(1U << frame)) {
            remember({index, 0});  // its row is full without it, or whole with it
            return;
        }
        frames.give_back(frame, 0);
        promise_more(row, frame, 0);
    }

    /// Makes another row with free frames current: of the first chunk that is broken already, so
    /// that low addresses fill up and high ones heal. False if there are no more frames at all.
    bool next_row() noexcept {
        const std::uint32_t chunk =
            with_room_.is_empty() ? index_.find(max_order.value()) : with_room_.first();
        if (chunk == ChunkIndex::none) {
            return false;
        }
        if (chunks_[chunk].cut[0] == 0) {  // all that is free in it is whole rows
            chunks_[chunk].cut[0] = 1U << cut_whole_row(chunk);
        }
        Chunk& c = chunks_[chunk];
        const std::uint32_t bit = c.cut[0] & -c.cut[0];
        // The row that was current is full, so no summary misses it.
        current_ = chunk * rows_per_chunk + static_cast<unsigned>(std::countr_zero(bit));
        if ((c.cut[1] & bit) != 0) {  // it promised more than single frames
            c.promise(bit, 0);
            refresh(chunk);
        }
        c.cut[0] &= ~bit;
        note_room(chunk);
        return true;
    }

    // --- Blocks ---

    /// The long way, by the summaries. Only no_memory, and then nothing has changed but them.
    [[gnu::noinline]] Result<FrameNumber> search(unsigned order) noexcept {
        file_last();
        if (order == 0) {
            return next_row() ? Result<FrameNumber>(take_from_current(states_.row(current_).free()))
                              : fail(Errc::no_memory);
        }
        const std::uint32_t chunk =
            order > max_order.value() ? ChunkIndex::none : find_chunk(order);
        if (chunk == ChunkIndex::none) {
            return fail(Errc::no_memory);
        }
        free_ -= 1U << order;
        Chunk& c = chunks_[chunk];
        if (order >= row_order) {
            const unsigned row = best_run(c.rows.free(), order - row_order);
            c.rows.take(row, order - row_order);
            refresh(chunk);
            return states_.frame((chunk * rows_per_chunk + row) * row_bits);
        }
        unsigned in_chunk = c.best_cut(order);
        if (in_chunk == rows_per_chunk) {
            in_chunk = cut_whole_row(chunk);
        }
        const std::uint32_t row = chunk * rows_per_chunk + in_chunk;
        FrameRow& frames = states_.row(row);
        const unsigned first = best_run(frames.free(), order);
        frames.take(first, order);
        refile(row);
        return states_.frame(row * row_bits + first);
    }

    /// A chunk with a block of that order, or none. Settles stale rows while that may spare a whole
    /// row, or may find what no summary promises.
    [[nodiscard]] std::uint32_t find_chunk(unsigned order) noexcept {
        const std::uint32_t chunk = index_.find(order);
        if (chunk == ChunkIndex::none) {
            // What the current row hides may be what completes a block.
            show_current();
            while (settle_a_chunk()) {
            }
            return index_.find(order);
        }
        const bool must_cut = order < row_order && chunks_[chunk].cut[order] == 0;
        return must_cut && settle_a_chunk() ? index_.find(order) : chunk;
    }

    // --- The block that came back last ---

    /// A block as a run of units: of frames in a row, or of rows in a chunk.
    struct Run {
        FrameRow& word;
        unsigned first;
        unsigned order;
    };
    [[nodiscard]] Run run_of(Block block) noexcept {
        const std::uint32_t row = block.index / row_bits;
        if (block.order < row_order) {
            return {states_.row(row), block.index % row_bits, block.order};
        }
        return {chunks_[row / rows_per_chunk].rows, row % rows_per_chunk, block.order - row_order};
    }
    /// Frees a block that is to be the next one.
    [[gnu::noinline]] void remember(Block block) noexcept {
        const std::uint32_t row = block.index / row_bits;
        file_last();
        // Rows of a live block look free from inside; a cut row does not, except the current.
        KIDNEY_INVARIANT(block.order < row_order ||
                             (block.order <= max_order.value() && block.index % row_bits == 0 &&
                              row != current_ && states_.row(row).free() == ~0U),
                         "frames: freed block is not live");
        const Run run = run_of(block);
        run.word.give_back(run.first, run.order);
        if (row != current_) {
            last_ = block;
        }
    }
    /// Would a search end in its chunk, if that were told?
    [[nodiscard]] bool last_is_best() const noexcept {
        const std::uint32_t chunk = last_.index / frames_per_chunk;
        if (last_.order == 0) {
            return with_room_.is_empty() || chunk <= with_room_.first();
        }
        const std::uint32_t level = std::max(chunks_[chunk].level, last_.order + 1);
        return index_.is_best(chunk, level, last_.order);
    }
    [[nodiscard]] FrameNumber take_last() noexcept {
        const Run run = run_of(last_);
        run.word.take(run.first, run.order);
        free_ -= 1U << last_.order;
        last_.order = no_order;
        return states_.frame(last_.index);
    }
    /// Tells the summaries. Comes before everything that needs them.
    void file_last() noexcept {
        const Block block = last_;
        if (block.order == no_order) {
            return;
        }
        last_.order = no_order;
        const std::uint32_t row = block.index / row_bits;
        if (block.order >= row_order) {
            refresh(row / rows_per_chunk);
        } else if (states_.row(row).free() == ~0U) {
            refile(row);
        } else {
            promise_more(row, block.index % row_bits, block.order);
        }
    }

    // --- Summaries ---

    /// From here on the frames of this row are handed out. The caller files it.
    [[nodiscard]] unsigned cut_whole_row(std::uint32_t chunk) noexcept {
        Chunk& c = chunks_[chunk];
        const unsigned row = best_run(c.rows.free(), 0);
        c.rows.take(row, 0);
        refresh(chunk);
        return row;
    }
    /// A cut row has got back the block of `order` that starts at its frame `first`. The chunk is
    /// told of that order; what it has merged to is left for later, by the mark `stale`. Others are
    /// told only if the chunk had no single frame before, has a larger block than before, or has
    /// its first stale row: so most blocks change nothing outside of the chunk.
    void promise_more(std::uint32_t row, unsigned first, unsigned order) noexcept {
        const std::uint32_t chunk = row / rows_per_chunk;
        Chunk& c = chunks_[chunk];
        const bool had_room = c.cut[0] != 0;
        const bool had_stale = c.stale != 0;
        const std::uint32_t buddy_is_free = states_.row(row).free() >> (first ^ 1U << order) & 1U;
        c.stale |= buddy_is_free << row % rows_per_chunk;
        c.promise_also(1U << row % rows_per_chunk, order);
        const bool is_largest = order != 0 && order >= c.level;
        if (!had_room || is_largest || had_stale != (c.stale != 0)) {
            announce(chunk, is_largest ? order + 1 : c.level);
        }
    }
    /// The rest of promise_more(): what others see of the chunk.
    [[gnu::noinline]] void announce(std::uint32_t chunk, std::uint32_t level) noexcept {
        Chunk& c = chunks_[chunk];
        note_room(chunk);
        with_stale_rows_.put(chunk, c.stale != 0);
        index_.move(chunk, c.level, level);
        c.level = level;
    }
    /// Tells the summaries what a cut row has. One that is whole again goes up.
    void refile(std::uint32_t row) noexcept {
        const std::uint32_t chunk = row / rows_per_chunk;
        const std::uint32_t bit = 1U << row % rows_per_chunk;
        Chunk& c = chunks_[chunk];
        const unsigned level = run_level(states_.row(row).free());
        const bool is_whole = level > row_order;
        c.stale &= ~bit;
        c.promise(bit, is_whole ? 0 : level);
        if (is_whole) {
            c.rows.open |= bit;
            c.rows.mark &= ~bit;
        }
        if (is_whole || c.level <= row_order) {
            refresh(chunk);
        } else {
            note_room(chunk);  // it has whole rows: its largest block is of these
        }
    }
    /// Whether the chunk has a free frame, and is not one free block, may have changed.
    void note_room(std::uint32_t chunk) noexcept {
        const Chunk& c = chunks_[chunk];
        const std::uint32_t whole = c.rows.free();
        with_room_.put(chunk, (c.cut[0] | whole) != 0 && whole != ~0U);
    }
    /// The chunk's largest block has changed, perhaps.
    void refresh(std::uint32_t chunk) noexcept {
        Chunk& c = chunks_[chunk];
        const std::uint32_t level = c.compute_level();
        note_room(chunk);
        index_.move(chunk, c.level, level);
        c.level = level;
    }
    /// Files the stale rows of one chunk. False if there are none anywhere.
    bool settle_a_chunk() noexcept {
        if (with_stale_rows_.is_empty()) {
            return false;
        }
        const std::uint32_t chunk = with_stale_rows_.first();
        with_stale_rows_.erase(chunk);
        while (const std::uint32_t stale = chunks_[chunk].stale) {
            const std::uint32_t row =
                chunk * rows_per_chunk + static_cast<unsigned>(std::countr_zero(stale));
            if (row == current_) {
                chunks_[chunk].stale = stale & (stale - 1);
            } else {
                refile(row);
            }
        }
        return true;
    }
    void show_current() noexcept {
        if (current_ != no_row) {
            const std::uint32_t row = current_;
            current_ = no_row;
            refile(row);
        }
    }

    FrameStates states_;
    Chunk* chunks_ = nullptr;
    std::uint32_t current_ = no_row;  ///< row that serves order 0; hidden from the summaries
    Block last_;                      ///< came back last; no summary knows; not in `current_`
    std::size_t free_ = 0;            ///< exact: frames of `current_` and `last_` count
    ChunkIndex index_;    ///< by BuddyChunk::level, so by the largest block of order 1 or more
    ChunkSet with_room_;  ///< broken chunks with a free frame outside of `current_`
    ChunkSet with_stale_rows_;  ///< and perhaps some that have none any more
};

static_assert(FrameAllocator<BuddyBitmap> && FreeRows<BuddyBitmap>);

}  // namespace kidney::mm
