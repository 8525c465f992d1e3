/// What a failure of the crash machine says to people, and the script that does it again.
#pragma once

#include "tests/crash/machine.hpp"

#include <sstream>

namespace kidney::crash {

/// One line of a script: where the power went.
[[nodiscard]] inline std::string text_of(const Cut& cut) {
    switch (cut.kind) {
        case Cut::Kind::prefix:
            return "cut after write " + std::to_string(cut.at);
        case Cut::Kind::torn:
            return "cut after write " + std::to_string(cut.at) + " and " +
                   std::to_string(cut.sectors) + " sectors";
        case Cut::Kind::window:
            break;
    }
    std::string text = "cut window " + std::to_string(cut.at) + " keeping";
    for (std::uint32_t i = 0; i < 64; ++i) {
        text += (cut.keep >> i & 1U) != 0 ? " " + std::to_string(i + 1) : "";
    }
    return text;
}
[[nodiscard]] inline std::optional<Cut> cut_of(const std::string& line) {
    std::istringstream words(line);
    std::string cut, how, word;
    Cut result;
    words >> cut >> how >> word;
    if (cut != "cut" || !words) {
        return std::nullopt;
    }
    if (how == "after" && word == "write" && words >> result.at) {
        if (words >> word >> result.sectors) {
            result.kind = Cut::Kind::torn;
        }
        return result;
    }
    if (how == "window") {
        result.kind = Cut::Kind::window;
        result.at = static_cast<std::uint32_t>(std::strtoul(word.c_str(), nullptr, 10));
        words >> word;
        for (std::uint32_t number = 0; words >> number;) {
            result.keep |= number >= 1 && number <= 64 ? std::uint64_t{1} << (number - 1) : 0;
        }
        return result;
    }
    return std::nullopt;
}

[[nodiscard]] inline std::string script_of(const std::string& file_system, const Failure& failure) {
    std::string text = "# ./kidney crash --replay FILE: " +
                       std::string(fault_texts[static_cast<std::size_t>(failure.fault)]) +
                       "\nfile-system " + file_system + "\n";
    for (const Operation& step : failure.workload) {
        text += "do " + text_of(step) + "\n";
    }
    for (const Cut& cut : failure.cuts) {
        text += text_of(cut) + "\n";
    }
    return text;
}

namespace detail {
inline void tell_writes(std::string& text, const WriteLog& log, const Cut& cut,
                        const Workload* workload, const auto& subject) {
    std::uint32_t in_window = 0, last = ~0U;
    for (std::uint32_t i = 0; i < log.writes.size(); ++i) {
        const Write& w = log.writes[i];
        if (w.window != last && last != ~0U) {
            text += "      -- flush\n";
        }
        in_window = w.window == last ? in_window + 1 : 0;
        last = w.window;
        bool kept = i < cut.at;
        std::string note;
        if (cut.kind == Cut::Kind::window) {
            kept = w.window < cut.at || (w.window == cut.at && (cut.keep >> in_window & 1U) != 0);
        } else if (cut.kind == Cut::Kind::torn && i == cut.at) {
            note = " torn after sector " + std::to_string(cut.sectors);
        }
        const bool not_yet = cut.kind == Cut::Kind::window ? w.window > cut.at : i >= cut.at;
        text += std::string("  ") +
                (kept            ? "    "
                 : !note.empty() ? "TORN"
                 : not_yet       ? "  . "
                                 : "LOST") +
                " write " + std::to_string(i + 1) + ": " + subject.place(w.first);
        if (workload != nullptr && w.operation > 0) {
            text += ", by " + text_of((*workload)[w.operation - 1]);
        } else if (workload != nullptr) {
            text += ", by the mount before";
        }
        text += note + "\n";
    }
}
/// Lines that are in one of two trees only.
inline std::string difference(const Listing& expected, const Listing& found) {
    std::string text;
    for (const auto& [path, what] : expected) {
        const auto there = found.find(path);
        if (there == found.end()) {
            text += "  missing  " + path + ": " + what + "\n";
        } else if (there->second != what) {
            text += "  expected " + path + ": " + what + "\n  found    " + path + ": " +
                    there->second + "\n";
        }
    }
    for (const auto& [path, what] : found) {
        if (!expected.contains(path)) {
            text += "  too much " + path + ": " + what + "\n";
        }
    }
    return text;
}
/// Which of the trees after step `low` (`model`) to `high` is most like `found`, and what differs.
inline std::string nearest(Model model, const Workload& workload, std::uint32_t first_version,
                           std::uint32_t low, std::uint32_t high, const Listing& found) {
    std::string best;
    std::uint32_t best_step = low;
    for (std::uint32_t n = low; n <= high; ++n) {
        const std::string here = difference(model.listing(), found);
        if (n == low || here.size() < best.size()) {
            best = here;
            best_step = n;
        }
        if (n < high) {
            model.run(workload[n], first_version + n);
        }
    }
    return "after step " + std::to_string(best_step) + "):\n" +
           (best.empty() ? "  no difference\n" : best);
}
}  // namespace detail

template <class Subject>
std::string Machine<Subject>::story(const Failure& failure) {
    const std::optional<Failure> again = try_one(failure.workload, failure.cuts);
    if (!again) {
        return "It does not fail any more.\n";
    }
    std::string text = fault_texts[static_cast<std::size_t>(again->fault)];
    text += ": " + again->detail + "\n\n";
    for (std::uint32_t n = 0; n < failure.workload.size(); ++n) {
        text += "  step " + std::to_string(n + 1) + ": " + text_of(failure.workload[n]) + "\n";
    }
    if (failure.cuts.empty()) {
        return text;
    }
    text += "\nWhat the disk was asked for, and what of it was lost:\n";
    for (std::size_t level = 0; level < failure.cuts.size(); ++level) {
        text += level == 0 ? "" : "and when the next mount was mending that:\n";
        detail::tell_writes(text, logs_[level], failure.cuts[level],
                            level == 0 ? &failure.workload : nullptr, subject_);
    }
    build();
    Listing found;
    ListingOf listing(found);
    Walk walk(&listing);
    ignore_error(subject_.mounted(disk_,
                                  [&](fs::FileSystem& system) -> Status {
                                      return look(system, [&](fs::FileSystem& seen) -> Status {
                                          const auto tree = walk.run(*seen.root());
                                          return tree ? Status() : Status(fail(tree.error()));
                                      });
                                  }),
                 "what could be read is what is told");
    const auto [low, high] = bounds(failure.cuts[0]);
    Model model = start_;
    for (std::uint32_t n = 0; n < low; ++n) {
        model.run(failure.workload[n], first_version + n);
    }
    text += "\nThe tree after the next mount, beside the nearest that is allowed (" +
            detail::nearest(std::move(model), failure.workload, first_version, low, high, found);
    return text;
}

}  // namespace kidney::crash
