//! Hypercalls: the one place where they are answered.
//!
//! Nothing that a guest passes is trusted: all of a call is checked before any of it is done. One run
//! of the instruction does a bounded piece of work. `$v0` says how far a longer call has come, and the
//! same instruction goes on with it, after interrupts.

use super::{View, Vm};
use crate::addr::{PAGE_BITS, PAGE_SIZE, Pa, Va};
use crate::clock::{Cycles, Nanos};
use crate::cpu::STOP_WAIT;
use crate::hypercall::{
    BATCH_MOST, CONSOLE_MOST, CONSOLE_PIECE, Call, CallError, FEATURES, Items, LIST_MOST, Made,
    Pages, RECORD_BYTES, RECORD_STATUS, RECORD_VALUE, Request, VERSION, WORK_MOST,
};
use roaring::RoaringBitmap;

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
    /// The work that this run of the instruction may still do.
    work: u32,
}

/// What has become of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    /// It is done, and this is its value.
    Done(u32),
    /// It goes on: so much of it is done.
    Begun(u32),
}

/// What becomes of the instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hypercall {
    /// It is done.
    Done,
    /// It is to run again: there is more to do.
    Again,
}

/// A call and what has become of it, for a person.
fn told(call: Result<Call, CallError>, answer: Result<Progress, CallError>) -> String {
    let call = call.map_or_else(|_| "no call".to_owned(), |call| format!("{call:x?}"));
    match answer {
        Ok(Progress::Done(value)) => format!("{call}: done, value {value:#x}"),
        Ok(Progress::Begun(count)) => format!("{call}: goes on, {count} done"),
        Err(error) => format!("{call}: refused, {error}"),
    }
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
/// in `$v0`, and in `$v1` the value if the call was done. A call that is not done yet leaves in `$v0`
/// how far it has come.
pub fn hypercall(vm: &mut Vm, pc: Va) -> Hypercall {
    let register = |number: usize| vm.cpu.gpr[number] as u32;
    let arguments = std::array::from_fn(|index| register(A0 + index));
    let request = Request::from(register(V0));
    let mut caller = Caller {
        page: vm.cpu.peek(pc).map(Pa::page_number),
        batch: false,
        work: WORK_MOST,
        vm,
    };
    let answer = caller.answer(request, arguments);
    if let Ok(Progress::Begun(done)) = answer {
        vm.cpu.gpr[V0] = vm.cpu.held(Request { done, ..request }.into());
        return Hypercall::Again;
    }
    vm.cpu.gpr[V0] = vm.cpu.held(status(answer) as u32);
    if let Ok(Progress::Done(value)) = answer {
        vm.cpu.gpr[V1] = vm.cpu.held(value);
    }
    Hypercall::Done
}

impl Caller<'_> {
    /// Does a call, or a piece of it, and counts it when it ends.
    fn answer(&mut self, request: Request, arguments: [u32; 4]) -> Result<Progress, CallError> {
        let call = Call::new(request, arguments);
        let answer = call.and_then(|call| self.call(call, request.done));
        let number = request.number;
        tracing::trace!(target: "hypercalls", "{number}: {}", told(call, answer));
        if matches!(answer, Ok(Progress::Begun(_))) {
            return answer;
        }
        if let Some(count) = self.vm.counters.hypercalls.get_mut(usize::from(number)) {
            *count += 1;
        }
        self.vm.counters.hypercalls_refused += u64::from(answer.is_err());
        answer
    }

    /// Does a call of which so much is done.
    fn call(&mut self, call: Call, done: u32) -> Result<Progress, CallError> {
        let value = match call {
            Call::Version => VERSION,
            Call::Features => FEATURES,
            Call::Yield => {
                self.vm.cpu.idle.yielded = true;
                self.vm.cpu.request_stop();
                0
            }
            Call::PageRelease(pages) | Call::PageZero(pages) => {
                return self.for_pages(pages, done, |view, pa| view.zero_page(pa));
            }
            Call::BalloonQuery => {
                let ram = &self.vm.ram;
                ram.balloon_target.wrapping_sub(ram.pages_given() as u32)
            }
            Call::BalloonGive(pages) => return self.give(pages, done),
            Call::BalloonGiveList(list) => self.give_list(list)?,
            Call::BalloonTake(pages) => return self.take_back(pages, done),
            Call::ConsoleWrite(bytes) => self.write_console(bytes)?,
            Call::Sleep(span) => self.sleep_for(span),
            Call::Batch(_) if self.batch => return Err(CallError::Nested),
            Call::Batch(records) => return self.make_batch(records, done.into()),
        };
        Ok(Progress::Done(value))
    }

    /// Takes so much work, or what is left, from what this run of the instruction may do.
    fn spend(&mut self, work: u32) -> u32 {
        let spent = work.min(self.work);
        self.work -= spent;
        spent
    }

    /// The pages of a call that are still to be done. Refuses to count further than there are pages
    /// of RAM.
    fn left_of(&self, pages: Pages, done: u32) -> Result<Pages, CallError> {
        if u64::from(pages.count) > self.vm.ram.bytes() / PAGE_SIZE {
            return Err(CallError::BadCount);
        }
        pages.behind(done).ok_or(CallError::BadCount)
    }

    /// Refuses pages that the guest cannot lose.
    fn all_expendable(&self, pages: Pages) -> Result<(), CallError> {
        let numbers = pages.numbers();
        let ram = self.vm.ram.ram_from(Pa(numbers.start << PAGE_BITS));
        let end = numbers.start + ram.min(u64::from(pages.count));
        if self
            .page
            .is_some_and(|page| (numbers.start..end).contains(&page))
        {
            Err(CallError::Running)
        } else if end < numbers.end {
            Err(CallError::BadAddress)
        } else {
            Ok(())
        }
    }

    /// Does `action` to the first of `pages`, as many as there is work left for. `done` were done
    /// before.
    fn piece(&mut self, pages: Pages, done: u32, action: fn(&mut View<'_>, Pa)) -> Progress {
        let count = self.spend(pages.count);
        let now = Pages { count, ..pages };
        let mut view = self.vm.view();
        for number in now.numbers() {
            action(&mut view, Pa(number << PAGE_BITS));
        }
        if count == pages.count {
            Progress::Done(0)
        } else {
            Progress::Begun(done + count)
        }
    }

    /// Does `action` to each of `pages` if that can be done to all.
    fn for_pages(
        &mut self,
        pages: Pages,
        done: u32,
        action: fn(&mut View<'_>, Pa),
    ) -> Result<Progress, CallError> {
        let left = self.left_of(pages, done)?;
        self.all_expendable(left)?;
        Ok(self.piece(left, done, action))
    }

    /// How many of these pages were given.
    fn given(&self, pages: Pages) -> u64 {
        let Some(more) = pages.count.checked_sub(1) else {
            return 0;
        };
        let range = pages.first..=pages.first.saturating_add(more);
        self.vm.ram.given.range_cardinality(range)
    }

    fn give(&mut self, pages: Pages, done: u32) -> Result<Progress, CallError> {
        let left = self.left_of(pages, done)?;
        if self.given(left) != 0 {
            return Err(CallError::Given);
        }
        self.for_pages(pages, done, |view, pa| view.give_page(pa))
    }

    fn give_list(&mut self, list: Items) -> Result<u32, CallError> {
        if list.count > LIST_MOST {
            return Err(CallError::BadCount);
        }
        let start = self.words(list.address, list.count.into())?;
        let mut pages = RoaringBitmap::new();
        for index in 0..u64::from(list.count) {
            let number = self.word(Pa(start.0 + 4 * index));
            self.all_expendable(Pages {
                first: number,
                count: 1,
            })?;
            if self.vm.ram.given.contains(number) || !pages.insert(number) {
                return Err(CallError::Given);
            }
        }
        self.spend(list.count);
        let mut view = self.vm.view();
        for number in pages {
            view.give_page(Pa(u64::from(number) << PAGE_BITS));
        }
        Ok(0)
    }

    fn take_back(&mut self, pages: Pages, done: u32) -> Result<Progress, CallError> {
        let left = self.left_of(pages, done)?;
        if self.given(left) != u64::from(left.count) {
            return Err(CallError::NotGiven);
        }
        Ok(self.piece(left, done, |view, pa| view.take_page(pa)))
    }

    fn write_console(&mut self, text: Items) -> Result<u32, CallError> {
        if text.count > CONSOLE_MOST {
            return Err(CallError::BadCount);
        }
        let start = self.ram(text.address, text.count.into())?;
        let mut bytes = vec![0; text.count as usize];
        self.vm.ram.read_physical(start, &mut bytes);
        self.spend(text.count / CONSOLE_PIECE);
        self.vm.write_console(bytes);
        Ok(text.count)
    }

    /// Has the guest wait, for `span` at most.
    fn sleep_for(&mut self, span: Nanos) -> u32 {
        let cpu = &mut self.vm.cpu;
        cpu.idle.wake_at = Some(Cycles(cpu.now(0).0 + span.to_cycles().0));
        cpu.stop |= STOP_WAIT;
        0
    }

    /// Makes the calls of a batch one after the other, from where it is. Its value is how many were
    /// done.
    fn make_batch(&mut self, records: Items, mut so_far: Made) -> Result<Progress, CallError> {
        if records.count > BATCH_MOST {
            return Err(CallError::BadCount);
        }
        let count = u64::from(records.count);
        let start = self.words(records.address, count * RECORD_BYTES / 4)?;
        let mut caller = Caller {
            vm: self.vm,
            page: self.page,
            batch: true,
            work: self.work,
        };
        while so_far.made < records.count {
            let record = Pa(start.0 + u64::from(so_far.made) * RECORD_BYTES);
            if caller.spend(1) == 0 {
                return Ok(Progress::Begun(so_far.into()));
            }
            match caller.make(record) {
                Ok(Progress::Begun(_)) => return Ok(Progress::Begun(so_far.into())),
                Ok(Progress::Done(_)) => so_far.done += 1,
                Err(_) => {}
            }
            so_far.made += 1;
        }
        Ok(Progress::Done(so_far.done))
    }

    /// Makes the call of a record, and writes its answer there; or how far it has come, if it goes
    /// on.
    fn make(&mut self, record: Pa) -> Result<Progress, CallError> {
        let at = |index: u64| Pa(record.0 + 4 * index);
        let request = Request::from(self.word(at(0)));
        let arguments: [u32; 4] = std::array::from_fn(|index| self.word(at(1 + index as u64)));
        let answer = self.answer(request, arguments);
        let mut view = self.vm.view();
        if let Ok(Progress::Begun(done)) = answer {
            // The pages of the call may be those of the record.
            view.set_word(at(0), Request { done, ..request }.into());
            for (index, argument) in (1..).zip(arguments) {
                view.set_word(at(index), argument);
            }
            return answer;
        }
        // The number of a call that there is not stays as it is.
        if request.done != 0 && answer != Err(CallError::NotSupported) {
            view.set_word(at(0), Request { done: 0, ..request }.into());
        }
        view.set_word(Pa(record.0 + RECORD_STATUS), status(answer) as u32);
        if let Ok(Progress::Done(value)) = answer {
            view.set_word(Pa(record.0 + RECORD_VALUE), value);
        }
        answer
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
fn status(answer: Result<Progress, CallError>) -> i32 {
    answer.map_or_else(CallError::code, |_| 0)
}
