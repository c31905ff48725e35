//! Running blocks: time, delay slots, and leaving in the middle with exact state.

use super::block::{meaning_in_slot, predecode};
use super::{Block, Op, Step};
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::exit::Exit;
use mirrorball_runtime::vm::Vm;

/// The address behind the instructions of a block at the program counter.
#[inline]
fn end(vm: &Vm, block: &Block) -> u32 {
    (vm.cpu.pc as u32).wrapping_add(block.ops.len() as u32 * 4)
}

/// Runs a whole block. The caller has seen that `cpu.left` covers it.
///
/// Returns why the engine must leave, if it must.
#[inline]
pub fn run_block(vm: &mut Vm, block: &Block) -> Option<Exit> {
    if block.is_plain() {
        run_ops(vm, block)
    } else {
        run_some(vm, block, usize::MAX)
    }
}

#[inline]
fn run_ops(vm: &mut Vm, block: &Block) -> Option<Exit> {
    let end = end(vm, block);
    vm.cpu.left -= block.ops.len() as i64;
    vm.cpu.pc = u64::from(end);
    for op in &block.ops {
        let step = (op.run)(vm, op);
        if step != Step::Next {
            let slot = block.slot && op.owed == 1;
            return finish_step(vm, step, end, op.owed, slot);
        }
    }
    None
}

/// Runs the instructions of a block that `cpu.left` covers, or one more if the last of them is a
/// branch: it is never parted from its delay slot.
pub fn run_part(vm: &mut Vm, block: &Block) -> Option<Exit> {
    run_some(vm, block, vm.cpu.left.max(1) as usize)
}

/// Runs the first `count` instructions of a block, or those before the first that a debugger wants
/// to stop at. If that is the first one of all, none runs, and the machine is to stop.
#[cold]
fn run_some(vm: &mut Vm, block: &Block, count: usize) -> Option<Exit> {
    match next_stop(vm, block) {
        Some(0) => {
            vm.cpu.request_stop();
            None
        }
        Some(stop) => run_first(vm, block, count.min(stop)),
        None => run_first(vm, block, count),
    }
}

/// Where in a block at the program counter a debugger wants to stop next: before how many of its
/// instructions. A breakpoint at a delay slot is one at its branch.
fn next_stop(vm: &mut Vm, block: &Block) -> Option<usize> {
    let (start, whole) = (Va(vm.cpu.pc), block.cycles() as usize);
    let slot = (block.slot || block.split).then_some(whole - 1);
    let stops = (0..whole).filter(|_| block.stops);
    for index in stops {
        if !vm.cpu.stops.is_breakpoint(start.offset(4 * index as u32)) {
            continue;
        }
        let index = if slot == Some(index) {
            index - 1
        } else {
            index
        };
        let retired = vm.cpu.retired();
        if index > 0 || vm.cpu.stops.meet_breakpoint(start, retired) {
            return Some(index);
        }
    }
    None
}

/// Runs the first `count` instructions of a block, or one more if the last of them is a branch.
fn run_first(vm: &mut Vm, block: &Block, count: usize) -> Option<Exit> {
    if block.split {
        return run_split(vm, block);
    }
    let whole = block.ops.len();
    let unparted = whole - 2 * usize::from(block.slot);
    if count >= whole || count > unparted {
        return run_ops(vm, block);
    }
    let end = end(vm, block);
    vm.cpu.left -= whole as i64;
    vm.cpu.pc = u64::from((vm.cpu.pc as u32).wrapping_add(count as u32 * 4));
    for op in &block.ops[..count] {
        let step = (op.run)(vm, op);
        if step != Step::Next {
            return finish_step(vm, step, end, op.owed, false);
        }
    }
    vm.cpu.left += (whole - count) as i64;
    None
}

/// Leaves a block after the instruction that has `owed` cycles to its end `end`, with the state
/// that `step` asks for. The whole block's cycles are already paid: gives back what was not used.
pub fn finish_step(vm: &mut Vm, step: Step, end: u32, owed: u8, slot: bool) -> Option<Exit> {
    let pc = end.wrapping_sub(u32::from(owed) * 4);
    match step {
        Step::Next => return None,
        // The slot behind a branch-likely: one cycle.
        Step::Skip => {
            vm.cpu.left += 1;
            return None;
        }
        Step::Raise(Exception::Watch) => {
            let again = if slot { 1 } else { 0 };
            vm.cpu.left += i64::from(owed) + again;
            vm.cpu.pc = u64::from(pc.wrapping_sub(4 * again as u32));
            if slot {
                vm.cpu.stops.met_in_slot();
            }
        }
        Step::Raise(exception) => {
            vm.cpu.left += i64::from(owed) - 1;
            vm.raise(exception, u64::from(pc), slot);
            return None;
        }
        Step::Again => {
            vm.cpu.left += i64::from(owed) - 1;
            vm.cpu.pc = u64::from(pc);
        }
        Step::Stop | Step::Wait => {
            vm.cpu.left += i64::from(owed) - 1;
            if owed > 1 {
                vm.cpu.pc = u64::from(pc.wrapping_add(4));
            }
        }
    }
    (step == Step::Wait).then_some(Exit::Wait)
}

/// Runs a branch whose delay slot lies on another page.
fn run_split(vm: &mut Vm, block: &Block) -> Option<Exit> {
    let branch = &block.ops[0];
    let slot_pc = end(vm, block);
    let next = slot_pc.wrapping_add(4);
    vm.cpu.left -= 2;
    vm.cpu.pc = u64::from(next);
    let step = (branch.run)(vm, branch);
    if step != Step::Next {
        return finish_step(vm, step, next, branch.owed, false);
    }
    let pa = match vm.fetch_to_see(Va(u64::from(slot_pc))) {
        Ok(pa) => pa,
        Err(exception) => return finish_step(vm, Step::Raise(exception), next, 1, true),
    };
    let word = vm.ram.word(pa);
    let meaning = meaning_in_slot(word, vm.cpu.model, vm.cpu.space_key());
    let op: Op = predecode(word, meaning, vm.cpu.model.width, 1);
    let step = (op.run)(vm, &op);
    finish_step(vm, step, next, 1, true)
}
