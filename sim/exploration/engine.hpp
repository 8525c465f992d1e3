/// One run of a scenario: its threads as fibers, of which one goes on at a time, and somebody who
/// chooses which.
#pragma once

#include "kidney/core/lock.hpp"
#include "sim/explorer.hpp"
#include "sim/fiber.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::sim::explored {

inline constexpr std::size_t none = ~std::size_t{0};

/// What a thread did between two switch points.
struct Step {
    std::size_t thread = none;
    const void* object = nullptr;  ///< the atomic that it began with, if any
    bool writes = false;
    bool is_opaque = false;  ///< it did what only the engine sees: slept, woke, looked at others

    /// Whether their order may matter.
    [[nodiscard]] bool meets(const Step& other) const noexcept {
        return is_opaque || other.is_opaque ||
               (object != nullptr && object == other.object && (writes || other.writes));
    }
};

/// Who could go on.
struct Candidates {
    std::array<std::size_t, max_threads> thread{};  ///< the running one first, if it is one of them
    std::size_t count = 0;
    bool running_is_first = false;
};

/// Decides who goes on.
class Chooser {
public:
    virtual ~Chooser() = default;
    virtual void begin() {}
    /// Between any two steps, even if there is only one candidate. Returns its index.
    virtual std::size_t choose(const Candidates& candidates) = 0;
    virtual void did(const Step&) {}

protected:
    Chooser() = default;
    Chooser(const Chooser&) = default;
    Chooser& operator=(const Chooser&) = default;
};

/// Follows a schedule; after its end the first candidate goes on.
class Follow final : public Chooser {
public:
    explicit Follow(std::string_view schedule) : schedule_(schedule) {}
    void begin() override { at_ = 0; }
    std::size_t choose(const Candidates& candidates) override;

private:
    std::string schedule_;
    std::size_t at_ = 0;
};

class Engine {
public:
    explicit Engine(const Program& program);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Once more, from the beginning. Not after a failure: its fibers are stuck in the middle.
    void run(Chooser& chooser);

    [[nodiscard]] const std::string& failure() const { return failure_; }
    /// Of the last run: who was chosen at each decision between two or more.
    [[nodiscard]] const std::string& schedule() const { return schedule_; }
    [[nodiscard]] std::size_t steps() const { return steps_; }
    [[nodiscard]] std::size_t preemptions() const { return preemptions_; }

    /// The one that runs now, or nullptr.
    [[nodiscard]] static Engine* active() noexcept;

    // --- For the models ---
    enum class State : std::uint8_t {
        parked,
        ready,
        spinning,
        blocked,
        blocked_may_give_up,
        ended
    };
    struct Worker {
        Fiber fiber;
        Fiber* active = &fiber;  ///< stands for the context that runs on this CPU
        std::unique_ptr<std::byte[]> stack;
        State state = State::parked;
        Step next;  ///< what it is about to do
        HeldRanks held_ranks;
        bool interrupts_enabled = true;
        bool interrupt_pending = false;
        bool has_missed_write = false;  ///< somebody wrote since it last looked around and gave way
    };
    [[nodiscard]] Worker& worker(std::size_t i) { return *workers_[i]; }
    [[nodiscard]] std::size_t running() const { return running_; }
    [[nodiscard]] bool inside() const { return inside_; }
    void about_to(const void* object, bool writes, bool is_opaque);
    void is_opaque() { step_.is_opaque = true; }
    void reschedule();
    void switch_context(Fiber& from, Fiber& to);
    void on_reschedule() { program_.on_reschedule(); }
    void wrote();
    void spin();
    void fail(std::string_view what);

private:
    struct Argument {
        Engine* engine;
        std::size_t thread;
    };

    [[noreturn]] void work(std::size_t thread);
    std::size_t choose();
    [[nodiscard]] std::string deadlock_text() const;

    const Program& program_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::array<Argument, max_threads> arguments_{};
    Fiber host_;
    Chooser* chooser_ = nullptr;
    Step step_;
    std::string schedule_;
    std::size_t steps_ = 0;
    std::size_t preemptions_ = 0;
    std::size_t running_ = none;
    std::string failure_;
    bool inside_ = false;
};

}  // namespace kidney::sim::explored
