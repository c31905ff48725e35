//! Opening a tap device that is there.

use std::ffi::{c_int, c_short};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::ioctl::{Updater, ioctl, opcode};

use crate::net::{MTU, NetError};

/// What the kernel calls a request to be a device (`TUNSETIFF`).
const BE_DEVICE: u32 = opcode::write::<c_int>(b'T', 202);
/// Frames of Ethernet; nothing in front of them; several queues.
const TAP: c_short = 0x2;
const PLAIN: c_short = 0x1000;
const QUEUES: c_short = 0x100;
/// The least a packet may be long, by the Internet protocol.
const LEAST: u16 = 68;

/// The kernel's `ifreq`.
#[repr(C)]
struct Request {
    name: [u8; 16],
    flags: c_short,
    rest: [u8; 22],
}

/// Opens the tap device with this name. Says how long packets may be there.
pub(super) fn open(name: &str) -> Result<(File, u16), NetError> {
    let flags = flags(name)?;
    let failed = |source| NetError::Tap {
        name: name.to_owned(),
        source,
    };
    let mtu = fs::read_to_string(Path::new("/sys/class/net").join(name).join("mtu"));
    let mtu: u16 = mtu.map_err(failed)?.trim().parse().unwrap_or(MTU);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open("/dev/net/tun")
        .map_err(failed)?;
    be(&file, name, TAP | PLAIN | flags & QUEUES).map_err(failed)?;
    Ok((file, mtu.clamp(LEAST, MTU)))
}

/// What kind of tap device there is with this name. The kernel would make one that is not there.
fn flags(name: &str) -> Result<c_short, NetError> {
    let path = Path::new("/sys/class/net").join(name).join("tun_flags");
    let text = fs::read_to_string(path).unwrap_or_default();
    let flags = text.trim().strip_prefix("0x");
    let flags = flags.and_then(|digits| i32::from_str_radix(digits, 16).ok());
    let flags = flags.map(|flags| flags as c_short);
    flags
        .filter(|flags| flags & TAP != 0)
        .ok_or_else(|| NetError::NoTap(name.to_owned()))
}

/// Has an open file be the device with this name.
fn be(file: &File, name: &str, flags: c_short) -> io::Result<()> {
    let mut request = Request {
        name: [0; 16],
        flags,
        rest: [0; 22],
    };
    // The last byte stays zero: it ends the name.
    let room = request.name[..15].get_mut(..name.len());
    room.ok_or(io::ErrorKind::InvalidInput)?
        .copy_from_slice(name.as_bytes());
    // SAFETY: the kernel reads and writes an `ifreq` for this request, which is what this is, whatever
    // the file is.
    Ok(unsafe { ioctl(file, Updater::<BE_DEVICE, Request>::new(&mut request)) }?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tap_device_that_is_there_is_opened() {
        for name in ["lo", "no-such-device", "longer-than-any-interface"] {
            let error = open(name).expect_err(name).to_string();
            assert!(
                error.starts_with(&format!("there is no tap device {name}; ")),
                "{error}"
            );
        }
    }
}
