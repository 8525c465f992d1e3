/// What a test puts between a device and those who use it: wrappers that log, fail, delay, reorder
/// and tear requests, and are request devices themselves.
#pragma once

#include "kidney/fs/block_request.hpp"
#include "tests/laws/report.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

namespace kidney::fakes {

/// The part that all of them share. Concurrency: none.
template <fs::RequestDevice Device>
class RequestWrapper {
public:
    explicit RequestWrapper(Device& device) noexcept : device_(device) {}
    void submit(fs::BlockRequest& request) noexcept { device_.submit(request); }
    void poll() noexcept { device_.poll(); }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return device_.block_size(); }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return device_.block_count(); }
    [[nodiscard]] bool is_read_only() const noexcept { return fs::is_read_only(device_); }

protected:
    Device& device_;  // NOLINT(*-non-private-member-*): its models are below, all of them
};

/// One request and what became of it.
struct RequestRecord {
    fs::BlockOperation operation;
    fs::BlockIndex first;
    std::uint64_t bytes;
    bool is_durable;
    bool is_complete;
    bool succeeded;
};

/// Writes down each request when it is submitted and when it has ended.
template <fs::RequestDevice Device>
class RecordingRequests : public RequestWrapper<Device> {
public:
    using RequestWrapper<Device>::RequestWrapper;
    [[nodiscard]] const std::deque<RequestRecord>& records() const noexcept { return records_; }
    [[nodiscard]] std::size_t count(fs::BlockOperation operation) const noexcept {
        std::size_t n = 0;
        for (const RequestRecord& record : records_) {
            n += record.operation == operation ? 1 : 0;
        }
        return n;
    }

    void submit(fs::BlockRequest& request) noexcept {
        // A deque: what it holds stays where it is.
        records_.push_back(
            {request.operation, request.first, request.bytes(), request.is_durable, false, false});
        request.on_completion(
            [](void* who, fs::BlockRequest& ended, Status outcome) noexcept {
                auto& record = *static_cast<RequestRecord*>(who);
                record.is_complete = true;
                record.succeeded = outcome.has_value();
                ended.complete(outcome);
            },
            &records_.back());
        this->device_.submit(request);
    }

private:
    std::deque<RequestRecord> records_;
};

/// Counts requests and answers io_error where it is told to; the device does not see those.
template <fs::RequestDevice Device>
class FaultyRequests : public RequestWrapper<Device> {
public:
    using RequestWrapper<Device>::RequestWrapper;
    /// The `k`-th request from now (0 is the next one) fails; then all others too, or none.
    void fail_request(std::uint64_t k, bool and_all_others) noexcept {
        fails_at_ = requests_ + k;
        and_all_others_ = and_all_others;
    }
    void heal() noexcept { fails_at_ = std::numeric_limits<std::uint64_t>::max(); }
    [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }

    void submit(fs::BlockRequest& request) noexcept {
        const std::uint64_t now = requests_++;
        if (now == fails_at_ || (and_all_others_ && now > fails_at_)) {
            request.complete(fail(Errc::io_error));
        } else {
            this->device_.submit(request);
        }
    }

private:
    std::uint64_t requests_ = 0;
    std::uint64_t fails_at_ = std::numeric_limits<std::uint64_t>::max();
    bool and_all_others_ = false;
};

/// Keeps each request for `delay` polls before the device gets it.
template <fs::RequestDevice Device>
class DelayingRequests : public RequestWrapper<Device> {
public:
    DelayingRequests(Device& device, unsigned delay) noexcept
        : RequestWrapper<Device>(device), delay_(delay) {}
    void submit(fs::BlockRequest& request) noexcept { waiting_.push_back({&request, now_}); }
    void poll() noexcept {
        ++now_;
        while (!waiting_.empty() && now_ - waiting_.front().since >= delay_) {
            fs::BlockRequest& request = *waiting_.front().request;
            waiting_.pop_front();
            this->device_.submit(request);
        }
        this->device_.poll();
    }

private:
    struct Waiting {
        fs::BlockRequest* request;
        std::uint64_t since;
    };
    std::deque<Waiting> waiting_;
    std::uint64_t now_ = 0;
    unsigned delay_;
};

/// Collects up to `window` requests and hands them on in another order. A flush gets ahead of
/// writes that have not completed, as it may.
template <fs::RequestDevice Device>
class ReorderingRequests : public RequestWrapper<Device> {
public:
    ReorderingRequests(Device& device, std::size_t window, std::uint32_t seed) noexcept
        : RequestWrapper<Device>(device), window_(window), random_(seed) {}
    void submit(fs::BlockRequest& request) noexcept {
        waiting_.push_back(&request);
        if (waiting_.size() >= window_) {
            hand_on();
        }
    }
    void poll() noexcept {
        hand_on();
        this->device_.poll();
    }

private:
    void hand_on() noexcept {
        std::vector<fs::BlockRequest*> all;
        all.swap(waiting_);  // a completion may submit more
        while (!all.empty()) {
            const auto n = random_.below(static_cast<std::uint32_t>(all.size()));
            fs::BlockRequest* const next = all[n];
            all[n] = all.back();
            all.pop_back();
            this->device_.submit(*next);
        }
    }

    std::vector<fs::BlockRequest*> waiting_;
    std::size_t window_;
    laws::Random random_;
};

/// Of a write of several buffers only the first ones reach the device, when told so; then it fails.
template <fs::RequestDevice Device>
class TearingRequests : public RequestWrapper<Device> {
public:
    using RequestWrapper<Device>::RequestWrapper;
    /// The `k`-th write from now on keeps `buffers` of its buffers.
    void tear_write(std::uint64_t k, std::size_t buffers) noexcept {
        tears_at_ = writes_ + k;
        keeps_ = buffers;
    }
    void submit(fs::BlockRequest& request) noexcept {
        if (request.operation == fs::BlockOperation::write && writes_++ == tears_at_ &&
            keeps_ < request.from.size()) {
            whole_ = request.from;
            request.from = request.from.first(keeps_);
            request.on_completion(
                [](void* who, fs::BlockRequest& torn, Status) noexcept {
                    torn.from = static_cast<TearingRequests*>(who)->whole_;
                    torn.complete(fail(Errc::io_error));
                },
                this);
        }
        this->device_.submit(request);
    }

private:
    std::uint64_t writes_ = 0;
    std::uint64_t tears_at_ = std::numeric_limits<std::uint64_t>::max();
    std::size_t keeps_ = 0;
    std::span<const std::span<const std::byte>> whole_;
};

}  // namespace kidney::fakes
