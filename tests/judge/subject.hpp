/// The program beside the judge that a frame allocator runs in. One policy each.
///
/// Reads plans from standard input, plays them, and answers on standard output, a line for each
/// call; it knows no law. docs: README.md. `run_subject<A>()` is all that a subject's main() does.
#pragma once

#include "tests/laws/frames/director.hpp"
#include "tests/laws/frames/player.hpp"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace kidney::judge {

/// Text in both directions: words in hexadecimal, lines that begin with a letter.
class Wire {
public:
    /// The next word of the input, 0 at its end.
    [[nodiscard]] std::uint32_t number() noexcept;
    /// The next letter, 0 at the end.
    [[nodiscard]] char letter() noexcept;
    Wire& put(char c) noexcept;
    Wire& put(std::uint32_t number) noexcept;
    Wire& put(std::string_view text) noexcept;
    void end_line() noexcept;
    void flush() noexcept;
};

/// Survives what a policy does, as far as that can be survived. In subject_world.cpp, which is not
/// instrumented: the policy's steps are counted, ours are not.
class SubjectWorld {
public:
    [[nodiscard]] std::span<std::byte> storage(unsigned instance, std::size_t bytes) noexcept;
    static void begin_play() noexcept;
    /// Of this play, so far.
    [[nodiscard]] static std::uint64_t steps() noexcept;
    template <class F>
    [[nodiscard]] laws::frames::Answer::Outcome run(std::size_t frames, F&& call) noexcept {
        const int end = setjmp(*enter(frames));
        if (end == 0) {
            call();
        }
        leave();
        return end == 0   ? laws::frames::Answer::Outcome::done
               : end == 1 ? laws::frames::Answer::Outcome::trapped
                          : out_of_steps();
    }
    /// What the last assertion said.
    [[nodiscard]] static std::string_view complaint() noexcept;

private:
    static std::jmp_buf* enter(std::size_t frames) noexcept;
    static void leave() noexcept;
    static laws::frames::Answer::Outcome out_of_steps() noexcept;

    std::array<std::vector<std::byte>, laws::frames::max_instances> storage_;
};

/// One plan as it arrives.
struct ReceivedPlan {
    laws::frames::Plan plan;
    std::vector<laws::frames::Step> steps;
    bool careful = false;  ///< answer each call before the next
};
[[nodiscard]] bool receive(Wire& wire, ReceivedPlan& received);
void send(Wire& wire, const laws::frames::Call& call, const laws::frames::Answer& answer);

template <mm::FrameAllocator A>
int run_subject() {
    namespace frames = laws::frames;
    Wire wire;
    SubjectWorld world;
    std::array<std::vector<frames::Blocks::Block>, frames::max_instances> blocks;
    std::array<std::vector<std::uint32_t>, frames::max_instances> live;
    std::array<frames::Blocks, frames::max_instances> books;
    for (unsigned i = 0; i < frames::max_instances; ++i) {
        blocks[i].resize(frames::plan_blocks);
        live[i].resize(frames::plan_blocks);
        books[i].use(blocks[i], live[i]);
    }
    wire.put('S').put(std::uint32_t{mm::largest_order_of<A>.value()}).put(' ');
    wire.put(std::string_view(A::name)).end_line();
    ReceivedPlan received;
    while (receive(wire, received)) {
        frames::Director director(received.plan, books, mm::largest_order_of<A>);
        frames::Player<A, SubjectWorld> player(received.plan, world);
        wire.put('P').end_line();
        SubjectWorld::begin_play();
        frames::Call call;
        while (director.next(call)) {
            const frames::Answer answer = player.play(call);
            send(wire, call, answer);
            if (received.careful) {
                wire.flush();
            }
            if (frames::has_no_end(answer)) {
                wire.flush();
                std::_Exit(1);  // what it was about to do is not undone
            }
            director.hear(call, answer);
        }
        wire.put('E').put(static_cast<std::uint32_t>(SubjectWorld::steps())).end_line();
        wire.flush();  // what is answered is not lost with a later plan
    }
    wire.flush();
    return 0;
}

}  // namespace kidney::judge
