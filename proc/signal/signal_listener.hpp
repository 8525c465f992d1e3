/// Who hears of every signal that becomes pending somewhere: files that signals are read from.
#pragma once

#include "proc/thread.hpp"

#include <cstdint>

namespace kidney::proc {

/// In the process table's list while it lives.
class SignalListener {
public:
    /// Under process_lock, perhaps in an interrupt: it may wake threads.
    virtual void signal_came(std::uint32_t signal) noexcept = 0;

    ListHook in_listeners;

protected:
    ~SignalListener() = default;
};
using SignalListeners = ElementList<SignalListener, &SignalListener::in_listeners>;

}  // namespace kidney::proc
