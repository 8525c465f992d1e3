/// Ctrl-C ends a command between two files, so that the image is unmounted.
#pragma once

#include <csignal>

namespace kidney::image {

// Written by the signal handler.
inline volatile std::sig_atomic_t was_interrupted = 0;

/// At the start of the program. A second signal ends it at once.
inline void catch_interruptions() {
    struct sigaction action{};
    action.sa_handler = [](int) { was_interrupted = 1; };
    action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGHUP, &action, nullptr);
}

}  // namespace kidney::image
