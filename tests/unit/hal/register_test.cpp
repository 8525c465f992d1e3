#include "kidney/hal/register.hpp"

#include "tests/fakes/fake_ports.hpp"

#include <gtest/gtest.h>

namespace kidney {
namespace {

struct Control : hal::Register<Control, std::uint8_t> {
    using Low = hal::Field<Control, 1, 0, std::uint8_t>;
    using Flag = hal::Field<Control, 7, 7, bool>;
};
struct Wide : hal::Register<Wide, std::uint32_t> {
    using All = hal::Field<Wide, 31, 0, std::uint32_t>;
};

using ControlPort = hal::At<Control, 3, hal::ReadWrite>;
using StatusPort = hal::At<Control, 5, hal::ReadOnly>;
using WidePort = hal::At<Wide, 8, hal::WriteOnly>;

template <class Place>
concept CanWrite =
    requires(fakes::FakePorts& io) { Place::write(io, std::uint16_t{0}, Control{}); };
template <class Place>
concept CanRead = requires(fakes::FakePorts& io) { Place::read(io, std::uint16_t{0}); };

static_assert(CanWrite<ControlPort> && CanRead<ControlPort>);
static_assert(!CanWrite<StatusPort>, "writing a read-only register must not compile");
static_assert(!CanRead<WidePort>, "reading a write-only register must not compile");

TEST(Register, FieldsAreMaskedAndShifted) {
    const auto value = Control::from(0x81);
    EXPECT_EQ(value.get<Control::Low>(), 1);
    EXPECT_TRUE(value.get<Control::Flag>());
    EXPECT_EQ(value.with<Control::Low>(2).raw, 0x82);
    EXPECT_EQ(value.with<Control::Flag>(false).raw, 0x01);
    EXPECT_EQ(value.with<Control::Low>(0xff).raw, 0x83) << "a field does not spill into the next";
    EXPECT_EQ(Wide::from(0).with<Wide::All>(0xdeadbeef).raw, 0xdeadbeef);
}

TEST(Register, AccessHasTheRegistersWidthAndPlace) {
    fakes::FakePortSpace space;
    fakes::FakePorts io(space);
    space.on_read(0x105, [] { return 0x80U; });
    EXPECT_TRUE(StatusPort::read(io, 0x100).get<Control::Flag>());
    WidePort::write(io, 0x100, Wide::from(0x12345678));
    const std::vector<fakes::PortAccess> expected{{0x105, 1, 0x80, false},
                                                  {0x108, 4, 0x12345678, true}};
    EXPECT_EQ(space.log(), expected);
}

}  // namespace
}  // namespace kidney
