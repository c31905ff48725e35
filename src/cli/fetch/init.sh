#!/bin/sh
# The first process: mounts what programs expect, and runs a shell on the serial console. The
# machine ends with the shell.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=vt100 LC_ALL=C
# Python's packages come without compiled modules: they are compiled once, into memory.
export PYTHONPYCACHEPREFIX=/tmp/pycache
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox mount -t tmpfs tmp /tmp
busybox ln -s /proc/self/fd /dev/fd
busybox dmesg -n 1
cd /root
PS1='# ' busybox setsid -c /bin/sh -i </dev/ttyS0 >/dev/ttyS0 2>&1
busybox poweroff -f
