#include "kidney/core/assert.hpp"
#include "kidney/core/log.hpp"
#include "tests/judge/steps.hpp"
#include "tests/judge/subject.hpp"

#include <unistd.h>

namespace kidney {
namespace {

// A call of the policy in progress: one thread, reached from assertions and counted steps.
std::jmp_buf way_out;
bool inside = false;
judge::StepCounter counter;
std::array<char, 300> last_complaint{};

std::array<char, 1U << 16> input{};
std::size_t input_at = 0;
std::size_t input_end = 0;
std::string output;

int next_byte() noexcept {
    if (input_at == input_end) {
        const ssize_t n = ::read(STDIN_FILENO, input.data(), input.size());
        input_at = 0;
        input_end = n > 0 ? static_cast<std::size_t>(n) : 0;
        if (input_end == 0) {
            return -1;
        }
    }
    return static_cast<unsigned char>(input[input_at++]);
}

}  // namespace

namespace judge {

std::uint32_t Wire::number() noexcept {
    int c = next_byte();
    while (c == ' ' || c == '\n') {
        c = next_byte();
    }
    std::uint32_t value = 0;
    for (; c > ' '; c = next_byte()) {
        value = value * 16 + static_cast<unsigned>(c >= 'a' ? c - 'a' + 10 : c - '0');
    }
    return value;
}
char Wire::letter() noexcept {
    int c = next_byte();
    while (c == ' ' || c == '\n') {
        c = next_byte();
    }
    return c < 0 ? '\0' : static_cast<char>(c);
}
Wire& Wire::put(char c) noexcept {
    output.push_back(c);
    return *this;
}
Wire& Wire::put(std::uint32_t number) noexcept {
    char digits[9];
    std::snprintf(digits, sizeof digits, "%x", number);
    output += digits;
    return *this;
}
Wire& Wire::put(std::string_view text) noexcept {
    output += text;
    return *this;
}
void Wire::end_line() noexcept {
    output.push_back('\n');
    if (output.size() > 1U << 15) {
        flush();
    }
}
void Wire::flush() noexcept {
    for (std::size_t at = 0; at < output.size();) {
        const ssize_t n = ::write(STDOUT_FILENO, output.data() + at, output.size() - at);
        if (n <= 0) {
            std::_Exit(2);  // nobody listens any more
        }
        at += static_cast<std::size_t>(n);
    }
    output.clear();
}

bool receive(Wire& wire, ReceivedPlan& received) {
    laws::frames::Plan& plan = received.plan;
    if (wire.letter() != 'P') {
        return false;
    }
    received.careful = wire.number() != 0;
    plan.instances = static_cast<std::uint8_t>(wire.number());
    plan.interleaved = wire.number() != 0;
    plan.shift = wire.number();
    plan.place = wire.number();
    plan.pattern = static_cast<std::uint8_t>(wire.number());
    plan.lived_before = wire.number() != 0;
    for (FrameRange& span : plan.spans) {
        span.first = FrameNumber(wire.number());
        span.count = wire.number();
    }
    received.steps.resize(wire.number());
    for (laws::frames::Step& step : received.steps) {
        step.op = static_cast<laws::frames::Op>(wire.number());
        step.instance = static_cast<std::uint8_t>(wire.number());
        step.order = static_cast<std::uint8_t>(wire.number());
        step.a = wire.number();
        step.b = wire.number();
    }
    plan.steps = received.steps;
    return true;
}

void send(Wire& wire, const laws::frames::Call& call, const laws::frames::Answer& answer) {
    using Outcome = laws::frames::Answer::Outcome;
    const unsigned canaries = (answer.before_intact ? 0U : 1U) | (answer.behind_intact ? 0U : 2U);
    switch (answer.outcome) {
        case Outcome::done:
            if (call.op == laws::frames::Op::measure) {
                wire.put('m').put(answer.size).put(' ');
            } else {
                wire.put('d');
            }
            wire.put(answer.free_frames);
            break;
        case Outcome::served:
            wire.put('s').put(answer.frame.value()).put(' ').put(answer.free_frames);
            break;
        case Outcome::refused:
            wire.put('r').put(static_cast<std::uint32_t>(answer.error)).put(' ');
            wire.put(answer.free_frames);
            break;
        case Outcome::trapped:
            wire.put('t').put(SubjectWorld::complaint()).end_line();
            return;
        case Outcome::oversized:
            wire.put('o').put(answer.size).end_line();
            return;
        case Outcome::endless:
            wire.put('l').put(static_cast<std::uint32_t>(SubjectWorld::steps())).end_line();
            return;
        case Outcome::worn_out:
            wire.put('w').put(static_cast<std::uint32_t>(SubjectWorld::steps())).end_line();
            return;
    }
    if (canaries != 0) {
        wire.put(' ').put(canaries);
    }
    wire.end_line();
}

std::span<std::byte> SubjectWorld::storage(unsigned instance, std::size_t bytes) noexcept {
    // Exactly as large as is asked for, so that AddressSanitizer sees what canaries do not.
    if (storage_[instance].size() != bytes) {
        storage_[instance] = std::vector<std::byte>(bytes);
    }
    return storage_[instance];
}
std::jmp_buf* SubjectWorld::enter(std::size_t frames) noexcept {
    counter.begin_call(frames);
    inside = true;
    return &way_out;
}
void SubjectWorld::leave() noexcept {
    inside = false;
    counter.end_call();
}
void SubjectWorld::begin_play() noexcept {
    counter.begin_play();
}
std::uint64_t SubjectWorld::steps() noexcept {
    return counter.made_in_play();
}
laws::frames::Answer::Outcome SubjectWorld::out_of_steps() noexcept {
    using Outcome = laws::frames::Answer::Outcome;
    return counter.end() == StepCounter::End::call ? Outcome::endless : Outcome::worn_out;
}
std::string_view SubjectWorld::complaint() noexcept {
    return last_complaint.data();
}

}  // namespace judge

void assertion_failed(const char* expression, const char* why, const char* file,
                      int line) noexcept {
    std::snprintf(last_complaint.data(), last_complaint.size(), "%s%s%s (%s:%d)", expression,
                  *why != '\0' ? ": " : "", why, file, line);
    if (!inside) {
        std::fprintf(stderr, "assertion failed: %s\n", last_complaint.data());
        std::abort();
    }
    std::longjmp(way_out, 1);
}

void log_line(LogLevel, std::string_view, std::string_view) noexcept {}

}  // namespace kidney

/// Called by the compiler at every branch of the policy (-fsanitize-coverage=trace-pc).
extern "C" void __sanitizer_cov_trace_pc() {
    if (kidney::inside && !kidney::counter.step()) {
        kidney::inside = false;  // where this jumps to is counted, too
        std::longjmp(kidney::way_out, 2);
    }
}
