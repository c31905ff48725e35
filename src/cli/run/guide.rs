//! What `run --help` says at its end.

use crate::console::escape;

/// What `run --help` says at its end.
pub(in crate::cli) fn guide(exit_codes: &str) -> String {
    let keys: String = escape::HELP
        .lines()
        .map(|line| format!("\n  {line}"))
        .collect();
    format!("{GUIDE_START}{keys}\n\n{exit_codes}")
}

const GUIDE_START: &str = "\
Examples:
  mirrorball run
      the tour
  mirrorball fetch debian
  mirrorball run guests/debian/cache/vmlinux --initrd guests/debian/cache/initrd.gz \\
      --append 'console=ttyS0 rdinit=/bin/sh'
      Debian's kernel to a shell
  mirrorball run kernel.elf --engine interp --limit 300M --hash
      the first 300 million instructions, and what they left behind
  mirrorball run vmlinux --initrd initrd.gz --disk debian.img --net user,hostfwd=tcp::2222-:22
      a network: DHCP, a way to what the host reaches, and in by ssh -p 2222 root@127.0.0.1
  mirrorball run machines.toml
      the machines that a file describes; docs/machine-file.md says how
  mirrorball run --vm name=a,image=kernel.elf,memory=64M --vm \"name=b,append='x=1,2'\"
      two machines
  mirrorball run kernel.elf --count 4 --console none
      four machines that are alike, but silent

Scripts (--script):
  wait \"~ # \"        until the guest has printed this
  send \"uname -a\\n\"  type this; \\n \\r \\t \\x.. \\\\ \\\" are escapes
  quit               end the machine
  Lines that start with # are comments. A script sees nothing but the guest's output, so that a
  session is the same to the instruction each time. Until its last step nothing else is typed: a pipe
  is not read, of a terminal's keys only those below count.

Machine files and --vm describe several machines. Each is what its own settings say, then what the
switches say, then the default. At the end a table says how each ended; the exit code is 0 if all
powered off, else that of the gravest end: 1, then 2, 13, 14, 12, 11, 10. --report writes a list.

Time is the number of instructions run, so that two runs with the same input end alike, in every
engine. --realtime, --rtc now, --rngseed host, --net and a person who types give that up. An idle
guest waits in the host's time, unless there is a script, a limit or --fast-forward; with --net the
last alone.

Keys at a terminal:";
