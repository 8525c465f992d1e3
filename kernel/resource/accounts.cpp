#include "kernel/resource/accounts.hpp"

#include "kernel/names.hpp"
#include "kernel/process/process.hpp"
#include "proc/identity/user_accounts.hpp"

#include <utility>

namespace kidney::kernel {
namespace {

using Accounts = UserAccounts<Heap, SpinLock<ranks::accounts>>;
constinit BootObject<Accounts> user_books;
constinit std::uint32_t most_processes = 0;

[[nodiscard]] bool is_roots(const UserAccount& account) noexcept {
    return account.uid() == 0;
}

}  // namespace

void start_accounts() noexcept {
    user_books.create(heap());
    most_processes = processes_for(frames().total_frames());
}

Result<Ref<UserAccount>> account_of(std::uint32_t uid) noexcept {
    return user_books.get().of(uid);
}

Payer CurrentUserPays::operator()() const noexcept {
    const Process& self = current_process();
    const Ref<UserAccount> account = *Snapshot(self, self.account);
    return {account, is_roots(*account) || self.identity.is_privileged()};
}

std::uint32_t process_capacity() noexcept {
    return most_processes;
}

bool has_process_slot(std::size_t count, const UserAccount& account) noexcept {
    return count <
           (is_roots(account) ? most_processes : most_processes - slots_for_root(most_processes));
}

Result<Ref<UserAccount>> book_process(Process& self) noexcept {
    Ref<UserAccount> account = *Snapshot(self, self.account);
    if (is_roots(*account) || self.identity.is_privileged()) {
        account->take(Holding::processes, 1);
    } else if (!account->take(Holding::processes, 1, self.limits.current(abi::limit_processes))) {
        return fail(Errc::would_block);
    }
    return account;
}

bool has_too_many_processes(const Process& self) noexcept {
    const Snapshot now(self, self.account);
    const UserAccount& account = **now;
    return !is_roots(account) &&
           account.held(Holding::processes) > self.limits.current(abi::limit_processes);
}

void move_to_account(Process& self, Ref<UserAccount>& account) noexcept {
    // As on Linux the change succeeds, and exec fails while there are too many.
    {
        LockGuard guard(World::process_lock);
        const std::size_t threads = self.threads.size();
        account->take(Holding::processes, threads);
        self.account->give_back(Holding::processes, threads);
        self.amend(self.account, [&](Ref<UserAccount>& own) noexcept { std::swap(own, account); });
    }
    self.exceeds_process_limit = has_too_many_processes(self);
}

}  // namespace kidney::kernel
