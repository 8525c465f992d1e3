/// The process that a submission runs in, and the lives in it. The disk is ours: what is on it are
/// the writes that were told, and nothing else.
#pragma once

#include "course/judge/files/wire.hpp"
#include "kidney/core/result.hpp"
#include "tests/crash/power_disk.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

extern char** environ;

namespace kidney::course::files {

/// Why nothing more can be asked, in words; the kind is a verdict of the course.
struct Lost {
    std::string verdict, words;
};

/// The process, and the lives in it.
class Remote {
public:
    explicit Remote(std::vector<std::string> command) : command_(std::move(command)) { start(); }
    ~Remote() { stop(); }
    Remote(const Remote&) = delete;
    Remote& operator=(const Remote&) = delete;

    /// Begins a life with what is on `disk`. What the disk is asked for comes to it.
    [[nodiscard]] Result<std::uint64_t> begin(Ask kind, crash::PowerDisk& disk,
                                              std::uint32_t block = sector,
                                              std::uint64_t fails_at = 0, bool and_after = false) {
        lost_ = {};
        requests_ = 0;
        if (pid_ < 0) {
            start();
        }
        give(disk, block);
        disk_ = &disk;
        alive_ = true;
        send({.kind = static_cast<std::uint8_t>(kind), .a = fails_at, .b = and_after ? 1U : 0U});
        const Head head = receive();
        return status_of(head) ? Result<std::uint64_t>(head.a) : fail(status_of(head).error());
    }
    /// The power goes off.
    void end() {
        if (alive_) {
            send({.kind = static_cast<std::uint8_t>(Ask::end)});
            ending_ = true;
            static_cast<void>(receive());
            ending_ = false;
        }
        alive_ = false;
        disk_ = nullptr;
    }
    /// The answer's head; its bytes are in bytes() until the next call.
    Head ask(Head head, std::span<const std::byte> first = {}, std::string_view second = {},
             std::string_view third = {}) {
        if (!alive_) {
            return failed();
        }
        head.length = static_cast<std::uint32_t>(first.size() + second.size() + third.size());
        send(head, first, second, third);
        const Head answer = receive();
        if (diary != nullptr) {
            diary->push_back(text_of(head, second, third) + " -> " + text_of(answer));
        }
        return answer;
    }
    /// Where calls are written down, in words; null: nowhere.
    std::vector<std::string>* diary = nullptr;
    void drop(std::uint64_t node) {
        if (alive_) {
            send({.kind = static_cast<std::uint8_t>(Ask::drop), .a = node});
        }
    }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
    template <class T>
    [[nodiscard]] T as(std::size_t at = 0) const {
        T value{};
        if (at < bytes_.size()) {
            std::memcpy(&value, bytes_.data() + at, std::min(sizeof(T), bytes_.size() - at));
        }
        return value;
    }
    [[nodiscard]] static Status status_of(const Head& head) noexcept {
        constexpr auto last = static_cast<unsigned>(Errc::stale);
        return head.status == 0          ? Status()
               : head.status > last + 1U ? Status(fail(Errc::value_overflow))
                                         : Status(fail(static_cast<Errc>(head.status - 1)));
    }
    /// Requests to the disk in this life.
    [[nodiscard]] std::uint32_t requests() const noexcept { return requests_; }
    [[nodiscard]] const Lost& lost() const noexcept { return lost_; }

private:
    [[nodiscard]] static std::string text_of(const Head& head, std::string_view first,
                                             std::string_view second) {
        const auto kind = static_cast<Ask>(head.kind);
        std::string text;
        const std::pair<Ask, const char*> names[] = {{Ask::attributes, "attributes"},
                                                     {Ask::set_attributes, "set_attributes"},
                                                     {Ask::lookup, "lookup"},
                                                     {Ask::parent, "parent"},
                                                     {Ask::create, "create"},
                                                     {Ask::link, "link"},
                                                     {Ask::unlink, "unlink"},
                                                     {Ask::rename, "rename"},
                                                     {Ask::list, "read_directory"},
                                                     {Ask::read_link, "read_link"},
                                                     {Ask::read, "read"},
                                                     {Ask::write, "write"},
                                                     {Ask::append, "append"},
                                                     {Ask::sync_node, "sync"},
                                                     {Ask::sync, "sync"},
                                                     {Ask::status, "status"},
                                                     {Ask::unmount, "unmount"},
                                                     {Ask::call, "call"}};
        for (const auto& [ask, name] : names) {
            text = ask == kind ? name : text;
        }
        text += "(";
        text += head.a != 0 ? "node " + std::to_string(head.a) : "";
        for (const std::string_view name : {first, second}) {
            if (!name.empty() && kind != Ask::write && kind != Ask::append) {
                text += ", \"" + std::string(name.substr(0, 40)) + "\"";
            }
        }
        if (kind == Ask::read || kind == Ask::write) {
            text += ", at " + std::to_string(head.b);
        }
        const std::uint32_t count = kind == Ask::read ? head.more : head.length;
        if (kind == Ask::read || kind == Ask::write || kind == Ask::append) {
            text += ", " + std::to_string(count) + " bytes";
        }
        return text + ")";
    }
    [[nodiscard]] static std::string text_of(const Head& answer) {
        const Status status = status_of(answer);
        return !status         ? std::string(to_string(status.error()))
               : answer.a != 0 ? std::to_string(answer.a)
                               : "success";
    }
    static Head failed() noexcept {
        return {.kind = static_cast<std::uint8_t>(Say::answer),
                .status = 1 + static_cast<std::uint8_t>(Errc::io_error)};
    }
    void start() {
        int to[2], from[2], said[2];
        // Errors do not wait for us: who floods them loses the rest.
        if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0 ||
            ::pipe2(said, O_CLOEXEC | O_NONBLOCK) != 0) {
            std::abort();
        }
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, to[0], 0);
        ::posix_spawn_file_actions_adddup2(&actions, from[1], 1);
        ::posix_spawn_file_actions_adddup2(&actions, said[1], 2);
        std::vector<char*> words;
        for (std::string& word : command_) {
            words.push_back(word.data());
        }
        words.push_back(nullptr);
        if (::posix_spawnp(&pid_, words[0], &actions, nullptr, words.data(), environ) != 0) {
            pid_ = -1;
        }
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(to[0]);
        ::close(from[1]);
        ::close(said[1]);
        in_ = to[1];
        out_ = from[0];
        errors_ = said[0];
        theirs_.clear();
    }
    void stop() {
        if (pid_ >= 0) {
            ::close(in_);
            ::close(out_);
            ::close(errors_);
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
        pid_ = -1;
        alive_ = false;
    }
    /// Their parent's disk becomes as ours.
    void give(crash::PowerDisk& disk, std::uint32_t block) {
        constexpr std::size_t chunk = 4096;
        const std::span<const std::byte> ours = disk.bytes();
        if (theirs_.size() != ours.size() || block_ != block) {
            theirs_.assign(ours.size(), std::byte{});
            block_ = block;
            send({.kind = static_cast<std::uint8_t>(Ask::disk), .a = ours.size(), .b = block});
        }
        for (std::size_t at = 0; at < ours.size(); at += chunk) {
            const auto piece = ours.subspan(at, std::min(chunk, ours.size() - at));
            if (std::memcmp(piece.data(), theirs_.data() + at, piece.size()) != 0) {
                std::memcpy(theirs_.data() + at, piece.data(), piece.size());
                send({.kind = static_cast<std::uint8_t>(Ask::patch),
                      .length = static_cast<std::uint32_t>(piece.size()),
                      .a = at},
                     piece);
            }
        }
    }

    void send(const Head& head, std::span<const std::byte> first = {}, std::string_view second = {},
              std::string_view third = {}) {
        message_.assign(reinterpret_cast<const char*>(&head),
                        reinterpret_cast<const char*>(&head) + sizeof(head));
        message_.append(reinterpret_cast<const char*>(first.data()), first.size());
        message_.append(second).append(third);
        for (std::size_t done = 0; pid_ >= 0 && done < message_.size();) {
            const ssize_t n = ::write(in_, message_.data() + done, message_.size() - done);
            if (n <= 0) {
                return;  // what it said before counts; the next answer does not come
            }
            done += static_cast<std::size_t>(n);
        }
    }
    [[nodiscard]] bool read_all(void* to, std::size_t count) {
        for (std::size_t done = 0; done < count;) {
            const ssize_t n =
                pid_ < 0 ? -1 : ::read(out_, static_cast<char*>(to) + done, count - done);
            if (n <= 0) {
                return false;
            }
            done += static_cast<std::size_t>(n);
        }
        return true;
    }
    /// Until the answer, or the end of the life if that was asked for.
    Head receive() {
        Head head;
        while (read_all(&head, sizeof(head)) && head.length <= most_bytes) {
            bytes_.resize(head.length);
            if (!read_all(bytes_.data(), head.length)) {
                break;
            }
            requests_ = std::max(requests_, head.requests);
            switch (static_cast<Say>(head.kind)) {
                case Say::written:
                    if (disk_ == nullptr || head.length % sector != 0 ||
                        !disk_->write(fs::BlockIndex(head.a), bytes_)) {
                        return loses("broken", "it wrote where its disk is not");
                    }
                    continue;
                case Say::flushed:
                    if (disk_ != nullptr) {
                        ignore_error(disk_->flush(), "it cannot fail");
                    }
                    continue;
                case Say::answer:
                    if (ending_) {
                        continue;
                    }
                    return head;
                case Say::trapped:
                    why_ = "an invariant failed: " +
                           std::string(reinterpret_cast<const char*>(bytes_.data()),
                                       std::min<std::size_t>(bytes_.size(), 400));
                    continue;
                case Say::endless:
                    why_ = "endless";
                    continue;
                case Say::gone:
                    alive_ = false;
                    return ending_ && head.a == 0 && why_.empty() ? head : died(head.a);
            }
            break;
        }
        stop();
        return loses("crashed", "its process ended, or said what nobody asked");
    }
    /// What a sanitizer said of the end, in a line; empty: nothing.
    [[nodiscard]] std::string last_words() {
        std::string text;
        char piece[4096];
        for (ssize_t n = 0; (n = ::read(errors_, piece, sizeof(piece))) > 0;) {
            text.append(piece, static_cast<std::size_t>(n));
        }
        for (const std::string_view mark : {"runtime error: ", "SUMMARY: "}) {
            if (const std::size_t at = text.find(mark); at != std::string::npos) {
                const std::size_t begin = text.rfind('\n', at) + 1;  // npos + 1 is 0
                return text.substr(begin, std::min<std::size_t>(text.find('\n', at) - begin, 300));
            }
        }
        return {};
    }
    Head died(std::uint64_t status) {
        const std::string why = std::exchange(why_, {});
        if (why == "endless") {
            return loses("endless", "a call made more than 200 million steps (branches)");
        }
        if (!why.empty()) {
            return loses("crashed", why);
        }
        if (const std::string words = last_words(); !words.empty()) {
            return loses("crashed", words);
        }
        const auto raw = static_cast<int>(status);
        return loses(
            "crashed",
            WIFSIGNALED(raw) ? "the program was ended by signal " + std::to_string(WTERMSIG(raw))
            : ending_
                ? "the program ended with status " + std::to_string(WEXITSTATUS(raw))
                : "the program ended by itself, with status " + std::to_string(WEXITSTATUS(raw)));
    }
    Head loses(const char* verdict, std::string words) {
        if (lost_.verdict.empty()) {
            lost_ = {verdict, std::move(words)};
        }
        return failed();
    }

    std::vector<std::string> command_;
    pid_t pid_ = -1;
    int in_ = -1, out_ = -1, errors_ = -1;
    bool alive_ = false, ending_ = false;
    crash::PowerDisk* disk_ = nullptr;
    std::vector<std::byte> theirs_, bytes_;
    std::uint32_t block_ = 0;
    std::string message_, why_;
    std::uint32_t requests_ = 0;
    Lost lost_;
};

}  // namespace kidney::course::files
