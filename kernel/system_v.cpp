#include "kernel/system_v.hpp"

#include "kernel/process/wall_clock.hpp"
#include "kernel/storage/mounts.hpp"
#include "kidney/core/format.hpp"
#include "kidney/core/text.hpp"

namespace kidney::kernel {
namespace {

constinit BootObject<fs::TmpfsBudget> ipc_budget;
constinit BootObject<IpcHeap> ipc_heap;
constinit BootObject<Semaphores> semaphore_sets;
constinit BootObject<MessageQueues> all_message_queues;
constinit BootObject<SharedMemory> segments;

/// Key, number and mode, as all three files begin a line.
void write_start(const ipc::Permission& p, std::int32_t id, std::uint32_t mode_bits,
                 fs::TextOutput& out) noexcept {
    const std::uint32_t mode = p.mode | mode_bits;
    TextBuffer<8> octal;
    for (int shift = 9; shift >= 0; shift -= 3) {
        const std::uint32_t digit = mode >> shift;
        if (digit != 0 || shift == 0) {
            format_to(octal, "{}", digit & 7U);
        }
    }
    format_to(out, "{:10} {:10}  {:4} ", p.key, id, octal.view());
}
void write_owners(const ipc::Permission& p, fs::TextOutput& out) noexcept {
    format_to(out, "{:5} {:5} {:5} {:5} ", p.uid, p.gid, p.creator_uid, p.creator_gid);
}

}  // namespace

Result<Ref<mm::PageSource>> NamelessPages::operator()(std::uint32_t pages) noexcept {
    const Ref<fs::Vnode> file = TRY(create_counted_file({.permissions = fs::Permissions(0600)},
                                                        std::uint64_t{pages} << page_shift));
    return file->pages();
}

void start_system_v() noexcept {
    const std::size_t total = frames().total_frames();
    IpcHeap& objects = ipc_heap.create(heap(), &ipc_budget.create((total / 16) << page_shift));
    semaphore_sets.create(objects);
    all_message_queues.create(objects);
    segments.create(objects, NamelessPages{}, static_cast<std::uint32_t>(total));
}

Semaphores& semaphores() noexcept {
    return semaphore_sets.get();
}
MessageQueues& message_queues() noexcept {
    return all_message_queues.get();
}
SharedMemory& shared_memory() noexcept {
    return segments.get();
}

IpcCaller::IpcCaller(const Process& self) noexcept
    : who_(self.who()),
      caller_{.pid = self.pid.value(),
              .uid = who_->user.effective,
              .gid = who_->group.effective,
              .groups = who_->groups(),
              .is_privileged = who_->is_privileged(),
              .now = wall_clock().count() / 1'000'000'000} {}

void give_up_semaphores(Process& self) noexcept {
    if (self.undoes_semaphores) {
        self.undoes_semaphores = false;
        semaphores().process_gone(IpcCaller(self));
    }
}

void write_semaphores(void*, fs::TextOutput& out) noexcept {
    out.write(
        "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
    const IpcCaller caller(current_process());
    for (std::uint32_t n = 0; n < Semaphores::capacity; ++n) {
        if (const auto f = semaphores().facts_at(n, caller, false)) {
            write_start(f->permission, f->id, 0, out);
            format_to(out, "{:10} ", f->count);
            write_owners(f->permission, out);
            format_to(out, "{:10} {:10}\n", f->operated, f->changed);
        }
    }
}

void write_message_queues(void*, fs::TextOutput& out) noexcept {
    out.write(
        "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  "
        "cgid      stime      rtime      ctime\n");
    const IpcCaller caller(current_process());
    for (std::uint32_t n = 0; n < MessageQueues::capacity; ++n) {
        if (const auto f = message_queues().facts_at(n, caller, false)) {
            write_start(f->permission, f->id, 0, out);
            format_to(out, " {:10} {:10} {:5} {:5} ", f->bytes, f->messages, f->last_sender,
                      f->last_receiver);
            write_owners(f->permission, out);
            format_to(out, "{:10} {:10} {:10}\n", f->sent, f->received, f->changed);
        }
    }
}

void write_shared_memory(void*, fs::TextOutput& out) noexcept {
    out.write(
        "       key      shmid perms       size  cpid  lpid nattch   uid   gid  cuid  cgid      "
        "atime      dtime      ctime        rss       swap\n");
    const IpcCaller caller(current_process());
    for (std::uint32_t n = 0; n < SharedMemory::capacity; ++n) {
        if (const auto f = shared_memory().facts_at(n, caller, false)) {
            constexpr std::uint32_t removed = 01000, locked = 02000;
            write_start(f->permission, f->id,
                        (f->is_removed ? removed : 0) | (f->is_locked ? locked : 0), out);
            format_to(out, "{:10} {:5} {:5}  {:5} ", f->size, f->creator, f->last, f->mappings);
            write_owners(f->permission, out);
            format_to(out, "{:10} {:10} {:10} {:10} {:10}\n", f->attached, f->detached, f->changed,
                      0U, 0U);
        }
    }
}

}  // namespace kidney::kernel
