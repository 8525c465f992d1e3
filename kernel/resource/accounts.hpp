/// The accounts of all users, and how many processes there may be.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/core/user_account.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::kernel {

class Process;

/// Before the first process.
void start_accounts() noexcept;

/// The account of a user. Error: no_memory.
[[nodiscard]] Result<Ref<UserAccount>> account_of(std::uint32_t uid) noexcept;

/// The caller's user pays for what the call makes; root does not stop at a limit.
struct CurrentUserPays {
    [[nodiscard]] Payer operator()() const noexcept;
};

/// Processes that fit into this machine's memory.
[[nodiscard]] std::uint32_t process_capacity() noexcept;
/// Is there room for one more besides `count`, in the part that these accounts may use?
[[nodiscard]] bool has_process_slot(std::size_t count, const UserAccount& account) noexcept;

/// Books one more process or thread of the caller's user, and says where. Error: would_block
/// (RLIMIT_NPROC).
[[nodiscard]] Result<Ref<UserAccount>> book_process(Process& self) noexcept;
/// RLIMIT_NPROC is exceeded, which a change of user can bring about.
[[nodiscard]] bool has_too_many_processes(const Process& self) noexcept;
/// After a change of the real user; `account` is the new one's. The old account stays with the
/// caller, because an account must not end under a spin lock.
void move_to_account(Process& self, Ref<UserAccount>& account) noexcept;

}  // namespace kidney::kernel
