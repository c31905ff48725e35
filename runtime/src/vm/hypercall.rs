//! Hypercalls: the one place where they are answered.
//!
//! Nothing that a guest passes is trusted: all of a call is checked before any of it is done.

use super::{View, Vm};
use crate::addr::{PAGE_BITS, PAGE_SIZE, Pa, Va};
use crate::clock::{Cycles, Nanos};
use crate::cpu::STOP_WAIT;
use crate::hypercall::{
    BATCH_MOST, CONSOLE_MOST, Call, CallError, FEATURES, Items, Pages, RECORD_BYTES, RECORD_STATUS,
    RECORD_VALUE, VERSION,
};
use std::collections::BTreeSet;

/// `$v0`, `$v1` and `$a0`.
const V0: usize = 2;
const V1: usize = 3;
const A0: usize = 4;

/// A guest that makes a hypercall.
struct Caller<'a> {
    vm: &'a mut Vm,
    /// The page of RAM with the instruction.
    page: Option<u64>,
    /// Whether the call is part of a batch.
    batch: bool,
}

/// The physical address that a guest means: kseg0 and kseg1 reach the first 256 MiB of RAM, every
/// other address is physical itself.
fn physical(address: u32) -> Pa {
    Pa(u64::from(match address >> 28 {
        0x8 | 0xa => address & 0x0fff_ffff,
        _ => address,
    }))
}

/// HYPCALL, at `pc`: the number of a call in `$v0`, its arguments from `$a0` on. Leaves the status
/// in `$v0`, and in `$v1` the value if the call was done.
pub fn hypercall(vm: &mut Vm, pc: Va) {
    let register = |number: usize| vm.cpu.gpr[number] as u32;
    let arguments = std::array::from_fn(|index| register(A0 + index));
    let number = register(V0);
    let mut caller = Caller {
        page: vm.cpu.peek(pc).map(Pa::page_number),
        batch: false,
        vm,
    };
    let answer = caller.answer(number, arguments);
    vm.cpu.gpr[V0] = u64::from(status(answer) as u32);
    if let Ok(value) = answer {
        vm.cpu.gpr[V1] = value.into();
    }
}

impl Caller<'_> {
    /// Counts a call and does it. Returns its value.
    fn answer(&mut self, number: u32, arguments: [u32; 4]) -> Result<u32, CallError> {
        if let Some(count) = self.vm.counters.hypercalls.get_mut(number as usize) {
            *count += 1;
        }
        let call = Call::new(number, arguments);
        let answer = call.and_then(|call| self.call(call));
        self.vm.counters.hypercalls_refused += u64::from(answer.is_err());
        tracing::trace!(target: "hypercalls", "{number}: {call:x?} -> {answer:x?}");
        answer
    }

    fn call(&mut self, call: Call) -> Result<u32, CallError> {
        match call {
            Call::Version => return Ok(VERSION),
            Call::Features => return Ok(FEATURES),
            Call::Yield => {
                self.vm.cpu.idle.yielded = true;
                self.vm.cpu.request_stop();
            }
            Call::PageRelease(pages) | Call::PageZero(pages) => {
                self.for_pages(pages, |view, pa| view.zero_page(pa))?;
            }
            Call::BalloonQuery => {
                let ram = &self.vm.ram;
                return Ok(ram.balloon_target.wrapping_sub(ram.pages_given() as u32));
            }
            Call::BalloonGive(pages) => self.give(pages)?,
            Call::BalloonGiveList(list) => self.give_list(list)?,
            Call::BalloonTake(pages) => self.take_back(pages)?,
            Call::ConsoleWrite(bytes) => return self.write_console(bytes),
            Call::Sleep(span) => self.sleep_for(span),
            Call::Batch(_) if self.batch => return Err(CallError::Nested),
            Call::Batch(records) => return self.make_batch(records),
        }
        Ok(0)
    }

    /// A page that the guest wants to lose what it holds.
    fn expendable(&self, number: u64) -> Result<Pa, CallError> {
        let pa = Pa(number << PAGE_BITS);
        if !self.vm.ram.is_ram(pa) {
            Err(CallError::BadAddress)
        } else if self.page == Some(number) {
            Err(CallError::Running)
        } else {
            Ok(pa)
        }
    }

    /// Refuses to count further than there are pages of RAM.
    fn countable(&self, count: u32) -> Result<(), CallError> {
        if u64::from(count) > self.vm.ram.bytes() / PAGE_SIZE {
            return Err(CallError::BadCount);
        }
        Ok(())
    }

    /// Does `action` to each of `pages` if that can be done to all.
    fn for_pages(&mut self, pages: Pages, action: fn(&mut View<'_>, Pa)) -> Result<(), CallError> {
        self.countable(pages.count)?;
        for number in pages.numbers() {
            self.expendable(number)?;
        }
        let mut view = self.vm.view();
        for number in pages.numbers() {
            action(&mut view, Pa(number << PAGE_BITS));
        }
        Ok(())
    }

    fn give(&mut self, pages: Pages) -> Result<(), CallError> {
        self.countable(pages.count)?;
        if self.vm.ram.given.range(pages.numbers()).next().is_some() {
            return Err(CallError::Given);
        }
        self.for_pages(pages, |view, pa| view.give_page(pa))
    }

    fn give_list(&mut self, list: Items) -> Result<(), CallError> {
        self.countable(list.count)?;
        let start = self.words(list.address, list.count.into())?;
        let mut pages = BTreeSet::new();
        for index in 0..u64::from(list.count) {
            let number = u64::from(self.word(Pa(start.0 + 4 * index)));
            self.expendable(number)?;
            if self.vm.ram.given.contains(&number) || !pages.insert(number) {
                return Err(CallError::Given);
            }
        }
        let mut view = self.vm.view();
        for number in pages {
            view.give_page(Pa(number << PAGE_BITS));
        }
        Ok(())
    }

    fn take_back(&mut self, pages: Pages) -> Result<(), CallError> {
        self.countable(pages.count)?;
        if self.vm.ram.given.range(pages.numbers()).count() != pages.count as usize {
            return Err(CallError::NotGiven);
        }
        let mut view = self.vm.view();
        for number in pages.numbers() {
            view.take_page(Pa(number << PAGE_BITS));
        }
        Ok(())
    }

    fn write_console(&mut self, text: Items) -> Result<u32, CallError> {
        if text.count > CONSOLE_MOST {
            return Err(CallError::BadCount);
        }
        let start = self.ram(text.address, text.count.into())?;
        let mut bytes = vec![0; text.count as usize];
        self.vm.ram.read_physical(start, &mut bytes);
        self.vm.write_console(bytes);
        Ok(text.count)
    }

    /// Has the guest wait, for `span` at most.
    fn sleep_for(&mut self, span: Nanos) {
        let cpu = &mut self.vm.cpu;
        cpu.idle.wake_at = Some(Cycles(cpu.now(0).0 + span.to_cycles().0));
        cpu.stop |= STOP_WAIT;
    }

    /// Makes the calls of a batch one after the other. Returns how many were done.
    fn make_batch(&mut self, records: Items) -> Result<u32, CallError> {
        if records.count > BATCH_MOST {
            return Err(CallError::BadCount);
        }
        let count = u64::from(records.count);
        let start = self.words(records.address, count * RECORD_BYTES / 4)?;
        let mut caller = Caller {
            vm: self.vm,
            page: self.page,
            batch: true,
        };
        let mut done = 0;
        for index in 0..count {
            let record = start.0 + index * RECORD_BYTES;
            let word = |index: u64| caller.word(Pa(record + 4 * index));
            let arguments = std::array::from_fn(|index| word(1 + index as u64));
            let answer = caller.answer(word(0), arguments);
            let mut view = caller.vm.view();
            view.set_word(Pa(record + RECORD_STATUS), status(answer) as u32);
            if let Ok(value) = answer {
                view.set_word(Pa(record + RECORD_VALUE), value);
                done += 1;
            }
        }
        Ok(done)
    }

    /// The physical address of `bytes` bytes that the guest has at `address`, all of them in RAM.
    fn ram(&self, address: u32, bytes: u64) -> Result<Pa, CallError> {
        let start = physical(address);
        let end = start.0 + bytes;
        let mut pages = (start.page().0..end).step_by(PAGE_SIZE as usize);
        if pages.all(|page| self.vm.ram.is_ram(Pa(page))) {
            Ok(start)
        } else {
            Err(CallError::BadAddress)
        }
    }

    /// As [`Caller::ram`], for aligned words.
    fn words(&self, address: u32, count: u64) -> Result<Pa, CallError> {
        if address & 3 != 0 {
            return Err(CallError::BadAddress);
        }
        self.ram(address, 4 * count)
    }

    /// The word of RAM at `pa`, in the guest's byte order.
    fn word(&self, pa: Pa) -> u32 {
        self.vm.ram.word(pa)
    }
}

/// What the guest finds in `$v0`.
fn status(answer: Result<u32, CallError>) -> i32 {
    answer.map_or_else(CallError::code, |_| 0)
}
