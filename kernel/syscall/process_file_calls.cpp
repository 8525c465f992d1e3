/// signalfd and pidfd_open with their kin.
#include "kernel/event/process_files.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/syscall/event_calls.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kidney/mm/make.hpp"

#include <cstdint>
#include <linux/fcntl.h>
#include <utility>

namespace kidney::kernel::calls {

Reply signalfd4(Process& self, std::int32_t fd, UserPtr<const std::uint64_t> mask,
                std::uint32_t size, std::uint32_t flags) noexcept {
    if (size != sizeof(std::uint64_t)) {
        return fail(Errc::invalid_argument);
    }
    const SignalSet set(TRY(get_user(mask)));
    if ((flags & ~std::uint32_t{O_CLOEXEC | O_NONBLOCK}) != 0) {
        return fail(Errc::invalid_argument);
    }
    if (fd == -1) {
        Ref<fs::File> file = TRY(mm::make_ref<SignalFile>(heap(), set, (flags & O_NONBLOCK) != 0));
        return TRY(self.files.install(std::move(file), (flags & O_CLOEXEC) != 0)).value();
    }
    const OpenFile file = TRY(self.files.get(Fd(static_cast<std::uint32_t>(fd))));
    auto* const signals = fs::anonymous_cast<SignalFile>(*file);
    if (signals == nullptr) {
        return fail(Errc::invalid_argument);
    }
    signals->change(set);
    return static_cast<std::uint32_t>(fd);
}

Reply signalfd(Process& self, std::int32_t fd, UserPtr<const std::uint64_t> mask,
               std::uint32_t size) noexcept {
    return signalfd4(self, fd, mask, size, 0);
}

Reply pidfd_open(Process& self, Pid pid, std::uint32_t flags) noexcept {
    if ((flags & ~std::uint32_t{O_NONBLOCK}) != 0 || pid.value() <= 0) {
        return fail(Errc::invalid_argument);
    }
    Ref<PidFile> file = TRY(mm::make_ref<PidFile>(heap(), (flags & O_NONBLOCK) != 0));
    {
        LockGuard guard(World::process_lock);
        Process* const process = processes().find(pid);
        if (process == nullptr) {
            return fail(processes().find_thread(pid) == nullptr ? Errc::no_process
                                                                : Errc::invalid_argument);
        }
        file->bind(*process);
    }
    return TRY(self.files.install(std::move(file), true)).value();
}

namespace {

/// At once: exec must not make the process somebody else's in between.
Result<Ref<fs::File>> take_file(Process& self, Process& from, Fd wanted) noexcept {
    LockGuard guard(World::process_lock);
    if (from.is_zombie()) {
        return fail(Errc::no_process);
    }
    if (&from != &self && !self.identity.may_inspect(from.identity, from.dumpable)) {
        return fail(Errc::not_permitted);
    }
    return from.files.share(wanted);
}

}  // namespace

Reply pidfd_getfd(Process& self, Fd fd, Fd wanted, std::uint32_t flags) noexcept {
    if (flags != 0) {
        return fail(Errc::invalid_argument);
    }
    const OpenFile file = TRY(self.files.get(fd));
    auto* const other = fs::anonymous_cast<PidFile>(*file);
    if (other == nullptr) {
        return fail(Errc::bad_descriptor);
    }
    return TRY(self.files.install(TRY(take_file(self, other->process(), wanted)), true)).value();
}

}  // namespace kidney::kernel::calls
