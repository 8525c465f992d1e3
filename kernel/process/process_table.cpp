#include "kernel/process/process_table.hpp"

#include "kernel/boot_object.hpp"

namespace kidney::kernel {

constinit ProcessLock process_lock;
namespace {
constinit BootObject<ProcessTable> process_table;
}  // namespace

void create_process_table() noexcept {
    process_table.create();
}
bool has_process_table() noexcept {
    return process_table.is_created();
}
ProcessTable& processes() noexcept {
    return process_table.get();
}

bool ProcessTable::is_in_use(Pid pid) noexcept {
    if (find(pid) != nullptr) {
        return true;
    }
    // The number may still name a group or a session whose first member is gone.
    for (const Process& p : all_) {
        if (p.group == pid || p.session == pid) {
            return true;
        }
    }
    return false;
}

Pid ProcessTable::allocate_pid() noexcept {
    // Numbers are not used again soon, so that a stale number names nobody instead of somebody
    // else.
    constexpr std::int32_t first_after_wrap = 300;
    std::int32_t n = last_.value();
    do {
        n = n + 1 < max_pid ? n + 1 : first_after_wrap;
    } while (is_in_use(Pid(n)));
    last_ = Pid(n);
    return last_;
}

void ProcessTable::add(Process& p) noexcept {
    all_.push_back(p);
    bucket(p.pid).push_front(p);
    ++count_;
    ++added_;
}

Ref<Process> ProcessTable::remove(Process& p) noexcept {
    all_.erase(all_.iterator_to(p));
    bucket(p.pid).erase(Bucket::s_iterator_to(p));
    --count_;
    if (p.parent != nullptr) {
        p.parent->children.erase(p.parent->children.iterator_to(p));
        p.parent = nullptr;
    }
    p.terminal = nullptr;
    p.account->give_back(Holding::processes, 1);
    return Ref<Process>::adopt(&p);
}

Process* ProcessTable::find(Pid pid) noexcept {
    for (Process& p : bucket(pid)) {
        if (p.pid == pid) {
            return &p;
        }
    }
    return nullptr;
}

bool ProcessTable::group_exists(Pid group, Pid session) noexcept {
    for (const Process& p : all_) {
        if (p.group == group && p.session == session) {
            return true;
        }
    }
    return false;
}

}  // namespace kidney::kernel
