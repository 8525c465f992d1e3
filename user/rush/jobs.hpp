#pragma once
/// What the shell has started and not yet seen the end of. On a terminal each job is a process
/// group, so that Ctrl-C and Ctrl-Z reach it and nothing else; in a script all stay in the shell's
/// group.

#include <string>
#include <sys/types.h>
#include <vector>

namespace rush {

struct RunningJob {
    enum class State { running, stopped, done };

    int number;
    pid_t group;                // process group on a terminal, else 0
    std::vector<pid_t> living;  // not yet reaped
    pid_t last;                 // its status is the job's
    int status = 0;             // as wait4 gives it, of `last`
    bool stopped = false;
    std::string text;

    State state() const {
        return living.empty() ? State::done : stopped ? State::stopped : State::running;
    }
};

class JobTable {
public:
    RunningJob& add(pid_t group, std::vector<pid_t> pids, std::string text);
    RunningJob* find(int number);
    /// The newest job that has not ended.
    RunningJob* newest();

    /// Waits until the job has ended or stopped. False if a signal interrupted the wait.
    bool wait(RunningJob& job);
    /// Takes note of what has ended or stopped meanwhile, without waiting.
    void poll();
    /// Forgets a job that has ended.
    void remove(int number);
    /// Prints and forgets the background jobs that have ended.
    void report_done();
    void print_all() const;
    /// Of a forked child: these are the parent's jobs.
    void clear() { jobs_.clear(); }
    const std::vector<RunningJob>& all() const { return jobs_; }

private:
    void note(pid_t pid, int status);

    std::vector<RunningJob> jobs_;
};

/// What `$?` shows for a status of wait4.
int exit_code(int wait_status);

}  // namespace rush
