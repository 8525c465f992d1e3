/// A pipe as splice(2) and its relatives see it: pages go in and come out.
///
/// Nothing is held while the other side of a transfer is waited for. Who puts bytes in reserves a
/// slot first, so that what it has read from elsewhere has a place. Who takes bytes out borrows the
/// front piece, so that it stays the first until it is known how much of it could be passed on.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// Some bytes in a page, on their way through a pipe.
struct PipePiece {
    FrameNumber frame;
    std::uint16_t begin = 0, size = 0;
    bool is_shared = false;  ///< somebody else has the page, too
    bool is_packet = false;  ///< a read takes it alone, and drops what it has no room for
    bool may_grow = false;   ///< small writes may join it
};

/// Concurrency: any thread; may sleep. Errors of all that wait: would_block, interrupted. Those
/// that put something in: broken_pipe (nobody will read it).
class SplicePipe {
public:
    // In.
    [[nodiscard]] virtual Status wait_for_room(bool non_blocking) noexcept = 0;
    /// A slot for one push() or cancel(). Waits for it. The kept slot counts as full for others.
    [[nodiscard]] virtual Status reserve(bool non_blocking) noexcept = 0;
    virtual void cancel() noexcept = 0;
    /// Takes over a reference to the page, which has at least one byte.
    virtual void push(const PipePiece& piece) noexcept = 0;

    // Out.
    /// Lends the front piece until give_back(); other readers wait meanwhile. Its size is 0 at the
    /// end of the pipe: then nothing is lent.
    [[nodiscard]] virtual Result<PipePiece> lend(bool non_blocking) noexcept = 0;
    /// The first `used` bytes of the lent piece are gone.
    virtual void give_back(std::size_t used) noexcept = 0;
    /// Instead of give_back(): the whole lent piece, with the pipe's reference to its page.
    [[nodiscard]] virtual PipePiece take() noexcept = 0;
    /// While a piece is lent: piece `n` from the front, with a reference of its own to the page.
    /// Its size is 0 if there are no more than `n`. Error: no_memory.
    [[nodiscard]] virtual Result<PipePiece> share(std::uint32_t n) noexcept = 0;

    // Pages.
    /// Error: no_memory.
    [[nodiscard]] virtual Result<FrameNumber> take_page() noexcept = 0;
    virtual void give_page(FrameNumber frame) noexcept = 0;
    [[nodiscard]] virtual std::span<std::byte, page_size> bytes(FrameNumber frame) noexcept = 0;

    // F_SETPIPE_SZ, F_GETPIPE_SZ: how many bytes it holds when every page is full.
    [[nodiscard]] virtual std::uint32_t size() noexcept = 0;
    /// Rounds up to a power of two of pages; returns the size now. Errors: invalid_argument;
    /// not_permitted (more than ordinary users may have); busy (there is more in it); no_memory.
    [[nodiscard]] virtual Result<std::uint32_t> set_size(std::uint32_t bytes,
                                                         bool is_privileged) noexcept = 0;

protected:
    ~SplicePipe() = default;
};

}  // namespace kidney::fs
