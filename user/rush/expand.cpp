#include "user/rush/expand.hpp"

#include <cctype>
#include <glob.h>

namespace rush {
namespace {

using Quoting = Piece::Quoting;

bool is_name_character(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// A field while it grows: as text, and as a pattern in which what was quoted is escaped.
class Fields {
public:
    void add(char c, bool quoted) {
        open_ = true;
        text_ += c;
        if (c == '*' || c == '?' || c == '[') {
            has_pattern_ = has_pattern_ || !quoted;
        }
        if (quoted || c == '\\') {
            pattern_ += '\\';
        }
        pattern_ += c;
    }

    /// A quotation makes a field even if nothing is in it.
    void open() { open_ = true; }

    void close() {
        if (open_ && !(has_pattern_ && add_matches())) {
            done_.push_back(std::move(text_));
        }
        text_.clear();
        pattern_.clear();
        open_ = has_pattern_ = false;
    }

    std::vector<std::string> take() {
        close();
        return std::move(done_);
    }

private:
    /// A pattern that matches nothing stays what it was.
    bool add_matches() {
        glob_t matches{};
        const bool found = glob(pattern_.c_str(), 0, nullptr, &matches) == 0;
        for (std::size_t i = 0; found && i < matches.gl_pathc; ++i) {
            done_.emplace_back(matches.gl_pathv[i]);
        }
        globfree(&matches);
        return found;
    }

    std::vector<std::string> done_;
    std::string text_;
    std::string pattern_;
    bool open_ = false;
    bool has_pattern_ = false;
};

/// Reads the name after a `$` at `at` and moves behind it. Empty: the `$` stands for itself.
std::string take_name(const std::string& text, std::size_t& at) {
    std::size_t begin = at + 1;
    std::size_t end = begin;
    if (begin < text.size() && text[begin] == '{') {
        end = text.find('}', begin);
        if (end == std::string::npos) {
            return "";
        }
        at = end + 1;
        return text.substr(begin + 1, end - begin - 1);
    }
    if (begin < text.size() &&
        std::string_view("?$!#0123456789").find(text[begin]) != std::string_view::npos) {
        at = begin + 1;
        return text.substr(begin, 1);
    }
    while (end < text.size() && is_name_character(text[end])) {
        ++end;
    }
    if (end > begin) {
        at = end;
    }
    return text.substr(begin, end - begin);
}

void expand_piece(const Piece& piece, bool split, const Variables& variables, Fields& fields) {
    const bool quoted = piece.quoting != Quoting::none;
    if (quoted) {
        fields.open();
    }
    for (std::size_t at = 0; at < piece.text.size();) {
        if (piece.text[at] == '$' && piece.quoting != Quoting::literal) {
            const std::string name = take_name(piece.text, at);
            if (!name.empty()) {
                for (const char c : variables.value_of(name)) {
                    const bool separates =
                        split && !quoted && std::isspace(static_cast<unsigned char>(c)) != 0;
                    separates ? fields.close() : fields.add(c, quoted);
                }
                continue;
            }
        }
        fields.add(piece.text[at++], quoted);
    }
}

void expand_word(const Word& word, bool split, const Variables& variables, Fields& fields) {
    for (std::size_t i = 0; i < word.size(); ++i) {
        Piece piece = word[i];
        const bool tilde = i == 0 && piece.quoting == Quoting::none && piece.text.starts_with('~');
        if (tilde && (piece.text.size() == 1 || piece.text[1] == '/')) {
            for (const char c : variables.value_of("HOME")) {
                fields.add(c, true);
            }
            piece.text.erase(0, 1);
        }
        expand_piece(piece, split, variables, fields);
    }
}

}  // namespace

std::vector<std::string> expand(const Word& word, const Variables& variables) {
    Fields fields;
    expand_word(word, true, variables, fields);
    return fields.take();
}

std::string expand_to_one(const Word& word, const Variables& variables) {
    // Quoting everything keeps patterns and blanks as they are; variables are still replaced.
    Word quoted = word;
    for (Piece& piece : quoted) {
        piece.quoting = piece.quoting == Quoting::none ? Quoting::dollar : piece.quoting;
    }
    if (!word.empty() && word.front().quoting == Quoting::none &&
        word.front().text.starts_with('~')) {
        const std::string& text = word.front().text;
        if (text.size() == 1 || text[1] == '/') {
            quoted.front().text = variables.value_of("HOME") + text.substr(1);
        }
    }
    Fields fields;
    expand_word(quoted, false, variables, fields);
    const std::vector<std::string> all = fields.take();
    return all.empty() ? "" : all.front();
}

}  // namespace rush
