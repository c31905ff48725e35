//! What users say of a network port, `user,KEY=VALUE,..`, `subnet=NAME,KEY=VALUE,..` or
//! `tap=NAME,KEY=VALUE,..`, and what it comes to.

use std::path::PathBuf;

use mirrorball_runtime::device::network::Mac;

use super::error::{Problem, SpecError};
use super::form::{FLAG, FORWARD, Form, Given, MAC, NAME, path};
use super::load::Files;
use super::place::{At, Place, said};
use super::short;
use super::table::{Entry, Row, Table, settings};
use super::values::{self, ValueError};
use crate::net::{Kind, NetSpec, default_mac};

/// How many network ports a machine can have.
pub(super) const MOST: usize = 4;

settings! {
    /// What the user asked of a network port.
    pub struct NetSettings {
        /// Where it was written.
        place: Place,
    }

    /// A network of the guest's own: it has an address by DHCP and reaches what the host reaches,
    /// the host itself at 10.0.2.2.
    user: bool, FLAG => { name: "user", default: "false" }

    /// The machines of this run that name the same subnet.
    subnet: String, NAME => { name: "subnet" }

    /// A tap device of the host's, which root has made.
    tap: String, NAME => { name: "tap" }

    /// A port of the host that leads to one of the guest, with user; any number of them.
    hostfwd: Vec<String>, FORWARD => { name: "hostfwd" }

    /// The port's address.
    mac: Mac, MAC => { name: "mac", default: "52:54:00:12:34:56 and up, by machine and port" }

    /// Capture what goes through the port in this file, for Wireshark or tcpdump.
    pcap: PathBuf, path("FILE") => { name: "pcap" }
}

/// Reads what is said of a network port.
pub(super) fn parse(given: &Given<'_>) -> Result<NetSettings, ValueError> {
    let mut settings = NetSettings {
        place: given.place.clone(),
        ..NetSettings::default()
    };
    short::read(&mut settings, given, None)
        .map_err(|problem| ValueError::Part(problem.to_string()))?;
    let user = said(&settings.user).unwrap_or(false);
    let named = [&settings.subnet, &settings.tap];
    let kinds = named.into_iter().flatten().count() + usize::from(user);
    let wrong = match (kinds, user, &settings.hostfwd) {
        (0, ..) => "say what it is connected to: user, subnet=NAME or tap=NAME",
        (2.., ..) => "is user, a subnet or a tap device; leave the others out",
        (1, false, Some(_)) => "hostfwd is for user; leave it out",
        _ => return Ok(settings),
    };
    Err(ValueError::Part(wrong.to_owned()))
}

impl NetSettings {
    /// The same for copy `n` of a machine, whose number `number` puts into a text.
    pub(super) fn copy(&mut self, n: u16, number: &dyn Fn(&str) -> String) {
        for forward in self.hostfwd.iter_mut().flat_map(|it| &mut it.value) {
            *forward = number(forward);
        }
        if let Some(At { value, .. }) = &mut self.pcap
            && let Some(text) = value.to_str()
        {
            *value = number(text).into();
        }
        if let Some(At { value, .. }) = &mut self.mac {
            let [.., high, low] = &mut value.0;
            let sum = u16::from_be_bytes([*high, *low]).wrapping_add(n - 1);
            [*high, *low] = sum.to_be_bytes();
        }
    }

    /// The port that this comes to, number `port` of machine `machine`.
    pub(super) fn spec(
        &self,
        machine: u16,
        port: u8,
        files: &mut Files,
    ) -> Result<NetSpec, SpecError> {
        let kind = match (said(&self.subnet), said(&self.tap)) {
            (Some(name), _) => Kind::Subnet(name.clone(), files.subnet(name)),
            (_, Some(name)) => Kind::Tap(name),
            _ => Kind::User(self.forwards()?),
        };
        let mac = said(&self.mac).unwrap_or_else(|| default_mac(machine, port));
        Ok(NetSpec::new(kind, mac, said(&self.pcap)))
    }

    fn forwards(&self) -> Result<Vec<crate::net::Forward>, SpecError> {
        let texts = said(&self.hostfwd).unwrap_or_default();
        let read = |text: &String| {
            values::forward(text).map_err(|why| {
                let (key, text) = ("hostfwd".to_owned(), text.clone());
                Problem::Value { key, text, why }.at(&self.place)
            })
        };
        texts.iter().map(read).collect()
    }
}
