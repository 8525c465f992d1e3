/// New processes out of old ones.
#pragma once

#include "arch/i686/trap/trap_frame.hpp"
#include "kernel/process/process.hpp"

namespace kidney::kernel {

/// What clone(2) was asked for, as far as processes go.
struct ForkRequest {
    bool share_memory = false;         ///< CLONE_VM: the child borrows the address space
    bool wait_until_released = false;  ///< CLONE_VFORK: until it lets go of that space
    bool sister = false;               ///< CLONE_PARENT
    std::uint32_t stack = 0;           ///< of the child; 0: as the parent's
    std::uint32_t exit_signal = abi::sig_chld;
    UserPtr<std::uint32_t> parent_word;       ///< CLONE_PARENT_SETTID
    UserPtr<std::uint32_t> child_word;        ///< CLONE_CHILD_SETTID
    UserPtr<std::uint32_t> child_clear_word;  ///< CLONE_CHILD_CLEARTID
    UserPtr<const std::byte> tls;             ///< CLONE_SETTLS: a struct user_desc
};

/// Makes a child that continues at `frame` with result 0. Errors: no_memory, would_block (too many
/// processes), bad_address, restart (a signal comes first). On error nothing is left behind.
/// A parent that waits until it has its memory back can be killed meanwhile, and does not return
/// then. A signal that the parent's group is sent meanwhile reaches the child too.
[[nodiscard]] Result<Pid> fork_process(Process& parent, const hal::TrapFrame& frame,
                                       const ForkRequest& request) noexcept;

}  // namespace kidney::kernel
