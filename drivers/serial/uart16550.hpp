/// The 16550 UART: the serial port of every PC.
///
/// Datasheet: National Semiconductor PC16550D. Used for the log, the console and, through the
/// receive interrupt, the terminal. put() polls: it must work inside a panic. SerialQueue
/// (serial_queue.hpp) is for those who cannot wait.
#pragma once

#include "kidney/hal/character_sink.hpp"
#include "kidney/hal/port_io.hpp"
#include "kidney/hal/register.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace kidney::drivers {

namespace uart {

struct Data : hal::Register<Data, std::uint8_t> {};
struct InterruptEnable : hal::Register<InterruptEnable, std::uint8_t> {
    using ReceivedData = hal::Field<InterruptEnable, 0, 0, bool>;
    using TransmitterEmpty = hal::Field<InterruptEnable, 1, 1, bool>;
};
struct InterruptIdentification : hal::Register<InterruptIdentification, std::uint8_t> {
    using NonePending = hal::Field<InterruptIdentification, 0, 0, bool>;
    using Fifos = hal::Field<InterruptIdentification, 7, 6, std::uint8_t>;  // 3: on, and they work
};
struct FifoControl : hal::Register<FifoControl, std::uint8_t> {
    using Enable = hal::Field<FifoControl, 0, 0, bool>;
    using ClearReceiver = hal::Field<FifoControl, 1, 1, bool>;
    using ClearTransmitter = hal::Field<FifoControl, 2, 2, bool>;
};
struct LineControl : hal::Register<LineControl, std::uint8_t> {
    using WordLength = hal::Field<LineControl, 1, 0, std::uint8_t>;  // 3: eight bits
    using DivisorAccess = hal::Field<LineControl, 7, 7, bool>;
};
struct ModemControl : hal::Register<ModemControl, std::uint8_t> {
    using Ready = hal::Field<ModemControl, 1, 0, std::uint8_t>;    // DTR and RTS
    using InterruptOutput = hal::Field<ModemControl, 3, 3, bool>;  // OUT2: lets interrupts out
};
struct LineStatus : hal::Register<LineStatus, std::uint8_t> {
    using DataReady = hal::Field<LineStatus, 0, 0, bool>;
    using Break = hal::Field<LineStatus, 4, 4, bool>;  // reading it clears it
    using TransmitHoldingEmpty = hal::Field<LineStatus, 5, 5, bool>;
};
struct Scratch : hal::Register<Scratch, std::uint8_t> {};

using DataPort = hal::At<Data, 0, hal::ReadWrite>;
using DivisorLow = hal::At<Data, 0, hal::ReadWrite>;  // while DivisorAccess is set
using Ier = hal::At<InterruptEnable, 1, hal::ReadWrite>;
using DivisorHigh = hal::At<Data, 1, hal::ReadWrite>;  // while DivisorAccess is set
using Iir = hal::At<InterruptIdentification, 2, hal::ReadOnly>;
using Fcr = hal::At<FifoControl, 2, hal::WriteOnly>;
using Lcr = hal::At<LineControl, 3, hal::ReadWrite>;
using Mcr = hal::At<ModemControl, 4, hal::ReadWrite>;
using Lsr = hal::At<LineStatus, 5, hal::ReadOnly>;
using Scr = hal::At<Scratch, 7, hal::ReadWrite>;

inline constexpr std::uint16_t com1 = 0x3F8;
inline constexpr std::uint16_t com2 = 0x2F8;
inline constexpr std::uint16_t com3 = 0x3E8;

}  // namespace uart

/// Concurrency: none, callers serialise. put() waits until the transmitter has room (Bochs loses
/// bytes otherwise), but only a bounded number of reads: a stuck port must not stop a panic.
template <hal::PortIo Io>
class Uart16550 {
public:
    constexpr Uart16550(Io io, std::uint16_t base) noexcept : io_(io), base_(base) {}

    /// Is there such a port? Leaves it as it is: somebody else may have initialised it and be
    /// sending.
    bool find() noexcept {
        using namespace uart;
        constexpr std::uint8_t probe = 0x5A;
        Scr::write(io_, base_, Scratch::from(probe));
        present_ = Scr::read(io_, base_).raw == probe;
        return present_;
    }
    /// 115200 baud, eight bits, no parity, FIFOs on, no interrupts. False: there is no such port.
    bool initialise() noexcept {
        using namespace uart;
        if (!find()) {
            return false;
        }
        const auto eight_bits = LineControl{}.with<LineControl::WordLength>(3);
        Ier::write(io_, base_, InterruptEnable{});
        Lcr::write(io_, base_, eight_bits.with<LineControl::DivisorAccess>(true));
        DivisorLow::write(io_, base_, Data::from(1));
        DivisorHigh::write(io_, base_, Data::from(0));
        Lcr::write(io_, base_, eight_bits);
        Fcr::write(io_, base_,
                   FifoControl{}
                       .with<FifoControl::Enable>(true)
                       .with<FifoControl::ClearReceiver>(true)
                       .with<FifoControl::ClearTransmitter>(true));
        constexpr std::uint8_t working = 3;  // an 8250 or 16450 has none, a 16550 broken ones
        const bool has_fifos =
            Iir::read(io_, base_).template get<InterruptIdentification::Fifos>() == working;
        depth_ = has_fifos ? fifo_depth : 1;
        Mcr::write(
            io_, base_,
            ModemControl{}.with<ModemControl::Ready>(3).with<ModemControl::InterruptOutput>(true));
        return true;
    }
    [[nodiscard]] bool is_present() const noexcept { return present_; }

    void put(char c) noexcept {
        using namespace uart;
        if (!present_) {
            return;
        }
        for (std::uint32_t i = 0; i < patience; ++i) {
            if (line_status().template get<LineStatus::TransmitHoldingEmpty>()) {
                break;
            }
        }
        DataPort::write(io_, base_, Data::from(static_cast<std::uint8_t>(c)));
    }

    /// How many bytes the transmitter takes now without waiting: none, or all that its FIFO holds.
    [[nodiscard]] std::size_t ready() noexcept {
        using namespace uart;
        const bool is_empty =
            present_ && line_status().template get<LineStatus::TransmitHoldingEmpty>();
        return is_empty ? depth_ : 0;
    }
    /// One of the bytes that ready() promised.
    void send(char c) noexcept {
        uart::DataPort::write(io_, base_, uart::Data::from(static_cast<std::uint8_t>(c)));
    }

    /// A received byte, if there is one. Called until empty on the receive interrupt.
    [[nodiscard]] std::optional<std::uint8_t> receive() noexcept {
        using namespace uart;
        if (!present_) {
            return std::nullopt;
        }
        constexpr std::uint8_t nobody = 0xFF;  // the port has gone: it would be ready for ever
        const LineStatus status = line_status();
        if (!status.template get<LineStatus::DataReady>() || status.raw == nobody) {
            return std::nullopt;
        }
        return DataPort::read(io_, base_).raw;
    }
    /// The line was held low for longer than a byte takes: a BREAK, which comes as a byte of 0.
    /// True if any read of the status since this was last asked saw one.
    [[nodiscard]] bool take_break() noexcept {
        const bool was_break = saw_break_;
        saw_break_ = false;
        return was_break;
    }
    void set_interrupts(bool on_receive, bool on_empty) noexcept {
        using namespace uart;
        if (present_) {
            Ier::write(io_, base_,
                       InterruptEnable{}
                           .with<InterruptEnable::ReceivedData>(on_receive)
                           .with<InterruptEnable::TransmitterEmpty>(on_empty));
        }
    }
    /// Has it a reason to interrupt? Asking settles that of an empty transmitter.
    [[nodiscard]] bool is_interrupting() noexcept {
        using namespace uart;
        return present_ &&
               !Iir::read(io_, base_).template get<InterruptIdentification::NonePending>();
    }

private:
    [[nodiscard]] uart::LineStatus line_status() noexcept {
        const uart::LineStatus status = uart::Lsr::read(io_, base_);
        saw_break_ |= status.template get<uart::LineStatus::Break>();
        return status;
    }

    /// At 115200 baud a byte takes 87 us and a port read about 1 us; this is some hundred bytes'
    /// time.
    static constexpr std::uint32_t patience = 20'000;
    static constexpr std::uint8_t fifo_depth = 16;

    [[no_unique_address]] Io io_;
    std::uint16_t base_;
    std::uint8_t depth_ = 1;
    bool present_ = false;
    bool saw_break_ = false;
};

}  // namespace kidney::drivers
