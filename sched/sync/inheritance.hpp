/// Who lends urgency to whom: what a lock and a thread know of it. The rules are in turnstile.hpp.
#pragma once

#include "kidney/sched/policy.hpp"

#include <boost/intrusive/list.hpp>

namespace kidney::sched {

/// A lock that lends urgency to its holder: that of its waiters, or a ceiling of its own.
struct Lender {
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>
        hook;
    bool lends = false;  ///< is in the list of its holder
    Urgency ceiling = Urgency::none;
};

/// A thread's part. Guarded by the lock of the inheritance, of which there is one.
struct Borrower {
    using Hook = boost::intrusive::member_hook<Lender, decltype(Lender::hook), &Lender::hook>;
    /// Of the locks that it holds those that lend: a lock joins with its first waiter, so a lock
    /// that nobody waits for costs its holder nothing.
    boost::intrusive::list<Lender, Hook, boost::intrusive::constant_time_size<false>> lenders;
    Lender* waits_at = nullptr;  ///< it sleeps until it is given this one
    /// Of waits_at: one of its waiters has another urgency now.
    void (*changed)(Lender& lock) noexcept = nullptr;
};

}  // namespace kidney::sched
