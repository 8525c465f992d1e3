#include "user/rush/redirect.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace rush {
namespace {

bool apply(const Redirection& redirection, const Variables& variables) {
    using enum Redirection::Kind;
    const std::string target = expand_to_one(redirection.target, variables);
    if (redirection.kind == duplicate) {
        if (target == "-") {
            close(redirection.fd);
            return true;
        }
        if (dup2(std::atoi(target.c_str()), redirection.fd) < 0) {
            complain(target);
            return false;
        }
        return true;
    }
    const int flags = redirection.kind == input    ? O_RDONLY
                      : redirection.kind == output ? O_WRONLY | O_CREAT | O_TRUNC
                                                   : O_WRONLY | O_CREAT | O_APPEND;
    const int fd = open(target.c_str(), flags, 0666);
    if (fd < 0) {
        complain(target);
        return false;
    }
    if (fd != redirection.fd) {
        dup2(fd, redirection.fd);
        close(fd);
    }
    return true;
}

}  // namespace

void complain(const std::string& what) {
    std::fprintf(stderr, "rush: %s: %s\n", what.c_str(), std::strerror(errno));
}

bool redirect(const std::vector<Redirection>& redirections, const Variables& variables) {
    for (const Redirection& redirection : redirections) {
        if (!apply(redirection, variables)) {
            return false;
        }
    }
    return true;
}

SavedDescriptors::SavedDescriptors(const std::vector<Redirection>& redirections) {
    for (const Redirection& redirection : redirections) {
        saved_.push_back({redirection.fd, fcntl(redirection.fd, F_DUPFD_CLOEXEC, 10)});
    }
}

SavedDescriptors::~SavedDescriptors() {
    std::fflush(stdout);
    for (auto at = saved_.rbegin(); at != saved_.rend(); ++at) {
        if (at->copy >= 0) {
            dup2(at->copy, at->fd);
            close(at->copy);
        } else {
            close(at->fd);
        }
    }
}

}  // namespace rush
