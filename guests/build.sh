#!/bin/sh
# Builds the guests: build.sh [--check | --symbols FOLDER] [NAME...]
#
# A guest is a folder with at least one .c or .S in it; its name is its path with '-' for '/'
# (isa/alu is isa-alu). Everything below the folder belongs to it. Folders called lib are not
# guests: guests/lib serves every guest, FAMILY/lib every guest of its family, and what a guest
# does not use is not linked.
#
#   flags      in a guest's folder: compiler flags added after the common ones
#   link.ld    in a guest's folder, or in FAMILY/lib: the linker script instead of lib/link.ld
#   user/      in a guest's folder: programs. Each user/NAME.c is linked with user/lib (and lib) by
#              user/link.ld and flattened; the guest takes it in by .incbin "NAME.bin"
#
# A family may have a table of forms, FAMILY/forms: a guest's folder name and the forms it is built
# in. Form k is built like any other guest; form u is the same sources as a process of the tour's
# kernel (tour/kernel), which FAMILY/host starts. The form is added to the name: bench-sort.k.
#
# Writes prebuilt/NAME.el.elf and NAME.eb.elf. With --check builds aside and compares bytes with
# what is committed. With --symbols writes to FOLDER instead, with symbols and lines for a debugger;
# the code is the same.
set -eu
export LC_ALL=C
[ "${1:-}" != --symbols ] || symbols=$(realpath -m -- "${2:?a folder for the images}")
cd "$(dirname "$0")"

common="-march=mips32r2 -mno-abicalls -fno-pic -G0 -ffreestanding -fno-builtin -nostdlib -nostdinc
        -O2 -msoft-float -std=c11 -Wall -Wextra -Werror -ffunction-sections -fdata-sections
        -fno-asynchronous-unwind-tables -fno-stack-protector -fno-ident"

die() { echo "build.sh: $*" >&2; exit 1; }

# Debian also installs the tools with their version at the end (clang-14).
tool() {
    command -v "$1" || for v in 20 19 18 17 16 15 14; do command -v "$1-$v" && return; done ||
        die "$1 is missing: install clang, lld and llvm"
}

guests() {
    find . -path ./debian -prune -o -name '*.[cS]' -print | sed 's|^\./||; s|/[^/]*$||' | sort -u |
        grep -Ev '(^|/)(lib|host|prebuilt|expected)(/|$)' |
        awk 'last == "" || index($0 "/", last "/") != 1 { print; last = $0 }'
}

sources() { find "$@" -name '*.[cS]' 2>/dev/null | sort; }

# compile OUTDIR SOURCE... -> one object a source, named after its path
compile() {
    out=$1; shift
    mkdir -p "$out"
    for source in "$@"; do
        # shellcheck disable=SC2086
        "$clang" --target=$target $common $flags $includes -c "$source" \
            -o "$out/$(echo "$source" | tr '/' '-').o"
    done
}

link() { # link SCRIPT OUTPUT OBJECT...
    with=$1; output=$2; shift 2
    "$lld" --gc-sections --build-id=none -z max-page-size=4096 -T "$with" -o "$output" "$@"
}

# The forms of a guest, from the table of its family; "-" when it has no form.
forms_of() {
    table=${1%/*}/forms
    if [ ! -f "$table" ]; then
        echo -
    else
        awk -v name="${1##*/}" '$1 == name { $1 = ""; print; found = 1 } END { exit !found }' "$table" ||
            die "$table does not know ${1##*/}"
    fi
}

strip() { # strip LINKED IMAGE
    [ -z "$symbols" ] || { cp "$1" "$2"; return; }
    "$objcopy" --strip-all --remove-section=.comment --remove-section=.MIPS.abiflags \
        --remove-section=.reginfo "$1" "$2"
}

# The guest of $folder as a process: a program like those in tour/user, and a kernel around it.
build_process() { # build_process IMAGE
    flags="$flags -DUSER"
    includes="-isystem $headers -I lib -I $family -I $folder -I tour/user/lib -I tour"
    # shellcheck disable=SC2046
    compile "$work/program" $(sources "$folder" tour/user/lib)
    # shellcheck disable=SC2046
    compile "$work/program-lib" $(sources lib "$family")
    link tour/user/link.ld "$work/program.elf" "$work/program"/*.o \
        --start-lib "$work/program-lib"/*.o --end-lib
    "$objcopy" -O binary "$work/program.elf" "$work/program.bin"

    flags=
    includes="-isystem $headers -I lib -I tour -I tour/kernel -I $work"
    kernel=$temporary/kernel.$endian   # the same for all
    # shellcheck disable=SC2046
    [ -d "$kernel" ] || compile "$kernel" $(sources lib tour/kernel)
    # shellcheck disable=SC2046
    compile "$work/host" $(sources "${folder%/*}/host")
    link "$script" "$work/image" "$work/host"/*.o --start-lib "$kernel"/*.o --end-lib
    strip "$work/image" "$1"
}

# build FOLDER NAME ENDIAN INTO FORM
build() {
    folder=$1 name=$2 endian=$3
    case $endian in el) target=mipsel-linux-gnu ;; eb) target=mips-linux-gnu ;; esac
    work=$temporary/$name.$endian
    mkdir -p "$work"
    flags=; [ ! -f "$folder/flags" ] || flags=$(grep -v '^#' "$folder/flags" | tr '\n' ' ' || true)
    family=${folder%/*}/lib
    [ "$family" != "$folder/lib" ] && [ -d "$family" ] || family=
    includes="-isystem $headers -I lib ${family:+-I $family} -I $folder -I $work"

    script=lib/link.ld
    [ -z "$family" ] || [ ! -f "$family/link.ld" ] || script=$family/link.ld
    [ ! -f "$folder/link.ld" ] || script=$folder/link.ld
    if [ "$5" = u ]; then
        build_process "$4/$name.$endian.elf"
        return
    fi

    # shellcheck disable=SC2046
    compile "$work/lib" $(sources lib $family)

    user=
    if [ -d "$folder/user" ]; then
        user=$folder/user
        common_includes=$includes
        includes="-isystem $headers -I lib -I $user/lib -I $folder"
        # shellcheck disable=SC2046
        compile "$work/user-lib" $(sources "$user/lib")
        for program in "$user"/*.c; do
            base=$(basename "$program" .c)
            compile "$work/user-$base" "$program"
            link "$user/link.ld" "$work/$base.elf" "$work/user-$base"/*.o "$work/user-lib"/*.o \
                --start-lib "$work/lib"/*.o --end-lib
            "$objcopy" -O binary "$work/$base.elf" "$work/$base.bin"
        done
        includes=$common_includes
    fi

    # shellcheck disable=SC2046
    compile "$work/o" $(sources "$folder" | grep -v "^${user:-/}/")
    link "$script" "$work/image" "$work/o"/*.o --start-lib "$work/lib"/*.o --end-lib
    strip "$work/image" "$4/$name.$endian.elf"
}

check=false symbols=${symbols:-}
case ${1:-} in
    --check) check=true; shift ;;
    --symbols) common="$common -gdwarf-4"; shift 2 ;;
esac
clang=$(tool clang) lld=$(tool ld.lld) objcopy=$(tool llvm-objcopy)
headers=$("$clang" -print-resource-dir)/include
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
into=prebuilt
! $check || into=$temporary/prebuilt
[ -z "$symbols" ] || into=$symbols
mkdir -p "$into"

guests >"$temporary/guests"
for wanted in "$@"; do
    sed 's|/|-|g' "$temporary/guests" | grep -qxF -- "$wanted" ||
        die "no guest is called $wanted; there are: $(sed 's|/|-|g' "$temporary/guests" | tr '\n' ' ')"
done

different=0
while read -r folder; do
    guest=$(echo "$folder" | tr '/' '-')
    [ $# -eq 0 ] || echo " $* " | grep -qF " $guest " || continue
    forms=$(forms_of "$folder")
    for image in $(for form in $forms; do echo "$form.el" "$form.eb"; done); do
        form=${image%.*} endian=${image#*.} name=$guest
        [ "$form" = - ] || name=$guest.$form
        build "$folder" "$name" "$endian" "$into" "$form"
        if $check && [ ! -f "prebuilt/$name.$endian.elf" ]; then
            echo "build.sh: guests/prebuilt/$name.$endian.elf is missing" >&2
            different=1
        elif $check && ! cmp -s "$into/$name.$endian.elf" "prebuilt/$name.$endian.elf"; then
            echo "build.sh: guests/prebuilt/$name.$endian.elf is not what its sources give" >&2
            different=1
        fi
    done
done <"$temporary/guests"

if $check && [ $# -eq 0 ]; then        # an image without sources is a mistake, too
    for image in prebuilt/*.elf; do
        [ -f "$into/${image#prebuilt/}" ] || { echo "build.sh: guests/$image has no sources" >&2; different=1; }
    done
fi
version=$("$clang" --version | sed -n 's/.*clang version \([0-9.]*\).*/clang \1/p')
if [ -n "$symbols" ]; then
    :
elif ! $check; then
    echo "$version" >prebuilt/TOOLCHAIN
elif [ $different -ne 0 ]; then
    die "run guests/build.sh and commit (the images were made with $(cat prebuilt/TOOLCHAIN), this is $version)"
else
    echo "build.sh: the prebuilt images are what their sources give"
fi
