/// Which of the requests that wait for a disk is next: the decision. The engine that carries it out
/// is fs/block/request_queue.hpp.
#pragma once

#include "kidney/core/time.hpp"
#include "kidney/fs/block_device.hpp"

#include <boost/intrusive/list_hook.hpp>
#include <boost/intrusive/set_hook.hpp>

#include <concepts>
#include <cstdint>

namespace kidney::fs {

/// A request that waits, as far as a policy may know it.
struct DiskEntry {
    using Mode = boost::intrusive::link_mode<boost::intrusive::normal_link>;

    BlockIndex first;
    std::uint64_t blocks = 0;
    bool is_read = true;
    Instant arrived;

    boost::intrusive::list_member_hook<Mode> list_hook;  ///< the policy's own
    boost::intrusive::set_member_hook<Mode> set_hook;    ///< the policy's own

    [[nodiscard]] BlockIndex end() const noexcept { return first + blocks; }
};

/// Chooses among entries. Each belongs to the policy from add() to remove().
///   D1 next() names an entry that was added and not removed; null if and only if there is none
///   D2 remove() takes out that entry, chosen or not, and changes nothing about the others
///   D3 determinism: the same calls with the same arguments give the same answers
///   D4 each entry is chosen in the end, whatever else arrives; but for those that say
///      `static constexpr bool may_starve = true`
/// `head` is the block behind the last one that was moved. next() decides and changes no entry.
/// Cost: O(log n). Concurrency: none, callers serialise.
template <class P>
concept DiskScheduler = std::default_initializable<P> &&
                        requires(P& p, DiskEntry& entry, BlockIndex head, Instant now) {
                            { p.add(entry) } noexcept -> std::same_as<void>;
                            { p.remove(entry) } noexcept -> std::same_as<void>;
                            { p.next(head, now) } noexcept -> std::same_as<DiskEntry*>;
                            { P::name } -> std::convertible_to<const char*>;
                        };

template <DiskScheduler P>
[[nodiscard]] constexpr bool may_starve() noexcept {
    if constexpr (requires { P::may_starve; }) {
        return P::may_starve;
    } else {
        return false;
    }
}

}  // namespace kidney::fs
