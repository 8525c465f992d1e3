#pragma once
/// Source text to tokens. Quoting is decided here and kept in the pieces of a word, because
/// expansion, which comes much later, must still know what was quoted.

#include <string>
#include <string_view>
#include <vector>

namespace rush {

/// A run of characters of one word that were quoted in the same way.
struct Piece {
    enum class Quoting {
        none,     // variables, field splitting and file name patterns
        literal,  // '...' or \x: nothing is special
        dollar    // "...": variables, but no splitting and no patterns
    };
    Quoting quoting;
    std::string text;
};

using Word = std::vector<Piece>;

struct Token {
    enum class Kind {
        word,
        newline,
        semicolon,
        ampersand,
        pipe,
        and_if,
        or_if,
        redirect_in,
        redirect_out,
        redirect_append,
        redirect_duplicate,
        end
    };
    Kind kind;
    std::size_t offset;  // where it starts in the source
    Word word;           // of Kind::word
    int fd = -1;         // of a redirection: the number before the operator, or -1
};

struct Lexed {
    std::vector<Token> tokens;
    /// The text ends inside a quotation or after a backslash: a longer text might be right.
    bool incomplete = false;
};

/// The last token is always Kind::end.
Lexed lex(std::string_view source);

}  // namespace rush
