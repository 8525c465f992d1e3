#include "user/rush/jobs.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/wait.h>

namespace rush {

RunningJob& JobTable::add(pid_t group, std::vector<pid_t> pids, std::string text) {
    const int number = jobs_.empty() ? 1 : jobs_.back().number + 1;
    const pid_t last = pids.back();
    jobs_.push_back({number, group, std::move(pids), last, 0, false, std::move(text)});
    return jobs_.back();
}

RunningJob* JobTable::find(int number) {
    const auto at = std::find_if(jobs_.begin(), jobs_.end(),
                                 [=](const auto& job) { return job.number == number; });
    return at == jobs_.end() ? nullptr : &*at;
}

RunningJob* JobTable::newest() {
    for (auto at = jobs_.rbegin(); at != jobs_.rend(); ++at) {
        if (at->state() != RunningJob::State::done) {
            return &*at;
        }
    }
    return nullptr;
}

void JobTable::note(pid_t pid, int status) {
    for (RunningJob& job : jobs_) {
        const auto at = std::find(job.living.begin(), job.living.end(), pid);
        if (at == job.living.end()) {
            continue;
        }
        job.stopped = WIFSTOPPED(status);
        if (pid == job.last) {
            job.status = status;
        }
        if (!WIFSTOPPED(status)) {
            job.living.erase(at);
        }
        return;
    }
}

bool JobTable::wait(RunningJob& job) {
    while (job.state() == RunningJob::State::running) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, WUNTRACED);
        if (pid > 0) {
            note(pid, status);
        } else if (errno == EINTR) {
            return false;
        } else {
            job.living.clear();  // ECHILD: somebody else has reaped them
        }
    }
    return true;
}

void JobTable::poll() {
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
        note(pid, status);
    }
}

void JobTable::remove(int number) {
    std::erase_if(jobs_, [=](const auto& job) { return job.number == number; });
}

void JobTable::report_done() {
    for (const RunningJob& job : jobs_) {
        if (job.state() == RunningJob::State::done) {
            std::fprintf(stderr, "[%d] Done       %s\n", job.number, job.text.c_str());
        }
    }
    std::erase_if(jobs_, [](const auto& job) { return job.state() == RunningJob::State::done; });
}

void JobTable::print_all() const {
    for (const RunningJob& job : jobs_) {
        const char* state = job.state() == RunningJob::State::running   ? "Running"
                            : job.state() == RunningJob::State::stopped ? "Stopped"
                                                                        : "Done";
        std::printf("[%d] %-10s %s\n", job.number, state, job.text.c_str());
    }
}

int exit_code(int wait_status) {
    if (WIFSIGNALED(wait_status)) {
        return 128 + WTERMSIG(wait_status);
    }
    return WIFSTOPPED(wait_status) ? 128 + WSTOPSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace rush
