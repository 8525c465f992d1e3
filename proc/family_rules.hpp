/// Who waits for which child, and which parents keep a group from being orphaned: rules about
/// numbers, without a process in sight.
#pragma once

#include "kidney/abi/signal.hpp"
#include "proc/pid.hpp"

#include <cstdint>

namespace kidney::proc {

/// Children that send something else than SIGCHLD when they end ("clones") are waited for on
/// request only.
enum class ClonesToWaitFor : std::uint8_t { none, only, also };

/// Which children, and which changes.
struct WaitRequest {
    Pid which;  ///< as in wait4: > 0 that one, 0 my group, -1 any, < -1 that group
    ClonesToWaitFor clones = ClonesToWaitFor::none;
    bool no_hang = false, stopped = false, continued = false;
    bool exited = true;
    bool leave_waitable = false;  ///< WNOWAIT
};

/// What a wait looks at in a child.
struct ChildFacts {
    Pid pid, group;
    std::uint32_t exit_signal = abi::sig_chld;
};
/// Does the request, made by a member of `own_group`, speak of this child?
[[nodiscard]] constexpr bool match_child(const WaitRequest& request, Pid own_group,
                                         const ChildFacts& child) noexcept {
    const bool is_clone = child.exit_signal != abi::sig_chld;
    if (request.clones != ClonesToWaitFor::also &&
        is_clone != (request.clones == ClonesToWaitFor::only)) {
        return false;
    }
    const std::int32_t which = request.which.value();
    return which > 0    ? child.pid.value() == which
           : which == 0 ? child.group == own_group
                        : which == -1 || child.group.value() + which == 0;
}

/// Where a process stands among groups and sessions.
struct GroupPlace {
    Pid group, session;
};
/// Does such a parent keep the member's group from being orphaned? POSIX: it does, if it is in the
/// same session but in another group, for then it can continue the group.
[[nodiscard]] constexpr bool anchors_group(const GroupPlace& member,
                                           const GroupPlace& parent) noexcept {
    return parent.group != member.group && parent.session == member.session;
}

}  // namespace kidney::proc
