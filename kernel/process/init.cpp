#include "kernel/process/init.hpp"

#include "arch/i686/context/user_mode.hpp"
#include "kernel/boot/machine.hpp"
#include "kernel/console.hpp"
#include "kernel/decision_trace.hpp"
#include "kernel/event_trace.hpp"
#include "kernel/exec/exec.hpp"
#include "kernel/memory/frame_trace.hpp"
#include "kernel/memory/leak_report.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/resource/accounts.hpp"
#include "kernel/storage/disk_files.hpp"
#include "kernel/storage/mounts.hpp"
#include "kernel/threads.hpp"
#include "kidney/core/log.hpp"
#include "kidney/mm/make.hpp"
#include "proc/life/exit.hpp"
#include "proc/standpoint.hpp"

#include <algorithm>
#include <array>

namespace kidney::kernel {
namespace {

constinit FirstProgram first_program;

constexpr std::array<std::string_view, 4> fallbacks{"/sbin/init", "/init", "/bin/sh", "/bin/rush"};
constexpr std::uint32_t status_without_init = 127;  // as shells report a command not found

/// Standard input, output and error.
void open_console(Process& self) noexcept {
    fs::OpenFlags flags;
    flags.mode.read = flags.mode.write = true;
    Result<Ref<fs::File>> file = vfs().open(Standpoint(self), "/dev/console", flags, {});
    if (!file) {
        log::warning<"init">("cannot open /dev/console: {}", file.error());
        return;
    }
    const Fd in = MUST(self.files.install(std::move(*file), false));  // an empty table
    MUST(self.files.duplicate(in, false));
    MUST(self.files.duplicate(in, false));
}

Status add_arguments(std::string_view path, ArgumentBlock& block) noexcept {
    TRY(block.add_argument(path));
    if (!first_program.exec_command.empty()) {
        TRY(block.add_argument("--exec"));
        TRY(block.add_argument(first_program.exec_command));
    }
    std::string_view rest = first_program.arguments;
    while (!rest.empty()) {
        const std::size_t blank = std::min(rest.find(' '), rest.size());
        if (blank != 0) {
            TRY(block.add_argument({rest.data(), blank}));
        }
        rest.remove_prefix(std::min(blank + 1, rest.size()));
    }
    TRY(block.add_environment("HOME=/"));
    return block.add_environment("TERM=linux");
}

Status execute(Process& self, hal::TrapFrame& frame, std::string_view path,
               ArgumentBlock& arguments) noexcept {
    const Standpoint context(self);
    const ExecTarget target{TRY(vfs().place_at(context, path, true)), path};
    return kernel::execute(self, frame, context, target, arguments);
}

/// True: `frame` starts the program. A missing one is only worth a word if it was asked for.
bool try_program(Process& self, hal::TrapFrame& frame, std::string_view path) noexcept {
    ArgumentBlock arguments;
    Status status = add_arguments(path, arguments);
    if (status) {
        status = execute(self, frame, path, arguments);
    }
    if (!status) {
        log::warning<"init">("cannot run {}: {}", path, status.error());
        return false;
    }
    log::info<"init">("running {} as process 1", path);
    return true;
}

/// First function of process 1's thread.
void run_first_process(void* argument) noexcept {
    Process& self = *static_cast<Process*>(argument);
    start_leak_watch(first_program.leaks);
    open_console(self);
    hal::TrapFrame frame;
    bool found = false;
    if (!first_program.path.empty()) {
        found = try_program(self, frame, first_program.path);
    }
    for (std::size_t i = 0; i < fallbacks.size() && !found; ++i) {
        found = try_program(self, frame, fallbacks[i]);
    }
    if (!found) {
        log::error<"init">("there is no program to run; use init= to name one");
        exit_process(self, ExitStatus::exited(status_without_init));
    }
    arch::enter_user_mode(&frame);
}

}  // namespace

Status start_first_process(const FirstProgram& program) noexcept {
    first_program = program;
    create_process_table();
    start_accounts();
    Process& self = *TRY(mm::make<Process>(heap()));
    self.account = TRY(account_of(0));
    self.account->take(Holding::processes, 1);
    self.limits.set_for(process_capacity());
    Thread& thread = *TRY(create_thread("init"));
    thread.process = &self;
    self.root = self.directory = vfs().root();
    {
        LockGuard guard(World::process_lock);
        self.pid = self.group = self.session = processes().allocate_pid();
        KIDNEY_INVARIANT(self.pid == init_pid, "the first process must be number 1");
        self.signals.become_init();
        processes().add(self);
        thread.number = self.pid;
        processes().add_thread(self, thread);
    }
    dispatcher().start(thread, thread.stack, &run_first_process, &self);
    return {};
}

void init_has_exited(ExitStatus status) noexcept {
    stop_event_trace();
    ignore_error(vfs().sync(), "the machine goes off either way; the file system has logged it");
    finish_disks();
    flush_disks();
    write_decision_trace();
    set_console_limit(default_console_limit);  // whatever dmesg -n said: somebody waits for this
    set_log_level(LogLevel::info);
    write_frame_trace();
    write_event_trace();
    report_leaks();
    log::info<"process">("init exited with status {}", status.shell_code());
    power_off();
}

}  // namespace kidney::kernel
