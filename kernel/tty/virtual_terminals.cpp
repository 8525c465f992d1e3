#include "kernel/tty/virtual_terminals.hpp"

#include "kernel/boot_object.hpp"
#include "kernel/console.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/tty/console_terminal.hpp"
#include "kernel/tty/open_terminal.hpp"
#include "kernel/tty/terminal_file.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <linux/kd.h>
#include <linux/vt.h>
#include <optional>
#include <string_view>
#include <utility>

namespace kidney::kernel {
namespace {

/// A screen takes everything at once.
class ScreenDevice final : public TerminalDevice {
public:
    explicit constexpr ScreenDevice(std::uint32_t screen) noexcept
        : TerminalDevice(at_once), screen_(screen) {}
    std::size_t offer(std::string_view text) noexcept override {
        console_write_to_screen(screen_, text);
        return text.size();
    }
    [[nodiscard]] std::size_t waiting() noexcept override { return 0; }

private:
    static constexpr std::size_t at_once = 4096;
    const std::uint32_t screen_;
};

/// Of screens 2 and on: the first one's terminal is the console.
constexpr std::size_t others = console_screens - 1;
constinit std::array<ScreenDevice, others> screen_devices{
    ScreenDevice(2), ScreenDevice(3), ScreenDevice(4), ScreenDevice(5), ScreenDevice(6)};
constinit std::array<BootObject<Terminal>, others> terminals;
/// Open files of each, from the first on.
constinit std::array<std::atomic<std::uint32_t>, console_screens> users{};
/// Who waits for another screen to be shown.
constinit BootObject<WaitQueue> watchers;
constinit SpinLock<ranks::screens> watchers_lock;

[[nodiscard]] constexpr bool has_terminal(std::uint32_t number) noexcept {
    return number != 0 && number <= console_screens;
}
[[nodiscard]] Terminal& terminal_of(std::uint32_t number) noexcept {
    return number == 1 ? console_terminal() : terminals[number - 2].get();
}

/// Error: interrupted.
Status wait_until_shown(std::uint32_t number) noexcept {
    LockGuard guard(watchers_lock);
    while (console_shown_screen() != number) {
        TRY(watchers.get().wait(watchers_lock, {.interruptible = true}));
    }
    return {};
}

/// Whose terminal it is, and root, may choose what everybody sees.
bool may_choose(const Terminal& from) noexcept {
    const Process& self = current_process();
    LockGuard guard(World::process_lock);
    return self.terminal == &from || self.identity.is_privileged();
}

template <class T>
Result<std::uint32_t> put_answer(std::uint32_t to, const T& value) noexcept {
    TRY(put_user(UserPtr<T>(to), value));
    return 0U;
}

/// A terminal that is open, and what can be asked of it besides: VT_*, KD*.
class OpenScreen {
public:
    explicit OpenScreen(std::uint32_t number) noexcept : number_(number) {
        users[number_ - 1].fetch_add(1, std::memory_order_relaxed);
    }
    OpenScreen(OpenScreen&& other) noexcept : number_(std::exchange(other.number_, 0U)) {}
    OpenScreen& operator=(OpenScreen&&) = delete;
    ~OpenScreen() {
        if (number_ != 0) {
            users[number_ - 1].fetch_sub(1, std::memory_order_relaxed);
        }
    }

    /// Nothing: that is a question to every terminal.
    [[nodiscard]] std::optional<Result<std::uint32_t>> control(
        std::uint32_t request, std::uint32_t argument) const noexcept {
        switch (request) {
            case KDGKBTYPE:
                return put_answer(argument, std::uint8_t{KB_101});
            case KDGETMODE:
                return put_answer(argument, std::uint32_t{KD_TEXT});
            case KDGKBMODE:
                return put_answer(argument, std::uint32_t{K_XLATE});
            case VT_GETSTATE:
                return put_answer(argument, state());
            case VT_OPENQRY:
                return put_answer(argument, first_free());
            case VT_DISALLOCATE:
                return give_up(argument);
            case VT_ACTIVATE:
            case VT_WAITACTIVE:
                return choose(request, argument);
            default:
                return std::nullopt;
        }
    }

private:
    [[nodiscard]] static vt_stat state() noexcept {
        unsigned open = 1;  // tty0 always is
        for (std::uint32_t n = 0; n < console_screens; ++n) {
            open |= users[n].load(std::memory_order_relaxed) != 0 ? 2U << n : 0U;
        }
        return {.v_active = static_cast<unsigned short>(console_shown_screen()),
                .v_signal = 0,
                .v_state = static_cast<unsigned short>(open)};
    }
    /// -1: all are in use. The console always is.
    [[nodiscard]] static std::int32_t first_free() noexcept {
        for (std::uint32_t n = 1; n < console_screens; ++n) {
            if (users[n].load(std::memory_order_relaxed) == 0) {
                return static_cast<std::int32_t>(n + 1);
            }
        }
        return -1;
    }
    [[nodiscard]] static bool is_in_use(std::uint32_t number) noexcept {
        return number == 1 || number == console_shown_screen() ||
               users[number - 1].load(std::memory_order_relaxed) != 0;
    }
    /// Blanks a terminal that nobody uses; 0: all of them. Errors: no_device, busy.
    [[nodiscard]] static Result<std::uint32_t> give_up(std::uint32_t number) noexcept {
        constexpr std::string_view reset =
            "\x1b"
            "c";
        if (number != 0 && !has_terminal(number)) {
            return fail(Errc::no_device);
        }
        if (number != 0 && is_in_use(number)) {
            return fail(Errc::busy);
        }
        for (std::uint32_t n = 2; n <= console_screens; ++n) {
            if ((number == 0 || number == n) && !is_in_use(n)) {
                console_write_to_screen(n, reset);
            }
        }
        return 0U;
    }
    /// Errors: not_permitted, no_device, interrupted.
    [[nodiscard]] Result<std::uint32_t> choose(std::uint32_t request,
                                               std::uint32_t number) const noexcept {
        if (!may_choose(terminal_of(number_))) {
            return fail(Errc::not_permitted);
        }
        if (!has_terminal(number)) {
            return fail(Errc::no_device);
        }
        if (request == VT_ACTIVATE) {
            show_virtual_terminal(number);
        } else {
            TRY(wait_until_shown(number));
        }
        return 0U;
    }

    std::uint32_t number_;  ///< 0: moved from
};

}  // namespace

void create_virtual_terminals() noexcept {
    watchers.create();
    for (std::uint32_t n = 0; n < others; ++n) {
        Terminal& terminal = terminals[n].create(screen_devices[n], terminal_major << 8 | (n + 2));
        terminal.resize({.rows = 25, .columns = 80});
    }
}

void type_on_screen(char c) noexcept {
    terminal_of(console_shown_screen()).receive(static_cast<std::uint8_t>(c));
}

void show_virtual_terminal(std::uint32_t number) noexcept {
    if (has_terminal(number)) {
        console_show_screen(number);
        LockGuard guard(watchers_lock);
        watchers.get().wake_all();
    }
}

Result<Ref<fs::File>> open_virtual_terminal(std::uint32_t number, fs::Vnode& node,
                                            fs::OpenMode mode) noexcept {
    if (number == 0) {
        number = console_shown_screen();
    }
    if (!has_terminal(number)) {
        return fail(Errc::no_device);
    }
    return open_terminal(terminal_of(number), OpenScreen(number), node, mode);
}

}  // namespace kidney::kernel
