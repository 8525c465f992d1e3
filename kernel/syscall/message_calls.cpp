#include "kernel/syscall/ipc_calls.hpp"
#include "kernel/syscall/ipc_values.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/system_v.hpp"

#include <algorithm>

namespace kidney::kernel::calls {
namespace {

/// As Linux: run again unless a handler has run.
Errc restarted(Process& self, Errc why) noexcept {
    if (why != Errc::interrupted) {
        return why;
    }
    self.this_thread().restart_mode = RestartMode::unless_handled;
    return Errc::restart;
}

class OwnedMessage {
public:
    explicit OwnedMessage(ipc::Message* message) noexcept : message_(message) {}
    OwnedMessage(const OwnedMessage&) = delete;
    OwnedMessage& operator=(const OwnedMessage&) = delete;
    ~OwnedMessage() {
        if (message_ != nullptr) {
            message_queues().destroy_message(message_);
        }
    }
    ipc::Message* operator->() const noexcept { return message_; }
    ipc::Message& operator*() const noexcept { return *message_; }
    void release() noexcept { message_ = nullptr; }

private:
    ipc::Message* message_;
};

Reply put_facts(const ipc::MessageQueueFacts& f, VirtAddr to) noexcept {
    const UserMessageQueue queue{.permission = user_permission(f.permission),
                                 .sent = UserTime::of(f.sent),
                                 .received = UserTime::of(f.received),
                                 .changed = UserTime::of(f.changed),
                                 .bytes = f.bytes,
                                 .messages = f.messages,
                                 .most_bytes = f.most_bytes,
                                 .last_sender = f.last_sender,
                                 .last_receiver = f.last_receiver,
                                 .unused = {}};
    TRY(put_user(UserPtr<UserMessageQueue>(to), queue));
    return 0U;
}

Reply put_message_info(bool of_usage, VirtAddr to) noexcept {
    const auto usage = message_queues().usage();
    constexpr auto most = static_cast<std::int32_t>(MessageQueues::capacity);
    const UserMessageInfo info{
        .pool = of_usage ? static_cast<std::int32_t>(usage.queues) : most * 16,
        .map = of_usage ? static_cast<std::int32_t>(usage.messages)
                        : static_cast<std::int32_t>(ipc::default_queue_bytes),
        .longest = ipc::longest_message,
        .queue_bytes = ipc::default_queue_bytes,
        .queues = most,
        .segment_size = 16,
        .messages = of_usage ? static_cast<std::int32_t>(usage.bytes)
                             : static_cast<std::int32_t>(ipc::default_queue_bytes),
        .segments = 0xffff};
    TRY(put_user(UserPtr<UserMessageInfo>(to), info));
    return static_cast<std::uint32_t>(usage.highest);
}

}  // namespace

Reply msgget(Process& self, std::int32_t key, std::uint32_t flags) noexcept {
    return static_cast<std::uint32_t>(
        TRY(message_queues().get(ipc_request(key, flags), IpcCaller(self))));
}

Reply msgsnd(Process& self, std::int32_t id, VirtAddr from, std::uint32_t size,
             std::uint32_t flags) noexcept {
    const std::int32_t type = TRY(get_user(UserPtr<const std::int32_t>(from)));
    if (size > ipc::longest_message || id < 0 || type < 1) {
        return fail(Errc::invalid_argument);
    }
    const auto made = message_queues().make_message(size);
    if (!made) {
        return fail(Errc::no_memory);
    }
    OwnedMessage message(*made);
    message->type = type;
    TRY(copy_in(message->bytes(), from + sizeof type));
    const Status sent =
        message_queues().send(id, *message, (flags & ipc_flags::no_wait) != 0, IpcCaller(self));
    if (!sent) {
        return fail(restarted(self, sent.error()));
    }
    message.release();
    return 0U;
}

Reply msgrcv(Process& self, std::int32_t id, VirtAddr to, std::uint32_t size, std::int32_t type,
             std::uint32_t flags) noexcept {
    const auto has = [flags](std::uint32_t flag) { return (flags & flag) != 0; };
    const bool copies = has(ipc_flags::copy);
    if (id < 0 || static_cast<std::int32_t>(size) < 0 ||
        (copies && (has(ipc_flags::except) || !has(ipc_flags::no_wait)))) {
        return fail(Errc::invalid_argument);
    }
    const ipc::MessageWish wish{.type = type,
                                .others = has(ipc_flags::except) && type > 0,
                                .copy = copies,
                                .cut = has(ipc_flags::no_error),
                                .no_wait = has(ipc_flags::no_wait)};
    const auto received = message_queues().receive(id, size, wish, IpcCaller(self));
    if (!received) {
        return fail(restarted(self, received.error()));
    }
    const OwnedMessage message(*received);
    TRY(put_user(UserPtr<std::int32_t>(to), message->type));
    const auto bytes = message->bytes().first(std::min(message->size, size));
    TRY(copy_out(to + sizeof(std::int32_t), bytes));
    return static_cast<std::uint32_t>(bytes.size());
}

Reply msgctl(Process& self, std::int32_t id, std::uint32_t command, VirtAddr buffer) noexcept {
    if (id < 0) {
        return fail(Errc::invalid_argument);
    }
    const IpcCaller caller(self);
    switch (command) {
        case ipc_info:
        case msg_info:
            return put_message_info(command == msg_info, buffer);
        case ipc_stat:
            return put_facts(TRY(message_queues().facts(id, caller)), buffer);
        case msg_stat:
        case msg_stat_any: {
            const auto facts = TRY(message_queues().facts_at(static_cast<std::uint32_t>(id), caller,
                                                             command == msg_stat));
            TRY(put_facts(facts, buffer));
            return static_cast<std::uint32_t>(facts.id);
        }
        case ipc_set: {
            const auto set = TRY(get_user(UserPtr<const UserMessageQueue>(buffer)));
            TRY(message_queues().change(id, set.permission.uid, set.permission.gid,
                                        set.permission.mode, set.most_bytes, caller));
            return 0U;
        }
        case ipc_remove:
            TRY(message_queues().remove(id, caller));
            return 0U;
        default:
            return fail(Errc::invalid_argument);
    }
}

}  // namespace kidney::kernel::calls
