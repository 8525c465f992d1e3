/// mapped make|look DIR: files of a disk, written and read through mappings, with read(2) and
/// write(2), and by several threads at once.
///
/// `make` leaves a file behind that `look` finds again after another mount. Prints what is wrong,
/// or "ok".
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t pages = 64;

#define MUST(condition)                                                 \
    do {                                                                \
        if (!(condition)) {                                             \
            std::printf("line %d: not so: %s\n", __LINE__, #condition); \
            std::exit(1);                                               \
        }                                                               \
    } while (false)

sigjmp_buf before_touch;
void leave_touch(int) {
    siglongjmp(before_touch, 1);
}
/// Does a load from there end in SIGBUS?
bool is_behind_the_end(const volatile unsigned char* at) {
    signal(SIGBUS, leave_touch);
    if (sigsetjmp(before_touch, 1) != 0) {
        return true;
    }
    static_cast<void>(*at);
    return false;
}

unsigned char* map(int file, int flags) {
    void* const at = mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, flags, file, 0);
    MUST(at != MAP_FAILED);
    return static_cast<unsigned char*>(at);
}
unsigned char byte_at(int file, std::size_t offset) {
    unsigned char byte = 0;
    MUST(pread(file, &byte, 1, static_cast<off_t>(offset)) == 1);
    return byte;
}
void put(int file, std::size_t offset, unsigned char byte) {
    MUST(pwrite(file, &byte, 1, static_cast<off_t>(offset)) == 1);
}

void ways_agree(int file) {
    MUST(ftruncate(file, 4 * page - 100) == 0);
    unsigned char* const shared = map(file, MAP_SHARED);
    unsigned char* const own = map(file, MAP_PRIVATE);
    put(file, page + 5, 11);
    MUST(shared[page + 5] == 11 && own[page + 5] == 11);
    shared[2 * page] = 22;
    MUST(byte_at(file, 2 * page) == 22 && own[2 * page] == 22);
    own[page] = 33;
    MUST(byte_at(file, page) == 0 && shared[page] == 0 && own[page + 5] == 11);
    shared[page + 6] = 44;
    MUST(own[page + 6] == 0);  // it has a copy since the store
    MUST(msync(shared, 4 * page, MS_SYNC) == 0);
    MUST(ftruncate(file, page) == 0);
    MUST(!is_behind_the_end(shared) && is_behind_the_end(shared + page));
    MUST(is_behind_the_end(own + 2 * page) && is_behind_the_end(own + page));
    MUST(ftruncate(file, 3 * page) == 0);
    MUST(shared[2 * page] == 0 && own[page] == 0);
    MUST(munmap(shared, pages * page) == 0 && munmap(own, pages * page) == 0);
}

struct Part {
    int file;
    unsigned char* at;
    unsigned number;
};
constexpr unsigned threads = 4;
unsigned char value_of(std::size_t n) {
    return static_cast<unsigned char>(n % 251 + 1);
}

/// Each thread has every fourth page: stores through the mapping and write(2) in turn.
void* fill(void* argument) {
    const Part& part = *static_cast<Part*>(argument);
    for (std::size_t n = part.number; n < pages; n += threads) {
        for (std::size_t i = 0; i < page; i += 64) {
            if (i % 128 == 0) {
                part.at[n * page + i] = value_of(n + i / 64);
            } else {
                put(part.file, n * page + i, value_of(n + i / 64));
            }
        }
    }
    return nullptr;
}
void* compare(void* argument) {
    const Part& part = *static_cast<Part*>(argument);
    for (std::size_t n = part.number; n < pages; n += threads) {
        for (std::size_t i = 0; i < page; i += 64) {
            MUST(part.at[n * page + i] == value_of(n + i / 64));
            MUST(i % 512 != 0 || byte_at(part.file, n * page + i) == value_of(n + i / 64));
        }
    }
    return nullptr;
}

/// The main thread maps and unmaps meanwhile, so that the address space changes under the faults.
void by_all(int file, void* (*work)(void*)) {
    unsigned char* const at = map(file, MAP_SHARED);
    pthread_t running[threads];
    Part parts[threads];
    for (unsigned n = 0; n < threads; ++n) {
        parts[n] = {file, at, n};
        MUST(pthread_create(&running[n], nullptr, work, &parts[n]) == 0);
    }
    for (int n = 0; n < 50; ++n) {
        unsigned char* const other = map(file, MAP_PRIVATE);
        other[static_cast<std::size_t>(n) * page] = 1;
        MUST(munmap(other, pages * page) == 0);
    }
    for (const pthread_t thread : running) {
        MUST(pthread_join(thread, nullptr) == 0);
    }
    MUST(munmap(at, pages * page) == 0);
}

}  // namespace

int main(int argc, char** argv) {
    const bool makes = argc == 3 && std::strcmp(argv[1], "make") == 0;
    if (argc != 3 || (!makes && std::strcmp(argv[1], "look") != 0)) {
        std::fputs("usage: mapped make|look DIR\n", stderr);
        return 2;
    }
    char name[256];
    std::snprintf(name, sizeof name, "%s/mapped", argv[2]);
    const int file = open(name, makes ? O_RDWR | O_CREAT | O_TRUNC : O_RDWR, 0600);
    MUST(file >= 0);
    if (makes) {
        ways_agree(file);
        MUST(ftruncate(file, pages * page) == 0);
        by_all(file, fill);
        MUST(fsync(file) == 0);
    }
    by_all(file, compare);
    std::puts("ok");
    return 0;
}
