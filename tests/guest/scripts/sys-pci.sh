# What /sys says about the PCI functions of the machine, and how: lspci of busybox follows the links to uevent.
mkdir sys
mount -t sysfs sysfs sys || exit 1
for link in sys/bus/pci/devices/*; do
    [ "$(cat "$link/vendor")" = 0x1af4 ] && continue # virtio: not the same here and there
    echo "${link##*/} $(readlink "$link" | sed 's/.*devices/devices/')"
    grep -v -e ^DRIVER -e ^MODALIAS "$link/uevent"
    for name in vendor device subsystem_vendor subsystem_device class revision; do
        echo "$name $(cat "$link/$name")"
    done
    echo "config $(head -c 4 "$link/config" | od -An -tx1) $(tail -c +9 "$link/config" | head -c 4 | od -An -tx1)"
    case $(cat "$link/class") in
    0x03*|0x0100*) head -n 6 "$link/resource" ;;
    esac
    [ -L "$link" ] && [ -d "$link/" ] || echo "not as it should be"
done
ls sys/bus/pci | grep -x -e devices -e drivers
cd sys/bus/pci/devices/0000:00:01.0 && pwd -P | sed 's/.*sys/sys/'
cat vendor/x 2>&1 | sed 's/.*: //'
cat nothing 2>&1 | sed 's/.*: //'
(echo 1 > vendor) 2>/dev/null || echo "not written"
mkdir x 2>/dev/null || echo "not made"
rm vendor 2>/dev/null || echo "not removed"
ls -l vendor | cut -c1-10
wc -c < config
stat -c '%s %F' vendor config .
stat -f -c %T .
