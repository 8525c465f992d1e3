/// Any keys, with settings changed in between: what is read was typed, and nothing overflows.
#include "proc/terminal/line_discipline.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace kidney;

namespace {

struct Counter {
    std::size_t bytes = 0;
    void put(char /*c*/) noexcept { ++bytes; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    proc::LineDiscipline line;
    Counter echo;
    std::array<std::byte, 64> out{};
    std::size_t taken = 0;
    for (std::size_t i = 0; i + 1 < size; i += 2) {
        switch (data[i] % 8) {
            case 0: {
                abi::Termios settings = line.settings();
                settings.lflag ^= 1U << (data[i + 1] % 16);
                line.set_settings(settings);
                break;
            }
            case 1:
                if (line.can_read()) {
                    const auto room = std::span(out).first(data[i + 1] % out.size());
                    const std::size_t count = line.read(room).count;
                    if (count > room.size()) {
                        std::abort();
                    }
                    taken += count;
                }
                break;
            case 2:
                line.flush_input();
                break;
            default:
                line.receive(data[i + 1], echo);
        }
    }
    if (taken > size || line.readable() > proc::LineDiscipline::capacity) {
        std::abort();
    }
    return 0;
}
