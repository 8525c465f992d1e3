/// Frame allocators with one realistic fault each, to prove that the laws kill. Two plain designs,
/// a byte for each frame, and a list of what can be wrong with them.
#pragma once

namespace kidney::mutants {

enum class Bug {
    none,
    // Of the bitmap (byte_map.hpp).
    region_end,           ///< adds the frame behind the region
    aligned_in_span,      ///< aligns within the span instead of by frame number
    ends_only,            ///< looks at the ends of a block alone
    all_but_last,         ///< does not look at the last frame of a block of the largest order
    first_after_wrap,     ///< takes the first frame without a look after a wrap
    counts_one,           ///< free() counts one frame for any block
    attach_keeps_count,   ///< a second life starts with the old count
    last_frame,           ///< never finds the last frame of the span
    no_wrap,              ///< searches from the hint to the end alone
    wrong_error,          ///< says invalid_argument
    count_on_refusal,     ///< counts before it searches
    reserve,              ///< refuses while two frames are free
    above_largest,        ///< serves an order above the largest
    inside,               ///< accepts a free inside of a block
    twice,                ///< ignores a second free
    any_order,            ///< frees by the order that was allocated
    order_mod_8,          ///< remembers three bits of the order
    beyond,               ///< ignores frees outside of the span
    head_only,            ///< frees more than was allocated
    overrun_when_full,    ///< writes a word behind the metadata when it is full
    underrun,             ///< writes a byte in front of the metadata
    odd_metadata,         ///< needs more for an odd number of frames than for the next even one
    remembers_asking,     ///< needs more when it was asked a few times
    shared_hint,          ///< the hint is static
    attach_keeps_hint,    ///< a second life searches on where the first one did
    address,              ///< begins its search where the metadata's address says
    frame_numbers,        ///< searches odd chunks from their end
    endless_at_birth,     ///< its constructor does not end
    endless_when_full,    ///< goes round and round
    endless_free,         ///< loops when a block of more than 64 frames is freed
    dawdles,              ///< looks for a block as if there were a quarter of a million
    crash_on_tiny_span,   ///< computes with spans of fewer than four frames
    recursion_when_full,  ///< until the stack ends
    exits_when_full,      ///< _exit(0)
    answers_itself,       ///< writes to standard output
    wrong_assertion,      ///< asserts that the whole span is never free
    // Of the buddy system (byte_buddy.hpp).
    merges_absent,   ///< merges with a buddy that is not there
    merges_live,     ///< merges with a buddy that is handed out
    merges_smaller,  ///< merges with a buddy that is split
    never_whole,     ///< does not merge into the largest order
    loses_half,      ///< forgets the other half of a block of 64 frames
    uneven_region,   ///< forgets the last frame of a region with an odd length
};

}  // namespace kidney::mutants
