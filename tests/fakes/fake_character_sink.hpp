/// A character device that remembers what was written to it.
#pragma once

#include "kidney/hal/character_sink.hpp"

#include <string>

namespace kidney::fakes {

class FakeCharacterSink {
public:
    void put(char c) noexcept { text_.push_back(c); }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};
static_assert(hal::CharacterSink<FakeCharacterSink>);

}  // namespace kidney::fakes
