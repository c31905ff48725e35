//! Packet capture: a file in pcap's format, as Wireshark and tcpdump read it, of all that goes through
//! a port, with the guest's time.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use mirrorball_runtime::account::Holding;
use mirrorball_runtime::clock::Nanos;
use mirrorball_runtime::device::network::{Frame, LONGEST, Network, Port};

/// A file whose times are in nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;
const VERSION: [u16; 2] = [2, 4];
const ETHERNET: u32 = 1;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A file that frames are written to.
#[derive(Clone, Debug)]
pub(super) struct Capture(Arc<Mutex<Option<File>>>);

impl Capture {
    /// Makes the file anew.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = File::create(path)?;
        file.write_all(&file_header())?;
        Ok(Self(Arc::new(Mutex::new(Some(file)))))
    }

    /// Writes a frame. The first failure is told, and is the end of the file.
    fn write(&self, frame: &Frame, now: Nanos) {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = place.as_mut() else { return };
        let mut record = record_header(frame.bytes.len(), now);
        record.extend(&frame.bytes);
        if let Err(error) = file.write_all(&record) {
            tracing::warn!("the packet capture ends here: {error}");
            *place = None;
        }
    }
}

fn file_header() -> Vec<u8> {
    let mut bytes = MAGIC.to_le_bytes().to_vec();
    bytes.extend(VERSION.into_iter().flat_map(u16::to_le_bytes));
    let rest = [0, 0, LONGEST as u32, ETHERNET];
    bytes.extend(rest.into_iter().flat_map(u32::to_le_bytes));
    bytes
}

fn record_header(length: usize, now: Nanos) -> Vec<u8> {
    let (seconds, nanos) = (now.0 / NANOS_PER_SECOND, now.0 % NANOS_PER_SECOND);
    let numbers = [seconds as u32, nanos as u32, length as u32, length as u32];
    numbers.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// A network whose frames are captured.
pub(super) struct Captured {
    pub network: Box<dyn Network>,
    pub capture: Capture,
}

impl Network for Captured {
    fn port(&self) -> Port {
        self.network.port()
    }

    fn send(&mut self, frame: Frame, now: Nanos) {
        self.capture.write(&frame, now);
        self.network.send(frame, now);
    }

    fn receive(&mut self, now: Nanos) -> Option<Frame> {
        let frame = self.network.receive(now)?;
        self.capture.write(&frame, now);
        Some(frame)
    }

    fn held(&self) -> Holding {
        self.network.held()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_is_a_file_of_records() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pcap");
        let capture = Capture::create(&path).unwrap();
        let frame = Frame {
            bytes: vec![7; 60],
            checked: false,
        };
        capture.write(&frame, Nanos(3_000_000_042));
        capture.write(&frame, Nanos(4_000_000_000));
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 24 + 2 * (16 + 60));
        assert_eq!(bytes[..8], [0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0]);
        assert_eq!(bytes[20..24], [1, 0, 0, 0]);
        let record = [3, 0, 0, 0, 42, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0];
        assert_eq!(bytes[24..40], record);
        assert_eq!(bytes[40..100], [7; 60]);
    }
}
