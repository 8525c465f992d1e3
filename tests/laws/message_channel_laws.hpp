/// The laws of `MessageChannel`. Freestanding. The subject says what its server shall do.
#pragma once

#include "kidney/fs/message_channel.hpp"
#include "tests/laws/report.hpp"

#include <array>
#include <cstddef>
#include <span>

namespace kidney::laws::message_channel {

/// A channel to a server that answers every message with as many bytes as it is told to, each of
/// them `filling`.
class Subject {
public:
    [[nodiscard]] virtual Result<std::size_t> exchange(std::span<const std::byte> request,
                                                       std::span<std::byte> reply) noexcept = 0;
    [[nodiscard]] virtual std::size_t max_message() const noexcept = 0;
    /// What the server answers from now on.
    virtual void answer(std::size_t bytes) noexcept = 0;
    /// It answers nothing more.
    virtual void fall_silent() noexcept = 0;

    static constexpr std::byte filling{0x5A};

protected:
    ~Subject() = default;
};

/// A whole message of 9P, because a server may look at it: a fid is forgotten that nobody has.
inline constexpr std::array hello{std::byte{11},  std::byte{},  std::byte{}, std::byte{},
                                  std::byte{120}, std::byte{1}, std::byte{}, std::byte{99},
                                  std::byte{},    std::byte{},  std::byte{}};

struct G1 {
    static constexpr const char* text = "G1 the whole reply, and nothing behind it";
    static void check(Report& report, Subject& s) noexcept {
        std::array<std::byte, 600> room{};
        for (const std::size_t length : {std::size_t{7}, std::size_t{100}, std::size_t{512}}) {
            room.fill(std::byte{});
            s.answer(length);
            LAW_CHECK(report, s.exchange(hello, std::span(room).first(512)) == length);
            bool is_right = true;
            for (std::size_t n = 0; n < room.size(); ++n) {
                is_right &= room[n] == (n < length ? Subject::filling : std::byte{});
            }
            LAW_CHECK(report, is_right);
        }
        room.fill(std::byte{});
        s.answer(513);
        LAW_CHECK(report, !s.exchange(hello, std::span(room).first(512)));
        for (std::size_t n = 512; n < room.size(); ++n) {
            LAW_CHECK(report, room[n] == std::byte{});
        }
    }
};
struct G2 {
    static constexpr const char* text = "G2 an exchange ends";
    static void check(Report& report, Subject& s) noexcept {
        std::array<std::byte, 100> room{};
        s.fall_silent();
        LAW_CHECK(report, !s.exchange(hello, room));
        LAW_CHECK(report, !s.exchange(hello, room));
    }
};
struct G4 {
    static constexpr const char* text = "G4 messages may be as large as it says";
    static void check(Report& report, Subject& s) noexcept {
        LAW_CHECK(report, s.max_message() >= 4096);
    }
};

using Suite = TypeList<G4, G1, G2>;

}  // namespace kidney::laws::message_channel
