//! A switch between the machines of one monitor, as `subnet=NAME` names it.
//!
//! It learns by the addresses that frames come from at which port each is, and sends what is for an
//! address that it does not know to all ports. A frame for a port that has no room is lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mirrorball_runtime::device::network::{Frame, HEADER, Mac};

use super::Outlet;
use super::wire::Wire;
use crate::console::Waker;

/// The most addresses that are known. A machine that makes up more has all of them forgotten.
const MOST: usize = 1024;

/// A switch.
#[derive(Debug, Default)]
pub struct Switch(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ports: Vec<Arc<Wire>>,
    known: HashMap<Mac, usize>,
}

/// One of its ports.
#[derive(Debug)]
pub(super) struct SwitchPort {
    switch: Arc<Switch>,
    number: usize,
}

/// The address at a place of a frame.
fn address(frame: &Frame, at: usize) -> Option<Mac> {
    let bytes = frame.bytes.get(at..at + 6)?;
    Some(Mac(bytes.try_into().ok()?))
}

impl Switch {
    /// Another port, and what comes to it.
    pub(super) fn port(self: &Arc<Self>) -> (SwitchPort, Arc<Wire>) {
        let wire = Arc::new(Wire::new(Waker::none(), Waker::none()));
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.ports.push(Arc::clone(&wire));
        let port = SwitchPort {
            switch: Arc::clone(self),
            number: state.ports.len() - 1,
        };
        (port, wire)
    }

    /// The ports that a frame from port `from` goes to.
    fn ways(&self, frame: &Frame, from: usize) -> Vec<Arc<Wire>> {
        let (Some(to), Some(source)) = (address(frame, 0), address(frame, 6)) else {
            return Vec::new();
        };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !source.is_group() {
            if state.known.len() >= MOST {
                state.known.clear();
            }
            state.known.insert(source, from);
        }
        let known = state.known.get(&to).filter(|_| !to.is_group()).copied();
        let ports = state.ports.iter().enumerate();
        ports
            .filter(|&(number, _)| number != from && known.is_none_or(|known| known == number))
            .map(|(_, wire)| Arc::clone(wire))
            .collect()
    }
}

impl Outlet for SwitchPort {
    fn send(&self, frame: Frame) {
        if frame.bytes.len() < HEADER {
            return;
        }
        let mut ways = self.switch.ways(&frame, self.number);
        let last = ways.pop();
        for way in ways {
            way.put(frame.clone());
        }
        if let Some(way) = last {
            way.put(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(to: [u8; 6], from: [u8; 6]) -> Frame {
        let mut bytes = [to, from].concat();
        bytes.extend([8, 0, 1]);
        Frame {
            bytes,
            checked: true,
        }
    }

    const A: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const B: [u8; 6] = [2, 0, 0, 0, 0, 2];
    const ALL: [u8; 6] = [0xff; 6];

    #[test]
    fn a_switch_learns_where_addresses_are() {
        let switch = Arc::new(Switch::default());
        let ports: Vec<_> = (0..3).map(|_| switch.port()).collect();
        let got = || {
            let all = ports.iter();
            all.map(|(_, wire)| usize::from(wire.take().is_some()))
                .collect::<Vec<_>>()
        };
        ports[0].0.send(frame(B, A));
        assert_eq!(got(), [0, 1, 1], "nothing is known of B");
        ports[1].0.send(frame(A, B));
        assert_eq!(got(), [1, 0, 0]);
        ports[2].0.send(frame(B, ALL));
        assert_eq!(got(), [0, 1, 0]);
        ports[2].0.send(frame(ALL, [2, 0, 0, 0, 0, 3]));
        assert_eq!(got(), [1, 1, 0]);
        ports[2].0.send(frame(A, A));
        ports[0].0.send(frame(A, B));
        assert_eq!(got(), [0, 0, 1], "A has moved");
        ports[0].0.send(Frame::default());
        assert_eq!(got(), [0, 0, 0]);
    }

    #[test]
    fn made_up_addresses_do_not_pile_up() {
        let switch = Arc::new(Switch::default());
        let (port, _) = switch.port();
        for number in 0..3 * MOST as u16 {
            let [high, low] = number.to_be_bytes();
            port.send(frame(ALL, [2, 0, 0, 0, high, low]));
        }
        assert!(switch.0.lock().unwrap().known.len() <= MOST);
    }
}
