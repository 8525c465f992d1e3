/// File descriptors: small numbers that name open files.
///
/// A bitmap says which slots are in use, so that a new table costs nothing to clear and fork copies
/// only what is open. Portable: host tests give it fake files.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::proc {

/// A file descriptor that a program passed or is given; never negative.
class Fd {
public:
    constexpr Fd() noexcept = default;
    explicit constexpr Fd(std::uint32_t value) noexcept : value_(value) {}
    [[nodiscard]] constexpr std::uint32_t value() const noexcept { return value_; }
    friend constexpr auto operator<=>(Fd, Fd) noexcept = default;

private:
    std::uint32_t value_ = 0;
};

/// Hears of each descriptor that its process closes, while the file is still there: fcntl's record
/// locks end at the first close.
class CloseListener {
public:
    /// May sleep.
    virtual void closing(fs::File& file) noexcept = 0;

protected:
    ~CloseListener() = default;
};

/// Concurrency: the owner's thread, or the parent that builds the table for a child; others may
/// share() and next_open(). `Lock` is held for the moment in which an entry changes or is looked at
/// by others; the owner reads without it, because only it changes anything.
template <BasicLockable Lock>
class FdTableWith {
public:
    static constexpr std::uint32_t capacity = 1024;

    FdTableWith() noexcept = default;
    ~FdTableWith() { close_all(); }
    FdTableWith(const FdTableWith&) = delete;
    FdTableWith& operator=(const FdTableWith&) = delete;

    /// The open file, borrowed: good until this thread closes the descriptor. Error:
    /// bad_descriptor.
    [[nodiscard]] Result<fs::File*> get(Fd fd) const noexcept {
        fs::File* const file = TRY(get_any(fd));
        if (file->is_path_only()) [[unlikely]] {
            return fail(Errc::bad_descriptor);
        }
        return file;
    }
    /// The same for the few calls that take a file opened with O_PATH, too.
    [[nodiscard]] Result<fs::File*> get_any(Fd fd) const noexcept {
        if (!is_open(fd)) [[unlikely]] {
            return fail(Errc::bad_descriptor);
        }
        return files_[fd.value()];
    }
    [[nodiscard]] bool is_open(Fd fd) const noexcept {
        return fd.value() < capacity && test(open_, fd.value());
    }

    /// The lowest free number >= from. It stays free until this thread place()s a file there: a
    /// call whose effects cannot be taken back asks first, and places last. Errors: too_many_files;
    /// invalid_argument if `from` is itself beyond the limit.
    [[nodiscard]] Result<Fd> next_free(Fd from = Fd(0)) const noexcept {
        if (from.value() >= limit_) {
            return fail(Errc::invalid_argument);
        }
        for (std::uint32_t w = from.value() / 32; w < words; ++w) {
            std::uint32_t free = ~open_[w];
            if (w == from.value() / 32) {
                free &= ~std::uint32_t{0} << from.value() % 32;
            }
            if (free == 0) {
                continue;
            }
            const std::uint32_t n = w * 32 + static_cast<std::uint32_t>(std::countr_zero(free));
            if (n >= limit_) {
                break;
            }
            return Fd(n);
        }
        return fail(Errc::too_many_files);
    }
    /// Puts `file` at a number that next_free() gave.
    void place(Fd fd, Ref<fs::File> file, bool close_on_exec) noexcept {
        occupy(fd.value(), file.detach(), close_on_exec);
    }
    /// Both at once, for files that may also go unopened. Errors as next_free().
    [[nodiscard]] Result<Fd> install(Ref<fs::File> file, bool close_on_exec,
                                     Fd from = Fd(0)) noexcept {
        const Fd fd = TRY(next_free(from));
        place(fd, std::move(file), close_on_exec);
        return fd;
    }

    /// dup(2), F_DUPFD. Errors: bad_descriptor, too_many_files, invalid_argument.
    [[nodiscard]] Result<Fd> duplicate(Fd fd, bool close_on_exec, Fd from = Fd(0)) noexcept {
        return install(Ref<fs::File>::share(*TRY(get_any(fd))), close_on_exec, from);
    }

    /// dup2/dup3 for fd != to: `to` is closed first if it is open. Error: bad_descriptor.
    [[nodiscard]] Result<Fd> duplicate_to(Fd fd, Fd to, bool close_on_exec) noexcept {
        fs::File* file = TRY(get_any(fd));
        if (to.value() >= limit_) {
            return fail(Errc::bad_descriptor);
        }
        file->retain();
        announce_close(to);
        Ref<fs::File> replaced = take(to);  // released after the new one stands
        occupy(to.value(), file, close_on_exec);
        return to;
    }

    /// Error: bad_descriptor.
    Status close(Fd fd) noexcept {
        if (!is_open(fd)) {
            return fail(Errc::bad_descriptor);
        }
        announce_close(fd);
        take(fd).reset();
        return {};
    }

    /// From now on `listener` hears of closed descriptors; a child's table has none.
    void set_listener(CloseListener& listener) noexcept { listener_ = &listener; }

    [[nodiscard]] Result<bool> close_on_exec(Fd fd) const noexcept {
        if (!is_open(fd)) {
            return fail(Errc::bad_descriptor);
        }
        return test(cloexec_, fd.value());
    }
    Status set_close_on_exec(Fd fd, bool on) noexcept {
        if (!is_open(fd)) {
            return fail(Errc::bad_descriptor);
        }
        assign(cloexec_, fd.value(), on);
        return {};
    }

    /// exec: closes what is marked close-on-exec.
    void close_for_exec() noexcept {
        for_each_open([this](std::uint32_t n) {
            if (test(cloexec_, n)) {
                announce_close(Fd(n));
                take(Fd(n)).reset();
            }
        });
    }
    void close_all() noexcept {
        for_each_open([this](std::uint32_t n) {
            announce_close(Fd(n));
            take(Fd(n)).reset();
        });
    }
    /// fork: this (empty) table shares every open file of the parent.
    void copy_from(const FdTableWith& parent) noexcept {
        limit_ = parent.limit_;
        cloexec_ = parent.cloexec_;
        open_ = parent.open_;
        for_each_open([&](std::uint32_t n) {
            files_[n] = parent.files_[n];
            files_[n]->retain();
            used_ = n + 1;
        });
    }

    /// For onlookers: the open file, which they keep. Error: bad_descriptor.
    [[nodiscard]] Result<Ref<fs::File>> share(Fd fd) const noexcept {
        LockGuard guard(lock_);
        if (!is_open(fd)) {
            return fail(Errc::bad_descriptor);
        }
        return Ref<fs::File>::share(*files_[fd.value()]);
    }
    /// For onlookers: the lowest open descriptor that is not below `from`. Error: bad_descriptor.
    [[nodiscard]] Result<Fd> next_open(Fd from) const noexcept {
        LockGuard guard(lock_);
        for (std::uint32_t n = from.value(); n < capacity; ++n) {
            if (test(open_, n)) {
                return Fd(n);
            }
        }
        return fail(Errc::bad_descriptor);
    }

    /// Calls f(number) for each open descriptor in ascending order; f may close it.
    template <class F>
    void for_each_open(F&& f) const noexcept {
        for (std::uint32_t w = 0; w < words; ++w) {
            for (std::uint32_t bits = open_[w]; bits != 0; bits &= bits - 1) {
                f(w * 32 + static_cast<std::uint32_t>(std::countr_zero(bits)));
            }
        }
    }

    /// select(2) ignores descriptors from here on, open or not. Linux's table grows in steps when a
    /// number is first used and does not shrink; programs see it in which bits are EBADF.
    [[nodiscard]] std::uint32_t reach() const noexcept {
        constexpr std::uint32_t first = 32;
        constexpr std::uint32_t step = 256;
        return used_ <= first ? first : std::bit_ceil((used_ + step - 1) / step) * step;
    }

    [[nodiscard]] std::uint32_t limit() const noexcept { return limit_; }
    /// RLIMIT_NOFILE; open descriptors above a lower limit stay open, as in POSIX.
    void set_limit(std::uint32_t n) noexcept { limit_ = n < capacity ? n : capacity; }

private:
    static constexpr std::uint32_t words = capacity / 32;
    using Bits = std::array<std::uint32_t, words>;

    [[nodiscard]] static bool test(const Bits& b, std::uint32_t n) noexcept {
        return (b[n / 32] >> n % 32 & 1U) != 0;
    }
    static void assign(Bits& b, std::uint32_t n, bool on) noexcept {
        const std::uint32_t bit = 1U << n % 32;
        b[n / 32] = on ? b[n / 32] | bit : b[n / 32] & ~bit;
    }
    void announce_close(Fd fd) noexcept {
        if (listener_ != nullptr && is_open(fd)) {
            listener_->closing(*files_[fd.value()]);
        }
    }
    void occupy(std::uint32_t n, fs::File* file, bool close_on_exec) noexcept {
        LockGuard guard(lock_);
        files_[n] = file;
        assign(open_, n, true);
        assign(cloexec_, n, close_on_exec);
        if (n >= used_) {
            used_ = n + 1;
        }
    }
    [[nodiscard]] Ref<fs::File> take(Fd fd) noexcept {
        if (!is_open(fd)) {
            return {};
        }
        LockGuard guard(lock_);
        assign(open_, fd.value(), false);
        return Ref<fs::File>::adopt(files_[fd.value()]);
    }

    mutable Lock lock_;
    CloseListener* listener_ = nullptr;
    Bits open_{};
    Bits cloexec_{};
    std::uint32_t limit_ = capacity;
    std::uint32_t used_ = 0;                 ///< no number from here on has ever been open
    std::array<fs::File*, capacity> files_;  // valid where open_ says so; owns one reference each
};

/// Nobody looks on.
using FdTable = FdTableWith<NullLock>;

}  // namespace kidney::proc
