#include "user/rush/builtins.hpp"

#include "user/rush/shell.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace rush {
namespace {

using Words = std::vector<std::string>;

extern const Builtin builtins[];
extern const std::size_t builtin_count;

int fail(const std::string& what) {
    std::fprintf(stderr, "rush: %s: %s\n", what.c_str(), std::strerror(errno));
    return 1;
}

int change_directory(Shell& shell, const Words& words) {
    std::string target = words.size() > 1 ? words[1] : shell.value_of("HOME");
    if (target == "-") {
        target = shell.value_of("OLDPWD");
        std::puts(target.c_str());
    }
    char before[4096];
    const bool known = getcwd(before, sizeof before) != nullptr;
    if (chdir(target.c_str()) != 0) {
        return fail("cd: " + target);
    }
    if (known) {
        shell.set_variable("OLDPWD", before);
    }
    return 0;
}

int print_directory(Shell&, const Words&) {
    char directory[4096];
    if (getcwd(directory, sizeof directory) == nullptr) {
        return fail("pwd");
    }
    std::puts(directory);
    return 0;
}

int exit_shell(Shell& shell, const Words& words) {
    const int status = words.size() > 1 ? std::atoi(words[1].c_str()) & 0xff : shell.last_status();
    shell.request_exit(status);
    return status;
}

int export_variables(Shell& shell, const Words& words) {
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::size_t equals = words[i].find('=');
        const std::string name = words[i].substr(0, equals);
        if (equals != std::string::npos) {
            shell.set_variable(name, words[i].substr(equals + 1));
        }
        shell.export_variable(name);
    }
    for (char** variable = environ; words.size() == 1 && *variable != nullptr; ++variable) {
        std::puts(*variable);
    }
    return 0;
}

int unset_variables(Shell& shell, const Words& words) {
    for (std::size_t i = 1; i < words.size(); ++i) {
        shell.unset_variable(words[i]);
    }
    return 0;
}

int echo(Shell&, const Words& words) {
    const bool no_newline = words.size() > 1 && words[1] == "-n";
    const std::size_t first = no_newline ? 2 : 1;
    for (std::size_t i = first; i < words.size(); ++i) {
        std::printf("%s%s", i == first ? "" : " ", words[i].c_str());
    }
    if (!no_newline) {
        std::putchar('\n');
    }
    return std::fflush(stdout) == 0 ? 0 : 1;
}

int clear_screen(Shell&, const Words&) {
    std::fputs("\033[H\033[2J", stdout);
    std::fflush(stdout);
    return 0;
}

int list_jobs(Shell& shell, const Words&) {
    shell.jobs().poll();
    shell.jobs().print_all();
    std::fflush(stdout);
    return 0;
}

/// `%3` or `3`; without an argument the newest.
RunningJob* chosen_job(Shell& shell, const Words& words) {
    RunningJob* job = nullptr;
    if (words.size() > 1) {
        job = shell.jobs().find(std::atoi(words[1].c_str() + (words[1][0] == '%' ? 1 : 0)));
    } else {
        job = shell.jobs().newest();
    }
    if (job == nullptr) {
        std::fprintf(stderr, "rush: %s: no such job\n", words[0].c_str());
    }
    return job;
}

/// The status of the job or process asked for; without arguments waits for all.
int wait_for_jobs(Shell& shell, const Words& words) {
    if (words.size() == 1) {
        while (RunningJob* job = shell.jobs().newest()) {
            if (job->state() == RunningJob::State::stopped || !shell.jobs().wait(*job)) {
                break;
            }
            shell.jobs().remove(job->number);
        }
        return 0;
    }
    if (words[1][0] != '%') {
        const pid_t pid = std::atoi(words[1].c_str());
        for (const RunningJob& job : shell.jobs().all()) {
            if (job.last == pid) {
                return wait_for_jobs(shell, {words[0], "%" + std::to_string(job.number)});
            }
        }
        std::fprintf(stderr, "rush: wait: %d is not a child of this shell\n", pid);
        return 127;
    }
    RunningJob* job = chosen_job(shell, words);
    if (job == nullptr) {
        return 127;
    }
    if (!shell.jobs().wait(*job)) {
        return 130;
    }
    const int status = exit_code(job->status);
    shell.jobs().remove(job->number);
    return status;
}

int to_foreground(Shell& shell, const Words& words) {
    RunningJob* job = chosen_job(shell, words);
    if (job == nullptr) {
        return 1;
    }
    std::fprintf(stderr, "%s\n", job->text.c_str());
    shell.continue_job(*job);
    return shell.wait_in_foreground(*job);
}

int to_background(Shell& shell, const Words& words) {
    RunningJob* job = chosen_job(shell, words);
    if (job == nullptr) {
        return 1;
    }
    shell.continue_job(*job);
    return 0;
}

int run_file(Shell& shell, const Words& words) {
    if (words.size() < 2) {
        std::fputs("rush: source: which file?\n", stderr);
        return 2;
    }
    const int fd = open(words[1].c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail(words[1]);
    }
    std::string text;
    char buffer[4096];
    for (ssize_t count = 0; (count = read(fd, buffer, sizeof buffer)) > 0;) {
        text.append(buffer, static_cast<std::size_t>(count));
    }
    close(fd);
    return shell.run(text);
}

int succeed(Shell&, const Words&) {
    return 0;
}

int not_succeed(Shell&, const Words&) {
    return 1;
}

int help(Shell&, const Words&) {
    std::puts(
        "rush understands  a | b   a && b   a || b   a ; b   a &   < > >> 2> 2>&1   $NAME ${NAME} "
        "$?   * ? [x]");
    std::puts("quoting with '...', \"...\" and \\. Commands of its own:");
    for (std::size_t i = 0; i < builtin_count; ++i) {
        std::printf("  %-8s %s\n", builtins[i].name.data(), builtins[i].summary.data());
    }
    std::fflush(stdout);
    return 0;
}

const Builtin builtins[] = {
    {".", "run the commands of a file in this shell", run_file},
    {":", "do nothing", succeed},
    {"bg", "let a stopped job run on in the background", to_background},
    {"cd", "change the directory; - for the one before", change_directory},
    {"clear", "clear the screen", clear_screen},
    {"echo", "print the arguments; -n without a line end", echo},
    {"exit", "leave the shell with a status", exit_shell},
    {"export", "put variables into the environment", export_variables},
    {"false", "fail", not_succeed},
    {"fg", "bring a job to the foreground", to_foreground},
    {"help", "this list", help},
    {"jobs", "list what runs in the background", list_jobs},
    {"pwd", "print the directory", print_directory},
    {"source", "run the commands of a file in this shell", run_file},
    {"true", "succeed", succeed},
    {"unset", "forget variables", unset_variables},
    {"wait", "wait for background jobs", wait_for_jobs},
};
const std::size_t builtin_count = sizeof builtins / sizeof builtins[0];

}  // namespace

const Builtin* find_builtin(std::string_view name) {
    for (const Builtin& builtin : builtins) {
        if (builtin.name == name) {
            return &builtin;
        }
    }
    return nullptr;
}

}  // namespace rush
