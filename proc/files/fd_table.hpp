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
#include "proc/kept.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

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

/// What a descriptor leads to, for the length of a call.
using OpenFile = Kept<fs::File>;

/// Hears of each descriptor that its process has closed, while the file is still there: fcntl's
/// record locks end at the first close.
class CloseListener {
public:
    /// The number may already name something else. May sleep.
    virtual void closing(fs::File& file) noexcept = 0;

protected:
    ~CloseListener() = default;
};

/// Concurrency: any thread; `Lock` is held for a moment, and nobody is called under it. Only
/// threads of the process change the table; while there is one, it looks without the lock
/// (kept.hpp).
template <BasicLockable Lock>
class FdTableWith {
public:
    static constexpr std::uint32_t capacity = 1024;

    FdTableWith() noexcept = default;
    ~FdTableWith() { close_all(); }
    FdTableWith(const FdTableWith&) = delete;
    FdTableWith& operator=(const FdTableWith&) = delete;

    /// A number that is taken, and names nothing: a call whose effects cannot be taken back asks
    /// for it first, and place()s a file there last. Gives the number back unless that happens.
    class [[nodiscard]] Reservation {
    public:
        Reservation(Reservation&& other) noexcept
            : table_(std::exchange(other.table_, nullptr)), fd_(other.fd_) {}
        Reservation& operator=(Reservation&&) = delete;
        ~Reservation() {
            if (table_ != nullptr) {
                table_->end(*this);
            }
        }
        [[nodiscard]] Fd fd() const noexcept { return fd_; }

    private:
        friend FdTableWith;
        Reservation(FdTableWith& table, Fd fd) noexcept : table_(&table), fd_(fd) {}

        FdTableWith* table_;
        Fd fd_;
    };

    /// Before a second thread of the process starts; never taken back.
    void share_among_threads() noexcept {
        // relaxed: whoever starts the thread makes it see what was before.
        is_shared_.store(true, std::memory_order_relaxed);
    }

    /// The open file, which stays for the call even if another thread closes the descriptor. Error:
    /// bad_descriptor.
    [[nodiscard]] Result<OpenFile> get(Fd fd) const noexcept EXCLUDES(lock_) {
        OpenFile file = TRY(get_any(fd));
        if (file->is_path_only()) [[unlikely]] {
            return fail(Errc::bad_descriptor);
        }
        return file;
    }
    /// The same for the few calls that take a file opened with O_PATH, too.
    [[nodiscard]] Result<OpenFile> get_any(Fd fd) const noexcept EXCLUDES(lock_)
        KIDNEY_NO_TSA("only the process's one thread changes the table, and it is here")
    {
        if (is_shared_.load(std::memory_order_relaxed)) [[unlikely]] {
            return get_among_threads(fd);
        }
        fs::File* const file = at(fd);
        if (file == nullptr) [[unlikely]] {
            return fail(Errc::bad_descriptor);
        }
        return OpenFile::lent(*file);
    }
    /// The open file, for longer than a call and for onlookers. Error: bad_descriptor.
    [[nodiscard]] Result<Ref<fs::File>> share(Fd fd) const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        fs::File* const file = at(fd);
        return file != nullptr ? Result<Ref<fs::File>>(Ref<fs::File>::share(*file))
                               : fail(Errc::bad_descriptor);
    }
    [[nodiscard]] bool is_open(Fd fd) const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return at(fd) != nullptr;
    }
    /// Does the descriptor lead to `file` at this moment?
    [[nodiscard]] bool names(Fd fd, const fs::File& file) const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return at(fd) == &file;
    }
    /// The lowest open descriptor that is not below `from`. Error: bad_descriptor.
    [[nodiscard]] Result<Fd> next_open(Fd from) const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const std::uint32_t n = find_open(from.value(), false);
        return n < capacity ? Result<Fd>(Fd(n)) : fail(Errc::bad_descriptor);
    }

    /// Takes the lowest free number >= from. Errors: too_many_files; invalid_argument if `from` is
    /// itself beyond the limit.
    [[nodiscard]] Result<Reservation> reserve(Fd from = Fd(0)) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const Fd fd = TRY(find_free(from));
        put(fd.value(), nullptr, false);
        return Reservation(*this, fd);
    }
    /// `file` is what the number names from now on.
    Fd place(Reservation number, Ref<fs::File> file, bool close_on_exec) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        put(number.fd_.value(), file.detach(), close_on_exec);
        number.table_ = nullptr;
        return number.fd_;
    }
    /// Both at once, for files that may also go unopened. Errors as reserve().
    [[nodiscard]] Result<Fd> install(Ref<fs::File> file, bool close_on_exec,
                                     Fd from = Fd(0)) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const Fd fd = TRY(find_free(from));
        put(fd.value(), file.detach(), close_on_exec);
        return fd;
    }

    /// dup(2), F_DUPFD. Errors: bad_descriptor, too_many_files, invalid_argument.
    [[nodiscard]] Result<Fd> duplicate(Fd fd, bool close_on_exec, Fd from = Fd(0)) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        fs::File* const file = at(fd);
        if (file == nullptr) {
            return fail(Errc::bad_descriptor);
        }
        const Fd copy = TRY(find_free(from));
        file->retain();
        put(copy.value(), file, close_on_exec);
        return copy;
    }

    /// dup2/dup3 for fd != to: what `to` named is closed. Errors: bad_descriptor; busy if another
    /// thread has reserved `to`.
    [[nodiscard]] Result<Fd> duplicate_to(Fd fd, Fd to, bool close_on_exec) noexcept
        EXCLUDES(lock_) {
        Ref<fs::File> replaced;
        {
            LockGuard guard(lock_);
            fs::File* const file = at(fd);
            if (file == nullptr || to.value() >= limit()) {
                return fail(Errc::bad_descriptor);
            }
            if (test(taken_, to.value())) {
                if (at(to) == nullptr) {
                    return fail(Errc::busy);
                }
                replaced = take(to.value());
            }
            file->retain();
            put(to.value(), file, close_on_exec);
        }
        let_go(std::move(replaced));
        return to;
    }

    /// Error: bad_descriptor.
    Status close(Fd fd) noexcept EXCLUDES(lock_) {
        Ref<fs::File> closed;
        {
            LockGuard guard(lock_);
            if (at(fd) == nullptr) {
                return fail(Errc::bad_descriptor);
            }
            closed = take(fd.value());
        }
        let_go(std::move(closed));
        return {};
    }
    /// close_range(2): whatever is open from `first` to `last`.
    void close(Fd first, Fd last) noexcept EXCLUDES(lock_) { close_between(first, last, false); }
    void close_all() noexcept EXCLUDES(lock_) { close_between(Fd(0), Fd(capacity - 1), false); }
    /// exec: closes what is marked close-on-exec.
    void close_for_exec() noexcept EXCLUDES(lock_) { close_between(Fd(0), Fd(capacity - 1), true); }

    /// From now on `listener` hears of closed descriptors; a child's table has none.
    void set_listener(CloseListener& listener) noexcept {
        // relaxed: who closes what the listener must hear of has the lock after its names().
        listener_.store(&listener, std::memory_order_relaxed);
    }

    /// Error: bad_descriptor.
    [[nodiscard]] Result<bool> close_on_exec(Fd fd) const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return at(fd) != nullptr ? Result<bool>(test(cloexec_, fd.value()))
                                 : fail(Errc::bad_descriptor);
    }
    /// Error: bad_descriptor.
    Status set_close_on_exec(Fd fd, bool on) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (at(fd) == nullptr) {
            return fail(Errc::bad_descriptor);
        }
        assign(cloexec_, fd.value(), on);
        return {};
    }
    /// close_range(2) with CLOSE_RANGE_CLOEXEC.
    void mark_close_on_exec(Fd first, Fd last) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (std::uint32_t n = find_open(first.value(), false); n < capacity && n <= last.value();
             n = find_open(n + 1, false)) {
            assign(cloexec_, n, true);
        }
    }

    /// fork: this table, which nobody knows yet, shares every open file of the parent.
    void copy_from(const FdTableWith& parent) noexcept EXCLUDES(parent.lock_)
        KIDNEY_NO_TSA("nobody else knows this table yet")
    {
        LockGuard guard(parent.lock_);
        set_limit(parent.limit());
        for (std::uint32_t n = parent.find_open(0, false); n < capacity;
             n = parent.find_open(n + 1, false)) {
            parent.files_[n]->retain();
            put(n, parent.files_[n], test(parent.cloexec_, n));
        }
    }

    /// select(2) ignores descriptors from here on, open or not. Linux's table grows in steps when a
    /// number is first used and does not shrink; programs see it in which bits are EBADF.
    [[nodiscard]] std::uint32_t reach() const noexcept {
        constexpr std::uint32_t first = 32;
        constexpr std::uint32_t step = 256;
        const std::uint32_t used = used_.load(std::memory_order_relaxed);
        return used <= first ? first : std::bit_ceil((used + step - 1) / step) * step;
    }

    [[nodiscard]] std::uint32_t limit() const noexcept {
        return limit_.load(std::memory_order_relaxed);
    }
    /// RLIMIT_NOFILE; open descriptors above a lower limit stay open, as in POSIX.
    void set_limit(std::uint32_t n) noexcept {
        limit_.store(std::min(n, capacity), std::memory_order_relaxed);
    }

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

    /// Null: nothing is open there.
    [[nodiscard]] fs::File* at(Fd fd) const noexcept REQUIRES(lock_) {
        return fd.value() < capacity && test(taken_, fd.value()) ? files_[fd.value()] : nullptr;
    }
    [[nodiscard, gnu::noinline]] Result<OpenFile> get_among_threads(Fd fd) const noexcept
        EXCLUDES(lock_) {
        return OpenFile(TRY(share(fd)));
    }
    [[nodiscard]] Result<Fd> find_free(Fd from) const noexcept REQUIRES(lock_) {
        if (from.value() >= limit()) {
            return fail(Errc::invalid_argument);
        }
        for (std::uint32_t w = from.value() / 32; w < words; ++w) {
            std::uint32_t free = ~taken_[w];
            if (w == from.value() / 32) {
                free &= ~std::uint32_t{0} << from.value() % 32;
            }
            if (free == 0) {
                continue;
            }
            const std::uint32_t n = w * 32 + static_cast<std::uint32_t>(std::countr_zero(free));
            if (n >= limit()) {
                break;
            }
            return Fd(n);
        }
        return fail(Errc::too_many_files);
    }
    /// The lowest open number >= from, or `capacity`.
    [[nodiscard]] std::uint32_t find_open(std::uint32_t from, bool marked) const noexcept
        REQUIRES(lock_) {
        const std::uint32_t end = (used_.load(std::memory_order_relaxed) + 31) / 32;
        for (std::uint32_t w = from / 32; w < end; ++w) {
            std::uint32_t bits = marked ? taken_[w] & cloexec_[w] : taken_[w];
            if (w == from / 32) {
                bits &= ~std::uint32_t{0} << from % 32;
            }
            for (; bits != 0; bits &= bits - 1) {
                const std::uint32_t n = w * 32 + static_cast<std::uint32_t>(std::countr_zero(bits));
                if (files_[n] != nullptr) {
                    return n;
                }
            }
        }
        return capacity;
    }

    /// Takes over the file's reference; null reserves the number.
    void put(std::uint32_t n, fs::File* file, bool close_on_exec) noexcept REQUIRES(lock_) {
        files_[n] = file;
        assign(taken_, n, true);
        assign(cloexec_, n, close_on_exec);
        if (n >= used_.load(std::memory_order_relaxed)) {
            used_.store(n + 1, std::memory_order_relaxed);
        }
    }
    [[nodiscard]] Ref<fs::File> take(std::uint32_t n) noexcept REQUIRES(lock_) {
        assign(taken_, n, false);
        return Ref<fs::File>::adopt(files_[n]);
    }
    void end(const Reservation& number) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        assign(taken_, number.fd_.value(), false);
    }
    /// The end of what has left the table, if it is anything.
    void let_go(Ref<fs::File> closed) noexcept EXCLUDES(lock_) {
        if (CloseListener* const listener = listener_.load(std::memory_order_relaxed);
            listener != nullptr && closed) {
            listener->closing(*closed);
        }
    }
    void close_between(Fd first, Fd last, bool marked) noexcept EXCLUDES(lock_) {
        for (std::uint32_t n = first.value();; ++n) {
            Ref<fs::File> closed;
            {
                LockGuard guard(lock_);
                n = find_open(n, marked);
                if (n >= capacity || n > last.value()) {
                    return;
                }
                closed = take(n);
            }
            let_go(std::move(closed));
        }
    }

    mutable Lock lock_;
    std::atomic<bool> is_shared_{false};
    std::atomic<CloseListener*> listener_{nullptr};
    std::atomic<std::uint32_t> limit_{capacity};
    std::atomic<std::uint32_t> used_{0};  ///< no number from here on was ever taken
    Bits taken_ GUARDED_BY(lock_){};      ///< open or reserved
    Bits cloexec_ GUARDED_BY(lock_){};
    /// Valid where taken_ says so: owns one reference each, or null is reserved.
    std::array<fs::File*, capacity> files_ GUARDED_BY(lock_);
};

/// Of one thread, and nobody looks on.
using FdTable = FdTableWith<NullLock>;

}  // namespace kidney::proc
