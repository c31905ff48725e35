#!/bin/sh
# Makes the expected outputs again: expected.sh [--check] [NAME...]
#
# Runs each prebuilt image under QEMU and keeps what it writes to the serial console, byte for
# byte, as expected/NAME.el.txt and NAME.eb.txt. With --check compares with what is committed.
#
# Where QEMU differs from the architecture manual, the guest's folder has expected.el.txt and
# expected.eb.txt, which then count, and a DIFFERS.md that names the manual's section.
set -eu
export LC_ALL=C
cd "$(dirname "$0")"

die() { echo "expected.sh: $*" >&2; exit 1; }

check=false
[ "${1:-}" != --check ] || { check=true; shift; }
for qemu in qemu-system-mipsel qemu-system-mips; do
    command -v $qemu >/dev/null || die "$qemu is missing: install QEMU for MIPS"
done
objcopy=
for tool in llvm-objcopy llvm-objcopy-20 llvm-objcopy-19 llvm-objcopy-18 llvm-objcopy-17 llvm-objcopy-16 \
    llvm-objcopy-15 llvm-objcopy-14; do
    [ -n "$objcopy" ] || objcopy=$(command -v $tool || true)
done
[ -n "$objcopy" ] || die "llvm-objcopy is missing: install llvm"
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# The folder of a guest, from its name: guests are folders with sources, '/' written as '-'.
folder_of() {
    find . -type d | sed 's|^\./||' |
        awk -v name="$1" '{ path = $0; gsub("/", "-"); if ($0 == name) print path }' | head -n 1
}

run() { # run IMAGE ENDIAN > output
    case $2 in el) qemu=qemu-system-mipsel ;; eb) qemu=qemu-system-mips ;; esac
    how="-kernel $1"
    if is_firmware "$1"; then
        firmware "$1" "$2" >"$temporary/firmware"
        how="-bios $temporary/firmware"
    fi
    # shellcheck disable=SC2086
    timeout 60 $qemu -M malta -nographic -vga none -nic none -no-reboot \
        -monitor none -serial stdio $how </dev/null
}

# Whether an image starts where the CPU does: bytes 24 to 27 of an ELF file are its entry.
is_firmware() {
    case $(od -An -tx1 -j24 -N4 "$1" | tr -d ' ') in 0000c0bf | bfc00000) true ;; *) false ;; esac
}

firmware() { # firmware IMAGE ENDIAN > what QEMU's -bios wants: words in the order of a big-endian machine
    "$objcopy" -O binary "$1" "$temporary/flat"
    case $2 in
        el) perl -0777 -pe '$_ = pack "N*", unpack "V*", $_' "$temporary/flat" ;;
        eb) cat "$temporary/flat" ;;
    esac
}

different=0
for image in prebuilt/*.elf; do
    stem=$(basename "$image" .elf)     # NAME.el, or NAME.FORM.el
    name=${stem%%.*} endian=${stem##*.}        # without the form
    [ $# -eq 0 ] || echo " $* " | grep -qF " $name " || continue
    made=$temporary/$stem.txt
    folder=$(folder_of "$name")
    [ -n "$folder" ] || die "guests/$image has no folder with sources"
    override=$folder/expected.$endian.txt
    if [ -f "$override" ]; then
        [ -f "$folder/DIFFERS.md" ] || die "guests/$override needs a DIFFERS.md beside it"
        cp "$override" "$made"
    else
        run "$image" "$endian" >"$made" ||
            die "guests/$image did not switch the board off within a minute (status $?)"
    fi
    if ! $check; then
        mkdir -p expected
        cp "$made" "expected/$stem.txt"
    elif [ ! -f "expected/$stem.txt" ]; then
        echo "expected.sh: guests/expected/$stem.txt is missing" >&2
        different=1
    elif ! cmp -s "$made" "expected/$stem.txt"; then
        echo "expected.sh: guests/expected/$stem.txt is not what the guest prints:" >&2
        diff "expected/$stem.txt" "$made" | head -n 10 >&2 || true
        different=1
    fi
done
[ $different -eq 0 ] || die "run guests/expected.sh, look at the difference, and commit it"
! $check || echo "expected.sh: the guests print what is expected"
