// The process that a policy of the course runs in: asks nobody, judges nothing, answers (wire.hpp).
//
// KIDNEY_SUBJECT_HEADER and KIDNEY_SUBJECT_TYPE say which policy, KIDNEY_SUBJECT_COUNT which member
// function the assignment asks for. The policy is included last, so that what it defines changes
// nothing above.
#include "course/judge/process.hpp"
#include "course/judge/wire.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace kidney::course {
namespace {

constexpr StepLimits limits{.all = most_steps, .one_call = most_steps};

/// A policy and its books. Each life has memory of its own, full of rubbish.
template <mm::FrameAllocator A>
class Life {
public:
    Answer answer(const Question& question) {
        Answer answer;
        const End end = guarded(limits, [&] {
            act(question, answer);
            answer.free_frames = static_cast<std::uint32_t>(policy_->free_frames());
        });
        if (end != End::returned) {
            answer.outcome = end == End::trapped ? Outcome::trapped : Outcome::worn_out;
        }
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

#include KIDNEY_SUBJECT_HEADER

int main() {
    kidney::course::process::left = kidney::course::most_steps;
    kidney::course::Life<kidney::KIDNEY_SUBJECT_TYPE> life;
    return kidney::course::serve<kidney::course::Question>(life);
}
