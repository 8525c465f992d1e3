#pragma once
/// Tokens to a tree. The whole grammar:
///
///   script   = { [job] ( ";" | "&" | newline ) } [job]
///   job      = pipeline { ( "&&" | "||" ) pipeline }
///   pipeline = [ "!" ] command { "|" command }
///   command  = { NAME=word | word | [fd] ( "<" | ">" | ">>" | ">&" ) word }

#include "user/rush/lexer.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace rush {

struct Redirection {
    enum class Kind { input, output, append, duplicate };
    Kind kind;
    int fd;
    Word target;
};

struct Assignment {
    std::string name;
    Word value;
};

struct Command {
    std::vector<Assignment> assignments;
    std::vector<Word> words;
    std::vector<Redirection> redirections;
};

struct Pipeline {
    std::vector<Command> commands;
    bool negated = false;
};

/// A pipeline and when it runs, judged by the status of the one before.
struct Step {
    enum class Condition { always, after_success, after_failure };
    Condition condition;
    Pipeline pipeline;
};

struct Job {
    std::vector<Step> steps;
    bool background = false;
    std::string text;  // as it was written, for people
};

struct Parsed {
    std::vector<Job> jobs;
    std::string error;        // empty: well formed
    bool incomplete = false;  // more lines could make it well formed
};

Parsed parse(std::string_view source);

}  // namespace rush
