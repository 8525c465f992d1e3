/// fork, exec, exit, wait.
#include "kernel/syscall/process_calls.hpp"

#include "kernel/event/process_files.hpp"
#include "kernel/exec/exec.hpp"
#include "kernel/process/thread_area.hpp"
#include "kernel/resource/accounts.hpp"
#include "kernel/syscall/path_argument.hpp"
#include "kernel/syscall/path_buffer.hpp"
#include "kernel/syscall/rusage.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "proc/life/exit.hpp"
#include "proc/life/fork.hpp"
#include "proc/life/wait.hpp"

#include <limits>
#include <linux/sched.h>
#include <linux/wait.h>

namespace kidney::kernel::calls {

Reply fork(Process& self, hal::TrapFrame& frame) noexcept {
    return TRY(fork_process(self, frame, {})).word();
}

Reply vfork(Process& self, hal::TrapFrame& frame) noexcept {
    ForkRequest request;
    request.share_memory = request.wait_until_released = true;
    return TRY(fork_process(self, frame, request)).word();
}

namespace {

/// What both clone calls can ask for, in clone3's words.
struct CloneArguments {
    std::uint64_t flags = 0, pidfd = 0, child_word = 0, parent_word = 0, exit_signal = 0;
    std::uint64_t stack = 0, stack_size = 0, tls = 0, set_tid = 0, set_tid_size = 0, cgroup = 0;
};
constexpr std::uint32_t first_clone_size = 64;  ///< without the last three
static_assert(sizeof(CloneArguments) == 88);

/// Gives the parent a file that stands for the child.
class PidFileBirth final : public proc::BirthWitness<Process> {
public:
    PidFileBirth(Process& parent, ProcessFiles::Reservation number, Ref<PidFile> file) noexcept
        : parent_(parent), number_(std::move(number)), file_(std::move(file)) {}
    [[nodiscard]] Fd fd() const noexcept { return number_.fd(); }
    void born(Process& child) noexcept override KIDNEY_NO_TSA("called with process_lock held")
    {
        file_->bind(child);
        parent_.files.place(std::move(number_), std::move(file_), true);
    }

private:
    Process& parent_;
    ProcessFiles::Reservation number_;
    Ref<PidFile> file_;
};

/// Errors: invalid_argument (it contradicts itself, or is not to be had), as fork_process.
Reply clone_process(Process& self, hal::TrapFrame& frame, const CloneArguments& a) noexcept {
    const auto flags = static_cast<std::uint32_t>(a.flags);
    const auto has = [flags](std::uint32_t flag) noexcept { return (flags & flag) != 0; };
    // Namespaces of their own are not here; and either all of this is shared, by the threads of one
    // process, or nothing of it but the memory.
    constexpr std::uint32_t unsupported = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUSER |
                                          CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                                          CLONE_NEWCGROUP;
    constexpr std::uint32_t shared = CLONE_SIGHAND | CLONE_FILES | CLONE_FS;
    const bool is_thread = has(CLONE_THREAD);
    if (has(CLONE_PIDFD) && (is_thread || has(CLONE_DETACHED))) {
        return fail(Errc::invalid_argument);
    }
    if (has(unsupported) || a.flags > 0xffff'ffff ||
        (flags & shared) != (is_thread ? shared : 0U) || (is_thread && !has(CLONE_VM))) {
        return fail(Errc::invalid_argument);
    }
    const auto word = [](std::uint64_t address) noexcept {
        return UserPtr<std::uint32_t>(static_cast<std::uint32_t>(address));
    };
    ForkRequest request;
    request.share_memory = has(CLONE_VM);
    request.wait_until_released = has(CLONE_VFORK);
    request.sister = has(CLONE_PARENT);
    request.stack = static_cast<std::uint32_t>(a.stack + a.stack_size);
    request.exit_signal = static_cast<std::uint32_t>(a.exit_signal);
    if (has(CLONE_PARENT_SETTID)) {
        request.parent_word = word(a.parent_word);
    }
    if (has(CLONE_CHILD_SETTID)) {
        request.child_word = word(a.child_word);
    }
    if (has(CLONE_CHILD_CLEARTID)) {
        request.child_clear_word = word(a.child_word);
    }
    if (has(CLONE_SETTLS)) {
        request.tls = UserPtr<const std::byte>(static_cast<std::uint32_t>(a.tls));
    }
    if (is_thread) {
        return TRY(clone_thread(self, frame, request)).word();
    }
    if (has(CLONE_PIDFD)) {
        PidFileBirth birth(self, TRY(self.files.reserve()),
                           TRY(mm::make_ref<PidFile>(heap(), false)));
        TRY(put_user(word(a.pidfd), birth.fd().value()));
        return TRY(fork_process(self, frame, request, &birth)).word();
    }
    return TRY(fork_process(self, frame, request)).word();
}

}  // namespace

Reply clone(Process& self, hal::TrapFrame& frame, std::uint32_t flags, std::uint32_t stack,
            UserPtr<std::uint32_t> parent_word, UserPtr<const std::byte> tls,
            UserPtr<std::uint32_t> child_word) noexcept {
    if ((flags & CLONE_PIDFD) != 0 && (flags & CLONE_PARENT_SETTID) != 0) {
        return fail(Errc::invalid_argument);  // both are told at the same place
    }
    // Any number up to CSIGNAL will do: one that is no signal is not sent.
    return clone_process(self, frame,
                         {.flags = flags & ~std::uint32_t{CSIGNAL},
                          .pidfd = parent_word.address().value(),
                          .child_word = child_word.address().value(),
                          .parent_word = parent_word.address().value(),
                          .exit_signal = flags & CSIGNAL,
                          .stack = stack,
                          .tls = tls.address().value()});
}

Reply clone3(Process& self, hal::TrapFrame& frame, VirtAddr arguments,
             std::uint32_t size) noexcept {
    if (size > page_size) {
        return fail(Errc::argument_list_long);
    }
    if (size < first_clone_size) {
        return fail(Errc::invalid_argument);
    }
    CloneArguments a{};
    TRY(copy_structure(std::as_writable_bytes(std::span(&a, 1)), arguments, size));
    const bool is_empty_stack = a.stack == 0 || a.stack_size == 0;
    if (a.exit_signal > abi::signal_count || (a.flags & (CLONE_DETACHED | CSIGNAL)) != 0 ||
        ((a.flags & (CLONE_THREAD | CLONE_PARENT)) != 0 && a.exit_signal != 0) ||
        (is_empty_stack && a.stack != a.stack_size) || a.stack + a.stack_size > 0xffff'ffff ||
        a.set_tid != 0 || a.set_tid_size != 0) {
        return fail(Errc::invalid_argument);
    }
    if ((a.flags & CLONE_PIDFD) != 0 && (a.flags & CLONE_PARENT_SETTID) != 0 &&
        a.pidfd == a.parent_word) {
        return fail(Errc::invalid_argument);
    }
    return clone_process(self, frame, a);
}

namespace {

/// Errors: as ArgumentBlock; would_block, when its user has too many processes for another program.
Status read_arguments(Process& self, ArgumentBlock& block, UserPtr<const std::uint32_t> arguments,
                      UserPtr<const std::uint32_t> environment) noexcept {
    if (std::exchange(self.exceeds_process_limit, false) && has_too_many_processes(self)) {
        return fail(Errc::would_block);
    }
    TRY(block.add_arguments(arguments));
    if (block.argument_count() == 0) {
        TRY(block.add_argument(""));  // programs rely on argv[0]
    }
    return block.add_environment(environment);
}

/// Calls run(must_end): a Reply, and whether the file was one that no program can be made of. Then
/// the process ends, as programs expect no such error; here, because exit_process() does not return
/// and what run() holds would be lost.
template <class F>
Reply execute_or_end(Process& self, F&& run) noexcept {
    bool must_end = false;
    const Reply reply = run(must_end);
    if (must_end) {
        exit_process(self, ExitStatus::killed(abi::sig_segv));
    }
    return reply;
}

Reply execute(Process& self, hal::TrapFrame& frame, const ExecTarget& target, ArgumentBlock& block,
              bool& must_end) noexcept {
    Status status = kernel::execute(self, frame, Standpoint(self), target, block);
    must_end = !status && status.error() == Errc::invalid_argument;
    TRY(std::move(status));
    return 0U;
}

Reply execute_path(Process& self, hal::TrapFrame& frame, UserPtr<const char> path,
                   UserPtr<const std::uint32_t> arguments, UserPtr<const std::uint32_t> environment,
                   bool& must_end) noexcept {
    UserPath name;
    TRY(name.read(path));
    ArgumentBlock block(TRY(self.limits.get(abi::limit_stack)).current);
    TRY(read_arguments(self, block, arguments, environment));
    const ExecTarget target{TRY(vfs().place_at(Standpoint(self), name.view(), true)), name.view()};
    return execute(self, frame, target, block, must_end);
}

Reply execute_at(Process& self, hal::TrapFrame& frame, std::int32_t at, UserPtr<const char> path,
                 UserPtr<const std::uint32_t> arguments, UserPtr<const std::uint32_t> environment,
                 std::uint32_t flags, bool& must_end) noexcept {
    PathArgument place;
    TRY(place.read(self, at, path, (flags & AT_EMPTY_PATH) != 0));
    ArgumentBlock block(TRY(self.limits.get(abi::limit_stack)).current);
    TRY(read_arguments(self, block, arguments, environment));
    if ((flags & ~std::uint32_t{AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW}) != 0) {
        return fail(Errc::invalid_argument);
    }
    ExecTarget target{TRY(place.place((flags & AT_SYMLINK_NOFOLLOW) == 0)), place.view()};
    if (target.place.node->type() == fs::NodeType::symlink) {
        return fail(Errc::too_many_symlinks);
    }
    PathBuffer buffer;
    if (at != AT_FDCWD && !place.view().starts_with('/')) {
        TextBuffer<24> descriptor;
        format_to(descriptor, "/dev/fd/{}{}", at, place.is_empty() ? "" : "/");
        const std::span<char> name = TRY(buffer.allocate());
        const std::size_t start = descriptor.view().copy(name.data(), name.size());
        const std::size_t rest = place.view().copy(name.data() + start, name.size() - start);
        if (rest < place.view().size()) {
            return fail(Errc::name_too_long);
        }
        target.name = {name.data(), start + rest};
        target.name_ends =
            self.files.close_on_exec(Fd(static_cast<std::uint32_t>(at))).value_or(false);
    }
    return execute(self, frame, target, block, must_end);
}

}  // namespace

Reply execve(Process& self, hal::TrapFrame& frame, UserPtr<const char> path,
             UserPtr<const std::uint32_t> arguments,
             UserPtr<const std::uint32_t> environment) noexcept {
    return execute_or_end(self, [&](bool& must_end) noexcept {
        return execute_path(self, frame, path, arguments, environment, must_end);
    });
}

Reply execveat(Process& self, hal::TrapFrame& frame, std::int32_t at, UserPtr<const char> path,
               UserPtr<const std::uint32_t> arguments, UserPtr<const std::uint32_t> environment,
               std::uint32_t flags) noexcept {
    return execute_or_end(self, [&](bool& must_end) noexcept {
        return execute_at(self, frame, at, path, arguments, environment, flags, must_end);
    });
}

Reply exit(Process& self, std::uint32_t code) noexcept {
    exit_thread(self, ExitStatus::exited(code));
}
Reply exit_group(Process& self, std::uint32_t code) noexcept {
    exit_process(self, ExitStatus::exited(code));
}

namespace {

/// __WALL and __WCLONE.
ClonesToWaitFor clones_of(std::uint32_t options) noexcept {
    return (options & __WALL) != 0     ? ClonesToWaitFor::also
           : (options & __WCLONE) != 0 ? ClonesToWaitFor::only
                                       : ClonesToWaitFor::none;
}

}  // namespace

Reply wait4(Process& self, Pid which, UserPtr<std::uint32_t> status, std::uint32_t options,
            VirtAddr usage) noexcept {
    constexpr std::uint32_t known =
        WNOHANG | WUNTRACED | WCONTINUED | __WALL | __WCLONE | __WNOTHREAD;
    if ((options & ~known) != 0) {
        return fail(Errc::invalid_argument);
    }
    if (which.value() == std::numeric_limits<std::int32_t>::min()) {
        return fail(Errc::no_process);  // no group has the number that it would be
    }
    WaitRequest request;
    request.which = which;
    request.clones = clones_of(options);
    request.no_hang = (options & WNOHANG) != 0;
    request.stopped = (options & WUNTRACED) != 0;
    request.continued = (options & WCONTINUED) != 0;
    const WaitReport report = TRY(wait_for_child(self, request));
    if (report.pid.value() != 0) {
        TRY(put_user_if(status, report.status.word()));
        if (usage != VirtAddr(0)) {
            TRY(put_rusage(usage, report.usage));
        }
    }
    return report.pid.word();
}

Reply waitpid(Process& self, Pid which, UserPtr<std::uint32_t> status,
              std::uint32_t options) noexcept {
    return wait4(self, which, status, options, VirtAddr(0));
}

namespace {

/// The child that a file stands for. Errors: bad_descriptor, no_child (somebody has waited for it,
/// and another one may have its number).
Result<Pid> child_of_file(Process& self, Fd fd, bool& is_non_blocking) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    auto* const child = fs::anonymous_cast<PidFile>(*file);
    if (child == nullptr) {
        return fail(Errc::bad_descriptor);
    }
    is_non_blocking = file->is_non_blocking();
    LockGuard guard(World::process_lock);
    return child->is_known() ? Result<Pid>(child->process().pid) : fail(Errc::no_child);
}

/// Errors: invalid_argument, would_block (a file that does not wait), and those of
/// wait_for_child().
Result<WaitReport> wait_for_named(Process& self, std::uint32_t type, Pid id,
                                  std::uint32_t options) noexcept {
    constexpr std::uint32_t changes = WEXITED | WSTOPPED | WCONTINUED;
    constexpr std::uint32_t known = changes | WNOHANG | WNOWAIT | __WALL | __WCLONE | __WNOTHREAD;
    if ((options & ~known) != 0 || (options & changes) == 0) {
        return fail(Errc::invalid_argument);
    }
    WaitRequest request;
    request.clones = clones_of(options);
    request.no_hang = (options & WNOHANG) != 0;
    request.exited = (options & WEXITED) != 0;
    request.stopped = (options & WSTOPPED) != 0;
    request.continued = (options & WCONTINUED) != 0;
    request.leave_waitable = (options & WNOWAIT) != 0;
    if (type == P_ALL) {
        request.which = Pid(-1);
    } else if (type == P_PID && id.value() > 0) {
        request.which = id;
    } else if (type == P_PGID && id.value() >= 0) {
        request.which = Pid(-id.value());  // group 0 is our own
    } else if (type == P_PIDFD && id.value() >= 0) {
        bool is_non_blocking = false;
        request.which =
            TRY(child_of_file(self, Fd(static_cast<std::uint32_t>(id.value())), is_non_blocking));
        const bool may_wait = !request.no_hang && !is_non_blocking;
        request.no_hang = !may_wait;
        const WaitReport report = TRY(wait_for_child(self, request));
        const bool is_nothing = report.pid.value() == 0 && (options & WNOHANG) == 0;
        return is_nothing ? Result<WaitReport>(fail(Errc::would_block)) : report;
    } else {
        return fail(Errc::invalid_argument);
    }
    return wait_for_child(self, request);
}

}  // namespace

Reply waitid(Process& self, std::uint32_t type, Pid id, VirtAddr to, std::uint32_t options,
             VirtAddr usage) noexcept {
    Result<WaitReport> outcome = wait_for_named(self, type, id, options);
    const WaitReport report = outcome.value_or(WaitReport{});
    abi::SigInfo info{};
    if (report.pid.value() != 0) {
        info.signo = abi::sig_chld;
        info.code = report.code;
        info.pid_or_address = report.pid.word();
        info.uid = report.uid;
        const bool exited = report.code == abi::cld_exited;
        const bool stopped = report.code == abi::cld_stopped;
        info.status = static_cast<std::int32_t>(exited || stopped ? report.status.code()
                                                                  : report.status.signal());
        if (report.code == abi::cld_continued) {
            info.status = abi::sig_cont;
        }
    }
    if (to != VirtAddr(0)) {  // even where there is nothing to tell
        TRY(put_user(UserPtr<abi::SigInfo>(to), info));
    }
    TRY(std::move(outcome));
    if (usage != VirtAddr(0)) {
        TRY(put_rusage(usage, report.usage));
    }
    return 0U;
}

Reply set_tid_address(Process& self, UserPtr<std::uint32_t> word) noexcept {
    self.this_thread().clear_on_exit = word;
    return self.this_thread().number.word();
}

Reply set_thread_area(Process& self, VirtAddr user_desc) noexcept {
    TRY(kernel::set_thread_area(self.this_thread(), user_desc));
    return 0U;
}
Reply get_thread_area(Process& self, VirtAddr user_desc) noexcept {
    TRY(kernel::get_thread_area(self.this_thread(), user_desc));
    return 0U;
}

}  // namespace kidney::kernel::calls
