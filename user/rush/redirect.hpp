#pragma once
/// Where the file descriptors of a command lead: `> file`, `2>&1` and the like.

#include "user/rush/expand.hpp"
#include "user/rush/parser.hpp"

#include <string>
#include <vector>

namespace rush {

/// Does the redirections in this process. False, with a message, if one cannot be done.
bool redirect(const std::vector<Redirection>& redirections, const Variables& variables);

/// Puts file descriptors back that a built-in command's redirections have replaced.
class SavedDescriptors {
public:
    explicit SavedDescriptors(const std::vector<Redirection>& redirections);
    ~SavedDescriptors();
    SavedDescriptors(const SavedDescriptors&) = delete;
    SavedDescriptors& operator=(const SavedDescriptors&) = delete;

private:
    struct Saved {
        int fd;
        int copy;
    };
    std::vector<Saved> saved_;
};

/// Says on standard error what errno means for `what`.
void complain(const std::string& what);

}  // namespace rush
