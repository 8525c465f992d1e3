/// What `./kidney image` runs: `disk COMMAND [--option[=VALUE]]... -- IMAGE [PATH]...`
///
/// tools/kidney/verb_image.py has looked at the words; here they are only taken apart. Exit status:
/// 0 it is done, 1 it is not, or not all of it, 2 wrong words.
#include "tools/disk/commands.hpp"
#include "tools/disk/interruption.hpp"

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace kidney::image {

std::string Arguments::value(const std::string& option, std::string otherwise) const {
    for (const auto& [name, text] : values) {
        otherwise = name == option ? text : otherwise;
    }
    return otherwise;
}
std::uint64_t Arguments::number(const std::string& option) const {
    return std::strtoull(value(option, "0").c_str(), nullptr, 10);
}

namespace {

struct Command {
    std::string_view name;
    int (*run)(const Arguments&);
    std::size_t least;  ///< of words
};
constexpr Command commands[] = {{"make", &make, 1},   {"info", &info, 1},
                                {"check", &check, 1}, {"ls", &list, 1},
                                {"cat", &print, 2},   {"get", &get, 3},
                                {"put", &put, 3},     {"mkdir", &make_directories, 2},
                                {"rm", &remove, 2},   {"mv", &move, 3},
                                {"ln", &link, 3},     {"chmod", &change_permissions, 3}};

Arguments arguments_of(std::span<char*> words) {
    Arguments arguments;
    for (std::size_t n = 0; n < words.size(); ++n) {
        const std::string word = words[n];
        if (word == "--") {
            arguments.rest.assign(words.begin() + static_cast<std::ptrdiff_t>(n) + 1, words.end());
            break;
        }
        const std::size_t equals = word.find('=');
        const std::string option =
            word.substr(2, equals == std::string::npos ? equals : equals - 2);
        if (equals == std::string::npos) {
            arguments.flags.insert(option);
        } else {
            arguments.values.emplace_back(option, word.substr(equals + 1));
        }
    }
    return arguments;
}

int run(std::span<char*> words) {
    if (!words.empty()) {
        const Arguments arguments = arguments_of(words.subspan(1));
        for (const Command& command : commands) {
            if (words[0] == command.name && arguments.rest.size() >= command.least) {
                return command.run(arguments);
            }
        }
    }
    std::fputs("disk: COMMAND [--option[=VALUE]]... -- IMAGE [PATH]...\n", stderr);
    return 2;
}

}  // namespace
}  // namespace kidney::image

int main(int count, char** words) {
    kidney::image::catch_interruptions();
    return kidney::image::run(std::span(words + 1, static_cast<std::size_t>(count - 1)));
}
