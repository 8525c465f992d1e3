#include "kernel/magic/magic_key.hpp"

#include "kernel/boot/machine.hpp"
#include "kernel/console.hpp"
#include "kernel/magic/reports.hpp"
#include "kernel/panic.hpp"
#include "kidney/core/log.hpp"

namespace kidney::kernel {
namespace {

/// The letters are Linux's where it has one for the same.
struct MagicKey {
    char letter;
    const char* meaning;
    void (*act)() noexcept;
};

constexpr MagicKey keys[] = {
    {'b', "restart at once, without a word to the disks", []() noexcept { restart(); }},
    {'c', "panic", []() noexcept { panic("asked for by the magic key"); }},
    {'d', "locks that are held", &report_locks},
    {'l', "what each CPU does", &report_cpus},
    {'m', "memory", &report_memory},
    {'o', "off at once, without a word to the disks", []() noexcept { power_off(); }},
    {'t', "run queues and threads", &report_threads},
    {'w', "threads that wait, and where", &report_waiting_threads},
};

/// What was asked for is shown, whatever is logged and printed otherwise.
class Aloud {
public:
    Aloud() noexcept : level_(log_level()), limit_(console_limit()) {
        set_log_level(LogLevel::info);
        set_console_limit(default_console_limit);
    }
    ~Aloud() {
        set_log_level(level_);
        set_console_limit(limit_);
    }
    Aloud(const Aloud&) = delete;
    Aloud& operator=(const Aloud&) = delete;

private:
    LogLevel level_;
    std::uint32_t limit_;
};

}  // namespace

void press_magic_key(char letter) noexcept {
    const Aloud aloud;
    for (const MagicKey& key : keys) {
        if (key.letter == letter) {
            log::info<"key">("{}: {}", key.letter, key.meaning);
            key.act();
            return;
        }
    }
    for (const MagicKey& key : keys) {
        log::info<"key">("{} {}", key.letter, key.meaning);
    }
}

}  // namespace kidney::kernel
