#pragma once
/// Commands that the shell runs itself, because they change the shell or because they are so small.

#include <string>
#include <string_view>
#include <vector>

namespace rush {

class Shell;

struct Builtin {
    std::string_view name;
    std::string_view summary;
    int (*run)(Shell& shell, const std::vector<std::string>& words);
};

const Builtin* find_builtin(std::string_view name);

}  // namespace rush
