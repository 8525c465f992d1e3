/// splice(2) and its relatives: bytes between a pipe and something else, or between two pipes.
///
/// Between pipes, pages change hands; into a pipe, bytes are read straight into its pages, and out
/// of it they are written straight from there. All of them move what there is and wait for the
/// first byte only. Nothing is held while one side waits for the other, so they may be used on
/// anything that can be read or written, terminals included.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/fs/splice_pipe.hpp"
#include "kidney/fs/transfer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// Fills pages of `out` with what fill(bytes) puts at the beginning of `bytes`: it returns how
/// many, 0 at its end. At most `length` bytes. Errors: fill's; broken_pipe, would_block,
/// interrupted, no_memory.
template <class Fill>
[[nodiscard]] Result<std::size_t> splice_in(SplicePipe& out, std::size_t length, bool non_blocking,
                                            Fill&& fill) noexcept {
    std::size_t done = 0;
    while (done < length) {
        if (const Status room = out.reserve(non_blocking || done > 0); !room) {
            return transferred(done, room);
        }
        const auto frame = out.take_page();
        if (!frame) {
            out.cancel();
            return transferred(done, fail(frame.error()));
        }
        const std::size_t most = std::min<std::size_t>(page_size, length - done);
        const Result<std::size_t> filled = fill(out.bytes(*frame).first(most));
        if (filled.value_or(0) == 0) {
            out.give_page(*frame);
            out.cancel();
            return transferred(done, filled ? Status() : fail(filled.error()));
        }
        out.push({.frame = *frame, .size = static_cast<std::uint16_t>(*filled)});
        done += *filled;
    }
    return done;
}

/// Gives drain(bytes) what is in `in`, at most `length` bytes; it returns how many it took, and
/// what it did not take stays in the pipe. 0: the end of the pipe. Errors: drain's; would_block,
/// interrupted.
template <class Drain>
[[nodiscard]] Result<std::size_t> splice_out(SplicePipe& in, std::size_t length, bool non_blocking,
                                             Drain&& drain) noexcept {
    std::size_t done = 0;
    while (done < length) {
        const Result<PipePiece> piece = in.lend(non_blocking || done > 0);
        if (!piece) {
            return transferred(done, fail(piece.error()));
        }
        if (piece->size == 0) {
            break;
        }
        const std::size_t count = std::min<std::size_t>(piece->size, length - done);
        const std::span<const std::byte> bytes =
            in.bytes(piece->frame).subspan(piece->begin, count);
        const Result<std::size_t> taken = drain(bytes);
        in.give_back(taken.value_or(0));
        done += taken.value_or(0);
        if (!taken || *taken < count) {
            return transferred(done, taken ? Status() : fail(taken.error()));
        }
    }
    return done;
}

namespace detail {

/// A slot in `out`. If there is none, the caller's loan of `in` ends, and this waits for room if it
/// may: true, the slot is there; false, look again.
[[nodiscard]] inline Result<bool> reserve_or_wait(SplicePipe& in, SplicePipe& out,
                                                  bool may_wait) noexcept {
    const Status room = out.reserve(true);
    if (room) {
        return true;
    }
    in.give_back(0);
    if (room.error() != Errc::would_block || !may_wait) {
        return fail(room.error());
    }
    TRY(out.wait_for_room(false));
    return false;
}

}  // namespace detail

/// splice(2) from pipe to pipe: whole pages as they are, the last one shared if it is cut. `in` and
/// `out` differ. Errors: broken_pipe, would_block, interrupted, no_memory.
[[nodiscard]] inline Result<std::size_t> splice_across(SplicePipe& in, SplicePipe& out,
                                                       std::size_t length,
                                                       bool non_blocking) noexcept {
    std::size_t done = 0;
    while (done < length) {
        const bool may_wait = done == 0 && !non_blocking;
        const Result<PipePiece> piece = in.lend(!may_wait);
        if (!piece) {
            return transferred(done, fail(piece.error()));
        }
        if (piece->size == 0) {
            break;
        }
        const Result<bool> has_slot = detail::reserve_or_wait(in, out, may_wait);
        if (!has_slot) {
            return transferred(done, fail(has_slot.error()));
        }
        if (!*has_slot) {
            continue;
        }
        if (piece->size <= length - done) {
            const PipePiece whole = in.take();
            out.push(whole);
            done += whole.size;
        } else {
            Result<PipePiece> part = in.share(0);
            if (!part) {
                out.cancel();
                in.give_back(0);
                return transferred(done, fail(part.error()));
            }
            part->size = static_cast<std::uint16_t>(length - done);
            out.push(*part);
            in.give_back(part->size);
            done = length;
        }
    }
    return done;
}

/// tee(2): the first `length` bytes of `in` are in `out` as well; the pages are shared. `in` and
/// `out` differ. Errors: broken_pipe, would_block, interrupted, no_memory.
[[nodiscard]] inline Result<std::size_t> splice_copy(SplicePipe& in, SplicePipe& out,
                                                     std::size_t length,
                                                     bool non_blocking) noexcept {
    if (length == 0) {
        return 0U;
    }
    for (;;) {
        if (TRY(in.lend(non_blocking)).size == 0) {
            return 0U;
        }
        if (TRY(detail::reserve_or_wait(in, out, !non_blocking))) {
            break;
        }
    }
    // The front piece is lent and a slot reserved: the rest does not wait.
    std::size_t done = 0;
    Status status;
    for (std::uint32_t n = 0;; ++n) {
        Result<PipePiece> piece = in.share(n);
        if (!piece || piece->size == 0) {
            out.cancel();
            status = piece ? Status() : Status(fail(piece.error()));
            break;
        }
        piece->size = static_cast<std::uint16_t>(std::min<std::size_t>(piece->size, length - done));
        out.push(*piece);
        done += piece->size;
        if (done == length || !out.reserve(true)) {
            break;
        }
    }
    in.give_back(0);
    return transferred(done, status);
}

}  // namespace kidney::fs
