/// System V IPC: semaphores, message queues, shared memory; between processes and users.
#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

union SemaphoreArgument {
    int value;
    semid_ds* set;
    unsigned short* values;
};

int control(int id, int number, int command, SemaphoreArgument argument = {}) {
    return semctl(id, number, command, argument);
}

/// Objects that go with the case.
struct Set {
    int id;
    explicit Set(int count, int flags = 0600) : id(semget(IPC_PRIVATE, count, flags)) {
        EXPECT(id >= 0);
    }
    ~Set() { control(id, 0, IPC_RMID); }
};
struct Messages {
    int id;
    explicit Messages(int flags = 0600) : id(msgget(IPC_PRIVATE, flags)) { EXPECT(id >= 0); }
    ~Messages() { msgctl(id, IPC_RMID, nullptr); }
};
struct Segment {
    int id;
    explicit Segment(size_t size, int flags = 0600) : id(shmget(IPC_PRIVATE, size, flags)) {
        EXPECT(id >= 0);
    }
    ~Segment() { shmctl(id, IPC_RMID, nullptr); }
};

int operate(int id, unsigned short number, short change, short flags = 0) {
    sembuf operation{number, change, flags};
    return semop(id, &operation, 1);
}

struct Text {
    long type;
    char text[64];
};
int send(int id, long type, const char* text, int flags = IPC_NOWAIT) {
    Text message{type, {}};
    std::strncpy(message.text, text, sizeof message.text);
    return msgsnd(id, &message, std::strlen(text), flags);
}
/// The type of the message, whose text must be this one; -1: none.
long receive(int id, long type, const char* text, int flags = IPC_NOWAIT) {
    Text message{};
    const ssize_t size = msgrcv(id, &message, sizeof message.text, type, flags);
    if (size < 0) {
        return -1;
    }
    EXPECT_EQ(size, std::strlen(text));
    EXPECT_EQ(std::memcmp(message.text, text, std::strlen(text)), 0);
    return message.type;
}

/// f() in a child that ends so.
template <class F>
void in_child(F f, int expected = 0) {
    const int status = check::status_of_child(f);
    EXPECT_EQ(status, expected);
}

void become(uid_t user) {
    EXPECT_EQ(setgid(user), 0);
    EXPECT_EQ(setuid(user), 0);
}
/// f() as another user.
template <class F>
void as_user(F f) {
    in_child([&] {
        become(1234);
        f();
    });
}

volatile sig_atomic_t caught = 0;
void catch_signal(int) {
    caught = caught + 1;
}

}  // namespace

CHECK_CASE(keys_find_what_others_made) {
    const key_t key = 0x4b490000 + (getpid() & 0xffff);
    EXPECT_ERRNO(semget(key, 1, 0600), ENOENT);
    const int set = semget(key, 3, IPC_CREAT | IPC_EXCL | 0640);
    EXPECT(set >= 0);
    EXPECT_EQ(semget(key, 0, 0), set);
    EXPECT_EQ(semget(key, 3, IPC_CREAT | 0600), set);
    EXPECT_ERRNO(semget(key, 4, 0600), EINVAL);
    EXPECT_ERRNO(semget(key, 3, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    EXPECT_ERRNO(semget(IPC_PRIVATE, 0, 0600), EINVAL);
    EXPECT_ERRNO(semget(IPC_PRIVATE, -1, 0600), EINVAL);
    EXPECT_EQ(control(set, 0, IPC_RMID), 0);
    EXPECT_ERRNO(control(set, 0, IPC_RMID), EINVAL);
    EXPECT_ERRNO(semget(key, 1, 0600), ENOENT);

    const int queue = msgget(key, IPC_CREAT | 0600);
    EXPECT_EQ(msgget(key, 0600), queue);
    EXPECT_ERRNO(msgget(key, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    EXPECT_EQ(msgctl(queue, IPC_RMID, nullptr), 0);
    EXPECT_ERRNO(msgget(key, 0600), ENOENT);

    const int segment = shmget(key, 5000, IPC_CREAT | 0600);
    EXPECT_EQ(shmget(key, 5000, 0600), segment);
    EXPECT_EQ(shmget(key, 0, 0600), segment);
    EXPECT_ERRNO(shmget(key, 5001, 0600), EINVAL);
    as_user([&] {
        EXPECT_ERRNO(shmget(key, 5000, 0600), EACCES);
        EXPECT_ERRNO(shmget(key, 5001, 0600), EINVAL);  // looked at first
    });
    EXPECT_ERRNO(shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    EXPECT_EQ(shmctl(segment, IPC_RMID, nullptr), 0);
    EXPECT_ERRNO(shmget(key, 5000, 0600), ENOENT);
    EXPECT_ERRNO(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
}

CHECK_CASE(an_old_number_names_nothing) {
    const int old = semget(IPC_PRIVATE, 1, 0600);
    EXPECT_EQ(control(old, 0, IPC_RMID), 0);
    const Set next(1);
    EXPECT(next.id != old);
    EXPECT_ERRNO(operate(old, 0, 1), EINVAL);
    EXPECT_ERRNO(operate(-1, 0, 1), EINVAL);
}

CHECK_CASE(operations_happen_together_or_not_at_all) {
    const Set set(2);
    EXPECT_EQ(control(set.id, 0, SETVAL, {5}), 0);
    sembuf both[] = {{0, -3, IPC_NOWAIT}, {1, -1, IPC_NOWAIT}};
    EXPECT_ERRNO(semop(set.id, both, 2), EAGAIN);
    EXPECT_EQ(control(set.id, 0, GETVAL), 5);
    both[1].sem_op = 4;
    EXPECT_EQ(semop(set.id, both, 2), 0);
    EXPECT_EQ(control(set.id, 0, GETVAL), 2);
    EXPECT_EQ(control(set.id, 1, GETVAL), 4);
    EXPECT_EQ(control(set.id, 1, GETPID), getpid());
    sembuf twice[] = {{0, -2, IPC_NOWAIT}, {0, 0, IPC_NOWAIT}, {0, 1, 0}};
    EXPECT_EQ(semop(set.id, twice, 3), 0);
    EXPECT_EQ(control(set.id, 0, GETVAL), 1);
    EXPECT_ERRNO(operate(set.id, 0, 0, IPC_NOWAIT), EAGAIN);
    EXPECT_ERRNO(operate(set.id, 0, 32767), ERANGE);
    EXPECT_ERRNO(operate(set.id, 2, 1), EFBIG);
    EXPECT_ERRNO(semop(set.id, twice, 0), EINVAL);
    EXPECT_ERRNO(semop(set.id, twice, 501), E2BIG);
    EXPECT_ERRNO(semop(set.id, nullptr, 1), EFAULT);
}

CHECK_CASE(values_are_set_and_told) {
    const Set set(3);
    unsigned short values[3] = {7, 0, 32767};
    SemaphoreArgument argument{};
    argument.values = values;
    EXPECT_EQ(control(set.id, 0, SETALL, argument), 0);
    unsigned short again[3] = {};
    argument.values = again;
    EXPECT_EQ(control(set.id, 0, GETALL, argument), 0);
    EXPECT_EQ(std::memcmp(values, again, sizeof values), 0);
    EXPECT_ERRNO(control(set.id, 0, SETVAL, {32768}), ERANGE);
    EXPECT_ERRNO(control(set.id, 0, SETVAL, {-1}), ERANGE);
    EXPECT_ERRNO(control(set.id, 3, GETVAL), EINVAL);
    EXPECT_ERRNO(control(set.id, 0, 99), EINVAL);
    semid_ds facts{};
    argument.set = &facts;
    EXPECT_EQ(control(set.id, 0, IPC_STAT, argument), 0);
    EXPECT_EQ(facts.sem_nsems, 3);
    EXPECT_EQ(facts.sem_perm.mode, 0600);
    EXPECT_EQ(facts.sem_otime, 0);
    EXPECT(facts.sem_ctime > 0);
    facts.sem_perm.mode = 0660;
    EXPECT_EQ(control(set.id, 0, IPC_SET, argument), 0);
    std::memset(&facts, 0, sizeof facts);
    EXPECT_EQ(control(set.id, 0, IPC_STAT, argument), 0);
    EXPECT_EQ(facts.sem_perm.mode, 0660);
    argument.values = nullptr;
    EXPECT_ERRNO(control(set.id, 0, GETALL, argument), EFAULT);
}

CHECK_CASE(who_cannot_go_on_waits) {
    const Set set(1);
    const pid_t taker = check::fork_or_fail();
    if (taker == 0) {
        _exit(operate(set.id, 0, -2) == 0 ? 0 : 1);
    }
    check::wait_until_asleep(taker);
    EXPECT_EQ(control(set.id, 0, GETNCNT), 1);
    EXPECT_EQ(operate(set.id, 0, 1), 0);
    check::wait_until_asleep(taker);
    EXPECT_EQ(operate(set.id, 0, 1), 0);
    EXPECT_EQ(check::wait_status(taker), 0);
    EXPECT_EQ(control(set.id, 0, GETNCNT), 0);
    EXPECT_EQ(control(set.id, 0, GETVAL), 0);
    EXPECT_EQ(operate(set.id, 0, 1), 0);
    const pid_t waiter = check::fork_or_fail();
    if (waiter == 0) {
        _exit(operate(set.id, 0, 0) == 0 ? 0 : 1);
    }
    check::wait_until_asleep(waiter);
    EXPECT_EQ(control(set.id, 0, GETZCNT), 1);
    EXPECT_EQ(operate(set.id, 0, -1), 0);
    EXPECT_EQ(check::wait_status(waiter), 0);
}

CHECK_CASE(waiting_ends_with_time_signals_and_removal) {
    const Set set(1);
    sembuf take{0, -1, 0};
    const timespec soon{0, 1'000'000};
    EXPECT_ERRNO(semtimedop(set.id, &take, 1, &soon), EAGAIN);
    const timespec bad{0, 1'000'000'000};
    EXPECT_ERRNO(semtimedop(set.id, &take, 1, &bad), EINVAL);
    const pid_t hit = check::fork_or_fail();
    if (hit == 0) {
        struct sigaction action{};
        action.sa_handler = catch_signal;
        action.sa_flags = SA_RESTART;  // makes no difference to semop
        sigaction(SIGUSR1, &action, nullptr);
        _exit(operate(set.id, 0, -1) == -1 && errno == EINTR && caught == 1 ? 0 : 1);
    }
    check::wait_until_asleep(hit);
    kill(hit, SIGUSR1);
    EXPECT_EQ(check::wait_status(hit), 0);
    EXPECT_EQ(control(set.id, 0, GETNCNT), 0);
    const int gone = semget(IPC_PRIVATE, 1, 0600);
    const pid_t left = check::fork_or_fail();
    if (left == 0) {
        _exit(operate(gone, 0, -1) == -1 && errno == EIDRM ? 0 : 1);
    }
    check::wait_until_asleep(left);
    EXPECT_EQ(control(gone, 0, IPC_RMID), 0);
    EXPECT_EQ(check::wait_status(left), 0);
}

CHECK_CASE(the_end_of_a_process_undoes_what_it_did) {
    const Set set(2);
    EXPECT_EQ(control(set.id, 0, SETVAL, {10}), 0);
    in_child(
        [&] {
            EXPECT_EQ(operate(set.id, 0, -4, SEM_UNDO), 0);
            EXPECT_EQ(operate(set.id, 0, 1, SEM_UNDO), 0);
            EXPECT_EQ(operate(set.id, 1, 3, SEM_UNDO), 0);
            EXPECT_EQ(operate(set.id, 1, 1), 0);
            EXPECT_EQ(check::status_of_child([] {}), 0);  // it has nothing to undo
            EXPECT_EQ(control(set.id, 0, GETVAL), 7);
            kill(getpid(), SIGKILL);
        },
        SIGKILL);
    EXPECT_EQ(control(set.id, 0, GETVAL), 10);
    EXPECT_EQ(control(set.id, 1, GETVAL), 1);
    in_child([&] {
        EXPECT_EQ(operate(set.id, 0, -4, SEM_UNDO), 0);
        EXPECT_EQ(control(set.id, 0, SETVAL, {2}), 0);  // nothing left to undo
    });
    EXPECT_EQ(control(set.id, 0, GETVAL), 2);
    const pid_t waiter = check::fork_or_fail();
    if (waiter == 0) {
        _exit(operate(set.id, 0, -3) == 0 ? 0 : 1);
    }
    check::wait_until_asleep(waiter);
    in_child([&] {
        EXPECT_EQ(operate(set.id, 0, -2, SEM_UNDO), 0);
        EXPECT_EQ(operate(set.id, 1, -1), 0);
    });
    EXPECT_EQ(operate(set.id, 0, 1), 0);
    EXPECT_EQ(check::wait_status(waiter), 0);
}

CHECK_CASE(other_users_have_the_rights_of_the_mode) {
    const Set set(1, 0604);
    const Messages queue(0602);
    const Segment segment(4096, 0604);
    as_user([&] {
        EXPECT_EQ(control(set.id, 0, GETVAL), 0);
        EXPECT_EQ(operate(set.id, 0, 0), 0);
        EXPECT_ERRNO(operate(set.id, 0, 1), EACCES);
        EXPECT_ERRNO(control(set.id, 0, SETVAL, {1}), EACCES);
        EXPECT_ERRNO(control(set.id, 0, IPC_RMID), EPERM);
        EXPECT_EQ(send(queue.id, 1, "in"), 0);
        EXPECT_ERRNO(receive(queue.id, 0, ""), EACCES);
        msqid_ds facts{};
        EXPECT_ERRNO(msgctl(queue.id, IPC_STAT, &facts), EACCES);
        EXPECT_ERRNO(msgctl(queue.id, IPC_RMID, nullptr), EPERM);
        EXPECT_EQ(reinterpret_cast<long>(shmat(segment.id, nullptr, 0)), -1);
        EXPECT_EQ(errno, EACCES);
        EXPECT(shmat(segment.id, nullptr, SHM_RDONLY) != reinterpret_cast<void*>(-1));
        EXPECT_ERRNO(shmctl(segment.id, IPC_RMID, nullptr), EPERM);
    });
    EXPECT_EQ(receive(queue.id, 0, "in"), 1);
}

CHECK_CASE(messages_are_chosen_by_type) {
    const Messages queue;
    EXPECT_EQ(send(queue.id, 3, "three"), 0);
    EXPECT_EQ(send(queue.id, 1, "one"), 0);
    EXPECT_EQ(send(queue.id, 2, "two"), 0);
    EXPECT_EQ(send(queue.id, 1, "again"), 0);
    EXPECT_ERRNO(receive(queue.id, 7, ""), ENOMSG);
    EXPECT_EQ(receive(queue.id, 2, "two"), 2);
    EXPECT_EQ(receive(queue.id, 3, "one", IPC_NOWAIT | MSG_EXCEPT), 1);
    EXPECT_EQ(receive(queue.id, -2, "again"), 1);
    EXPECT_ERRNO(receive(queue.id, -2, ""), ENOMSG);
    EXPECT_EQ(receive(queue.id, 0, "three"), 3);
    EXPECT_EQ(send(queue.id, 2, ""), 0);
    EXPECT_EQ(receive(queue.id, 0, ""), 2);
    EXPECT_ERRNO(send(queue.id, 0, "x"), EINVAL);
    EXPECT_ERRNO(send(queue.id, -1, "x"), EINVAL);
}

CHECK_CASE(long_messages_are_refused_or_cut) {
    const Messages queue;
    static char big[9000];
    big[0] = 1;
    EXPECT_ERRNO(msgsnd(queue.id, big, 8193, IPC_NOWAIT), EINVAL);
    EXPECT_EQ(send(queue.id, 1, "abcdef"), 0);
    Text message{};
    EXPECT_ERRNO(msgrcv(queue.id, &message, 3, 0, IPC_NOWAIT), E2BIG);
    EXPECT_EQ(msgrcv(queue.id, &message, 3, 0, IPC_NOWAIT | MSG_NOERROR), 3);
    EXPECT_EQ(std::memcmp(message.text, "abc\0", 4), 0);
    EXPECT_ERRNO(msgrcv(queue.id, &message, 3, 0, IPC_NOWAIT), ENOMSG);
}

CHECK_CASE(a_full_queue_makes_senders_wait) {
    const Messages queue;
    msqid_ds facts{};
    EXPECT_EQ(msgctl(queue.id, IPC_STAT, &facts), 0);
    EXPECT_EQ(facts.msg_qbytes, 16384);
    facts.msg_qbytes = 10;
    EXPECT_EQ(msgctl(queue.id, IPC_SET, &facts), 0);
    EXPECT_EQ(send(queue.id, 1, "123456"), 0);
    EXPECT_ERRNO(send(queue.id, 1, "12345"), EAGAIN);
    const pid_t sender = check::fork_or_fail();
    if (sender == 0) {
        _exit(send(queue.id, 2, "12345", 0) == 0 ? 0 : 1);
    }
    check::wait_until_asleep(sender);
    EXPECT_EQ(receive(queue.id, 0, "123456"), 1);
    EXPECT_EQ(check::wait_status(sender), 0);
    EXPECT_EQ(msgctl(queue.id, IPC_STAT, &facts), 0);
    EXPECT_EQ(facts.msg_qnum, 1);
    EXPECT_EQ(facts.msg_lspid, sender);
    EXPECT_EQ(facts.msg_lrpid, getpid());
    const pid_t receiver = check::fork_or_fail();
    if (receiver == 0) {
        EXPECT_EQ(receive(queue.id, 5, "late", 0), 5);
        _exit(receive(queue.id, 6, "", 0) == -1 && errno == EIDRM ? 0 : 1);
    }
    check::wait_until_asleep(receiver);
    EXPECT_EQ(send(queue.id, 5, "late", 0), 0);
    for (bool taken = false; !taken;) {
        EXPECT_EQ(msgctl(queue.id, IPC_STAT, &facts), 0);
        taken = facts.msg_lrpid == receiver;
    }
    check::wait_until_asleep(receiver);
    EXPECT_EQ(msgctl(queue.id, IPC_RMID, nullptr), 0);
    EXPECT_EQ(check::wait_status(receiver), 0);
}

CHECK_CASE(segments_are_shared) {
    const Segment segment(5000);
    auto* const here = static_cast<char*>(shmat(segment.id, nullptr, 0));
    EXPECT(here != reinterpret_cast<char*>(-1));
    EXPECT_EQ(here[4999], 0);
    here[0] = 'p';
    in_child([&] {
        EXPECT_EQ(here[0], 'p');  // inherited
        auto* const there = static_cast<char*>(shmat(segment.id, nullptr, 0));
        there[4999] = 'c';
        shmid_ds facts{};
        EXPECT_EQ(shmctl(segment.id, IPC_STAT, &facts), 0);
        EXPECT_EQ(facts.shm_nattch, 3);
        EXPECT_EQ(facts.shm_lpid, getpid());
        EXPECT_EQ(shmdt(there), 0);
        EXPECT_ERRNO(shmdt(there), EINVAL);
    });
    EXPECT_EQ(here[4999], 'c');
    shmid_ds facts{};
    EXPECT_EQ(shmctl(segment.id, IPC_STAT, &facts), 0);
    EXPECT_EQ(facts.shm_nattch, 1);
    EXPECT_EQ(facts.shm_segsz, 5000);
    EXPECT_EQ(facts.shm_cpid, getpid());
    EXPECT(facts.shm_atime > 0 && facts.shm_ctime > 0);
    EXPECT_EQ(shmdt(here), 0);
    EXPECT_EQ(shmctl(segment.id, IPC_STAT, &facts), 0);
    EXPECT_EQ(facts.shm_nattch, 0);
    EXPECT(facts.shm_dtime > 0);
}

CHECK_CASE(a_removed_segment_stays_while_it_is_attached) {
    const key_t key = 0x4b4a0000 + (getpid() & 0xffff);
    const int id = shmget(key, 4096, IPC_CREAT | 0600);
    EXPECT(id >= 0);
    auto* const here = static_cast<char*>(shmat(id, nullptr, 0));
    here[1] = 'x';
    EXPECT_EQ(shmctl(id, IPC_RMID, nullptr), 0);
    EXPECT_ERRNO(shmget(key, 4096, 0600), ENOENT);
    shmid_ds facts{};
    EXPECT_EQ(shmctl(id, IPC_STAT, &facts), 0);
    EXPECT_EQ(facts.shm_perm.mode & SHM_DEST, SHM_DEST);
    EXPECT_EQ(here[1], 'x');
    EXPECT_EQ(shmdt(here), 0);
    EXPECT_ERRNO(shmctl(id, IPC_STAT, &facts), EINVAL);
}

CHECK_CASE(segments_come_where_and_how_they_are_wanted) {
    const Segment segment(8192);
    void* const failed = reinterpret_cast<void*>(-1);
    auto* const place =
        static_cast<char*>(mmap(nullptr, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT(shmat(segment.id, place, 0) == failed);
    EXPECT_EQ(errno, EINVAL);
    EXPECT(shmat(segment.id, place, SHM_REMAP) == place);
    place[8191] = 'x';
    EXPECT_EQ(shmdt(place), 0);
    EXPECT_EQ(munmap(place, 16384), 0);
    EXPECT(shmat(segment.id, place + 100, 0) == failed);
    EXPECT_EQ(errno, EINVAL);
    EXPECT(shmat(segment.id, place + 100, SHM_RND) == place);
    EXPECT_EQ(place[8191], 'x');
    EXPECT_ERRNO(shmdt(place + 4096), EINVAL);
    EXPECT_EQ(shmdt(place), 0);
    auto* const reader = static_cast<char*>(shmat(segment.id, nullptr, SHM_RDONLY));
    EXPECT_EQ(reader[8191], 'x');
    EXPECT_ERRNO(mprotect(reader, 4096, PROT_READ | PROT_WRITE), EACCES);
    const int status = check::status_of_child([&] { *const_cast<volatile char*>(reader) = 'y'; });
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGSEGV);
    auto* const parts = static_cast<char*>(shmat(segment.id, nullptr, 0));
    EXPECT_EQ(mprotect(parts, 4096, PROT_READ), 0);
    EXPECT_EQ(shmdt(parts), 0);
    shmid_ds facts{};
    EXPECT_EQ(shmctl(segment.id, IPC_STAT, &facts), 0);
    EXPECT_EQ(facts.shm_nattch, 1);
}

CHECK_CASE(maps_tell_segments) {
    const key_t key = 0x4b4b0000 + (getpid() & 0xffff);
    const int id = shmget(key, 4096, IPC_CREAT | 0600);
    void* const here = shmat(id, nullptr, SHM_RDONLY);
    char wanted[96];
    const auto is_told = [&](const char* path) {
        std::FILE* const file = std::fopen(path, "r");
        EXPECT(file != nullptr);
        char line[256];
        bool found = false;
        while (std::fgets(line, sizeof line, file) != nullptr) {
            found |= std::strcmp(line, wanted) == 0;
        }
        EXPECT_EQ(std::fclose(file), 0);
        return found;
    };
    const auto at = reinterpret_cast<std::uintptr_t>(here);
    char front[64];
    std::snprintf(front, sizeof front, "%08x-%08x r--s 00000000 00:01 %d", at, at + 4096, id);
    std::snprintf(wanted, sizeof wanted, "%-48s /SYSV%08x (deleted)\n", front, key);
    EXPECT(is_told("/proc/self/maps"));
    EXPECT(is_told("/proc/self/smaps"));
    // The key is free again, but the name stays.
    EXPECT_EQ(shmctl(id, IPC_RMID, nullptr), 0);
    EXPECT(is_told("/proc/self/maps"));
    EXPECT_EQ(shmdt(here), 0);
    EXPECT(!is_told("/proc/self/maps"));
}

CHECK_CASE(exit_and_exec_detach) {
    const Segment segment(4096);
    shmid_ds facts{};
    in_child([&] {
        EXPECT(shmat(segment.id, nullptr, 0) != reinterpret_cast<void*>(-1));
        EXPECT(shmat(segment.id, nullptr, SHM_RDONLY) != reinterpret_cast<void*>(-1));
        _exit(0);
    });
    EXPECT_EQ(shmctl(segment.id, IPC_STAT, &facts), 0);
    EXPECT_EQ(facts.shm_nattch, 0);
}

CHECK_CASE(proc_lists_them) {
    const Set set(3, 0640);
    const Segment segment(12345, 0600);
    const auto find = [](const char* path, int id, const char* what) {
        std::FILE* const file = std::fopen(path, "r");
        EXPECT(file != nullptr);
        char line[256];
        bool found = false;
        while (std::fgets(line, sizeof line, file) != nullptr) {
            int key = 0;
            int listed = 0;
            if (std::sscanf(line, "%d %d", &key, &listed) == 2 && listed == id) {
                found = std::strstr(line, what) != nullptr;
            }
        }
        std::fclose(file);
        return found;
    };
    EXPECT(
        find("/proc/sysvipc/sem", set.id, "   640          3     0     0     0     0          0 "));
    EXPECT(find("/proc/sysvipc/shm", segment.id, "   600      12345 "));
    EXPECT(!find("/proc/sysvipc/msg", 1 << 30, ""));
}

CHECK_CASE(the_direct_calls_do_the_same) {
    const int id = static_cast<int>(syscall(393, IPC_PRIVATE, 1, 0600));  // semget
    EXPECT(id >= 0);
    sembuf give{0, 2, 0};
    EXPECT_EQ(syscall(420, id, &give, 1, nullptr), 0);  // semtimedop_time64
    EXPECT_EQ(syscall(394, id, 0, GETVAL, 0), 2);       // semctl
    EXPECT_EQ(control(id, 0, GETVAL), 2);
    EXPECT_EQ(syscall(394, id, 0, IPC_RMID, 0), 0);
    const int queue = static_cast<int>(syscall(399, IPC_PRIVATE, 0600));  // msgget
    Text message{4, "text"};
    EXPECT_EQ(syscall(400, queue, &message, 4, 0), 0);  // msgsnd
    Text got{};
    EXPECT_EQ(syscall(401, queue, &got, 64, 0, 0), 4);  // msgrcv
    EXPECT_EQ(got.type, 4);
    EXPECT_EQ(syscall(402, queue, IPC_RMID, 0), 0);                              // msgctl
    const int segment = static_cast<int>(syscall(395, IPC_PRIVATE, 100, 0600));  // shmget
    const long at = syscall(397, segment, 0, 0);                                 // shmat
    EXPECT(at != -1);
    EXPECT_EQ(syscall(398, at), 0);                    // shmdt
    EXPECT_EQ(syscall(396, segment, IPC_RMID, 0), 0);  // shmctl
}
