// The process that a scheduler policy of the course runs in: asks nobody, judges nothing, answers
// (schedule_wire.hpp).
//
// KIDNEY_SUBJECT_HEADER and KIDNEY_SUBJECT_TYPE say which policy. It is included last, so that what
// it defines changes nothing above.
#include "course/judge/schedule_wire.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace kidney::course {
namespace {

/// A policy and those whom it schedules. Each life has an object of its own.
template <sched::SchedulerPolicy P>
class Life {
public:
    Answer answer(const Question& question) {
        Answer answer;
        answer.outcome = Outcome::done;
        const End end = guarded(limits, [&] {
            act(question, answer);
            answer.size = static_cast<std::uint32_t>(policy_->size());
        });
        if (end != End::returned) {
            answer.outcome = outcome_of(end);
        }
        return answer;
    }

private:
    using Entity = sched::Entity;

    void begin(bool backwards) {
        policy_.reset();
        backwards_ = backwards;
        entities_.fill(Entity());
        policy_.emplace();
        for (std::uint16_t name = 1; name <= most_entities; ++name) {
            Entity& e = entity(name);
            e.id = name;
            e.slot = name - 1U;
        }
    }
    Entity& entity(std::uint16_t name) {
        const std::size_t i = (name - 1U) % most_entities;
        return entities_[backwards_ ? most_entities - 1 - i : i];
    }
    void act(const Question& question, Answer& answer) {
        const Instant now(static_cast<std::uint64_t>(question.now));
        if (!policy_) {
            begin(false);
        }
        switch (question.ask) {
            case Ask::begin:
                begin(question.why != 0);
                break;
            case Ask::nice:
                entity(question.a).nice = static_cast<std::int8_t>(question.b);
                break;
            case Ask::enqueue:
                policy_->enqueue(entity(question.a),
                                 static_cast<sched::EnqueueReason>(question.why), now);
                break;
            case Ask::remove:
                policy_->remove(entity(question.a));
                break;
            case Ask::pick:
                name_of(policy_->pick_next(now), answer);
                break;
            case Ask::charge:
                answer.value =
                    policy_->charge(entity(question.a), Duration::nanoseconds(question.ran), now) ==
                            sched::TickVerdict::preempt
                        ? 1
                        : 0;
                break;
            case Ask::leave:
                sched::or_default::leave<P>(*policy_, entity(question.a),
                                            static_cast<sched::LeaveReason>(question.why), now);
                break;
            case Ask::preempts:
                answer.value = policy_->preempts(entity(question.a), entity(question.b)) ? 1 : 0;
                break;
            case Ask::value:
                value(*policy_, question.why, entity(question.a), answer);
                break;
        }
    }
    void name_of(const Entity* picked, Answer& answer) {
        if (picked == nullptr) {
            return;
        }
        for (std::uint16_t name = 1; name <= most_entities; ++name) {
            if (&entity(name) == picked) {
                answer.value = name;
                return;
            }
        }
        answer.outcome = Outcome::stranger;
    }
    /// The member functions that the assignment asks for, in the order of its manifest's names.
    template <class Policy>
    static void value(const Policy& policy, unsigned which, const Entity& e, Answer& answer) {
        answer.outcome = Outcome::absent;
        const auto is = [&](unsigned number, auto said) {
            if (which == number) {
                answer = {.outcome = Outcome::done, .value = static_cast<std::int32_t>(said)};
            }
        };
        if constexpr (requires { policy.level_of(e); }) {
            is(0, policy.level_of(e));
        }
        if constexpr (requires { policy.load_avg(); }) {
            is(1, policy.load_avg());
        }
        if constexpr (requires { policy.recent_cpu(e); }) {
            is(2, policy.recent_cpu(e));
        }
        if constexpr (requires { policy.priority_of(e); }) {
            is(3, policy.priority_of(e));
        }
    }

    std::array<Entity, most_entities> entities_;
    std::optional<P> policy_;
    bool backwards_ = false;
};

}  // namespace
}  // namespace kidney::course

#include KIDNEY_SUBJECT_HEADER

int main() {
    kidney::course::process::left = kidney::course::limits.all;
    kidney::course::Life<kidney::KIDNEY_SUBJECT_TYPE> life;
    return kidney::course::serve<kidney::course::Question>(life);
}
