/// What programs did with files, recorded, as a workload: `tools/kidney/file_trace.py` makes the
/// text of what strace prints. A line is a call; paths are from the root and have no spaces.
///
///     kidney-file-trace 1
///     had PATH BYTES | had PATH/        a file, a directory that was there before; not measured
///     mkdir PATH | create PATH | open PATH | close PATH | read PATH AT BYTES | write PATH AT BYTES
///     fsync PATH | rename OLD NEW | unlink PATH | stat PATH | list PATH | sync
///
/// `create` makes an empty file, whatever was there; `stat` may find nothing; `close` is the last
/// one of a file, which is opened by itself when it is used. '#' begins a comment.
#pragma once

#include "bench/workloads/file_store.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kidney::lab {

enum class FileCall : std::uint8_t {
    had,
    mkdir,
    create,
    open,
    close,
    read,
    write,
    fsync,
    rename,
    unlink,
    stat,
    list,
    sync
};
inline constexpr std::array<std::string_view, 13> file_call_names{
    "had",   "mkdir",  "create", "open", "close", "read", "write",
    "fsync", "rename", "unlink", "stat", "list",  "sync"};

struct FileStep {
    FileCall call = FileCall::sync;
    std::string path, second;
    std::uint64_t at = 0, bytes = 0;
};
using FileTrace = std::vector<FileStep>;

/// Error: which line is none, in words; empty: nothing.
[[nodiscard]] inline std::string parse_file_trace(std::istream& from, FileTrace& to) {
    constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;
    std::string line;
    if (!std::getline(from, line) || !line.starts_with("kidney-file-trace 1")) {
        return "line 1: not 'kidney-file-trace 1'";
    }
    for (unsigned number = 2; std::getline(from, line); ++number) {
        if (line.empty() || line[0] == '#') {
            continue;
        }
        std::istringstream words(line);
        std::string name;
        FileStep step;
        words >> name;
        const auto known = std::ranges::find(file_call_names, name);
        step.call = static_cast<FileCall>(known - file_call_names.begin());
        bool is_good = known != file_call_names.end();
        if (is_good && step.call != FileCall::sync) {
            is_good = static_cast<bool>(words >> step.path) && step.path[0] != '/';
        }
        if (is_good && step.call == FileCall::rename) {
            is_good = static_cast<bool>(words >> step.second) && step.second[0] != '/';
        }
        if (is_good && (step.call == FileCall::read || step.call == FileCall::write)) {
            is_good = static_cast<bool>(words >> step.at);
        }
        if (is_good && (step.call == FileCall::read || step.call == FileCall::write ||
                        (step.call == FileCall::had && step.path.back() != '/'))) {
            is_good = static_cast<bool>(words >> step.bytes);
        }
        if (!is_good || words >> name || step.at > most_bytes || step.bytes > most_bytes) {
            return "line " + std::to_string(number) + ": not a call: " + line;
        }
        to.push_back(std::move(step));
    }
    return to.empty() ? "it has no call" : "";
}

/// Does it to a store. Concurrency: none.
class FileReplay {
public:
    explicit FileReplay(bench::FileStore& store) : store_(store), buffer_(piece) {}

    /// Errors: those of the file system.
    [[nodiscard]] Result<bench::Measured> run(const FileTrace& trace) {
        TRY(store_.start());
        bench::Measured result;
        const Status done = play(trace, result);
        files_.clear();
        store_.stop();
        return done ? Result<bench::Measured>(result) : fail(done.error());
    }
    /// Which step it was when something failed.
    [[nodiscard]] const FileStep& step() const noexcept { return *step_; }

private:
    static constexpr std::size_t piece = std::size_t{64} * 1024;

    [[nodiscard]] Status play(const FileTrace& trace, bench::Measured& result) {
        for (const FileStep& step : trace) {
            step_ = &step;
            if (step.call == FileCall::had) {
                TRY(make(step));
            }
        }
        files_.clear();
        TRY(store_.sync());
        TRY(store_.remount());
        const bench::DiskCost before = store_.cost();
        for (const FileStep& step : trace) {
            step_ = &step;
            if (step.call != FileCall::had) {
                TRY(play(step));
                ++result.operations;
                const bool moves = step.call == FileCall::read || step.call == FileCall::write;
                result.bytes += moves ? step.bytes : 0;
            }
        }
        files_.clear();
        TRY(store_.sync());
        result.first_command = before.reads + before.writes + before.flushes;
        result.cost = store_.cost() - before;
        return {};
    }
    [[nodiscard]] Status make(const FileStep& step) {
        if (step.path.back() == '/') {
            return store_.make_directory(step.path.substr(0, step.path.size() - 1));
        }
        files_[step.path] = TRY(store_.create(step.path));
        TRY(move(*files_[step.path], {FileCall::write, {}, {}, 0, step.bytes}));
        files_.erase(step.path);
        return {};
    }
    [[nodiscard]] Status play(const FileStep& step) {
        switch (step.call) {
            case FileCall::mkdir:
                return store_.make_directory(step.path);
            case FileCall::create:
                files_.erase(step.path);
                if (store_.look_up(step.path)) {
                    TRY(store_.unlink(step.path));
                }
                files_[step.path] = TRY(store_.create(step.path));
                return {};
            case FileCall::close:
                files_.erase(step.path);
                return {};
            case FileCall::rename:
                files_.erase(step.path);
                files_.erase(step.second);
                if (store_.look_up(step.second)) {
                    TRY(store_.unlink(step.second));  // none of the workloads moves over something
                }
                return store_.rename(step.path, step.second);
            case FileCall::unlink:
                files_.erase(step.path);
                return store_.unlink(step.path);
            case FileCall::stat: {
                const Status found = store_.look_up(step.path);
                return found || found.error() == Errc::not_found ? Status() : found;
            }
            case FileCall::list: {
                const auto count = store_.list(step.path == "." ? "" : step.path);
                return count ? Status() : Status(fail(count.error()));
            }
            case FileCall::sync:
                return store_.sync();
            default:
                break;
        }
        bench::FilePtr& file = files_[step.path];
        if (!file) {
            file = TRY(store_.open(step.path));
        }
        return step.call == FileCall::fsync ? file->sync() : move(*file, step);
    }
    [[nodiscard]] Status move(bench::OpenFile& file, const FileStep& step) {
        for (std::uint64_t done = 0; done < step.bytes;) {
            const auto length =
                static_cast<std::size_t>(std::min<std::uint64_t>(piece, step.bytes - done));
            const auto part = std::span(buffer_).first(length);
            TRY(step.call == FileCall::read ? file.read(step.at + done, part)
                                            : file.write(step.at + done, part));
            done += length;
        }
        return {};
    }

    bench::FileStore& store_;
    std::vector<std::byte> buffer_;
    std::map<std::string, bench::FilePtr> files_;  ///< those that are open
    const FileStep* step_ = nullptr;
};

}  // namespace kidney::lab
