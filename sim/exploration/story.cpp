/// What happened in a schedule, told as a table: a column for each thread, a line for each step.
#include "sim/exploration/engine.hpp"

#include <map>
#include <utility>
#include <vector>

namespace kidney::sim {
namespace explored {
namespace {

struct Event {
    std::size_t thread;
    std::string text;
};
std::vector<Event> events;
std::map<const void*, std::string> names;

const std::string& name_of(const void* atomic) {
    std::string& name = names[atomic];
    if (name.empty()) {
        name = "x" + std::to_string(names.size());
    }
    return name;
}

/// Addresses differ from run to run: whatever is there has a name. Their lowest bits are marks.
std::string text_of(Shown value) {
    if (!value.is_address || value.number == 0) {
        return std::to_string(value.number);
    }
    const std::uintptr_t marks = value.number & 3;
    const auto* const object = reinterpret_cast<const void*>(value.number - marks);
    return "&" + name_of(object) + (marks != 0 ? "|" + std::to_string(marks) : "");
}

void add(std::string text) {
    if (is_running()) {  // and not in check()
        events.push_back({current(), std::move(text)});
    }
}

constexpr std::size_t width = 36;

std::string line_of(const Event& event) {
    return std::string(event.thread * width, ' ') + event.text + "\n";
}

}  // namespace

void tell_read(const void* object, Shown value) {
    add(name_of(object) + " is " + text_of(value));
}
void tell_write(const void* object, Shown value) {
    add(name_of(object) + " = " + text_of(value));
}
void tell_change(const void* object, Shown before, Shown after) {
    add(name_of(object) + ": " + text_of(before) + " -> " + text_of(after));
}
void tell_refusal(const void* object, Shown found, Shown expected) {
    add(name_of(object) + " is " + text_of(found) + ", not " + text_of(expected));
}

std::string story(const Program& program, std::string_view schedule) {
    events.clear();
    names.clear();
    Engine engine(program);
    Follow follow(schedule);
    telling = true;
    engine.run(follow);
    telling = false;
    std::string text;
    for (std::size_t i = 0; i < program.threads; ++i) {
        std::string head = "thread " + std::to_string(i);
        head.resize(i + 1 == program.threads ? head.size() : width, ' ');
        text += head;
    }
    text += "\n";
    for (const Event& event : events) {
        text += line_of(event);
    }
    return text + (engine.failure().empty() ? "all is well\n" : "-> " + engine.failure() + "\n");
}

}  // namespace explored

void say(std::string_view what) {
    if (explored::telling) {
        explored::add(std::string(what));
    }
}

void name(const void* atomic, std::string_view called) {
    if (explored::telling) {
        explored::names[atomic] = called;
    }
}

}  // namespace kidney::sim
