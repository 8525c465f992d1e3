#include "kernel/syscall/trace/words.hpp"

#include "kernel/names.hpp"
#include "kernel/syscall/trace/names.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "proc/exit_status.hpp"

#include <algorithm>
#include <optional>
#include <span>

namespace kidney::kernel {
namespace {

using names::Name;

constexpr std::uint32_t most_bytes = 32;  ///< of data
constexpr std::uint32_t most_of_path = 96;
constexpr std::uint32_t most_elements = 6;

void show_pointer(ArgumentText& out, std::uint32_t word) noexcept {
    if (word == 0) {
        out.write("NULL");
    } else {
        format_to(out, "0x{:x}", word);
    }
}

/// Sizes and counts in decimal; what is rather an address or a set of flags in hexadecimal.
void show_number(ArgumentText& out, std::uint32_t word) noexcept {
    constexpr std::uint32_t first_address = 0x0800'0000;
    if (word < first_address) {
        format_to(out, "{}", word);
    } else {
        format_to(out, "0x{:x}", word);
    }
}

void show_octal(ArgumentText& out, std::uint32_t word) noexcept {
    std::array<char, 12> digits;
    std::size_t at = digits.size();
    for (; word != 0; word /= 8) {
        digits[--at] = static_cast<char>('0' + word % 8);
    }
    digits[--at] = '0';
    out.write({digits.data() + at, digits.size() - at});
}

void show_flags(ArgumentText& out, std::span<const Name> known, std::uint32_t word,
                std::string_view separator = "") noexcept {
    for (const Name& name : known) {
        if (name.value != 0 && (word & name.value) == name.value) {
            out.write(separator);
            out.write(name.text);
            separator = "|";
            word &= ~name.value;
        }
    }
    if (word != 0) {
        format_to(out, "{}0x{:x}", separator, word);
    } else if (separator.empty()) {
        out.write("0");
    }
}

void show_choice(ArgumentText& out, std::span<const Name> known, std::uint32_t word) noexcept {
    const auto name = std::ranges::find(known, word, &Name::value);
    if (name != known.end()) {
        out.write(name->text);
    } else {
        show_number(out, word);
    }
}

/// As in C, the rest in octal.
void show_quoted(ArgumentText& out, std::span<const char> text, bool is_cut) noexcept {
    out.write("\"");
    for (const char c : text) {
        constexpr std::string_view special = "\n\t\r\"\\";
        constexpr std::string_view letters = "ntr\"\\";
        if (const std::size_t at = special.find(c); at != special.npos) {
            format_to(out, "\\{}", letters[at]);
        } else if (c >= ' ' && c <= '~') {
            out.write({&c, 1});
        } else {
            const auto byte = static_cast<unsigned char>(c);
            format_to(out, "\\{}{}{}", byte >> 6, byte >> 3 & 7, byte & 7);
        }
    }
    out.write(is_cut ? "\"..." : "\"");
}

void show_bytes(ArgumentText& out, std::uint32_t address, std::uint32_t size) noexcept {
    std::array<char, most_bytes> bytes;
    const auto shown = std::span(bytes).first(std::min(size, most_bytes));
    if (address == 0 || !copy_in(std::as_writable_bytes(shown), VirtAddr(address))) {
        show_pointer(out, address);
        return;
    }
    show_quoted(out, shown, size > shown.size());
}

void show_string(ArgumentText& out, std::uint32_t address, std::uint32_t most) noexcept {
    std::array<char, most_of_path> text;
    const Result<std::size_t> length =
        address == 0 ? fail(Errc::bad_address)
                     : copy_string(std::span(text).first(most), UserPtr<const char>(address));
    if (length) {
        show_quoted(out, std::span(text).first(*length), false);
    } else if (length.error() == Errc::name_too_long) {
        show_quoted(out, std::span(text).first(most), true);
    } else {
        show_pointer(out, address);
    }
}

template <class T>
[[nodiscard]] std::optional<T> word_at(std::uint32_t address) noexcept {
    const Result<T> word = get_user(UserPtr<const T>(address));
    return word ? std::optional<T>(*word) : std::nullopt;
}

/// [element, element, ...]: `show(n)` is false behind the last one.
template <class F>
void show_list(ArgumentText& out, F&& show) noexcept {
    out.write("[");
    for (std::uint32_t n = 0; show(n, n == 0 ? "" : ", "); ++n) {
        if (n + 1 == most_elements) {
            out.write(", ...");
            break;
        }
    }
    out.write("]");
}

void show_strings(ArgumentText& out, std::uint32_t pointers) noexcept {
    if (!word_at<std::uint32_t>(pointers)) {
        show_pointer(out, pointers);
        return;
    }
    show_list(out, [&](std::uint32_t n, std::string_view separator) noexcept {
        const std::uint32_t text = word_at<std::uint32_t>(pointers + 4 * n).value_or(0);
        if (text != 0) {
            out.write(separator);
            show_string(out, text, most_bytes);
        }
        return text != 0;
    });
}

void show_vectors(ArgumentText& out, std::uint32_t vectors, std::uint32_t count,
                  std::uint32_t filled) noexcept {
    if (!word_at<std::uint64_t>(vectors)) {
        show_pointer(out, vectors);
        return;
    }
    show_list(out, [&](std::uint32_t n, std::string_view separator) noexcept {
        const auto vector = word_at<std::uint64_t>(vectors + 8 * n);
        if (n >= count || !vector) {
            return false;
        }
        const auto base = static_cast<std::uint32_t>(*vector);
        const auto size = static_cast<std::uint32_t>(*vector >> 32);
        format_to(out, "{}{{iov_base=", separator);
        show_bytes(out, base, std::min(size, filled));
        format_to(out, ", iov_len={}}}", size);
        filled -= std::min(size, filled);
        return true;
    });
}

/// What wait(2) has stored, in the words of its manual.
void show_status(ArgumentText& out, std::uint32_t address, std::int32_t result) noexcept {
    const auto word = word_at<std::uint32_t>(address);
    if (result <= 0 || !word) {
        show_pointer(out, address);
        return;
    }
    const std::uint32_t status = *word;
    if (status == ExitStatus::continued().word()) {
        out.write("[{WIFCONTINUED(s)}]");
    } else if ((status & 0xffU) == 0x7f) {
        out.write("[{WIFSTOPPED(s) && WSTOPSIG(s) == ");
        show_signal(out, status >> 8 & 0xffU);
        out.write("}]");
    } else if ((status & 0x7fU) != 0) {
        out.write("[{WIFSIGNALED(s) && WTERMSIG(s) == ");
        show_signal(out, status & 0x7fU);
        out.write("}]");
    } else {
        format_to(out, "[{{WIFEXITED(s) && WEXITSTATUS(s) == {}}}]", status >> 8 & 0xffU);
    }
}

/// Seconds and nanoseconds, each a T.
template <class T>
void show_time(ArgumentText& out, std::uint32_t address) noexcept {
    const auto seconds = word_at<T>(address);
    const auto fraction = word_at<std::int32_t>(address + sizeof(T));
    if (address == 0 || !seconds || !fraction) {
        show_pointer(out, address);
        return;
    }
    format_to(out, "{{tv_sec={}, tv_nsec={}}}", *seconds, *fraction);
}

void show_words(ArgumentText& out, std::uint32_t address, std::int32_t result) noexcept {
    const auto both = word_at<std::uint64_t>(address);
    if (result < 0 || !both) {
        show_pointer(out, address);
        return;
    }
    format_to(out, "[{}, {}]", static_cast<std::uint32_t>(*both),
              static_cast<std::uint32_t>(*both >> 32));
}

void show_clone_flags(ArgumentText& out, std::uint32_t word) noexcept {
    constexpr std::uint32_t exit_signal = 0xff;
    if ((word & ~exit_signal) != 0) {
        show_flags(out, names::clone_flags, word & ~exit_signal);
        out.write((word & exit_signal) != 0 ? "|" : "");
    }
    if ((word & exit_signal) != 0 || word == 0) {
        show_signal(out, word & exit_signal);
    }
}

void show_open_flags(ArgumentText& out, std::uint32_t word) noexcept {
    show_choice(out, names::open_modes, word & O_ACCMODE);
    if ((word & ~std::uint32_t{O_ACCMODE}) != 0) {
        show_flags(out, names::open_flags, word & ~std::uint32_t{O_ACCMODE}, "|");
    }
}

void show_futex_operation(ArgumentText& out, std::uint32_t word) noexcept {
    constexpr std::uint32_t flags = FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME;
    show_choice(out, names::futex_operations, word & ~flags);
    if ((word & flags) != 0) {
        show_flags(out, names::futex_flags, word & flags, "|");
    }
}

/// Sets of flags, and names of numbers. False: it is none.
bool show_named(ArgumentText& out, Shown shown, std::uint32_t word) noexcept {
    switch (shown) {
        case Shown::open_flags:
            show_open_flags(out, word);
            return true;
        case Shown::descriptor_flags:
            show_flags(out, names::open_flags, word);
            return true;
        case Shown::clone_flags:
            show_clone_flags(out, word);
            return true;
        case Shown::futex_operation:
            show_futex_operation(out, word);
            return true;
        case Shown::at_flags:
            show_flags(out, names::at_flags, word);
            return true;
        case Shown::access_mode:
            word == 0 ? out.write("F_OK") : show_flags(out, names::access_modes, word);
            return true;
        case Shown::protection:
            word == PROT_NONE ? out.write("PROT_NONE") : show_flags(out, names::protection, word);
            return true;
        case Shown::map_flags:
            show_flags(out, names::map_flags, word);
            return true;
        case Shown::wait_options:
            show_flags(out, names::wait_options, word);
            return true;
        case Shown::whence:
            show_choice(out, names::whence, word);
            return true;
        case Shown::advice:
            show_choice(out, names::advice, word);
            return true;
        case Shown::mask_how:
            show_choice(out, names::mask_how, word);
            return true;
        case Shown::fcntl_command:
            show_choice(out, names::fcntl_commands, word);
            return true;
        case Shown::ioctl_request:
            show_choice(out, names::ioctl_requests, word);
            return true;
        case Shown::clock:
            show_choice(out, names::clocks, word);
            return true;
        case Shown::resource:
            show_choice(out, names::resources, word);
            return true;
        case Shown::signal:
            show_signal(out, word);
            return true;
        default:
            return false;
    }
}

}  // namespace

void show_error(ArgumentText& out, std::uint32_t number) noexcept {
    show_choice(out, names::errors, number);
}

void show_signal(ArgumentText& out, std::uint32_t signal) noexcept {
    if (signal < std::size(names::signals)) {
        out.write(names::signals[signal]);
    } else {
        format_to(out, "SIGRT_{}", signal - std::size(names::signals));
    }
}

void show_cause(ArgumentText& out, std::uint32_t signal, const SignalCause& cause) noexcept {
    const auto code = static_cast<std::uint32_t>(cause.code);
    const auto show_code = [&](std::span<const Name> known) noexcept {
        out.write("{si_code=");
        const bool is_general =
            std::ranges::find(names::codes, code, &Name::value) != std::ranges::end(names::codes);
        show_choice(out, is_general ? std::span<const Name>(names::codes) : known, code);
    };
    switch (signal) {
        case abi::sig_chld:
            show_code(names::child_codes);
            format_to(out, ", si_pid={}, si_status={}}}", cause.pid, cause.status);
            break;
        case abi::sig_segv:
        case abi::sig_bus:
        case abi::sig_ill:
        case abi::sig_fpe:
        case abi::sig_trap:
            show_code(signal == abi::sig_segv ? std::span<const Name>(names::segment_codes)
                                              : std::span<const Name>());
            out.write(", si_addr=");
            show_pointer(out, cause.address);
            out.write("}");
            break;
        default:
            show_code({});
            format_to(out, ", si_pid={}}}", cause.pid);
    }
}

void show_argument(ArgumentText& out, Shown shown, const ShownCall& call,
                   std::size_t index) noexcept {
    const std::uint32_t word = call.words[index];
    const std::uint32_t next = index + 1 < call.words.size() ? call.words[index + 1] : 0;
    const std::uint32_t done = call.result > 0 ? static_cast<std::uint32_t>(call.result) : 0;
    if (show_named(out, shown, word)) {
        return;
    }
    switch (shown) {
        case Shown::signed_number:
            format_to(out, "{}", static_cast<std::int32_t>(word));
            break;
        case Shown::descriptor_of_at:
            static_cast<std::int32_t>(word) == AT_FDCWD
                ? out.write("AT_FDCWD")
                : format_to(out, "{}", static_cast<std::int32_t>(word));
            break;
        case Shown::pointer:
            show_pointer(out, word);
            break;
        case Shown::string:
            show_string(out, word, most_of_path);
            break;
        case Shown::octal:
        case Shown::open_mode:
            show_octal(out, word);
            break;
        case Shown::bytes_in:
            show_bytes(out, word, next);
            break;
        case Shown::bytes_out:
            call.result < 0 ? show_pointer(out, word) : show_bytes(out, word, done);
            break;
        case Shown::string_out:
            call.result < 0 ? show_pointer(out, word) : show_string(out, word, most_of_path);
            break;
        case Shown::strings:
            show_strings(out, word);
            break;
        case Shown::vectors_in:
        case Shown::vectors_out:
            show_vectors(out, word, next, shown == Shown::vectors_in ? ~0U : done);
            break;
        case Shown::two_words_out:
            show_words(out, word, call.result);
            break;
        case Shown::status_out:
            show_status(out, word, call.result);
            break;
        case Shown::time:
            show_time<std::int32_t>(out, word);
            break;
        case Shown::time64:
            show_time<std::int64_t>(out, word);
            break;
        default:
            show_number(out, word);
            break;
    }
}

}  // namespace kidney::kernel
