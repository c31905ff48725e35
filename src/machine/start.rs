//! From a description to what runs: the VM with the guest in its memory, its engine, its console.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use mirrorball_runtime::addr::PAGE_SIZE;
use mirrorball_runtime::memory::Busy;
use mirrorball_runtime::memory::machine::{MachineMemory, MachineMemoryError};
use mirrorball_runtime::vm::{ConnectError, NoFolder, NoPort, Vm, VmConfig, firmware};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use super::kinds::{CodeCache, ConsoleSpec, EngineKind, OnReset};
use super::spec::{Extras, MachineSpec};
use crate::cache::persist::Store;
use crate::console::{Console, Session, Source, Waker, terminal};
use crate::disk::{MarkError, OpenError};
use crate::engine::compiler::CompilePool;
use crate::engine::jit::JitError;
use crate::engine::{AnyEngine, Interpreter, Jit, JitConfig, Lockstep};
use crate::folder::FolderError;
use crate::image::{self, BootState, FileError, ImageError, MemorySize, Seed, Told};
use crate::net::NetError;
use crate::snapshot::{Snapshot, SnapshotError};

/// Why a machine that is described well cannot start, or its console not go on.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum StartError {
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error("the host has no memory for the machine: {0}; give less --memory")]
    NoMemory(#[from] MachineMemoryError),
    #[error("there is no room to load it: {0}")]
    NoRoom(#[source] MachineMemoryError),
    #[error("memory of {0} is too small for a machine with flash memory; give more --memory")]
    NoFlash(MemorySize),
    #[error("the host gives no random numbers: {0}; give --rngseed 64 digits")]
    Seed(#[source] io::Error),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Mark(#[from] MarkError),
    #[error(transparent)]
    Disk(#[from] OpenError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Network(#[from] NetError),
    #[error(transparent)]
    Port(#[from] NoPort),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    NoFolder(#[from] NoFolder),
    #[error(transparent)]
    Jit(#[from] JitError),
    #[error("cannot use the terminal: {0}; give --script FILE or a pipe instead")]
    Terminal(#[source] io::Error),
    #[error("cannot write the console to {path}: {source}; name a file elsewhere")]
    ConsoleFile { path: String, source: io::Error },
    #[error("{path}: consoles at sockets are served by no one here; write the console to a file")]
    Socket { path: String },
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
}

impl StartError {
    /// Whether the user has to change something, as opposed to the host having failed.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::Image(error) => !matches!(error, ImageError::File(FileError::Io { .. })),
            Self::Disk(error) => error.is_usage(),
            Self::Network(error) => error.is_usage(),
            Self::Socket { .. } | Self::Mark(_) | Self::Folder(_) | Self::NoFlash(_) => true,
            _ => false,
        }
    }
}

impl Extras {
    /// Puts them into a machine that has not run.
    fn fit(self, vm: &mut Vm, seed: Seed) {
        if self.balloon {
            vm.board.fit_balloon();
        }
        if self.console {
            vm.board.fit_console();
        }
        if self.rng {
            vm.board.fit_entropy(xxh3_64(&seed.0));
        }
    }
}

impl MachineSpec {
    /// The machine, with the guest in its memory, before the first instruction.
    ///
    /// # Errors
    ///
    /// When the guest does not fit, or the host has no memory for the machine.
    pub fn vm(&self) -> Result<Box<Vm>, StartError> {
        let memory = MachineMemory::new(self.memory.bytes())?;
        self.vm_in(Arc::new(memory))
    }

    /// The same, in machine memory that others may share.
    ///
    /// # Errors
    ///
    /// As [`MachineSpec::vm`].
    pub fn vm_in(&self, memory: Arc<MachineMemory>) -> Result<Box<Vm>, StartError> {
        let Some(snapshot) = &self.snapshot else {
            return self.booted_in(memory);
        };
        let mut vm = self.vm_from(snapshot, memory)?;
        if let Some(record) = &self.replay {
            vm.replay(Box::new(record.arrivals()));
        }
        Ok(vm)
    }

    /// The same, as it was in a snapshot.
    ///
    /// # Errors
    ///
    /// As [`MachineSpec::vm`].
    pub fn vm_from(
        &self,
        snapshot: &Snapshot,
        memory: Arc<MachineMemory>,
    ) -> Result<Box<Vm>, StartError> {
        for (number, disk) in snapshot.index().disks.iter().enumerate() {
            disk.fits(self.disks.get(number))?;
        }
        let mut vm = snapshot.load_in(memory)?;
        self.connect(&mut vm)?;
        Ok(vm)
    }

    /// Opens its disks, for a machine that has none open.
    ///
    /// # Errors
    ///
    /// When one cannot be used.
    pub fn connect_disks(&self, vm: &mut Vm) -> Result<(), StartError> {
        for (number, disk) in self.disks.iter().enumerate() {
            vm.connect_disk(number, disk.bus.into(), disk.open()?)?;
        }
        Ok(())
    }

    fn connect(&self, vm: &mut Vm) -> Result<(), StartError> {
        self.connect_disks(vm)?;
        for (number, network) in self.networks.iter().enumerate() {
            vm.connect_network(number, network.open()?)?;
        }
        for (number, folder) in self.folders.iter().enumerate() {
            vm.connect_folder(number, folder.open()?)?;
        }
        Ok(())
    }

    fn booted_in(&self, memory: Arc<MachineMemory>) -> Result<Box<Vm>, StartError> {
        let config = VmConfig {
            model: self.cpu,
            memory: self.memory.bytes(),
            big_endian: self.image.big_endian,
            second_tlb: self.second_tlb,
            hypercalls: self.hypercalls,
            rtc_base: self.rtc.seconds(),
        };
        let mut vm = Vm::in_memory(config, memory)?;
        if let Some(flash) = &self.flash {
            let content = flash.content(self.image.big_endian);
            let fitted = firmware::fit(&mut vm, &content);
            fitted.map_err(|Busy| StartError::NoFlash(self.memory))?;
        }
        self.connect(&mut vm)?;
        let seed = self.rngseed.bytes().map_err(StartError::Seed)?;
        self.extras.fit(&mut vm, seed);
        let kernel = (!self.image.is_none()).then(|| self.load_kernel(&mut vm, seed));
        let start = kernel.transpose()?;
        if vm.ram.failure().is_some() {
            let limit = vm.ram.machine_memory().limit() * PAGE_SIZE;
            return Err(StartError::NoRoom(MachineMemoryError::Full { limit }));
        }
        match start {
            Some(start) if self.flash.is_none() => start.enter(&mut vm),
            // The firmware finds the kernel in memory.
            _ => {}
        }
        Ok(vm)
    }

    /// Puts the kernel with what it is told into memory.
    fn load_kernel(&self, vm: &mut Vm, seed: Seed) -> Result<BootState, StartError> {
        let initrd = self.initrd.as_deref();
        let told = Told {
            append: &self.append,
            seed,
        };
        Ok(image::load(&self.image, initrd, told, self.memory, vm)?)
    }

    /// Whether the machine, which its guest has reset, starts again. Then its flash memory holds what
    /// it held.
    #[must_use]
    pub fn restarts(&self, vm: &Vm) -> bool {
        if let Some(flash) = &self.flash {
            flash.keep(firmware::content(vm));
        }
        self.on_reset == OnReset::Restart
    }

    /// Starts the networks that it is connected to, and what serves its folders. If they are to be
    /// `confined`, their threads leave themselves what they need and no more.
    ///
    /// # Errors
    ///
    /// When the host does not give what they need.
    pub fn start_networks(&self, confined: bool) -> Result<(), StartError> {
        for network in &self.networks {
            network.start(confined)?;
        }
        for folder in &self.folders {
            folder.start(confined)?;
        }
        Ok(())
    }

    /// What executes its instructions.
    ///
    /// # Errors
    ///
    /// When the host gives no memory for code, or the code cache on disk cannot be used.
    pub fn engine(&self) -> Result<AnyEngine, StartError> {
        self.engine_among(None, self.store()?)
    }

    /// Where its translations are kept for later runs, if they are.
    ///
    /// # Errors
    ///
    /// When the folder that was named for it cannot be used.
    pub fn store(&self) -> Result<Option<Store>, JitError> {
        let (cpu, big_endian) = (self.cpu, self.image.big_endian);
        match &self.code_cache {
            CodeCache::Off => Ok(None),
            CodeCache::Folder(folder) => Jit::store_in(folder, cpu, big_endian).map(Some),
            CodeCache::User(folder) => {
                let store = Jit::store_of_user(folder, cpu, big_endian);
                if let Err(error) = &store {
                    tracing::info!("translations are not kept: {error}");
                }
                Ok(store.ok())
            }
        }
    }

    /// The same, with a pool and translations that others share.
    ///
    /// # Errors
    ///
    /// When the host gives no memory for code.
    pub fn engine_among(
        &self,
        pool: Option<Arc<CompilePool>>,
        store: Option<Store>,
    ) -> Result<AnyEngine, StartError> {
        let config = self.jit_config();
        let jit = || Jit::among(config, pool, store);
        Ok(match self.engine {
            EngineKind::Interp => {
                AnyEngine::Interpreter(Interpreter::new().map_err(JitError::from)?)
            }
            EngineKind::Jit => AnyEngine::Jit(Box::new(jit()?)),
            EngineKind::Lockstep => {
                let lockstep = Lockstep::new(jit()?, self.stride).map_err(JitError::from)?;
                AnyEngine::Lockstep(Box::new(lockstep))
            }
        })
    }

    /// How the JIT is set.
    fn jit_config(&self) -> JitConfig {
        let default = JitConfig::new(self.background);
        JitConfig {
            hot: self.hot,
            baseline: self.baseline.unwrap_or(default.baseline),
            region: self.region.map_or(default.region, |most| most as usize),
            background: self.background,
            cache: self.cache,
        }
    }

    /// Its console.
    ///
    /// # Errors
    ///
    /// When the terminal, the console's file or a network cannot be used.
    pub fn session(&self) -> Result<Session, StartError> {
        let failed = |error| self.output_failed(error);
        let console = match &self.console {
            ConsoleSpec::Terminal => {
                Console::terminal(self.terminal()?, Waker::none()).map_err(failed)?
            }
            ConsoleSpec::File(path) => Console::file(path, Waker::none()).map_err(failed)?,
            ConsoleSpec::Socket(path) => {
                let path = path.display().to_string();
                return Err(StartError::Socket { path });
            }
            ConsoleSpec::None => Console::none(),
        };
        let mut session = console.session(self.script.clone(), self.pace);
        for network in &self.networks {
            network.wake(session.waker())?;
        }
        for folder in &self.folders {
            folder.wake(session.waker())?;
        }
        Ok(session)
    }

    /// The input from the terminal. With a script, a pipe is not read: nothing but the script is to
    /// type.
    fn terminal(&self) -> Result<Option<Source>, StartError> {
        let listens = self.script.is_none() || io::stdin().is_terminal();
        listens
            .then(|| terminal::open(Waker::none()))
            .transpose()
            .map_err(StartError::Terminal)
    }

    /// That the host refused what the guest printed.
    #[must_use]
    pub fn output_failed(&self, source: io::Error) -> StartError {
        match self.console.path() {
            Some(path) => StartError::ConsoleFile {
                path: path.display().to_string(),
                source,
            },
            None => StartError::Output(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::machine::{At, Files, Settings};
    use mirrorball_runtime::device::Memory;
    use mirrorball_runtime::memory::pmap::rom;
    use std::io::Write;

    #[test]
    fn what_a_guest_writes_to_its_flash_memory_outlives_a_reset() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[1, 2, 3, 4]).unwrap();
        let settings = Settings {
            bios: Some(At::switch(file.path().to_owned())),
            memory: Some(At::switch("16M".parse().unwrap())),
            ..Settings::default()
        };
        let machine = settings.machine(&mut Files::default()).unwrap();
        let mut vm = machine.vm().unwrap();
        assert_eq!(
            (vm.cpu.pc as u32, vm.ram.word(rom::FLASH)),
            (0xbfc0_0000, 0x0102_0304)
        );
        assert_eq!(vm.ram.word(rom::BOOT_ROM), 0x0102_0304, "at both addresses");
        let revision = mirrorball_runtime::addr::Pa(rom::BOOT_ROM.0 + 0x10);
        assert_eq!(vm.ram.word(revision), 0x420);
        vm.view().write_rom(rom::FLASH, &[9]);
        assert_eq!(
            machine.vm().unwrap().ram.word(rom::FLASH),
            0x0102_0304,
            "another machine"
        );
        assert!(!machine.restarts(&vm));
        assert_eq!(machine.vm().unwrap().ram.word(rom::FLASH), 0x0102_0309);
    }
}
