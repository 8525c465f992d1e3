#include "kernel/syscall/trace/trace.hpp"

#include "kernel/event_trace.hpp"
#include "kernel/syscall/table.hpp"
#include "kernel/syscall/trace/details.hpp"
#include "kernel/syscall/trace/words.hpp"
#include "kidney/core/log.hpp"
#include "kidney/core/text.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <linux/fcntl.h>

namespace kidney::kernel {
namespace {

/// What does it, and is itself told to whoever traces events.
RawHandler doer_of(const SystemCall& call) noexcept {
    return traces_events() ? &traced_call : call.handler;
}

}  // namespace

/// A call that has begun; on the stack of its thread.
class WatchedCall {
public:
    WatchedCall(std::uint32_t number, const hal::TrapFrame& frame) noexcept
        : number_(number),
          call_(call_of(number)),
          shown_{.words = {frame.ebx, frame.ecx, frame.edx, frame.esi, frame.edi, frame.ebp}} {
        if (call_ == nullptr) {
            format_to(name_, "syscall_{}", number);
        } else {
            name_.write(call_->name);
        }
        format_to(text_, "{}(", name_.view());
        show_arguments(false);
    }

    [[nodiscard]] std::int32_t run(Process& self, hal::TrapFrame& frame) const noexcept {
        return call_ == nullptr ? -ENOSYS : doer_of(*call_)(self, frame);
    }
    [[nodiscard]] bool never_returns() const noexcept {
        return number_ == __NR_exit || number_ == __NR_exit_group;
    }
    void write_unfinished(const Thread& self) noexcept {
        if (!is_unfinished_) {
            is_unfinished_ = true;
            write(self, has_separator_ ? "<unfinished ...>" : " <unfinished ...>");
        }
    }
    void write_without_end(const Thread& self) const noexcept { write(self, ") = ?"); }
    void write_end(const Thread& self, std::int32_t result) noexcept {
        shown_.result = result;
        if (is_unfinished_) {
            text_.clear();
            format_to(text_, "<... {} resumed>", name_.view());
        }
        show_arguments(true);
        ArgumentText end;
        end.write(text_.truncated() ? "...) = " : ") = ");
        write_result(end, result);
        write(self, end.view());
    }

private:
    /// Those that can be shown before the call, or the rest.
    void show_arguments(bool has_ended) noexcept {
        constexpr Signature unknown{
            6,
            {Shown::unsigned_number, Shown::unsigned_number, Shown::unsigned_number,
             Shown::unsigned_number, Shown::unsigned_number, Shown::unsigned_number}};
        const Signature& signature = call_ == nullptr ? unknown : call_->signature;
        for (; next_ < signature.count; ++next_) {
            const Shown shown = shown_as(number_, signature, next_);
            constexpr std::uint32_t creates = O_CREAT | (O_TMPFILE & ~O_DIRECTORY);
            if (shown == Shown::open_mode && (shown_.words[next_ - 1] & creates) == 0) {
                next_ = signature.count;
                return;
            }
            if (next_ != 0 && !has_separator_) {
                text_.write(", ");
                has_separator_ = true;
            }
            if (is_filled_by_call(shown) && !has_ended) {
                return;
            }
            show_argument(text_, shown, shown_, next_);
            has_separator_ = false;
        }
    }

    void write_result(ArgumentText& out, std::int32_t result) const noexcept {
        constexpr std::int32_t most = 4095;  // larger ones are addresses
        if (result == -restart_number) {
            out.write("? ERESTARTSYS (it may begin again)");
        } else if (result < 0 && result >= -most) {
            out.write("-1 ");
            show_error(out, static_cast<std::uint32_t>(-result));
        } else {
            const Shown shown = shown_as(number_, {}, result_of_call);
            ShownCall value;
            value.words[0] = static_cast<std::uint32_t>(result);
            show_argument(out, shown, value, 0);
        }
    }

    /// Not always by the thread itself: it may be about to lose the CPU.
    void write(const Thread& self, std::string_view end) const noexcept {
        log::info<"strace">("{}<{}> {}{}", self.number.value(), self.name(), text_.view(), end);
    }

    std::uint32_t number_;
    const SystemCall* call_;
    ShownCall shown_;
    TextBuffer<32> name_;
    ArgumentText text_;
    std::uint8_t next_ = 0;
    bool has_separator_ = false;
    bool is_unfinished_ = false;
};

namespace {

constinit std::atomic<bool> is_watching{false};

/// Whose calls are shown: the programs', not those of the first process, which starts them.
bool is_shown(const Process& self) noexcept {
    return is_watching.load(std::memory_order_relaxed) && self.pid != init_pid;
}

std::int32_t watched_call(Process& self, hal::TrapFrame& frame) noexcept {
    const std::uint32_t number = frame.error_code;
    if (!is_shown(self)) {
        const SystemCall* const call = call_of(number);
        return call == nullptr ? -ENOSYS : doer_of(*call)(self, frame);
    }
    Thread& thread = self.this_thread();
    WatchedCall call(number, frame);
    if (call.never_returns()) {
        call.write_without_end(thread);
        return call.run(self, frame);
    }
    thread.watched_call = &call;
    const std::int32_t result = call.run(self, frame);
    thread.watched_call = nullptr;
    call.write_end(thread, result);
    return result;
}

}  // namespace

Status watch_calls(std::string_view wanted, std::string_view& wrong_name) noexcept {
    std::array<bool, call_limit> watched{};
    if (wanted == "all") {
        watched.fill(true);
    } else if (wanted != "none") {
        while (!wanted.empty()) {
            const std::string_view name = slice(wanted, 0, wanted.find(','));
            wanted = slice(wanted, name.size() + 1);
            const std::uint32_t number = number_of_call(name);
            if (number == call_limit) {
                wrong_name = name;
                return fail(Errc::invalid_argument);
            }
            watched[number] = true;
        }
    }
    const bool any = std::ranges::find(watched, true) != watched.end();
    is_watching.store(any, std::memory_order_relaxed);
    for (std::uint32_t number = 0; number < call_limit; ++number) {
        set_detour(number, watched[number] ? &watched_call : nullptr);
    }
    return {};
}

Status watch_calls_of_line(std::string_view line) noexcept {
    line = slice(line, 0, line.find('\n'));
    std::string_view wrong_name;
    return watch_calls(line, wrong_name);
}

void show_unfinished_call(const Thread& thread) noexcept {
    thread.watched_call->write_unfinished(thread);
}

void show_delivery(const Process& self, const Delivery& delivery) noexcept {
    if (!is_shown(self)) {
        return;
    }
    ArgumentText text;
    show_signal(text, delivery.signal);
    text.write(" ");
    show_cause(text, delivery.signal, delivery.cause);
    log::info<"strace">("{}<{}> --- {} ---", self.this_thread().number.value(),
                        self.this_thread().name(), text.view());
}

void show_end(const Process& self, ExitStatus status) noexcept {
    if (!is_shown(self)) {
        return;
    }
    if (status.is_exited()) {
        log::info<"strace">("{}<{}> +++ exited with {} +++", self.pid.value(), self.name(),
                            status.code());
        return;
    }
    ArgumentText signal;
    show_signal(signal, status.signal());
    log::info<"strace">("{}<{}> +++ killed by {} +++", self.pid.value(), self.name(),
                        signal.view());
}

}  // namespace kidney::kernel
