// The process that a policy of the course runs in: asks nobody, judges nothing, answers (wire.hpp).
//
// KIDNEY_SUBJECT_HEADER and KIDNEY_SUBJECT_TYPE say which policy, KIDNEY_SUBJECT_COUNT which member
// function the assignment asks for. The policy is included last, so that what it defines changes
// nothing above.
#include "course/judge/wire.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <algorithm>
#include <csetjmp>
#include <optional>
#include <unistd.h>
#include <vector>

namespace kidney::course {
namespace {

std::jmp_buf before_the_call;
constexpr int trapped = 1;
constexpr int worn_out = 2;

// Counted while the policy is at work, not while we are.
bool at_work = false;
std::uint64_t steps_left = most_steps;

template <class T>
bool read_all(T& to) {
    auto* bytes = reinterpret_cast<char*>(&to);
    for (std::size_t done = 0; done < sizeof(T);) {
        const ssize_t n = ::read(STDIN_FILENO, bytes + done, sizeof(T) - done);
        if (n <= 0) {
            return false;
        }
        done += static_cast<std::size_t>(n);
    }
    return true;
}

template <class T>
bool write_all(const T& from) {
    return ::write(STDOUT_FILENO, &from, sizeof(T)) == static_cast<ssize_t>(sizeof(T));
}

/// A policy and its books. Each life has memory of its own, full of rubbish.
template <mm::FrameAllocator A>
class Life {
public:
    Answer answer(const Question& question) {
        Answer answer;
        const int end = setjmp(before_the_call);
        if (end == 0) {
            at_work = true;
            act(question, answer);
            answer.free_frames = static_cast<std::uint32_t>(policy_->free_frames());
        } else {
            answer.outcome = end == trapped ? Outcome::trapped : Outcome::worn_out;
        }
        at_work = false;
        return answer;
    }

private:
    void act(const Question& question, Answer& answer) {
        const FrameRange range{FrameNumber(question.first), question.count};
        answer.outcome = Outcome::done;
        switch (question.ask) {
            case Ask::attach:
                if (question.order == 0) {
                    policy_.emplace();
                }
                books_.assign(A::metadata_bytes(range) / sizeof(Unit) + 1,
                              Unit{0xA5A5'A5A5, 0x5A5A'5A5A});
                policy_->attach(range, std::as_writable_bytes(std::span(books_)));
                break;
            case Ask::add:
                policy_->add_region(range);
                break;
            case Ask::allocate: {
                const Result<FrameNumber> block = policy_->allocate(FrameOrder(question.order));
                answer.outcome = block.has_value() ? Outcome::served : Outcome::refused;
                answer.value = block.has_value()                  ? block->value()
                               : block.error() == Errc::no_memory ? 0U
                                                                  : 1U;
                break;
            }
            case Ask::give_back:
                policy_->free(range.first, FrameOrder(question.order));
                break;
            case Ask::count:
                count(*policy_, answer);
                break;
        }
    }
    template <class P>
    static void count([[maybe_unused]] const P& policy, Answer& answer) {
        if constexpr (requires { policy.KIDNEY_SUBJECT_COUNT(); }) {
            answer.value = static_cast<std::uint32_t>(policy.KIDNEY_SUBJECT_COUNT());
        } else {
            answer.outcome = Outcome::absent;
        }
    }

    struct alignas(16) Unit {
        std::uint64_t low, high;
    };
    std::optional<A> policy_{std::in_place};
    std::vector<Unit> books_;
};

}  // namespace
}  // namespace kidney::course

namespace kidney {
void assertion_failed(const char* /*expression*/, const char* /*why*/, const char* /*file*/,
                      int /*line*/) noexcept {
    std::longjmp(course::before_the_call, course::trapped);
}
}  // namespace kidney

/// Called by the compiler at every branch (-fsanitize-coverage=trace-pc).
extern "C" __attribute__((no_sanitize("coverage"))) void __sanitizer_cov_trace_pc() {
    if (kidney::course::at_work && --kidney::course::steps_left == 0) {
        kidney::course::at_work = false;  // where this jumps to is counted, too
        std::longjmp(kidney::course::before_the_call, kidney::course::worn_out);
    }
}

#include KIDNEY_SUBJECT_HEADER

int main() {
    kidney::course::Life<kidney::KIDNEY_SUBJECT_TYPE> life;
    kidney::course::Question question;
    while (kidney::course::read_all(question)) {
        const kidney::course::Answer answer = life.answer(question);
        if (!kidney::course::write_all(answer)) {
            return 1;
        }
        if (answer.outcome == kidney::course::Outcome::worn_out) {
            return 0;  // what it was about to do is not undone
        }
    }
    return 0;
}
