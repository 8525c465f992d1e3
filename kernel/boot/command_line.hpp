/// The kernel command line: words, each `name` or `name=value`.
///
///     console=ttyS0 root=/dev/vda smp=2 panic=halt selftest
///
/// A word that the table does not know is kept for the log ("unknown option"), not an error: a
/// mistyped option must not keep the machine from booting. What follows `--` is for init.
#pragma once

#include "kernel/boot/boot_info.hpp"
#include "kidney/core/cpu_id.hpp"
#include "kidney/core/log.hpp"
#include "kidney/core/text.hpp"

#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

namespace kidney::kernel {

/// What a panic does after its report: leave QEMU, or keep the machine for a look.
enum class PanicAction : std::uint8_t { exit, halt };

/// What goes wrong on purpose once booted, for the tests of what is reported then.
enum class PlantedFault : std::uint8_t {
    none,
    access,            ///< `panic=test`: of an address that is never mapped
    stack_overflow,    ///< `panic=overflow`
    guard_page,        ///< `panic=guard`: a write below the stack that leaves the stack alone
    heap_double_free,  ///< `panic=heap`
    heap_overrun,      ///< `panic=heap_overrun`: a write past the end of an object
    heap_late_write,   ///< `panic=heap_late`: a write to an object after it was freed
    stray_write,       ///< `panic=corruption`: damages a word, which is noticed much later
    undefined_shift,   ///< `panic=undefined`: what the language does not define
    undefined_index,   ///< `panic=undefined_index`
    undefined_sum,     ///< `panic=undefined_sum`
    lock_order,        ///< `panic=lock_order`: two locks, this way round and that
    atomic_sleep,      ///< `panic=atomic_sleep`: what may sleep, with interrupts off
};

/// Where the log and the console terminal are shown. Neither chosen: on both.
struct ConsoleChoice {
    bool serial = false;
    bool screen = false;
    friend constexpr bool operator==(ConsoleChoice, ConsoleChoice) noexcept = default;
};

/// Characters that the terminal at the other end of the console shows.
struct ConsoleSize {
    std::uint16_t columns = 80;
    std::uint16_t rows = 24;
    friend constexpr bool operator==(ConsoleSize, ConsoleSize) noexcept = default;
};

struct BootOptions {
    ConsoleChoice console;          ///< `console=ttyS0`, `console=tty0`, or both words
    ConsoleSize console_size;       ///< `console_size=120x40`
    BoundedText<64> root;           ///< empty: the first disk
    BoundedText<16> root_type;      ///< `rootfstype=vfat`; empty: as the disk begins
    BoundedText<64> root_options;   ///< `rootflags=umask=077`: what mount(8) has after -o
    bool root_writable = false;     ///< `rw`; `ro` is the default, as on Linux
    BoundedText<128> init;          ///< empty: /sbin/init
    LogLevel log = LogLevel::info;  ///< least level that is logged
    std::uint32_t cpus = max_cpus;
    PanicAction panic = PanicAction::exit;
    PlantedFault fault = PlantedFault::none;  ///< the last one that is named
    bool no_apic = false;
    bool no_randomisation = false;  ///< `noaslr`: programs lie in the same places each time
    bool self_test = false;
    bool leak_test = false;     ///< lose some objects, for the test of the report
    bool trace = false;         ///< record the scheduler's decisions
    bool trace_frames = false;  ///< record what is asked of the frame policies
    bool trace_events = false;  ///< record what happens on each CPU
    BoundedText<512> strace;    ///< `strace`, `strace=open,close`: log these system calls
    BoundedText<256> init_arguments;
    BoundedList<BoundedText<48>, 8> unknown;  ///< words nobody understands, or with a bad value
};

namespace command_line {

/// The next word of `text`, which loses it. Words are separated by blanks; "double quotes" keep
/// blanks together and stay part of the word.
[[nodiscard]] constexpr std::string_view next_word(std::string_view& text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    std::size_t length = 0;
    bool quoted = false;
    while (length < text.size() && (quoted || (text[length] != ' ' && text[length] != '\t'))) {
        quoted = quoted != (text[length] == '"');
        ++length;
    }
    const std::string_view word(text.data(), length);
    text.remove_prefix(length);
    return word;
}

[[nodiscard]] constexpr std::string_view unquoted(std::string_view text) noexcept {
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
        text.remove_prefix(1);
        text.remove_suffix(1);
    }
    return text;
}

/// The value of `log=`.
[[nodiscard]] constexpr std::optional<LogLevel> level(std::string_view text) noexcept {
    constexpr std::string_view names[] = {"debug", "info", "warning", "error"};
    for (std::size_t i = 0; i < std::size(names); ++i) {
        if (text == names[i]) {
            return static_cast<LogLevel>(i);
        }
    }
    return std::nullopt;
}

constexpr bool set_panic(std::string_view value, BootOptions& options) noexcept {
    if (value == "halt" || value == "exit") {
        options.panic = value == "halt" ? PanicAction::halt : PanicAction::exit;
        return true;
    }
    constexpr std::string_view faults[] = {"",
                                           "test",
                                           "overflow",
                                           "guard",
                                           "heap",
                                           "heap_overrun",
                                           "heap_late",
                                           "corruption",
                                           "undefined",
                                           "undefined_index",
                                           "undefined_sum",
                                           "lock_order",
                                           "atomic_sleep"};
    static_assert(std::size(faults) == static_cast<std::size_t>(PlantedFault::atomic_sleep) + 1);
    for (std::size_t i = 1; i < std::size(faults); ++i) {
        if (value == faults[i]) {
            options.fault = static_cast<PlantedFault>(i);
            return true;
        }
    }
    return false;
}

/// The names are Linux's: tty0 is the screen.
constexpr bool add_console(std::string_view value, BootOptions& options) noexcept {
    if (value == "ttyS0") {
        options.console.serial = true;
    } else if (value == "tty0") {
        options.console.screen = true;
    } else {
        return false;
    }
    return true;
}

/// COLUMNSxROWS, each from 1 to 1000.
constexpr bool set_console_size(std::string_view value, BootOptions& options) noexcept {
    const std::size_t times = value.find('x');
    if (times == value.npos) {
        return false;
    }
    constexpr std::uint32_t most = 1000;
    const auto columns = parse_decimal({value.data(), times});
    const auto rows = parse_decimal({value.data() + times + 1, value.size() - times - 1});
    if (!columns || !rows || *columns - 1 >= most || *rows - 1 >= most) {
        return false;
    }
    options.console_size = {static_cast<std::uint16_t>(*columns),
                            static_cast<std::uint16_t>(*rows)};
    return true;
}

/// False: no such option, or not with this value.
constexpr bool set(std::string_view name, std::string_view value, BootOptions& options) noexcept {
    if (name == "console") {
        return add_console(value, options);
    } else if (name == "console_size") {
        return set_console_size(value, options);
    } else if (name == "root") {
        options.root.assign(value);
    } else if (name == "rootfstype") {
        options.root_type.assign(value);
    } else if (name == "rootflags") {
        options.root_options.assign(value);
    } else if (name == "init") {
        options.init.assign(value);
    } else if (name == "log") {
        const std::optional<LogLevel> least = level(value);
        options.log = least.value_or(options.log);
        return least.has_value();
    } else if (name == "smp") {
        const std::optional<std::uint32_t> count = parse_decimal(value);
        if (!count || *count == 0) {
            return false;
        }
        options.cpus = *count < max_cpus ? *count : max_cpus;
    } else if (name == "panic") {
        return set_panic(value, options);
    } else if (name == "strace") {
        options.strace.assign(value.empty() ? "all" : value);
    } else if (!value.empty()) {
        return false;
    } else if (name == "rw" || name == "ro") {
        options.root_writable = name == "rw";
    } else if (name == "noapic") {
        options.no_apic = true;
    } else if (name == "noaslr" || name == "norandmaps") {  // ours, Linux's
        options.no_randomisation = true;
    } else if (name == "selftest") {
        options.self_test = true;
    } else if (name == "leak_test") {
        options.leak_test = true;
    } else if (name == "trace") {
        options.trace = true;
    } else if (name == "trace_frames") {
        options.trace_frames = true;
    } else if (name == "trace_events") {
        options.trace_events = true;
    } else {
        return false;
    }
    return true;
}

/// Adds what `text` says to `options`; a later word wins over an earlier one.
constexpr void parse(std::string_view text, BootOptions& options) noexcept {
    for (std::string_view word = next_word(text); !word.empty(); word = next_word(text)) {
        if (word == "--") {
            while (!text.empty() && text.front() == ' ') {
                text.remove_prefix(1);
            }
            options.init_arguments.assign(text);
            return;
        }
        const std::size_t equals = word.find('=');
        const std::string_view name(word.data(), equals == word.npos ? word.size() : equals);
        std::string_view value;
        if (equals != word.npos) {
            value = std::string_view(word.data() + equals + 1, word.size() - equals - 1);
        }
        if (!set(name, unquoted(value), options)) {
            BoundedText<48> copy;
            copy.assign(word);
            options.unknown.push(copy);
        }
    }
}

}  // namespace command_line
}  // namespace kidney::kernel
