/// A policy in front of a modelled disk, through the queue that the kernel has.
#pragma once

#include "bench/lab/disk/disk_workloads.hpp"
#include "bench/lab/disk/models.hpp"
#include "fs/block/request_queue.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

namespace kidney::lab {

/// How long a request took from submit() to its completion, in microseconds.
struct Wait {
    std::int64_t microseconds = 0;
    bool is_read = true;
};
/// Reads and writes that are not there yet.
struct Backlog {
    Instant time;
    std::uint32_t reads = 0, writes = 0;
};

struct DiskResult {
    std::vector<Wait> waits;
    std::vector<Moved> moved;
    std::vector<Backlog> backlog;  ///< each time that somebody asks
    fs::QueueCounts counts;
    std::uint64_t travel = 0;
    Instant end;
};

template <class Device, fs::DiskScheduler Policy>
class DiskRun {
public:
    DiskRun(Customers customers, std::uint32_t seed)
        : customers_(std::move(customers)), random_(seed) {
        LabClock::time = Instant();
    }
    DiskRun(const DiskRun&) = delete;
    DiskRun& operator=(const DiskRun&) = delete;

    DiskResult run() {
        for (;;) {
            Customer* first = nullptr;
            for (Customer& customer : customers_) {
                const bool asks =
                    customer.questions > 0 && !(customer.is_closed && customer.waits_for > 0);
                if (asks && (first == nullptr || customer.next < first->next)) {
                    first = &customer;
                }
            }
            const Instant end = device_.next_end();
            if (first == nullptr && end == Instant::never()) {
                break;
            }
            if (first == nullptr || end <= first->next) {
                LabClock::time = end;
                queue_.poll();
            } else {
                LabClock::time = std::max(LabClock::time, first->next);
                serve(*first);
            }
        }
        result_.moved = device_.moved();
        std::sort(result_.moved.begin(), result_.moved.end(), [](const Moved& a, const Moved& b) {
            return std::pair(a.end, a.first) < std::pair(b.end, b.first);
        });
        result_.travel = device_.travel();
        result_.counts = queue_.counts();
        result_.end = LabClock::time;
        return std::move(result_);
    }

private:
    struct Job {
        DiskRun* run = nullptr;
        Customer* customer = nullptr;
        Instant begin;
        fs::BlockRequest request;
        std::span<std::byte> to;
        std::span<const std::byte> from;
    };

    void serve(Customer& customer) {
        const std::vector<Wish> wishes = customer.ask(random_, device_.head());
        --customer.questions;
        customer.next = LabClock::time + gap_of(customer);
        queue_.plug();
        for (const Wish& wish : wishes) {
            Job& job = jobs_.emplace_back();
            job.run = this;
            job.customer = &customer;
            job.begin = LabClock::time;
            job.to = std::span(bytes_).first(wish.blocks * Device::bytes_per_block);
            job.from = job.to;
            job.request.first = fs::BlockIndex(wish.first);
            if (wish.is_read) {
                job.request.to = std::span(&job.to, 1);
            } else {
                job.request.operation = fs::BlockOperation::write;
                job.request.from = std::span(&job.from, 1);
            }
            ++(wish.is_read ? now_.reads : now_.writes);
            ++customer.waits_for;
            job.request.on_completion(&on_completion, &job);
            queue_.submit(job.request);
        }
        now_.time = LabClock::time;
        result_.backlog.push_back(now_);
        queue_.unplug();
    }
    [[nodiscard]] Duration gap_of(const Customer& customer) {
        const std::int64_t span = (customer.most_gap - customer.least_gap).count() / 1000;
        const std::int64_t more = span > 0 ? random_.below(static_cast<std::uint32_t>(span)) : 0;
        return customer.least_gap + Duration::microseconds(more);
    }
    static void on_completion(void* who, fs::BlockRequest& request, Status outcome) noexcept {
        auto& job = *static_cast<Job*>(who);
        KIDNEY_INVARIANT(outcome.has_value(), "disk: a request failed");
        job.run->complete(job, request.operation == fs::BlockOperation::read);
    }
    void complete(Job& job, bool is_read) {
        result_.waits.push_back({(LabClock::time - job.begin).count() / 1000, is_read});
        --(is_read ? now_.reads : now_.writes);
        Customer& customer = *job.customer;
        --customer.waits_for;
        if (customer.is_closed && customer.waits_for == 0) {
            customer.next = LabClock::time + gap_of(customer);
        }
    }

    Customers customers_;
    laws::Random random_;
    std::vector<std::byte> bytes_ = std::vector<std::byte>(64 * 1024);
    Device device_;
    fs::RequestQueue<Device, Policy, LabClock, NullLock, Device::depth> queue_{device_};
    std::deque<Job> jobs_;
    DiskResult result_;
    Backlog now_;
};

}  // namespace kidney::lab
