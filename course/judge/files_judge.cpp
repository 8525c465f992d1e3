/// The judge of file systems: checks one law of a vsfs that runs in another process.
///
///     files_judge --law LAW --size given|hidden --seed N --json FILE -- COMMAND...
///
/// Exit status: 0 kept, 1 not kept, 2 a wrong option. The verdict is in FILE; what counts is that
/// it is there and whole.
#include "course/judge/files/crash.hpp"
#include "course/judge/files/directory_laws.hpp"
#include "course/judge/files/file_laws.hpp"
#include "course/judge/files/whole.hpp"
#include "kidney/core/assert.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace kidney {
void assertion_failed(const char* expression, const char* why, const char* file,
                      int line) noexcept {
    std::fprintf(stderr, "files_judge: %s (%s), %s:%d\n", expression, why == nullptr ? "" : why,
                 file, line);
    std::abort();
}
}  // namespace kidney

namespace kidney::course::files {
namespace {

struct Options {
    std::string law, json;
    bool is_hidden = false;
    std::uint32_t seed = 1;
    std::vector<std::string> command;
};

struct Judge {
    const Options& o;
    Remote& remote;
    Trial& t;

    using Unit = void (*)(Remote&, TestDisk&, Trial&);

    /// On one disk when given, on others besides when it counts.
    void on_disks(Unit law, std::vector<DiskShape> shapes) {
        if (!o.is_hidden) {
            shapes.resize(1);
        }
        for (const DiskShape& shape : shapes) {
            if (t.is_kept()) {
                t.calls_.clear();
                TestDisk on(shape);
                law(remote, on, t);
            }
        }
    }
    void unit(Unit law) {
        on_disks(law, {{.blocks = 64, .inodes = 32},
                       {.blocks = 90, .inodes = 64, .log_blocks = 0, .sector = 4096},
                       {.blocks = 200, .inodes = 128, .log_blocks = 0, .sector = 1024}});
    }
    /// A disk of 130 blocks for the laws that write much.
    void whole(Unit law) {
        on_disks(law, {{.blocks = 130, .inodes = 64},
                       {.blocks = 101, .inodes = 96, .log_blocks = 0, .sector = 4096}});
    }
    void logged(Unit law) {
        on_disks(law, {{.blocks = 80, .inodes = 64, .log_blocks = 17},
                       {.blocks = 120, .inodes = 64, .log_blocks = 33, .sector = 2048},
                       {.blocks = 200, .inodes = 64, .log_blocks = 101}});
    }
    void plays() {
        const std::uint32_t count = o.is_hidden ? 4 : 1;
        for (std::uint32_t n = 0; n < count && t.is_kept(); ++n) {
            t.calls_.clear();
            TestDisk on({.blocks = 90, .inodes = 32});
            law_m1(remote, on, t, o.seed + n);
        }
    }
    void failing(std::uint32_t log_blocks) {
        TestDisk on({.blocks = 80 + log_blocks, .inodes = 32, .log_blocks = log_blocks});
        law_e(remote, on, t, o.is_hidden ? 3 : 11);
    }
    void crashes(const Sweep& what, bool small_log) {
        sweep(remote, t, 33, what);
        if (small_log && t.is_kept()) {
            sweep(remote, t, 17, what);
        }
    }
};

template <class Suite>
bool law_of_suite(const std::string& name, Judge& judge) {
    bool found = false;
    Suite::for_each([&]<class Law>() {
        const std::string text = Law::text;
        if (text.substr(0, text.find(' ')) == name) {
            judge.whole(&law_of_all<Law>);
            found = true;
        }
    });
    return found;
}

bool run(const std::string& name, Judge& judge) {
    const std::pair<const char*, Judge::Unit> units[] = {
        {"I1", law_i1}, {"I2", law_i2}, {"I3", law_i3}, {"B1", law_b1}, {"B2", law_b2},
        {"B3", law_b3}, {"B4", law_b4}, {"B5", law_b5}, {"D1", law_d1}, {"D2", law_d2},
        {"D3", law_d3}, {"D4", law_d4}, {"D5", law_d5}};
    for (const auto& [law, function] : units) {
        if (name == law) {
            judge.unit(function);
            return true;
        }
    }
    const bool hidden = judge.o.is_hidden;
    if (name == "M1") {
        judge.plays();
    } else if (name == "F1") {
        judge.on_disks(law_f1, {{.blocks = 30, .inodes = 32},
                                {.blocks = 24, .inodes = 32, .log_blocks = 0, .sector = 4096}});
    } else if (name == "E1") {
        judge.failing(0);
    } else if (name == "E2") {
        judge.failing(17);
    } else if (name == "L1") {
        judge.logged(law_l1);
    } else if (name == "L2") {
        judge.logged(law_l2);
    } else if (name == "L3") {
        judge.logged(law_l3);
    } else if (name == "C1") {
        judge.crashes({.kinds = {.reordered = false}}, hidden);
    } else if (name == "C2") {
        judge.crashes({.kinds = {.prefix = false, .torn = false}}, hidden);
    } else if (name == "C3") {
        judge.crashes({.nested = 1,
                       .kinds = {.torn = false, .reordered = false},
                       .stride = hidden ? 4U : 9U,
                       .first = judge.o.seed % 4},
                      true);
    } else if (name == "C4") {
        judge.crashes({.length = 2, .stride = hidden ? 61U : 409U, .first = judge.o.seed % 61},
                      hidden);
    } else {
        return law_of_suite<laws::file_system::Suite>(name, judge);
    }
    return true;
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte > 0x7E) {
            char code[8];
            std::snprintf(code, sizeof(code), "\\u%04x", byte);
            out += code;
        } else {
            out += c;
        }
    }
    return out + "\"";
}

int main(std::span<char*> arguments) {
    Options o;
    std::size_t i = 0;
    for (; i + 1 < arguments.size() && std::string(arguments[i]) != "--"; i += 2) {
        const std::string option = arguments[i], value = arguments[i + 1];
        if (option == "--law") {
            o.law = value;
        } else if (option == "--json") {
            o.json = value;
        } else if (option == "--size") {
            o.is_hidden = value == "hidden";
        } else if (option == "--seed") {
            o.seed = static_cast<std::uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
        } else {
            std::fprintf(stderr, "files_judge: no such option: %s\n", option.c_str());
            return 2;
        }
    }
    for (++i; i < arguments.size(); ++i) {
        o.command.emplace_back(arguments[i]);
    }
    std::signal(SIGPIPE, SIG_IGN);
    Remote remote(o.command);
    Trial t;
    Judge judge{o, remote, t};
    if (o.command.empty() || !run(o.law, judge)) {
        std::fprintf(stderr, "files_judge: no law '%s', or no command\n", o.law.c_str());
        return 2;
    }
    std::ofstream file(o.json);
    file << "{\"law\": " << quoted(o.law) << ", \"verdict\": " << quoted(t.verdict_)
         << ",\n \"expected\": " << quoted(t.expected_)
         << ",\n \"happened\": " << quoted(t.happened_) << ",\n \"note\": " << quoted(t.note_)
         << ",\n \"story\": " << quoted(t.story_) << ",\n \"calls\": [";
    for (std::size_t n = 0; n < t.calls_.size(); ++n) {
        file << (n == 0 ? "" : ", ") << quoted(t.calls_[n]);
    }
    file << "]}\n";
    return t.is_kept() ? 0 : 1;
}

}  // namespace
}  // namespace kidney::course::files

int main(int count, char** arguments) {
    return kidney::course::files::main(
        std::span(arguments + 1, static_cast<std::size_t>(count - 1)));
}
