#include "user/rush/lexer.hpp"

#include <cctype>

namespace rush {
namespace {

using Kind = Token::Kind;
using Quoting = Piece::Quoting;

class Lexer {
public:
    explicit Lexer(std::string_view source) : source_(source) {}

    Lexed run() {
        while (skip_blanks(), at_ < source_.size()) {
            if (!lex_operator()) {
                lex_word();
            }
        }
        result_.tokens.push_back({Kind::end, at_, {}});
        return std::move(result_);
    }

private:
    char peek(std::size_t ahead = 0) const {
        return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
    }

    /// Blanks, escaped line ends and comments.
    void skip_blanks() {
        for (;;) {
            if (peek() == ' ' || peek() == '\t' || peek() == '\r') {
                ++at_;
            } else if (peek() == '\\' && peek(1) == '\n') {
                at_ += 2;
            } else if (peek() == '#') {
                while (at_ < source_.size() && peek() != '\n') {
                    ++at_;
                }
            } else {
                return;
            }
        }
    }

    bool lex_operator() {
        struct Operator {
            std::string_view text;
            Kind kind;
        };
        // Longer ones first.
        static constexpr Operator operators[] = {
            {"&&", Kind::and_if},
            {"||", Kind::or_if},
            {">>", Kind::redirect_append},
            {">&", Kind::redirect_duplicate},
            {"<&", Kind::redirect_duplicate},
            {"<", Kind::redirect_in},
            {">", Kind::redirect_out},
            {"|", Kind::pipe},
            {"&", Kind::ampersand},
            {";", Kind::semicolon},
            {"\n", Kind::newline},
        };
        const std::size_t start = at_;
        int fd = -1;
        if (std::isdigit(static_cast<unsigned char>(peek())) != 0 &&
            (peek(1) == '<' || peek(1) == '>')) {
            fd = peek() - '0';
            ++at_;
        }
        for (const Operator& candidate : operators) {
            if (source_.substr(at_).starts_with(candidate.text)) {
                if (candidate.text == "<&" && fd < 0) {
                    fd = 0;
                }
                at_ += candidate.text.size();
                result_.tokens.push_back({candidate.kind, start, {}, fd});
                return true;
            }
        }
        return false;
    }

    void lex_word() {
        Token token{Kind::word, at_, {}};
        while (at_ < source_.size() &&
               std::string_view(" \t\r\n;&|<>").find(peek()) == std::string_view::npos) {
            switch (peek()) {
                case '\\':
                    lex_escape(token.word, Quoting::none);
                    break;
                case '\'':
                    lex_single_quotes(token.word);
                    break;
                case '"':
                    lex_double_quotes(token.word);
                    break;
                default:
                    append(token.word, Quoting::none, source_[at_++]);
                    break;
            }
        }
        result_.tokens.push_back(std::move(token));
    }

    void lex_escape(Word& word, Quoting around) {
        if (at_ + 1 >= source_.size()) {
            result_.incomplete = true;
            ++at_;
            return;
        }
        const char escaped = peek(1);
        at_ += 2;
        if (escaped == '\n') {
            return;
        }
        if (around == Quoting::dollar &&
            std::string_view("$`\"\\").find(escaped) == std::string_view::npos) {
            append(word, around,
                   '\\');  // within "..." a backslash only escapes what is special there
        }
        append(word, Quoting::literal, escaped);
    }

    void lex_single_quotes(Word& word) {
        const std::size_t close = source_.find('\'', at_ + 1);
        if (close == std::string_view::npos) {
            result_.incomplete = true;
            at_ = source_.size();
            return;
        }
        word.push_back({Quoting::literal, std::string(source_.substr(at_ + 1, close - at_ - 1))});
        at_ = close + 1;
    }

    void lex_double_quotes(Word& word) {
        ++at_;
        word.push_back({Quoting::dollar, ""});  // "" is a word too
        while (at_ < source_.size() && peek() != '"') {
            if (peek() == '\\') {
                lex_escape(word, Quoting::dollar);
            } else {
                append(word, Quoting::dollar, source_[at_++]);
            }
        }
        if (at_ == source_.size()) {
            result_.incomplete = true;
            return;
        }
        ++at_;
    }

    static void append(Word& word, Quoting quoting, char c) {
        if (word.empty() || word.back().quoting != quoting) {
            word.push_back({quoting, ""});
        }
        word.back().text += c;
    }

    std::string_view source_;
    std::size_t at_ = 0;
    Lexed result_;
};

}  // namespace

Lexed lex(std::string_view source) {
    return Lexer(source).run();
}

}  // namespace rush
