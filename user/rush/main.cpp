/// rush: KidneyOS's own small shell. usage: rush [-c COMMANDS | FILE] [ARGUMENT...]
///
/// The way of a line: text -> lexer -> parser -> (shell: expand, redirect, fork, exec) -> jobs. It
/// has no control flow and no functions: for scripts there is busybox. The editing of a line is the
/// terminal's.

#include "user/rush/shell.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <vector>

int main(int argc, char** argv) {
    std::vector<std::string> arguments(argv, argv + argc);
    if (argc >= 3 && arguments[1] == "-c") {
        // As in every shell: sh -c COMMANDS NAME ARGUMENT...
        std::vector<std::string> rest(argv + 3, argv + argc);
        if (rest.empty()) {
            rest.push_back(arguments[0]);
        }
        return rush::Shell(std::move(rest), false).run(arguments[2]);
    }
    if (argc >= 2 && arguments[1][0] != '-') {
        rush::Shell shell({argv + 1, argv + argc}, false);
        const int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            std::fprintf(stderr, "rush: %s: %s\n", argv[1], std::strerror(errno));
            return 127;
        }
        std::string text;
        char buffer[4096];
        for (ssize_t count = 0; (count = read(fd, buffer, sizeof buffer)) > 0;) {
            text.append(buffer, static_cast<std::size_t>(count));
        }
        close(fd);
        return shell.run(text);
    }
    const bool interactive = isatty(STDIN_FILENO) == 1;
    return rush::Shell({arguments[0]}, interactive).interact();
}
