/// Words in its program's memory by which a thread that ends tells the others: its number, which
/// becomes 0, and the locks that it held (a robust list).
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"
#include "proc/thread.hpp"

#include <cstdint>
#include <utility>

namespace kidney::proc {

/// A futex word of a robust lock: who holds it, and what of it.
namespace lock_word {
inline constexpr std::uint32_t has_waiters = 0x8000'0000;
inline constexpr std::uint32_t owner_died = 0x4000'0000;
inline constexpr std::uint32_t owner = 0x3fff'ffff;
}  // namespace lock_word

/// The lock at `word` is marked as one whose owner died, if that was `number`, and one of those who
/// wait for it wakes. `is_pending`: the thread was about to take or to give it; then somebody may
/// wait for a lock that is free already.
template <class W>
void release_lock(UserPtr<std::uint32_t> word, Pid number, bool is_pending) noexcept {
    Result<std::uint32_t> now = W::get_word(word);
    while (now && (*now & lock_word::owner) == number.word()) {
        const std::uint32_t died = (*now & lock_word::has_waiters) | lock_word::owner_died;
        const Result<std::uint32_t> seen = W::compare_exchange_word(word, *now, died);
        if (seen && *seen == *now) {
            if ((*now & lock_word::has_waiters) != 0) {
                W::wake_word(word);
            }
            return;
        }
        now = seen;
    }
    if (now && is_pending && (*now & lock_word::owner) == 0) {
        W::wake_word(word);
    }
}

/// set_robust_list(2): a ring of locks whose `head` is {next, offset of a lock's word from its
/// link, pending}. Links whose lowest bit is set are those of locks with priority inheritance. The
/// program may have written anything: so many links are followed and no more.
template <class W>
void release_robust_list(VirtAddr head, Pid number) noexcept {
    constexpr int most_links = 2048;
    constexpr std::uint32_t link_mask = ~std::uint32_t{1};
    const auto word_at = [](std::uint32_t address) noexcept {
        return W::get_word(UserPtr<std::uint32_t>(address));
    };
    const auto first = word_at(head.value());
    const auto offset = word_at(head.value() + 4);
    const auto pending = word_at(head.value() + 8);
    if (!first || !offset || !pending) {
        return;
    }
    const auto release = [&](std::uint32_t link, bool is_pending) noexcept {
        release_lock<W>(UserPtr<std::uint32_t>((link & link_mask) + *offset), number, is_pending);
    };
    std::uint32_t link = *first;
    for (int n = 0; (link & link_mask) != head.value() && n < most_links; ++n) {
        // Whoever holds the lock next may change the link.
        const auto next = word_at(link & link_mask);
        if ((link & link_mask) != (*pending & link_mask)) {
            release(link, false);
        }
        if (!next) {
            return;
        }
        link = *next;
    }
    if ((*pending & link_mask) != 0) {
        release(*pending, true);
    }
}

/// The calling thread will not run this program any more (exit, exec): who runs in its memory
/// learns of it. Locks are always given up, because they may lie in memory that is shared with
/// strangers; the number is cleared only if somebody is left to see it, as on Linux.
template <class P>
void release_words(P& self) noexcept {
    using W = typename P::World;
    UserThread& thread = self.this_thread();
    if (const VirtAddr list = std::exchange(thread.robust_list, VirtAddr()); list.value() != 0) {
        release_robust_list<W>(list, thread.number);
    }
    const UserPtr<std::uint32_t> word =
        std::exchange(thread.clear_on_exit, UserPtr<std::uint32_t>());
    const bool has_company = self.is_shared() || (self.memory && self.memory->references() > 1);
    if (!word.is_null() && has_company && W::put_word(word, 0U)) {
        W::wake_word(word);
    }
}

}  // namespace kidney::proc
