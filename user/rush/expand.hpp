#pragma once
/// Words to strings: ~, $variables, field splitting, file name patterns; in this order, as POSIX
/// has it.

#include "user/rush/lexer.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace rush {

/// Where expansion finds values. The shell implements it.
class Variables {
public:
    virtual ~Variables() = default;
    /// The value of a variable or of a special parameter (?, $, !, #, 0..9); empty if unset.
    virtual std::string value_of(std::string_view name) const = 0;
};

/// One word may become no field, one, or several.
std::vector<std::string> expand(const Word& word, const Variables& variables);

/// For assignments and redirections: always one string, neither split nor matched against file
/// names.
std::string expand_to_one(const Word& word, const Variables& variables);

}  // namespace rush
