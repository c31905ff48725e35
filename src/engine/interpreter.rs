//! The interpreter as an engine.

use super::spin;
use crate::cache::blocks::{Blocks, BlocksError};
use crate::interp::{run_block, run_part};
use mirrorball_runtime::account::{Account, Holding, Kind};
use mirrorball_runtime::exit::Exit;
use mirrorball_runtime::vm::{Engine, Spin, Vm};

/// The most bytes of predecoded blocks; then all are dropped.
const MOST_BYTES: usize = 32 << 20;

/// Executes everything by interpreting predecoded blocks.
pub struct Interpreter {
    blocks: Blocks<()>,
}

impl Interpreter {
    /// An interpreter for one VM.
    ///
    /// # Errors
    /// If the host has no address space for its tables.
    pub fn new() -> Result<Self, BlocksError> {
        Ok(Self {
            blocks: Blocks::new(MOST_BYTES)?,
        })
    }

    /// What the engine takes of the host's memory.
    #[must_use]
    pub fn account(&self) -> Account {
        let mut account = Account::default();
        account.add(Kind::Blocks, Holding::new(self.blocks.bytes(), MOST_BYTES));
        account.add(Kind::CodePages, self.blocks.code_held());
        account
    }

    /// The number of blocks that were predecoded.
    #[must_use]
    pub fn predecoded(&self) -> u64 {
        self.blocks.predecoded()
    }

    /// As [`Engine::run`]; `enter` is told the address of every block that runs.
    #[inline]
    pub fn run_noting(&mut self, vm: &mut Vm, mut enter: impl FnMut(u32)) -> Exit {
        if vm.cpu.has_modified() {
            self.blocks.drop_modified(vm);
        }
        if vm.cpu.stops.is_news() {
            let news = vm.cpu.stops.take_news();
            self.blocks.drop_at(vm, &news);
        }
        while vm.cpu.left > 0 {
            let Some(id) = self.blocks.at_pc(vm) else {
                if self.blocks.is_full() {
                    self.blocks.drop_others(vm, |_| false);
                }
                if let Some(exit) = vm.cpu.take_stop() {
                    return exit;
                }
                continue;
            };
            let block = &self.blocks.get(id).block;
            enter(vm.cpu.pc as u32);
            let exit = if vm.cpu.left >= block.cycles() {
                run_block(vm, block)
            } else {
                run_part(vm, block)
            };
            if vm.is_called_back() {
                vm.cpu.request_stop();
            }
            if exit.is_some() || vm.cpu.stop != 0 {
                let exit = exit.or(vm.cpu.take_stop());
                if vm.cpu.has_modified() {
                    self.blocks.drop_modified(vm);
                }
                if let Some(exit) = exit {
                    return exit;
                }
            }
        }
        Exit::Horizon
    }
}

impl Engine for Interpreter {
    fn run(&mut self, vm: &mut Vm) -> Exit {
        self.run_noting(vm, |_| ())
    }

    fn spin(&mut self, vm: &mut Vm) -> Option<Spin> {
        spin::find(vm)
    }
}
