/// All processes and their threads by number, and the walks over groups and sessions that signals
/// need.
#pragma once

#include "kidney/core/lock.hpp"
#include "proc/pid.hpp"
#include "proc/process.hpp"
#include "proc/signal/signal_listener.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::proc {

/// Concurrency: every function needs process_lock. Cost: by number O(processes / 256), anything
/// about a group or a session O(processes).
template <class W>
class ProcessTable {
public:
    using Process = typename W::Process;
    using Thread = typename W::Thread;
    using Processes = ElementList<Process, &ProcessBase<W>::in_table>;

    /// A number that names no process, thread, group or session. Numbers are not used again soon,
    /// so that a stale number names nobody instead of somebody else.
    [[nodiscard]] Pid allocate_pid() noexcept REQUIRES(W::process_lock) {
        constexpr std::int32_t first_after_wrap = 300;
        std::int32_t n = last_.value();
        do {
            n = n + 1 < max_pid ? n + 1 : first_after_wrap;
        } while (is_in_use(Pid(n)));
        last_ = Pid(n);
        return last_;
    }

    /// Takes over the caller's reference.
    void add(Process& p) noexcept REQUIRES(W::process_lock) {
        all_.push_back(p);
        bucket(p.pid).push_front(p);
        ++count_;
    }
    /// `t` has its number, and `process` is the process's.
    void add_thread(Process& p, Thread& t) noexcept REQUIRES(W::process_lock) {
        p.threads.push_back(t);
        if (p.thread == nullptr) {
            p.thread = &t;
        }
        numbers(t.number).push_front(t);
        ++tasks_;
        ++added_;
    }
    /// Takes a thread out of its process.
    void remove_thread(Process& p, Thread& t) noexcept REQUIRES(W::process_lock) {
        numbers(t.number).erase(Numbers::s_iterator_to(t));
        p.threads.erase(Process::Threads::s_iterator_to(t));
        if (p.threads.empty()) {
            p.thread = nullptr;  // a zombie takes the room of one
        } else {
            p.thread = &p.threads.front();
            --tasks_;
        }
    }
    /// exec: the last thread of a process goes on as its first.
    void renumber(Thread& t, Pid number) noexcept REQUIRES(W::process_lock) {
        numbers(t.number).erase(Numbers::s_iterator_to(t));
        t.number = number;
        numbers(number).push_front(t);
    }
    /// Takes a process out of the table and out of its family; gives the table's reference to the
    /// caller. What is looked at from now on knows nobody who may end.
    [[nodiscard]] Ref<Process> remove(Process& p) noexcept REQUIRES(W::process_lock) {
        all_.erase(Processes::s_iterator_to(p));
        bucket(p.pid).erase(Bucket::s_iterator_to(p));
        --count_;
        --tasks_;
        if (p.parent != nullptr) {
            p.parent->children.erase(Process::Children::s_iterator_to(p));
            p.parent = nullptr;
        }
        p.terminal = nullptr;
        p.account->give_back(Holding::processes, 1);
        return Ref<Process>::adopt(&p);
    }

    [[nodiscard]] Process* find(Pid pid) noexcept REQUIRES(W::process_lock) {
        for (Process& p : bucket(pid)) {
            if (p.pid == pid) {
                return &p;
            }
        }
        return nullptr;
    }
    [[nodiscard]] Thread* find_thread(Pid number) noexcept REQUIRES(W::process_lock) {
        for (Thread& t : numbers(number)) {
            if (t.number == number) {
                return &t;
            }
        }
        return nullptr;
    }
    [[nodiscard]] Process* init() noexcept REQUIRES(W::process_lock) { return find(init_pid); }

    [[nodiscard]] bool group_exists(Pid group, Pid session) noexcept REQUIRES(W::process_lock) {
        for (const Process& p : all_) {
            if (p.group == group && p.session == session) {
                return true;
            }
        }
        return false;
    }
    /// A process, a thread, a group or a session has this number: the latter two may outlive the
    /// process that they are called after.
    [[nodiscard]] bool is_in_use(Pid number) noexcept REQUIRES(W::process_lock) {
        if (find(number) != nullptr || find_thread(number) != nullptr) {
            return true;
        }
        for (const Process& p : all_) {
            if (p.group == number || p.session == number) {
                return true;
            }
        }
        return false;
    }

    /// Every process in the order of birth, zombies included.
    [[nodiscard]] Processes& all() noexcept REQUIRES(W::process_lock) { return all_; }
    /// Calls f(Process&) for each of them.
    template <class F>
    void for_each(F&& f) noexcept REQUIRES(W::process_lock) {
        for (Process& p : all_) {
            f(p);
        }
    }
    [[nodiscard]] std::size_t count() const noexcept REQUIRES(W::process_lock) { return count_; }
    /// Threads of processes; a zombie counts as one.
    [[nodiscard]] std::size_t tasks() const noexcept REQUIRES(W::process_lock) { return tasks_; }
    /// Threads there have ever been.
    [[nodiscard]] std::uint64_t added() const noexcept REQUIRES(W::process_lock) { return added_; }
    void add_listener(SignalListener& l) noexcept REQUIRES(W::process_lock) {
        listeners_.push_back(l);
    }
    void remove_listener(SignalListener& l) noexcept REQUIRES(W::process_lock) {
        listeners_.erase(SignalListeners::s_iterator_to(l));
    }
    /// A signal is pending somewhere.
    void tell_listeners(std::uint32_t signal) noexcept REQUIRES(W::process_lock) {
        for (SignalListener& l : listeners_) {
            l.signal_came(signal);
        }
    }
    /// The number most recently given out (the last field of /proc/loadavg).
    [[nodiscard]] Pid last_pid() const noexcept REQUIRES(W::process_lock) { return last_; }

private:
    static constexpr std::size_t buckets = 256;
    using Bucket = ElementList<Process, &ProcessBase<W>::in_bucket>;
    using Numbers = ElementList<Thread, &UserThread::in_numbers>;

    [[nodiscard]] Bucket& bucket(Pid pid) noexcept { return by_pid_[pid.word() % buckets]; }
    [[nodiscard]] Numbers& numbers(Pid number) noexcept {
        return by_number_[number.word() % buckets];
    }

    Processes all_;
    SignalListeners listeners_;
    std::array<Bucket, buckets> by_pid_;
    std::array<Numbers, buckets> by_number_;
    std::size_t count_ = 0, tasks_ = 0;
    std::uint64_t added_ = 0;
    Pid last_{0};
};

}  // namespace kidney::proc
