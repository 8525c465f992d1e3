/// The accounts of all users that hold something.
///
/// Portable: host tests check it.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/user_account.hpp"
#include "kidney/mm/make.hpp"

namespace kidney::proc {

/// One list: few users are there at the same time. Concurrency: any thread; `Lock` may be a spin
/// lock.
template <mm::ObjectAllocator Heap, BasicLockable Lock>
class UserAccounts final : public AccountBook {
public:
    explicit UserAccounts(Heap& heap) noexcept : heap_(heap) {}
    ~UserAccounts() { KIDNEY_ASSERT(first_ == nullptr); }
    UserAccounts(const UserAccounts&) = delete;
    UserAccounts& operator=(const UserAccounts&) = delete;

    /// The user's account, a new one if need be. Error: no_memory.
    [[nodiscard]] Result<Ref<UserAccount>> of(std::uint32_t uid) noexcept EXCLUDES(lock_) {
        {
            LockGuard guard(lock_);
            if (Ref<UserAccount> known = find(uid)) {
                return known;
            }
        }
        UserAccount* const fresh = TRY(mm::make<UserAccount>(heap_, *this, uid));
        Ref<UserAccount> known;
        {
            LockGuard guard(lock_);
            known = find(uid);
            if (!known) {
                fresh->next = std::exchange(first_, fresh);
                return Ref<UserAccount>::adopt(fresh);
            }
        }
        mm::destroy(heap_, fresh);  // somebody was faster
        return known;
    }

    void account_gone(UserAccount& account) noexcept override EXCLUDES(lock_) {
        {
            LockGuard guard(lock_);
            UserAccount** at = &first_;
            while (*at != &account) {
                at = &(*at)->next;
            }
            *at = account.next;
        }
        mm::destroy(heap_, &account);
    }

private:
    /// One whose last reference is gone is passed over.
    [[nodiscard]] Ref<UserAccount> find(std::uint32_t uid) noexcept REQUIRES(lock_) {
        for (UserAccount* account = first_; account != nullptr; account = account->next) {
            if (account->uid() == uid && account->try_retain()) {
                return Ref<UserAccount>::adopt(account);
            }
        }
        return nullptr;
    }

    Heap& heap_;
    Lock lock_;
    UserAccount* first_ GUARDED_BY(lock_) = nullptr;
};

}  // namespace kidney::proc
