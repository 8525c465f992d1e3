/// A pseudo-terminal: a terminal whose screen and keyboard are a program. posix_openpt(3).
///
///     master: write  -> what is "typed"      master: read <- what the terminal "shows"
///     slave:  a terminal like any other, opened by name
///
/// It goes on without slaves, whose number may fall to none and rise again; without its master it
/// has hung up for good.
#pragma once

#include "fs/poll_list.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/fs/transfer.hpp"
#include "kidney/mm/make.hpp"
#include "proc/terminal/terminal.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::proc {

/// `W::ShownLock` is a spin lock that ranks behind W::LineLock. Concurrency: any thread. Files hold
/// references; one of them is the master.
template <class W>
class PseudoTerminal final : public RefCounted, private TerminalDevice {
public:
    static constexpr const char* cache_name = "pseudo_terminal";
    static constexpr std::size_t shown_bytes = 8192;  ///< that the master has not read, at most

    explicit PseudoTerminal(std::uint32_t number) noexcept
        : TerminalDevice(shown_bytes), terminal_(*this, number) {}
    void dispose() noexcept { mm::destroy(W::heap(), this); }

    [[nodiscard]] Terminal<W>& terminal() noexcept { return terminal_; }

    // --- The master ---

    /// What was shown, or waits for it. Errors: io_error (all slaves are closed), would_block,
    /// restart, bad_address.
    [[nodiscard]] Result<std::size_t> read(fs::ReadBuffer& to, bool non_blocking) noexcept
        EXCLUDES(lock_) {
        std::array<std::byte, 256> bytes;
        std::size_t done = 0;
        while (to.remaining() != 0) {
            std::size_t count = 0;
            {
                LockGuard guard(lock_);
                if (done == 0) {
                    TRY(wait_for_output(non_blocking));
                }
                count = take_shown(std::span(bytes).first(std::min(bytes.size(), to.remaining())));
            }
            if (count == 0) {
                break;
            }
            terminal_.output_ready();
            if (const Status put = to.put(std::span(bytes).first(count)); !put) {
                return done != 0 ? Result<std::size_t>(done) : fail(put.error());
            }
            done += count;
        }
        return done;
    }
    /// Types. Errors: would_block, restart, bad_address, io_error (never while there is a master).
    [[nodiscard]] Result<std::size_t> write(fs::WriteBuffer& from, bool non_blocking) noexcept {
        std::array<std::byte, 64> bytes;
        std::size_t done = 0;
        while (from.remaining() != 0) {
            const Result<std::size_t> room = terminal_.wait_for_reader(non_blocking);
            Status taken = room ? Status() : Status(fail(room.error()));
            std::span<std::byte> piece;
            if (taken) {
                piece = std::span(bytes).first(std::min({bytes.size(), *room, from.remaining()}));
                taken = from.take(piece);
            }
            if (!taken) {
                return done != 0 ? Result<std::size_t>(done) : fail(taken.error());
            }
            for (const std::byte b : piece) {
                terminal_.receive(static_cast<std::uint8_t>(b));
            }
            done += piece.size();
        }
        return done;
    }
    [[nodiscard]] fs::Readiness poll(fs::PollWaiter* waiter) noexcept EXCLUDES(lock_) {
        pollers_.enter(waiter);
        const bool takes_input = terminal_.takes_input();
        LockGuard guard(lock_);
        return {.readable = size_ != 0, .writable = takes_input, .hung_up = has_no_slave()};
    }
    /// Bytes that a read of the master would find.
    [[nodiscard]] std::uint32_t shown() noexcept EXCLUDES(lock_) {
        return static_cast<std::uint32_t>(waiting());
    }
    /// The master's last descriptor is closed. Once.
    void close_master() noexcept EXCLUDES(lock_) {
        {
            LockGuard guard(lock_);
            has_master_ = false;
            size_ = 0;
        }
        terminal_.device_gone();
    }
    /// Nobody may open a slave yet (TIOCSPTLCK); so it begins.
    void set_locked(bool locked) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        is_locked_ = locked;
    }
    [[nodiscard]] bool is_locked() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return is_locked_;
    }

    // --- Slaves ---

    /// Errors: io_error (it is locked, or has no master any more).
    [[nodiscard]] Status open_slave() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (is_locked_ || !has_master_) {
            return fail(Errc::io_error);
        }
        ++slaves_;
        had_slaves_ = true;
        return {};
    }
    /// The last reference to what open_slave() allowed is gone.
    void close_slave() noexcept EXCLUDES(lock_) {
        bool was_last = false;
        {
            LockGuard guard(lock_);
            was_last = --slaves_ == 0;
        }
        if (was_last) {
            readers_.wake_all();
            pollers_.notify();
        }
    }

private:
    // The terminal's device: in.
    std::size_t offer(std::string_view text) noexcept override EXCLUDES(lock_) {
        std::size_t taken = 0;
        bool was_empty = false;
        {
            LockGuard guard(lock_);
            if (!has_master_) {
                return text.size();  // nobody looks
            }
            was_empty = size_ == 0;
            taken = std::min(text.size(), shown_bytes - size_);
            for (std::size_t n = 0; n < taken; ++n) {
                bytes_[(first_ + size_ + n) % shown_bytes] = text[n];
            }
            size_ += taken;
        }
        if (was_empty && taken != 0) {
            readers_.wake_all();
            pollers_.notify();
        }
        return taken;
    }
    [[nodiscard]] std::size_t waiting() noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return size_;
    }
    /// Shown is sent: the master may be the very one who waits.
    [[nodiscard]] std::size_t unsent() noexcept override { return 0; }
    void drop_waiting() noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        size_ = 0;
    }
    void input_taken() noexcept override { pollers_.notify(); }

    [[nodiscard]] bool has_no_slave() const noexcept REQUIRES(lock_) {
        return slaves_ == 0 && had_slaves_;
    }
    [[nodiscard]] Status wait_for_output(bool non_blocking) noexcept REQUIRES(lock_) {
        while (size_ == 0) {
            if (has_no_slave()) {
                return fail(Errc::io_error);
            }
            if (non_blocking) {
                return fail(Errc::would_block);
            }
            if (!readers_.wait(lock_, {.interruptible = true})) {
                return fail(Errc::restart);
            }
        }
        return {};
    }
    std::size_t take_shown(std::span<std::byte> to) noexcept REQUIRES(lock_) {
        const std::size_t count = std::min(to.size(), size_);
        for (std::size_t n = 0; n < count; ++n) {
            to[n] = static_cast<std::byte>(bytes_[(first_ + n) % shown_bytes]);
        }
        first_ = (first_ + count) % shown_bytes;
        size_ -= count;
        return count;
    }

    Terminal<W> terminal_;
    typename W::ShownLock lock_;
    std::array<char, shown_bytes> bytes_ GUARDED_BY(lock_);
    std::size_t first_ GUARDED_BY(lock_) = 0, size_ GUARDED_BY(lock_) = 0;
    std::uint32_t slaves_ GUARDED_BY(lock_) = 0;
    bool had_slaves_ GUARDED_BY(lock_) = false;
    bool has_master_ GUARDED_BY(lock_) = true;
    bool is_locked_ GUARDED_BY(lock_) = true;
    typename W::WaitQueue readers_;
    fs::PollList<typename W::PollLock> pollers_;
};

}  // namespace kidney::proc
