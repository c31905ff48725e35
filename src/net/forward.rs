//! Ports of the host that lead to the guest, as QEMU writes them: `tcp:[ADDRESS]:PORT-[GUEST]:PORT`.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;

use super::user::GUEST;

/// A port of the host whose connections go to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where the host listens.
    pub host: SocketAddrV4,
    /// What the guest finds connected to.
    pub guest: SocketAddrV4,
}

/// A text that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write tcp:[ADDRESS]:PORT-[GUEST]:PORT, such as tcp::2222-:22 for the guest's port 22 at \
     127.0.0.1:2222"
)]
pub struct NoForward;

/// An address and a port, of which the address may be missing.
fn endpoint(text: &str, usual: Ipv4Addr) -> Option<SocketAddrV4> {
    let (address, port) = text.split_once(':')?;
    let address = match address {
        "" => usual,
        address => address.parse().ok()?,
    };
    let port = port.parse().ok().filter(|&port| port != 0)?;
    Some(SocketAddrV4::new(address, port))
}

impl FromStr for Forward {
    type Err = NoForward;

    fn from_str(text: &str) -> Result<Self, NoForward> {
        let rest = text.strip_prefix("tcp").unwrap_or(text).strip_prefix(':');
        let parts = rest.and_then(|rest| rest.split_once('-'));
        let forward = parts.and_then(|(host, guest)| {
            Some(Self {
                host: endpoint(host, Ipv4Addr::LOCALHOST)?,
                guest: endpoint(guest, GUEST)?,
            })
        });
        forward.ok_or(NoForward)
    }
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hostfwd=tcp:{}-{}", self.host, self.guest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwards_are_written_as_for_qemu() {
        for (text, shown) in [
            ("tcp::2222-:22", "hostfwd=tcp:127.0.0.1:2222-10.0.2.15:22"),
            ("::2222-:22", "hostfwd=tcp:127.0.0.1:2222-10.0.2.15:22"),
            (
                "tcp:0.0.0.0:80-10.0.2.99:8080",
                "hostfwd=tcp:0.0.0.0:80-10.0.2.99:8080",
            ),
        ] {
            assert_eq!(text.parse::<Forward>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "tcp",
            "tcp::2222",
            "udp::1-:2",
            "tcp::0-:22",
            "tcp::70000-:22",
            "tcp:x:1-:2",
            "tcp::1-:-2",
            "2222-22",
        ] {
            assert_eq!(text.parse::<Forward>(), Err(NoForward), "{text}");
        }
    }
}
