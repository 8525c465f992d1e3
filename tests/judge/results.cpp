#include "tests/judge/results.hpp"

#include <string_view>

namespace kidney::judge {
namespace {

// Of a long way to a failure its beginning and its end are shown.
constexpr std::size_t shown_calls = 60;

std::vector<std::string> shown(const std::vector<std::string>& calls) {
    if (calls.size() <= shown_calls) {
        return calls;
    }
    std::vector<std::string> some(calls.begin(), calls.begin() + shown_calls / 2);
    some.push_back("... and " + std::to_string(calls.size() - shown_calls) + " calls more");
    some.insert(some.end(), calls.end() - shown_calls / 2, calls.end());
    return some;
}

std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            result += '\\';
            result += c;
        } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned char>(c));
            result += escape;
        } else {
            result += c;
        }
    }
    return result + '"';
}

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '&':
                result += "&amp;";
                break;
            case '"':
                result += "&quot;";
                break;
            default:
                result +=
                    static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e
                        ? '?'
                        : c;
                break;
        }
    }
    return result;
}

}  // namespace

const char* to_string(Verdict::Kind kind) noexcept {
    constexpr const char* names[] = {"kept", "broken", "crashed", "endless", "slow", "not_judged"};
    return names[static_cast<std::size_t>(kind)];
}

std::string text_of(Law law) {
    return std::string(laws::frames::law_texts[static_cast<std::size_t>(law)]).substr(3);
}

void write_text(std::FILE* file, const Results& results) {
    for (const Results::Row& row : results.rows) {
        const Verdict& verdict = row.verdict;
        std::fprintf(file, "%s  %-10s  %s",
                     laws::frames::law_names[static_cast<std::size_t>(row.law)],
                     to_string(verdict.kind), text_of(row.law).c_str());
        if (verdict.kind == Verdict::Kind::kept) {
            std::fprintf(file, " (%zu checks)\n", verdict.checks);
            continue;
        }
        std::fprintf(file, "\n      %s\n", verdict.message.c_str());
        for (const std::string& call : shown(verdict.calls)) {
            std::fprintf(file, "        %s\n", call.c_str());
        }
        std::fprintf(file, "      again: %s\n", row.reproduce.c_str());
    }
}

void write_json(std::FILE* file, const Results& results) {
    std::fprintf(file, "{\"suite\": %s, \"subject\": %s, \"laws\": [",
                 quoted(results.suite).c_str(), quoted(results.subject).c_str());
    const char* separator = "\n";
    for (const Results::Row& row : results.rows) {
        std::fprintf(
            file,
            "%s  {\"law\": \"%s\", \"text\": %s,\n   \"verdict\": \"%s\", \"checks\": %zu,\n"
            "   \"steps\": %llu, \"steps_of_a_play\": %llu,\n"
            "   \"message\": %s,\n   \"calls\": [",
            separator, laws::frames::law_names[static_cast<std::size_t>(row.law)],
            quoted(text_of(row.law)).c_str(), to_string(row.verdict.kind), row.verdict.checks,
            static_cast<unsigned long long>(row.verdict.steps),
            static_cast<unsigned long long>(row.verdict.steps_of_a_play),
            quoted(row.verdict.message).c_str());
        const char* comma = "";
        for (const std::string& call : shown(row.verdict.calls)) {
            std::fprintf(file, "%s%s", comma, quoted(call).c_str());
            comma = ", ";
        }
        std::fprintf(file, "],\n   \"reproduce\": %s}", quoted(row.reproduce).c_str());
        separator = ",\n";
    }
    std::fprintf(file, "],\n \"complete\": %s}\n", results.complete ? "true" : "false");
}

void write_junit(std::FILE* file, const Results& results) {
    std::size_t failures = 0;
    for (const Results::Row& row : results.rows) {
        failures += row.verdict.kind == Verdict::Kind::kept ? 0 : 1;
    }
    std::fprintf(file,
                 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                 "<testsuite name=\"%s.%s\" tests=\"%zu\" failures=\"%zu\">\n",
                 escaped(results.suite).c_str(), escaped(results.subject).c_str(),
                 results.rows.size(), failures);
    for (const Results::Row& row : results.rows) {
        std::fprintf(file, "  <testcase classname=\"%s.%s\" name=\"%s %s\"",
                     escaped(results.suite).c_str(), escaped(results.subject).c_str(),
                     laws::frames::law_names[static_cast<std::size_t>(row.law)],
                     escaped(text_of(row.law)).c_str());
        if (row.verdict.kind == Verdict::Kind::kept) {
            std::fprintf(file, "/>\n");
            continue;
        }
        std::fprintf(file, ">\n    <failure type=\"%s\" message=\"%s\">\n",
                     to_string(row.verdict.kind), escaped(row.verdict.message).c_str());
        for (const std::string& call : shown(row.verdict.calls)) {
            std::fprintf(file, "%s\n", escaped(call).c_str());
        }
        std::fprintf(file, "%s\n    </failure>\n  </testcase>\n", escaped(row.reproduce).c_str());
    }
    std::fprintf(file, "</testsuite>\n");
}

}  // namespace kidney::judge
