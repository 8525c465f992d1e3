// The race against fragmentation: the protocols of bench/workloads/fragmentation.hpp, played here;
// the policy that races is another process and sees nothing but calls.
//
//     race SEED COMMAND...      prints a line of JSON
//
// A block that is not wholly free, not aligned or not in the span disqualifies, and so does a
// refusal while there is such a block: then there are no figures.
#include "bench/workloads/fragmentation.hpp"
#include "course/judge/wire.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>
#include <vector>

namespace kidney::course {
namespace {

/// 64 MiB: 32 blocks of 2 MiB.
constexpr FrameRange span{FrameNumber(0x8000), 0x4000};

[[noreturn]] void disqualify(const char* why, std::uint32_t value,
                             const char* verdict = "crashed") {
    std::printf("{\"complete\": false, \"verdict\": \"%s\", \"message\": \"%s 0x%x\"}\n", verdict,
                why, value);
    std::fflush(stdout);
    std::_Exit(0);
}

class Subject {
public:
    explicit Subject(char** command) {
        int to[2];
        int from[2];
        if (::pipe(to) != 0 || ::pipe(from) != 0) {
            std::perror("race");
            std::exit(2);
        }
        if (::fork() == 0) {
            ::dup2(to[0], STDIN_FILENO);
            ::dup2(from[1], STDOUT_FILENO);
            for (const int fd : {to[0], to[1], from[0], from[1]}) {
                ::close(fd);
            }
            ::execvp(command[0], command);
            std::perror(command[0]);
            ::_exit(127);
        }
        ::close(to[0]);
        ::close(from[1]);
        in_ = to[1];
        out_ = from[0];
    }
    /// Calls without a result wait for the next one that has: a round trip costs more than a call.
    void tell(const Question& question) {
        waiting_.push_back(question);
        if (waiting_.size() == 256) {  // far less than a pipe holds
            exchange();
        }
    }
    Answer ask(const Question& question) {
        waiting_.push_back(question);
        return exchange();
    }

private:
    /// Returns the last answer.
    Answer exchange() {
        const std::size_t count = waiting_.size();
        const std::size_t asked = count * sizeof(Question);
        std::array<Answer, 256> answers{};
        auto* bytes = reinterpret_cast<char*>(answers.data());
        bool alive = ::write(in_, waiting_.data(), asked) == static_cast<ssize_t>(asked);
        std::size_t done = 0;
        while (alive && done < count * sizeof(Answer)) {
            const ssize_t n = ::read(out_, bytes + done, count * sizeof(Answer) - done);
            alive = n > 0;
            done += alive ? static_cast<std::size_t>(n) : 0;
        }
        for (std::size_t i = 0; i < done / sizeof(Answer); ++i) {
            if (answers[i].outcome == Outcome::worn_out) {
                disqualify(
                    "it looks at too much in each call: in all protocols together it may "
                    "make 2 500 000 000 steps (branches), and a buddy system makes less than "
                    "10 000 000. They were used up in a call of order",
                    waiting_[i].order, "slow");
            }
            if (answers[i].outcome == Outcome::trapped) {
                disqualify("an invariant failed in a right call, which freed the frame",
                           waiting_[i].first);
            }
        }
        if (!alive) {
            disqualify(
                "the policy's program ended before it had answered all calls; the last was of "
                "order",
                waiting_.back().order);
        }
        waiting_.clear();
        return answers[count - 1];
    }

    int in_ = -1;
    int out_ = -1;
    std::vector<Question> waiting_;
};

/// Models mm::FrameAllocator as far as the protocols use it.
class RemoteFrames {
public:
    explicit RemoteFrames(Subject& subject) : subject_(subject), taken_(span.count) {
        subject_.tell({Ask::attach, 0, 0, span.first.value(), span.count});
        subject_.tell({Ask::add, 0, 0, span.first.value(), span.count});
    }
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) {
        const Answer answer = subject_.ask({Ask::allocate, order.value(), 0, 0, 0});
        if (answer.outcome != Outcome::served) {
            must_be_impossible(order);
            return fail(Errc::no_memory);
        }
        const std::uint32_t at = answer.value - span.first.value();
        if (at >= span.count || order.frames() > span.count - at || at % order.frames() != 0) {
            disqualify("a block lies outside of the span or is not aligned:", answer.value);
        }
        for (std::uint32_t i = 0; i < order.frames(); ++i) {
            if (taken_[at + i]) {
                disqualify("a frame was handed out twice:", answer.value + i);
            }
            taken_[at + i] = true;
        }
        return FrameNumber(answer.value);
    }
    void free(FrameNumber first, FrameOrder order) {
        for (std::uint32_t i = 0; i < order.frames(); ++i) {
            taken_[first - span.first + i] = false;
        }
        subject_.tell({Ask::give_back, order.value(), 0, first.value(), 0});
    }

private:
    /// Who serves nobody keeps memory whole easily.
    void must_be_impossible(FrameOrder order) const {
        std::uint32_t idle = 0;  // frames in a row, from a multiple of the block's size
        for (std::uint32_t at = 0; at < span.count; ++at) {
            idle = at % order.frames() == 0 ? 0 : idle;
            idle += taken_[at] ? 0U : 1U;
            if (idle == order.frames()) {
                disqualify("a request was refused although there is a free block of its size, at",
                           (span.first + (at + 1 - idle)).value());
            }
        }
    }

    Subject& subject_;
    std::vector<bool> taken_;
};

template <class Protocol>
double run(Subject& subject, std::uint32_t seed, std::string& figures) {
    RemoteFrames frames(subject);
    const bench::FreeShape shape = bench::fragment<Protocol>(frames, span, seed);
    const double granted = shape.granted_share(bench::order_2_mib);
    char text[64];
    std::snprintf(text, sizeof text, "%s\"%s\": %.1f", figures.empty() ? "" : ", ", Protocol::name,
                  granted);
    figures += text;
    return granted;
}

int race(std::uint32_t seed, char** command) {
    ::signal(SIGPIPE, SIG_IGN);
    Subject subject(command);
    std::string figures;  // printed at the end: who is disqualified has none
    const double sum = run<bench::Breathe<40, 60>>(subject, seed, figures) +
                       run<bench::Breathe<75, 95>>(subject, seed, figures) +
                       run<bench::Paper>(subject, seed, figures) +
                       run<bench::MixedOrders>(subject, seed, figures);
    std::printf("{\"protocols\": {%s}, \"figure\": %.1f, \"complete\": true}\n", figures.c_str(),
                sum / 4);
    return 0;
}

}  // namespace
}  // namespace kidney::course

int main(int count, char** arguments) {
    if (count < 3) {
        std::fprintf(stderr, "usage: race SEED COMMAND...\n");
        return 2;
    }
    return kidney::course::race(static_cast<std::uint32_t>(std::strtoul(arguments[1], nullptr, 10)),
                                arguments + 2);
}
