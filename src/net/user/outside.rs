//! Where an address of the guest's network is on the host's.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use super::{GATEWAY, MASK, NETWORK, RESOLVER};

const DNS: u16 = 53;

/// Where addresses lead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outside {
    /// The host's own resolver, if it has one.
    resolver: Option<IpAddr>,
}

impl Outside {
    /// As the host is set.
    pub fn of_host() -> Self {
        let file = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        Self {
            resolver: resolver(&file),
        }
    }

    /// With another resolver.
    #[cfg(test)]
    pub fn with_resolver(resolver: IpAddr) -> Self {
        Self {
            resolver: Some(resolver),
        }
    }

    /// The address on the host's network of one that the guest sends to; `None` if there is none.
    pub fn of(&self, to: SocketAddrV4) -> Option<SocketAddr> {
        let (ip, port) = (*to.ip(), to.port());
        let ip = match ip {
            GATEWAY => Ipv4Addr::LOCALHOST.into(),
            RESOLVER if port == DNS => self.resolver?,
            _ if ip & MASK == NETWORK => return None,
            _ if ip.is_multicast() || ip.is_broadcast() || ip.is_loopback() => return None,
            _ if ip.is_unspecified() || port == 0 => return None,
            _ => ip.into(),
        };
        (port != 0).then_some(SocketAddr::new(ip, port))
    }
}

/// The first resolver that a file like `/etc/resolv.conf` names.
fn resolver(file: &str) -> Option<IpAddr> {
    file.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let names = words.next() == Some("nameserver");
        // An address of one link has the link's name behind it, which is not for us to resolve.
        names.then(|| words.next()?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_the_host_and_beyond() {
        let outside = Outside::with_resolver([9, 9, 9, 9].into());
        let of = |ip: [u8; 4], port| {
            let to = outside.of(SocketAddrV4::new(ip.into(), port));
            to.map(|to| to.to_string())
        };
        assert_eq!(of([10, 0, 2, 2], 80).as_deref(), Some("127.0.0.1:80"));
        assert_eq!(of([10, 0, 2, 3], 53).as_deref(), Some("9.9.9.9:53"));
        assert_eq!(of([192, 0, 2, 7], 80).as_deref(), Some("192.0.2.7:80"));
        for (ip, port) in [
            ([10, 0, 2, 3], 80),
            ([10, 0, 2, 15], 80),
            ([10, 0, 2, 255], 80),
            ([127, 0, 0, 1], 80),
            ([0, 0, 0, 0], 80),
            ([224, 0, 0, 1], 80),
            ([255, 255, 255, 255], 80),
            ([10, 0, 2, 2], 0),
            ([192, 0, 2, 7], 0),
        ] {
            assert_eq!(of(ip, port), None, "{ip:?}:{port}");
        }
    }

    #[test]
    fn the_first_resolver_counts() {
        let file = "# nameserver 1.1.1.1\nsearch a\nnameserver fe80::1%eth0\nnameserver ::1\n\
                    nameserver 8.8.8.8\n";
        assert_eq!(resolver(file), Some("::1".parse().unwrap()));
        assert_eq!(resolver("nameserver\nx"), None);
    }
}
