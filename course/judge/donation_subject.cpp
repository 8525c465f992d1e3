// The process that the books of priority donation run in: asks nobody, judges nothing, answers
// (schedule_wire.hpp, whose records mean here what `Calls` says).
#include "course/judge/schedule_wire.hpp"
#include "kidney/core/assert.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace kidney::course {
namespace {

/// What the assignment asks for. Threads and locks are the subject's own classes.
template <class D>
concept KeepsDonations = requires(typename D::Thread& thread, typename D::Lock& lock,
                                  const typename D::Thread& other, unsigned priority) {
    { D::begin(thread, priority) } noexcept -> std::same_as<void>;
    { D::takes(thread, lock) } noexcept -> std::same_as<void>;
    { D::waits(thread, lock) } noexcept -> std::same_as<void>;
    { D::gives_back(thread, lock) } noexcept -> std::same_as<typename D::Thread*>;
    { D::gives_up(thread) } noexcept -> std::same_as<void>;
    { D::set_priority(thread, priority) } noexcept -> std::same_as<void>;
    { D::effective(other) } noexcept -> std::same_as<unsigned>;
};

enum class Calls : std::uint8_t {
    anew = 'N',          ///< threads and locks that nobody used yet
    begin = 'B',         ///< begin(thread a, priority b)
    takes = 'T',         ///< takes(thread a, lock b)
    waits = 'W',         ///< waits(thread a, lock b)
    gives_back = 'G',    ///< gives_back(thread a, lock b): who has it next
    gives_up = 'U',      ///< gives_up(thread a)
    set_priority = 'S',  ///< set_priority(thread a, priority b)
    effective = 'E',     ///< effective(thread a)
};

template <KeepsDonations D>
class World {
public:
    Answer answer(const Question& question) {
        Answer answer;
        answer.outcome = Outcome::done;
        const End end = guarded(limits, [&] { act(question, answer); });
        if (end != End::returned) {
            answer.outcome = outcome_of(end);
        }
        return answer;
    }

private:
    struct Parts {
        std::array<typename D::Thread, most_entities> threads{};
        std::array<typename D::Lock, most_entities> locks{};
    };

    void act(const Question& question, Answer& answer) {
        if (question.ask == Ask{static_cast<std::uint8_t>(Calls::anew)} || parts_ == nullptr) {
            // What the last ones still hold is their own business: nothing is destroyed.
            parts_ = new Parts;
        }
        typename D::Thread& a = parts_->threads[question.a % most_entities];
        typename D::Lock& b = parts_->locks[question.b % most_entities];
        switch (static_cast<Calls>(question.ask)) {
            case Calls::anew:
                break;
            case Calls::begin:
                D::begin(a, question.b);
                break;
            case Calls::takes:
                D::takes(a, b);
                break;
            case Calls::waits:
                D::waits(a, b);
                break;
            case Calls::gives_back:
                name_of(D::gives_back(a, b), answer);
                break;
            case Calls::gives_up:
                D::gives_up(a);
                break;
            case Calls::set_priority:
                D::set_priority(a, question.b);
                break;
            case Calls::effective:
                answer.value = static_cast<std::int32_t>(D::effective(a));
                break;
        }
    }
    void name_of(const typename D::Thread* next, Answer& answer) const {
        if (next == nullptr) {
            return;
        }
        for (std::size_t i = 1; i < most_entities; ++i) {
            if (&parts_->threads[i] == next) {
                answer.value = static_cast<std::int32_t>(i);
                return;
            }
        }
        answer.outcome = Outcome::stranger;
    }

    Parts* parts_ = nullptr;
};

}  // namespace
}  // namespace kidney::course

/// Nothing is destroyed, see above; that is no leak.
extern "C" const char* __asan_default_options() {
    return "detect_leaks=0";
}

#include KIDNEY_SUBJECT_HEADER

int main() {
    kidney::course::process::left = kidney::course::limits.all;
    kidney::course::World<kidney::KIDNEY_SUBJECT_TYPE> world;
    return kidney::course::serve<kidney::course::Question>(world);
}
