//! A tap device of the host's: the guest and the host's own kernel reach each other through it.

use super::{APPEND, DEBIAN, check};
use crate::common::{cannot_run, project};
use libtest_mimic::{Completion, Failed};
use std::fs;
use std::process::{Command, Stdio};

/// Makes a network of its own, in which there is a tap device, and runs what it is told to there.
const PLACE: &str = "PATH=$PATH:/usr/sbin:/sbin
    mount -t sysfs sysfs /sys && ip tuntap add mbtap mode tap && ip link set mbtap mtu 9000 up &&
    ip addr add 10.9.0.1/24 dev mbtap || exit 77
    exec \"$@\"";
/// The exit code if the host does not let that be made.
const NO_PLACE: i32 = 77;

/// What is long goes in one packet, as the interface has it.
const TYPED: &str = r#"wait "~ # "
send "mount -t proc p /proc; mount -t sysfs s /sys; dmesg -n 1; modprobe -a virtio_pci virtio_net\n"
wait "~ # "
send "ip link set eth0 up; ip addr add 10.9.0.2/24 dev eth0; cat /sys/class/net/eth0/mtu\n"
wait "~ # "
send "ping -c 3 10.9.0.1; ping -c 1 -s 8900 10.9.0.1\n"
wait "~ # "
send "poweroff -f\n"
"#;

pub(super) fn leads_to_the_host() -> Result<Completion, Failed> {
    if let Err(reason) = DEBIAN.clone() {
        return cannot_run(&reason);
    }
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("script");
    fs::write(&script, TYPED)?;
    let output = Command::new("unshare")
        .args(["-r", "-n", "-m", "sh", "-c", PLACE, "sh"])
        .args([env!("CARGO_BIN_EXE_mirrorball"), "run"])
        .args(["guests/debian/cache/vmlinux", "--net", "tap=mbtap"])
        .args(["--initrd", "guests/debian/cache/initrd.gz"])
        .args(["--append", APPEND, "--code-cache", "off", "--script"])
        .arg(&script)
        .current_dir(project(""))
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return Ok(Completion::ignored_with(format!("unshare: {error}"))),
    };
    let [said, why] =
        [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    let made = output.status.code() != Some(NO_PLACE) && !why.starts_with("unshare:");
    if !made {
        let reason = format!("no tap device can be made here: {}", why.trim());
        return Ok(Completion::ignored_with(reason));
    }
    let arrived = ["\n9000\r", "3 packets received", "1 packets received"];
    let all = arrived.iter().all(|part| said.contains(part));
    check(all && output.status.success(), || format!("{why}{said}"))?;
    Ok(Completion::Completed)
}
