/// Calls of single functions of a submission's Files and Directories, with their words.
#pragma once

#include "course/judge/files/trial.hpp"

#include <array>
#include <string>
#include <string_view>

namespace kidney::course::files {

using fs::vsfs::Entry;
using fs::vsfs::Inode;

/// Calls, with their words.
class UnitCalls {
public:
    UnitCalls(Remote& remote, TestDisk& on, Trial& trial) : remote_(remote), on_(on), t_(trial) {}
    ~UnitCalls() { end(); }
    UnitCalls(const UnitCalls&) = delete;
    UnitCalls& operator=(const UnitCalls&) = delete;

    /// From now on, with what is on the disk at this moment.
    bool begin() {
        end();
        const auto begun = remote_.begin(Ask::unit, on_.disk(), on_.shape().sector);
        t_.lost(remote_);
        return t_.expect(begun.has_value(), "the volume loads",
                         begun ? "" : std::string(to_string(begun.error())));
    }
    void end() {
        remote_.end();
        t_.lost(remote_);
    }
    Result<UnitAnswer> call(UnitOp op, const UnitCall& what, std::string text) {
        t_.call(std::move(text));
        const Head head = remote_.ask(
            {.kind = static_cast<std::uint8_t>(Ask::call), .a = static_cast<std::uint64_t>(op)},
            std::as_bytes(std::span(&what, 1)));
        t_.lost(remote_);
        const Status status = Remote::status_of(head);
        if (!status) {
            t_.answered(Trial::text(status));
            return fail(status.error());
        }
        return remote_.as<UnitAnswer>();
    }
    /// The entries behind the answer of the last call.
    [[nodiscard]] std::vector<SlotAnswer> slots() const {
        std::vector<SlotAnswer> all;
        for (std::size_t at = sizeof(UnitAnswer); at + sizeof(SlotAnswer) <= remote_.bytes().size();
             at += sizeof(SlotAnswer)) {
            all.push_back(remote_.as<SlotAnswer>(at));
        }
        return all;
    }
    bool refuses(const Result<UnitAnswer>& answer, Errc error) {
        return t_.expect(!answer && answer.error() == error, to_string(error),
                         answer ? "success" : to_string(answer.error()));
    }
    bool works(const Result<UnitAnswer>& answer) {
        return t_.expect(answer.has_value(), "success", answer ? "" : to_string(answer.error()));
    }
    bool says(std::string_view what, const Result<UnitAnswer>& answer, std::uint64_t value) {
        if (!works(answer)) {
            return false;
        }
        t_.answered(std::to_string(answer->value));
        return t_.equal(what, answer->value, value);
    }

private:
    Remote& remote_;
    TestDisk& on_;
    Trial& t_;
};

[[nodiscard]] inline UnitCall call_of(const Inode& inode, std::uint32_t index = 0,
                                      std::uint64_t size = 0) {
    UnitCall call;
    call.inode = inode;
    call.index = index;
    call.size = size;
    return call;
}
[[nodiscard]] inline UnitCall named(const Inode& inode, std::string_view name,
                                    std::uint32_t number = 0, std::uint16_t mode = 0) {
    UnitCall call;
    call.inode = inode;
    call.number = number;
    call.mode = mode;
    call.length = static_cast<std::uint8_t>(name.size());
    std::memcpy(call.name.data(), name.data(), std::min(name.size(), call.name.size()));
    return call;
}
[[nodiscard]] inline Inode regular(std::uint64_t size) {
    Inode inode;
    inode.mode = fs::vsfs::mode_regular | 0644;
    inode.links = 1;
    inode.size = size;
    return inode;
}
[[nodiscard]] inline bool same(const Inode& a, const Inode& b) {
    return std::memcmp(&a, &b, sizeof(Inode)) == 0;
}
[[nodiscard]] inline std::string number(std::uint64_t value) {
    return std::to_string(value);
}

}  // namespace kidney::course::files
