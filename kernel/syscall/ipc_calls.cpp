/// ipc(2): one number for what has numbers of its own by now.
#include "kernel/syscall/ipc_calls.hpp"

#include "kernel/syscall/ipc_values.hpp"
#include "kernel/syscall/user_copy.hpp"

namespace kidney::kernel::calls {
namespace {

/// The structures of the *ctl calls come in two shapes; the old ones are gone with their programs.
Result<std::uint32_t> command_of(std::uint32_t word) noexcept {
    const std::uint32_t command = word & ~std::uint32_t{ipc_wide};
    const bool has_structure = command != ipc_remove && (word & ipc_wide) == 0;
    return has_structure && (command == ipc_stat || command == ipc_set)
               ? fail(Errc::invalid_argument)
               : Result<std::uint32_t>(command);
}

Reply receive(Process& self, std::uint32_t version, std::int32_t id, VirtAddr pointer,
              std::uint32_t size, std::uint32_t fifth, std::uint32_t flags) noexcept {
    if (version != 0) {
        return msgrcv(self, id, pointer, size, static_cast<std::int32_t>(fifth), flags);
    }
    struct Kludge {  // more arguments than there were registers
        std::uint32_t message;
        std::int32_t type;
    };
    if (pointer == VirtAddr(0)) {
        return fail(Errc::invalid_argument);
    }
    const Kludge more = TRY(get_user(UserPtr<const Kludge>(pointer)));
    return msgrcv(self, id, VirtAddr(more.message), size, more.type, flags);
}

}  // namespace

Reply ipc(Process& self, std::uint32_t call, std::uint32_t first, std::uint32_t second,
          std::uint32_t third, VirtAddr pointer, std::uint32_t fifth) noexcept {
    const std::uint32_t version = call >> 16;
    const auto id = static_cast<std::int32_t>(first);
    switch (static_cast<IpcCall>(call & 0xffff)) {
        case IpcCall::semop:
            return semtimedop(self, id, pointer, second, VirtAddr(0));
        case IpcCall::semtimedop:
            return semtimedop(self, id, pointer, second, VirtAddr(fifth));
        case IpcCall::semget:
            return semget(self, id, second, third);
        case IpcCall::semctl: {
            if (pointer == VirtAddr(0)) {
                return fail(Errc::invalid_argument);
            }
            const auto argument = TRY(get_user(UserPtr<const std::uint32_t>(pointer)));
            return semctl(self, id, second, TRY(command_of(third)), argument);
        }
        case IpcCall::msgsnd:
            return msgsnd(self, id, pointer, second, third);
        case IpcCall::msgrcv:
            return receive(self, version, id, pointer, second, fifth, third);
        case IpcCall::msgget:
            return msgget(self, id, second);
        case IpcCall::msgctl:
            return msgctl(self, id, TRY(command_of(second)), pointer);
        case IpcCall::shmat: {
            if (version == 1) {
                return fail(Errc::invalid_argument);
            }
            const std::uint32_t at = TRY(shmat(self, id, pointer, second));
            TRY(put_user(UserPtr<std::uint32_t>(third), at));
            return 0U;
        }
        case IpcCall::shmdt:
            return shmdt(self, pointer);
        case IpcCall::shmget:
            return shmget(self, id, second, third);
        case IpcCall::shmctl:
            return shmctl(self, id, TRY(command_of(second)), pointer);
        default:
            return fail(Errc::not_implemented);
    }
}

}  // namespace kidney::kernel::calls
