/// Verdicts as text, JSON and JUnit XML.
#pragma once

#include "tests/judge/verdict.hpp"

#include <cstdio>
#include <span>
#include <string>

namespace kidney::judge {

struct Results {
    std::string suite;
    std::string subject;
    struct Row {
        Law law{};
        Verdict verdict;
        std::string reproduce;  ///< one command
    };
    std::vector<Row> rows;
    bool complete = true;  ///< false: there is no subject that could be judged
};

[[nodiscard]] const char* to_string(Verdict::Kind kind) noexcept;
/// The law's text without its number.
[[nodiscard]] std::string text_of(Law law);

void write_text(std::FILE* file, const Results& results);
void write_json(std::FILE* file, const Results& results);
void write_junit(std::FILE* file, const Results& results);

}  // namespace kidney::judge
