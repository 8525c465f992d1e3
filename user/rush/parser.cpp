#include "user/rush/parser.hpp"

#include <algorithm>
#include <cctype>

namespace rush {
namespace {

using Kind = Token::Kind;

bool is_redirection(Kind kind) {
    return kind == Kind::redirect_in || kind == Kind::redirect_out ||
           kind == Kind::redirect_append || kind == Kind::redirect_duplicate;
}

/// The length of NAME in a word that starts NAME=, or 0.
std::size_t assignment_name_length(const Word& word) {
    if (word.empty() || word.front().quoting != Piece::Quoting::none) {
        return 0;
    }
    const std::string& text = word.front().text;
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 ||
        std::isdigit(static_cast<unsigned char>(text[0])) != 0) {
        return 0;
    }
    const auto is_name = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
    return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(equals), is_name)
               ? equals
               : 0;
}

class Parser {
public:
    explicit Parser(std::string_view source) : source_(source), lexed_(lex(source)) {}

    Parsed run() {
        result_.incomplete = lexed_.incomplete;
        for (;;) {
            skip_separators();
            if (!result_.error.empty() || kind() == Kind::end) {
                break;
            }
            parse_job();
        }
        return std::move(result_);
    }

private:
    Kind kind() const { return lexed_.tokens[at_].kind; }

    Token& next() { return lexed_.tokens[at_ + 1 < lexed_.tokens.size() ? at_++ : at_]; }

    void skip_separators() {
        while (kind() == Kind::newline || kind() == Kind::semicolon) {
            next();
        }
    }

    void skip_newlines() {
        while (kind() == Kind::newline) {
            next();
        }
    }

    void fail() {
        if (!result_.error.empty()) {
            return;
        }
        if (kind() == Kind::end) {
            result_.incomplete = true;
            result_.error = "unexpected end";
        } else {
            result_.error = "syntax error near `" +
                            std::string(source_.substr(lexed_.tokens[at_].offset, 8)) + "'";
        }
    }

    void parse_job() {
        Job job;
        const std::size_t start = lexed_.tokens[at_].offset;
        Step::Condition condition = Step::Condition::always;
        for (;;) {
            job.steps.push_back({condition, parse_pipeline()});
            if (kind() == Kind::and_if) {
                condition = Step::Condition::after_success;
            } else if (kind() == Kind::or_if) {
                condition = Step::Condition::after_failure;
            } else {
                break;
            }
            next();
            skip_newlines();
        }
        job.text = std::string(source_.substr(start, lexed_.tokens[at_].offset - start));
        while (!job.text.empty() &&
               std::isspace(static_cast<unsigned char>(job.text.back())) != 0) {
            job.text.pop_back();
        }
        if (kind() == Kind::ampersand) {
            job.background = true;
            next();
        } else if (kind() != Kind::semicolon && kind() != Kind::newline && kind() != Kind::end) {
            fail();
        }
        result_.jobs.push_back(std::move(job));
    }

    Pipeline parse_pipeline() {
        Pipeline pipeline;
        const Word& first = lexed_.tokens[at_].word;
        if (first.size() == 1 && first[0].quoting == Piece::Quoting::none && first[0].text == "!") {
            pipeline.negated = true;
            next();
        }
        pipeline.commands.push_back(parse_command());
        while (kind() == Kind::pipe) {
            next();
            skip_newlines();
            pipeline.commands.push_back(parse_command());
        }
        return pipeline;
    }

    Command parse_command() {
        Command command;
        bool empty = true;
        for (; kind() == Kind::word || is_redirection(kind()); empty = false) {
            if (is_redirection(kind())) {
                parse_redirection(command);
                continue;
            }
            Word& word = next().word;
            const std::size_t name = command.words.empty() ? assignment_name_length(word) : 0;
            if (name == 0) {
                command.words.push_back(std::move(word));
                continue;
            }
            Assignment assignment{word.front().text.substr(0, name), std::move(word)};
            assignment.value.front().text.erase(0, name + 1);
            command.assignments.push_back(std::move(assignment));
        }
        if (empty) {
            fail();
        }
        return command;
    }

    void parse_redirection(Command& command) {
        const Token& token = next();
        using enum Redirection::Kind;
        const bool reads = token.kind == Kind::redirect_in;
        const Redirection::Kind what = reads                                 ? input
                                       : token.kind == Kind::redirect_out    ? output
                                       : token.kind == Kind::redirect_append ? append
                                                                             : duplicate;
        const int fd = token.fd >= 0 ? token.fd : reads ? 0 : 1;
        if (kind() != Kind::word) {
            fail();
            return;
        }
        command.redirections.push_back({what, fd, std::move(next().word)});
    }

    std::string_view source_;
    Lexed lexed_;
    std::size_t at_ = 0;
    Parsed result_;
};

}  // namespace

Parsed parse(std::string_view source) {
    return Parser(source).run();
}

}  // namespace rush
