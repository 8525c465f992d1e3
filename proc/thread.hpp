/// What of a thread belongs to its program: the number, the signals, and what a call leaves for the
/// way out. A world's Thread is a thread of its scheduler that is a UserThread besides.
#pragma once

#include "kidney/core/address.hpp"
#include "proc/pid.hpp"
#include "proc/signal/thread_signals.hpp"

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/parent_from_member.hpp>

#include <cstdint>

namespace kidney::proc {

/// What an interrupted system call wants (Errc::restart) once the signals are dealt with.
enum class RestartMode : std::uint8_t {
    none,            ///< the last call was not interrupted
    always,          ///< run again; it had not begun (fork)
    by_flag,         ///< run again, unless a handler without SA_RESTART runs: then EINTR
    unless_handled,  ///< run again, unless any handler runs: then EINTR (sleeps, poll, sigsuspend)
};

using ListHook =
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;

/// How lists of a world's processes and threads find the hook, which is a member of a base class.
template <class Element, auto Member>
struct ElementHook;
template <class Element, class Base, ListHook Base::* Member>
struct ElementHook<Element, Member> {
    using hook_type = ListHook;
    using hook_ptr = ListHook*;
    using const_hook_ptr = const ListHook*;
    using value_type = Element;
    using pointer = Element*;
    using const_pointer = const Element*;

    static hook_ptr to_hook_ptr(value_type& e) noexcept { return &(static_cast<Base&>(e).*Member); }
    static const_hook_ptr to_hook_ptr(const value_type& e) noexcept {
        return &(static_cast<const Base&>(e).*Member);
    }
    static pointer to_value_ptr(hook_ptr hook) noexcept {
        return static_cast<Element*>(boost::intrusive::get_parent_from_member(hook, Member));
    }
    static const_pointer to_value_ptr(const_hook_ptr hook) noexcept {
        return static_cast<const Element*>(boost::intrusive::get_parent_from_member(hook, Member));
    }
};
template <class Element, auto Member>
using ElementList =
    boost::intrusive::list<Element, boost::intrusive::function_hook<ElementHook<Element, Member>>,
                           boost::intrusive::constant_time_size<false>>;

/// Lives as long as the scheduler's thread. Threads of the kernel are none of a program: for them
/// nothing of this means anything.
struct UserThread {
    UserThread() noexcept = default;

    // --- Constant, or the thread's own ---
    Pid number;  ///< gettid(2). The process's own, if it is the first one or the only one after
                 ///< exec
    UserPtr<std::uint32_t> set_at_start;   ///< CLONE_CHILD_SETTID: becomes the thread's number
    UserPtr<std::uint32_t> clear_on_exit;  ///< CLONE_CHILD_CLEARTID, set_tid_address
    VirtAddr robust_list;                  ///< set_robust_list(2); 0: none
    RestartMode restart_mode = RestartMode::none;

    // --- Guarded by the world's process_lock ---
    ThreadSignals signals;
    bool has_stopped = false;   ///< it takes part in a stop of its process
    bool awaits_child = false;  ///< it sleeps in a wait: a change of a child wakes it
    ListHook in_process, in_numbers;
};

}  // namespace kidney::proc
