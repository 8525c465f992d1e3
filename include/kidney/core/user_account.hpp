/// What one user makes the kernel hold on to, counted, so that there can be an end to it.
#pragma once

#include "kidney/core/ref.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney {

/// The kinds of things that are counted by user.
enum class Holding : std::uint8_t {
    processes,        ///< zombies included
    pipe_pages,       ///< that pipes may grow to
    file_locks,       ///< ranges
    pending_signals,  ///< in queues
    watches,          ///< files in sets of those that are awaited
    socket_bytes,     ///< of sockets, and of what they have sent and nobody has received
    files_in_flight,  ///< in messages of sockets
    change_files,     ///< that tell what happens to nodes
    change_watches,   ///< of nodes
    change_bytes,     ///< of what has happened to them and nobody has read yet
};
inline constexpr std::size_t holding_kinds = 10;

class UserAccount;

/// Where accounts are kept.
class AccountBook {
public:
    /// Nobody refers to the account any more.
    virtual void account_gone(UserAccount& account) noexcept = 0;

protected:
    ~AccountBook() = default;
};

/// Whoever owes something keeps a reference to the account that it is booked on. Concurrency: any
/// thread, interrupt handlers too; nobody waits.
class UserAccount final : public RefCounted {
public:
    UserAccount(AccountBook& book, std::uint32_t uid) noexcept : uid_(uid), book_(book) {}

    [[nodiscard]] std::uint32_t uid() const noexcept { return uid_; }
    // relaxed throughout: numbers only, which say nothing about other memory
    [[nodiscard]] std::uint32_t held(Holding what) const noexcept {
        return counts_[index(what)].load(std::memory_order_relaxed);
    }
    /// Books `count` more, if they are no more than `limit` altogether. False: nothing has changed.
    [[nodiscard]] bool take(Holding what, std::uint32_t count, std::uint64_t limit) noexcept {
        std::uint32_t now = held(what);
        do {
            if (std::uint64_t{now} + count > limit) {
                return false;
            }
        } while (!counts_[index(what)].compare_exchange_weak(now, now + count,
                                                             std::memory_order_relaxed));
        return true;
    }
    /// The same for those whom no limit stops.
    void take(Holding what, std::uint32_t count) noexcept {
        counts_[index(what)].fetch_add(count, std::memory_order_relaxed);
    }
    void give_back(Holding what, std::uint32_t count) noexcept {
        const std::uint32_t before =
            counts_[index(what)].fetch_sub(count, std::memory_order_relaxed);
        KIDNEY_INVARIANT(before >= count, "a user gives back more than was booked");
    }
    void dispose() noexcept { book_.account_gone(*this); }

    UserAccount* next = nullptr;  ///< in the book, which guards it

private:
    [[nodiscard]] static constexpr std::size_t index(Holding what) noexcept {
        return static_cast<std::size_t>(what);
    }

    const std::uint32_t uid_;
    AccountBook& book_;
    std::array<std::atomic<std::uint32_t>, holding_kinds> counts_{};
};

/// Who pays for what is being made. Without an account nobody does, and there is no limit.
struct Payer {
    Ref<UserAccount> account;
    bool is_privileged = false;  ///< pays, but no limit stops it
};
/// Where nobody counts.
struct NobodyPays {
    [[nodiscard]] Payer operator()() const noexcept { return {}; }
};

/// So much of something, booked until it goes.
class Share {
public:
    Share() noexcept = default;
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    Share(Share&& other) noexcept
        : account_(std::move(other.account_)),
          what_(other.what_),
          count_(std::exchange(other.count_, 0)) {}
    Share& operator=(Share&& other) noexcept {
        std::swap(account_, other.account_);
        std::swap(what_, other.what_);
        std::swap(count_, other.count_);
        return *this;
    }
    ~Share() {
        if (account_ && count_ != 0) {
            account_->give_back(what_, count_);
        }
    }

    /// False: the limit does not allow it, and nothing is booked.
    [[nodiscard]] bool take(const Payer& payer, Holding what, std::uint32_t count,
                            std::uint64_t limit) noexcept {
        KIDNEY_ASSERT(count_ == 0);
        if (payer.account) {
            if (payer.is_privileged) {
                payer.account->take(what, count);
            } else if (!payer.account->take(what, count, limit)) {
                return false;
            }
            account_ = payer.account;
        }
        what_ = what;
        count_ = count;
        return true;
    }
    /// More or less of the same. False: the limit does not allow more, and nothing has changed.
    [[nodiscard]] bool resize(std::uint32_t count, std::uint64_t limit,
                              bool is_privileged) noexcept {
        if (account_ && count < count_) {
            account_->give_back(what_, count_ - count);
        } else if (account_ && is_privileged) {
            account_->take(what_, count - count_);
        } else if (account_ && !account_->take(what_, count - count_, limit)) {
            return false;
        }
        count_ = count;
        return true;
    }
    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }

private:
    Ref<UserAccount> account_;
    Holding what_ = Holding::processes;
    std::uint32_t count_ = 0;
};

}  // namespace kidney
