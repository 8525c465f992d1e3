/// A trace of the running kernel's frame policy, read from its text form
/// (mm/trace/frame_trace.hpp), and asked again of another policy.
#pragma once

#include "bench/lab/free_map.hpp"
#include "bench/lab/subject.hpp"
#include "mm/trace/frame_trace.hpp"

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kidney::lab {

struct RecordedTrace {
    std::string policy;  ///< whose answers they are
    FrameRange span;     ///< that it was attached to; of several zones, from the first to the last
    std::vector<FrameRange> regions;  ///< with frames
    std::vector<mm::FrameEvent> calls;
    std::uint32_t dropped = 0;  ///< records after those, for which the kernel had no room

    /// Frames of a map from frame 0 on in which all largest blocks are whole.
    [[nodiscard]] std::uint32_t map_frames() const {
        const std::uint32_t block = mm::max_order.frames();
        return (span.end().value() + block - 1) / block * block;
    }
};

/// Reads a trace, and believes nothing: after it has been read, each block that is granted was free
/// and each that is freed was live.
class TraceReader {
public:
    /// Nothing if it is not a trace; error() says why then.
    [[nodiscard]] std::optional<RecordedTrace> read(std::istream& text) {
        std::string line;
        while (!has_ended_ && error_.empty() && std::getline(text, line)) {
            ++line_;
            if (!line.empty() && line.back() == '\r') {
                line.pop_back();
            }
            if (line.empty() || line.front() == '#') {
                continue;
            }
            has_header_ ? read_words(line) : read_header(line);
        }
        if (error_.empty() && !has_header_) {
            complain("no header that begins with '" + std::string(mm::frame_trace_magic) + "'");
        } else if (error_.empty() && !has_ended_) {
            complain("cut short: no 'end'");
        } else if (error_.empty() && trace_.calls.size() != promised_) {
            complain("the header promises " + std::to_string(promised_) + " calls, there are " +
                     std::to_string(trace_.calls.size()));
        }
        return error_.empty() ? std::optional(std::move(trace_)) : std::nullopt;
    }
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

private:
    using Kind = mm::FrameEvent::Kind;

    void complain(const std::string& what) {
        error_ = "line " + std::to_string(line_) + ": " + what;
    }

    void complain(const std::string& word, const char* what) {
        std::string shown = word.substr(0, 40);
        for (char& c : shown) {
            c = std::isprint(static_cast<unsigned char>(c)) != 0 ? c : '?';
        }
        complain("'" + shown + (shown.size() < word.size() ? "...' " : "' ") + what);
    }

    static std::string value_of(const std::string& header, const std::string& key) {
        const std::size_t at = header.find(' ' + key + '=');
        const std::size_t start = at + key.size() + 2;
        return at == std::string::npos ? "" : header.substr(start, header.find(' ', start) - start);
    }
    void read_header(const std::string& line) {
        if (!line.starts_with(mm::frame_trace_magic)) {
            complain("no header that begins with '" + std::string(mm::frame_trace_magic) + "'");
            return;
        }
        trace_.policy = value_of(line, "policy");
        const auto calls = number(value_of(line, "calls"), 10, 1U << 30);
        const auto dropped = number(value_of(line, "dropped"), 10, ~std::uint32_t{0});
        for (const char c : trace_.policy) {
            if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') {
                trace_.policy.clear();
            }
        }
        if (trace_.policy.empty() || !calls || !dropped) {
            complain("the header has no policy=, no calls= or no dropped=");
            return;
        }
        trace_.dropped = *dropped;
        promised_ = *calls;
        has_header_ = true;
    }

    void read_words(const std::string& line) {
        for (std::size_t at = 0; at < line.size() && error_.empty();) {
            const std::size_t end = std::min(line.find(' ', at), line.size());
            if (end != at) {
                read_word(line.substr(at, end - at));
            }
            at = end + 1;
        }
    }
    void read_word(const std::string& word) {
        if (has_ended_) {
            complain(word, "after the end");
        } else if (word == "end") {
            has_ended_ = true;
        } else if (word.front() == 's' || word.front() == 'r') {
            read_range(word);
        } else {
            read_call(word);
        }
    }
    void read_range(const std::string& word) {
        const std::size_t dash = std::min(word.find('-'), word.size());
        const auto first = number(word.substr(1, dash - 1), 16, frames_at_most - 1);
        const auto last =
            number(word.substr(std::min(dash + 1, word.size())), 16, frames_at_most - 1);
        if (!first || !last || *last < *first) {
            complain(word, "is not a range of frames");
            return;
        }
        const FrameRange range{FrameNumber(*first), *last - *first + 1};
        if (word.front() == 's') {
            add_span(range, word);
        } else {
            add_region(range, word);
        }
    }
    void add_span(FrameRange range, const std::string& word) {
        if (trace_.span.count == 0) {
            trace_.span = range;
        } else if (map_ || range.first < trace_.span.end()) {
            complain(word, "does not go on behind the span before");
        } else {
            trace_.span.count = range.end() - trace_.span.first;
        }
    }
    void add_region(FrameRange range, const std::string& word) {
        if (trace_.span.count == 0 || range.first < trace_.span.first ||
            trace_.span.end() < range.end()) {
            complain(word, "is not inside the span");
            return;
        }
        if (!map_) {
            map_.emplace(trace_.map_frames());
        }
        if (!trace_.calls.empty() || map_->used(range.first.value(), range.count) != range.count) {
            complain(word, "comes too late, or twice");
            return;
        }
        map_->give_back(range);
        trace_.regions.push_back(range);
    }

    void read_call(const std::string& word) {
        const std::size_t dot = std::min(word.find('.'), word.size());
        const char sign = word.front();
        const auto order = sign == '!' ? number(word.substr(1), 10, mm::max_order.value())
                           : dot != word.size()
                               ? number(word.substr(dot + 1), 10, mm::max_order.value())
                               : std::optional<std::uint32_t>(0);
        const auto frame = sign == '!' ? std::optional<std::uint32_t>(0)
                                       : number(word.substr(1, dot - 1), 16, frames_at_most - 1);
        if ((sign != '+' && sign != '-' && sign != '!') || !order || !frame) {
            complain(word, "is no call");
        } else if (!map_) {
            complain(word, "before there is a region");
        } else {
            add_call({sign == '+'   ? Kind::granted
                      : sign == '-' ? Kind::freed
                                    : Kind::refused,
                      FrameOrder(static_cast<std::uint8_t>(*order)), FrameNumber(*frame)},
                     word);
        }
    }
    void add_call(mm::FrameEvent call, const std::string& word) {
        if (call.kind == Kind::granted) {
            if (map_->overlaps(call.frame, call.order)) {
                complain(word, "grants what is not a free block");
                return;
            }
            map_->take(call.frame, call.order);
            live_[call.frame.value()] = call.order;
        } else if (call.kind == Kind::freed) {
            const auto block = live_.find(call.frame.value());
            if (block == live_.end() || block->second != call.order) {
                complain(word, "frees what is not a live block");
                return;
            }
            map_->give_back(call.frame, call.order);
            live_.erase(block);
        }
        trace_.calls.push_back(call);
    }

    /// All of `text`, up to `most`.
    static std::optional<std::uint32_t> number(const std::string& text, int base,
                                               std::uint32_t most) {
        std::uint64_t value = 0;
        for (const char c : text) {
            const char* const digits = "0123456789abcdef";
            const std::size_t digit = std::string_view(digits).find(c);
            if (digit >= static_cast<std::size_t>(base)) {
                return std::nullopt;
            }
            value = value * static_cast<unsigned>(base) + digit;
            if (value > most) {
                return std::nullopt;
            }
        }
        return text.empty() ? std::nullopt : std::optional(static_cast<std::uint32_t>(value));
    }

    static constexpr std::uint32_t frames_at_most = 1U << 20;

    RecordedTrace trace_;
    std::optional<FreeMap> map_;
    std::map<std::uint32_t, FrameOrder> live_;
    std::size_t line_ = 0;
    std::uint32_t promised_ = 0;
    bool has_header_ = false;
    bool has_ended_ = false;
    std::string error_;
};

/// Asks what was asked. Returns how many requests were answered as recorded, frame and all. What
/// was granted then and is refused now is not freed later; what was refused then is given back at
/// once: the blocks in use are the recorded ones wherever they can be.
inline std::uint64_t replay(const RecordedTrace& trace, Subject& frames) {
    using Kind = mm::FrameEvent::Kind;
    std::map<std::uint32_t, FrameNumber> now_at;
    std::uint64_t same = 0;
    for (const mm::FrameEvent& call : trace.calls) {
        if (call.kind == Kind::freed) {
            const auto block = now_at.find(call.frame.value());
            if (block != now_at.end()) {
                frames.free(block->second, call.order);
                now_at.erase(block);
            }
            continue;
        }
        const Result<FrameNumber> block = frames.allocate(call.order);
        const bool was_granted = call.kind == Kind::granted;
        same += block.has_value() == was_granted && (!was_granted || *block == call.frame) ? 1 : 0;
        if (block && was_granted) {
            now_at[call.frame.value()] = *block;
        } else if (block) {
            frames.free(*block, call.order);
        }
    }
    return same;
}

}  // namespace kidney::lab
