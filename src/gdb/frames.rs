//! The frames of GDB's remote protocol: where packets begin and end in what a client sends.
//!
//! Acknowledgements are given and taken here, so that what is behind sees whole packets that arrived
//! as they were sent.

/// The most bytes of a packet.
pub(super) const LONGEST: usize = 16 << 10;

/// What a client sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Frame {
    /// A packet, with the dollar sign and the checksum.
    Packet(Vec<u8>),
    /// One whose checksum is wrong.
    Damaged,
    /// One that is longer than [`LONGEST`].
    Oversized,
    /// Ctrl-C.
    Interrupt,
    /// The last answer did not arrive.
    Again,
}

/// Finds frames in a stream of bytes.
#[derive(Debug, Default)]
pub(super) struct Frames {
    packet: Vec<u8>,
    /// How many bytes of the checksum are to come.
    missing: usize,
    oversized: bool,
}

impl Frames {
    /// Takes the next byte, and says what it completes.
    pub fn push(&mut self, byte: u8) -> Option<Frame> {
        if self.packet.is_empty() {
            match byte {
                b'$' => self.begin(),
                0x03 => return Some(Frame::Interrupt),
                b'-' => return Some(Frame::Again),
                _ => {}
            }
            return None;
        }
        match byte {
            // The rest of a packet was lost, and this is the next one.
            b'$' => self.begin(),
            _ if self.missing > 0 => {
                self.packet.push(byte);
                self.missing -= 1;
                return (self.missing == 0).then(|| self.end());
            }
            b'#' => {
                self.packet.push(byte);
                self.missing = 2;
            }
            _ if self.packet.len() < LONGEST => self.packet.push(byte),
            _ => self.oversized = true,
        }
        None
    }

    fn begin(&mut self) {
        self.packet.clear();
        self.packet.push(b'$');
        (self.missing, self.oversized) = (0, false);
    }

    fn end(&mut self) -> Frame {
        let packet = std::mem::take(&mut self.packet);
        let (body, sum) = packet[1..].split_at(packet.len() - 4);
        let told = std::str::from_utf8(&sum[1..]).map(|text| u8::from_str_radix(text, 16));
        if self.oversized {
            Frame::Oversized
        } else if told == Ok(Ok(checksum(body))) {
            Frame::Packet(packet)
        } else {
            Frame::Damaged
        }
    }
}

fn checksum(body: &[u8]) -> u8 {
    body.iter().fold(0, |sum, &byte| sum.wrapping_add(byte))
}

/// A packet with this body.
pub(super) fn packet(body: &str) -> Vec<u8> {
    format!("${body}#{:02x}", checksum(body.as_bytes())).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Frames::default();
        bytes.iter().filter_map(|&byte| frames.push(byte)).collect()
    }

    #[test]
    fn packets_are_found_between_what_is_none() {
        let packet = || Frame::Packet(b"$g#67".to_vec());
        assert_eq!(frames(b"++$g#67"), [packet()]);
        assert_eq!(
            frames(b"x#67$g#67\x03-"),
            [packet(), Frame::Interrupt, Frame::Again]
        );
        assert_eq!(
            frames(b"$m80$g#67"),
            [packet()],
            "the first one was cut off"
        );
        assert_eq!(frames(&super::packet("g")), [packet()]);
    }

    #[test]
    fn what_did_not_arrive_whole_is_no_packet() {
        for bytes in [&b"$g#68"[..], b"$g#zz", b"$g#+7", b"$g#\xff\xff", b"$#01"] {
            assert_eq!(frames(bytes), [Frame::Damaged], "{bytes:?}");
        }
        assert_eq!(frames(b"$g#6"), []);
    }

    #[test]
    fn a_packet_has_a_bound() {
        let mut bytes = vec![b'$'];
        bytes.resize(3 * LONGEST, b'a');
        bytes.extend(b"#00$g#67");
        let found = frames(&bytes);
        assert_eq!(found, [Frame::Oversized, Frame::Packet(b"$g#67".to_vec())]);
    }
}
