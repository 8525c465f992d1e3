/// inotify_init and its kin.
#include "kernel/event/change_files.hpp"
#include "kernel/process/process.hpp"
#include "kernel/syscall/event_calls.hpp"
#include "kernel/syscall/path_argument.hpp"

#include <cstdint>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <utility>

namespace kidney::kernel::calls {

Reply inotify_init1(Process& self, std::uint32_t flags) noexcept {
    if ((flags & ~std::uint32_t{IN_CLOEXEC | IN_NONBLOCK}) != 0) {
        return fail(Errc::invalid_argument);
    }
    Ref<fs::File> file = TRY(change_files().create_file((flags & IN_NONBLOCK) != 0));
    return TRY(self.files.install(std::move(file), (flags & IN_CLOEXEC) != 0)).value();
}

Reply inotify_init(Process& self) noexcept {
    return inotify_init1(self, 0);
}

Reply inotify_add_watch(Process& self, Fd fd, Path path, std::uint32_t mask) noexcept {
    constexpr std::uint32_t events = IN_ALL_EVENTS;
    constexpr std::uint32_t add = IN_MASK_ADD, create = IN_MASK_CREATE;
    constexpr std::uint32_t known = events | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR |
                                    IN_DONT_FOLLOW | IN_EXCL_UNLINK | add | create | IN_ISDIR |
                                    IN_ONESHOT;
    if (mask == 0 || (mask & ~known) != 0) {
        return fail(Errc::invalid_argument);
    }
    const OpenFile file = TRY(self.files.get(fd));
    auto* const changes = fs::anonymous_cast<ChangeFile>(*file);
    if (changes == nullptr || ((mask & add) != 0 && (mask & create) != 0)) {
        return fail(Errc::invalid_argument);
    }
    PathArgument argument;
    TRY(argument.read(self, AT_FDCWD, path));
    const Ref<fs::Vnode> node = TRY(argument.node((mask & IN_DONT_FOLLOW) == 0));
    if ((mask & IN_ONLYDIR) != 0 && node->type() != fs::NodeType::directory) {
        return fail(Errc::not_directory);
    }
    TRY(fs::check_access(TRY(node->attributes()), self.who()->effective(), fs::Access::read));
    const fs::WatchAgain again = (mask & add) != 0      ? fs::WatchAgain::add
                                 : (mask & create) != 0 ? fs::WatchAgain::refuse
                                                        : fs::WatchAgain::replace;
    return static_cast<std::uint32_t>(
        TRY(change_files().watch(*changes, *node,
                                 {.wanted = static_cast<fs::Change>(mask & events),
                                  .one_shot = (mask & IN_ONESHOT) != 0,
                                  .named_files_only = (mask & IN_EXCL_UNLINK) != 0},
                                 again)));
}

Reply inotify_rm_watch(Process& self, Fd fd, std::int32_t number) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    auto* const changes = fs::anonymous_cast<ChangeFile>(*file);
    if (changes == nullptr) {
        return fail(Errc::invalid_argument);
    }
    TRY(change_files().unwatch(*changes, number));
    return 0U;
}

}  // namespace kidney::kernel::calls
