/// The process of a submission, but for the submission: a parent that keeps the disk and runs none
/// of its code, and a child for each life, which can take nothing along into the next one.
///
/// Included before the submission's headers, so that what those define changes nothing here.
#pragma once

#include "course/judge/files/wire.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/fs/block_device.hpp"
#include "kidney/fs/file_clock.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace kidney::course::files {

namespace process {
// Branches are counted while the submission is at work: the same verdict on every machine.
inline constexpr std::uint64_t most_steps = 200'000'000;
inline bool at_work = false;
inline std::uint64_t left = 0;
}  // namespace process

inline bool read_all(void* to, std::size_t count) {
    for (std::size_t done = 0; done < count;) {
        const ssize_t n = ::read(STDIN_FILENO, static_cast<char*>(to) + done, count - done);
        if (n <= 0) {
            return false;
        }
        done += static_cast<std::size_t>(n);
    }
    return true;
}
inline void say(Head head, std::span<const std::byte> bytes = {}) {
    // Together: what is at most a page arrives whole or not at all.
    static std::vector<std::byte> message;
    head.length = static_cast<std::uint32_t>(bytes.size());
    message.resize(sizeof(Head) + bytes.size());
    std::memcpy(message.data(), &head, sizeof(Head));
    if (!bytes.empty()) {
        std::memcpy(message.data() + sizeof(Head), bytes.data(), bytes.size());
    }
    for (std::size_t done = 0; done < message.size();) {
        const ssize_t n = ::write(STDOUT_FILENO, message.data() + done, message.size() - done);
        if (n <= 0) {
            ::_exit(1);
        }
        done += static_cast<std::size_t>(n);
    }
}
template <class T>
std::span<const std::byte> bytes_of(const T& value) {
    return std::as_bytes(std::span(&value, 1));
}

/// The disk of a life: in this process, and every change is told.
class LocalDisk {
public:
    LocalDisk(std::span<std::byte> bytes, std::uint32_t block, const Head& life)
        : bytes_(bytes), block_(block), fails_at_(life.a), and_after_(life.b != 0) {}

    [[nodiscard]] Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept {
        TRY(fs::check_range(*this, first, to.size()));
        TRY(request());
        std::memcpy(to.data(), bytes_.data() + first.value() * block_, to.size());
        return {};
    }
    [[nodiscard]] Status write(fs::BlockIndex first, std::span<const std::byte> from) noexcept {
        TRY(fs::check_range(*this, first, from.size()));
        TRY(request());
        std::memcpy(bytes_.data() + first.value() * block_, from.data(), from.size());
        say({.kind = static_cast<std::uint8_t>(Say::written),
             .requests = requests_,
             .a = first.value() * (block_ / sector)},
            from);
        return {};
    }
    [[nodiscard]] Status flush() noexcept {
        TRY(request());
        say({.kind = static_cast<std::uint8_t>(Say::flushed), .requests = requests_});
        return {};
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return block_; }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return bytes_.size() / block_; }
    [[nodiscard]] std::uint32_t requests() const noexcept { return requests_; }

private:
    [[nodiscard]] Status request() noexcept {
        ++requests_;
        return fails_at_ != 0 && (requests_ == fails_at_ || (and_after_ && requests_ > fails_at_))
                   ? Status(fail(Errc::io_error))
                   : Status();
    }
    std::span<std::byte> bytes_;
    std::uint32_t block_;
    std::uint64_t fails_at_;
    bool and_after_;
    std::uint32_t requests_ = 0;
};
static_assert(fs::BlockDevice<LocalDisk>);

struct PlainHeap {
    static constexpr const char* name = "plain";
    static constexpr std::size_t max_object_bytes = std::size_t{1} << 30;
    [[nodiscard]] Result<void*> allocate(std::size_t bytes) noexcept {
        void* const memory = std::malloc(bytes);
        return memory == nullptr ? Result<void*>(fail(Errc::no_memory)) : memory;
    }
    void free(void* memory, std::size_t) noexcept { std::free(memory); }
    [[nodiscard]] std::size_t used_bytes() const noexcept { return 0; }
};
struct StillClock {
    fs::FileTime operator()() noexcept { return {1'000'000, 0}; }
};

/// From here on no process, no file, nothing that another life could find.
inline void leave_nothing_behind() {
    const auto limit = [](auto what, rlim_t most) {
        const rlimit both{most, most};
        ::setrlimit(what, &both);
    };
    limit(RLIMIT_NOFILE, 3);
    limit(RLIMIT_NPROC, 0);
    limit(RLIMIT_FSIZE, 0);
}

/// Calls `live(disk, life)` in a child for each life, until the judge has no more questions.
template <class Live>
int serve(Live&& live) {
    std::vector<std::byte> disk;
    std::uint32_t block = sector;
    Head head;
    while (read_all(&head, sizeof(head))) {
        switch (static_cast<Ask>(head.kind)) {
            case Ask::disk:
                disk.assign(head.a, std::byte{});
                block = static_cast<std::uint32_t>(head.b);
                break;
            case Ask::patch:
                if (!read_all(disk.data() + head.a, head.length)) {
                    return 1;
                }
                break;
            case Ask::mount:
            case Ask::unit: {
                const pid_t child = ::fork();
                if (child == 0) {
                    leave_nothing_behind();
                    LocalDisk local(disk, block, head);
                    live(local, head);
                    ::_exit(0);
                }
                int status = -1;
                ::waitpid(child, &status, 0);
                say({.kind = static_cast<std::uint8_t>(Say::gone),
                     .a = static_cast<std::uint64_t>(status)});
                break;
            }
            default:
                break;  // meant for a child that is no more
        }
    }
    return 0;
}

}  // namespace kidney::course::files

namespace kidney {
void assertion_failed(const char* expression, const char* why, const char* file,
                      int line) noexcept {
    char text[400];
    const int length = std::snprintf(text, sizeof(text), "%s (%s), %s:%d", expression,
                                     why == nullptr ? "" : why, file, line);
    course::files::say(
        {.kind = static_cast<std::uint8_t>(course::files::Say::trapped)},
        std::as_bytes(std::span(text, static_cast<std::size_t>(length < 399 ? length : 399))));
    ::_exit(0);
}
}  // namespace kidney

/// Called by the compiler at every branch (-fsanitize-coverage=trace-pc).
extern "C" __attribute__((no_sanitize("coverage"))) void __sanitizer_cov_trace_pc() {
    namespace process = kidney::course::files::process;
    if (process::at_work && --process::left == 0) {
        process::at_work = false;
        kidney::course::files::say(
            {.kind = static_cast<std::uint8_t>(kidney::course::files::Say::endless)});
        ::_exit(0);
    }
}
