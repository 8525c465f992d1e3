/// System V IPC.
#pragma once

#include "kernel/syscall/adapt.hpp"

namespace kidney::kernel::calls {

/// The old door to all of them.
Reply ipc(Process& self, std::uint32_t call, std::uint32_t first, std::uint32_t second,
          std::uint32_t third, VirtAddr pointer, std::uint32_t fifth) noexcept;

Reply semget(Process& self, std::int32_t key, std::uint32_t count, std::uint32_t flags) noexcept;
Reply semctl(Process& self, std::int32_t id, std::uint32_t number, std::uint32_t command,
             std::uint32_t argument) noexcept;
Reply semtimedop(Process& self, std::int32_t id, VirtAddr operations, std::uint32_t count,
                 VirtAddr timeout) noexcept;
Reply semtimedop64(Process& self, std::int32_t id, VirtAddr operations, std::uint32_t count,
                   VirtAddr timeout) noexcept;

Reply msgget(Process& self, std::int32_t key, std::uint32_t flags) noexcept;
Reply msgsnd(Process& self, std::int32_t id, VirtAddr message, std::uint32_t size,
             std::uint32_t flags) noexcept;
Reply msgrcv(Process& self, std::int32_t id, VirtAddr message, std::uint32_t size,
             std::int32_t type, std::uint32_t flags) noexcept;
Reply msgctl(Process& self, std::int32_t id, std::uint32_t command, VirtAddr buffer) noexcept;

Reply shmget(Process& self, std::int32_t key, std::uint32_t size, std::uint32_t flags) noexcept;
Reply shmat(Process& self, std::int32_t id, VirtAddr address, std::uint32_t flags) noexcept;
Reply shmdt(Process& self, VirtAddr address) noexcept;
Reply shmctl(Process& self, std::int32_t id, std::uint32_t command, VirtAddr buffer) noexcept;

}  // namespace kidney::kernel::calls
