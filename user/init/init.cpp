/// init: the first process. Starts one shell, reaps every orphan, and ends with the shell's status.
///
///   init                  a login shell on the console, in a session of its own
///   init --exec COMMAND   /bin/sh -c COMMAND; output on /dev/ttyS1, errors on /dev/ttyS2, no input
///
/// The kernel has mounted the file systems before. When this process ends the kernel powers the
/// machine off and reports the status, so there is nothing to clean up here. An init with services
/// and run levels would hide what the kernel does; this one is meant to be read in one sitting.

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <initializer_list>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

namespace {

constexpr const char* console = "/dev/console";
constexpr int cannot_start = 127;  // as shells report a command that does not exist

/// Makes `path` the file descriptor `fd`. False when it cannot be opened.
bool open_as(int fd, const char* path, int flags) {
    const int opened = open(path, flags | O_NOCTTY);
    if (opened < 0) {
        return false;
    }
    if (opened != fd) {
        dup2(opened, fd);
        close(opened);
    }
    return true;
}

/// Turns off every translation of a terminal: what a command prints must arrive byte for byte.
void set_raw(int fd) {
    termios settings{};
    if (tcgetattr(fd, &settings) == 0) {
        cfmakeraw(&settings);
        tcsetattr(fd, TCSANOW, &settings);
    }
}

void set_environment() {
    setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
    setenv("HOME", "/root", 1);
    setenv("USER", "root", 1);
    setenv("TERM", "linux", 0);
    setenv("PS1", "kidney:\\w\\$ ", 1);
}

/// Becomes the shell, or rush where there is none. `argv[0]` is the caller's: "-sh" asks for a
/// login shell.
[[noreturn]] void become_shell(char* const argv[]) {
    execv("/bin/sh", argv);
    execv("/bin/rush", argv);
    perror("init: no shell");
    _exit(cannot_start);
}

[[noreturn]] void run_login_shell() {
    // The shell leads a session whose terminal is the console: this is what makes Ctrl-C reach its
    // jobs.
    setsid();
    if (open_as(STDIN_FILENO, console, O_RDWR)) {
        dup2(STDIN_FILENO, STDOUT_FILENO);
        dup2(STDIN_FILENO, STDERR_FILENO);
    }
    ioctl(STDIN_FILENO, TIOCSCTTY, 1);
    if (chdir("/root") != 0 && chdir("/") != 0) {
        perror("init: chdir");
    }
    std::puts("Welcome to KidneyOS. `cat /etc/motd` says more; `exit` powers off.");
    std::fflush(stdout);
    char name[] = "-sh";
    char* argv[] = {name, nullptr};
    become_shell(argv);
}

[[noreturn]] void run_command(char* command) {
    setsid();
    char name[] = "sh";
    char option[] = "-c";
    char* argv[] = {name, option, command, nullptr};
    become_shell(argv);
}

/// Standard streams of `--exec`: kept by init itself too, so that it can report how the command
/// died.
void open_exec_streams() {
    open_as(STDIN_FILENO, "/dev/null", O_RDONLY);
    if (open_as(STDOUT_FILENO, "/dev/ttyS1", O_WRONLY)) {
        set_raw(STDOUT_FILENO);
    }
    if (open_as(STDERR_FILENO, "/dev/ttyS2", O_WRONLY)) {
        set_raw(STDERR_FILENO);
    }
}

void open_console_streams() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (fcntl(fd, F_GETFD) < 0) {
            open_as(fd, console, O_RDWR);
        }
    }
}

/// What `halt`, `poweroff` and `reboot` send to process 1 (busybox's convention) ends the machine.
void end_machine(int signal) {
    kill(-1, SIGTERM);
    sync();
    reboot(signal == SIGTERM ? RB_AUTOBOOT : signal == SIGUSR2 ? RB_POWER_OFF : RB_HALT_SYSTEM);
}

void listen_to_signals() {
    struct sigaction action{};
    action.sa_handler = end_machine;
    for (const int signal : {SIGTERM, SIGUSR1, SIGUSR2}) {
        sigaction(signal, &action, nullptr);
    }
}

/// Waits for the shell and, on the way, for every process whose parent has died.
int reap_until(pid_t shell) {
    for (;;) {
        int status = 0;
        const pid_t child = waitpid(-1, &status, 0);
        if (child < 0 && errno != EINTR) {
            perror("init: wait");
            return cannot_start;
        }
        if (child == shell) {
            if (WIFSIGNALED(status)) {
                // `sh -c` runs its last command in its own process: then nobody else reports this
                // death.
                std::fprintf(stderr, "%s\n", strsignal(WTERMSIG(status)));
                return 128 + WTERMSIG(status);
            }
            return WEXITSTATUS(status);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    char* command = argc == 3 && std::strcmp(argv[1], "--exec") == 0 ? argv[2] : nullptr;
    set_environment();
    if (command != nullptr) {
        open_exec_streams();
    } else {
        open_console_streams();
    }
    listen_to_signals();
    const pid_t shell = fork();
    if (shell < 0) {
        perror("init: fork");
        return cannot_start;
    }
    if (shell == 0) {
        command != nullptr ? run_command(command) : run_login_shell();
    }
    const int status = reap_until(shell);
    sync();
    return status;
}
