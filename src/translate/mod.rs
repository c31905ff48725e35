//! The translator: regions of guest code to host code, by Cranelift.
//!
//! A [`Region`] is a set of blocks that are translated into one function; a block alone is a
//! region of one. Inside a function guest registers are SSA values; at exits they are written
//! back. What is not worth translating, and every slow path, calls one function: the interpreter's
//! handler for that instruction (see [`calls`]). So privileged semantics exist once, and a
//! slow path cannot differ from the reference.

mod alignment;
mod alu;
pub mod baseline;
mod branch;
mod budget;
pub mod calls;
mod emit;
mod exits;
mod flow;
mod fpu;
pub mod glue;
pub mod host;
mod instruction;
mod knowledge;
pub mod listing;
mod loops;
mod memory;
mod muldiv;
mod nearby;
mod region;
mod registers;
pub mod site;
mod system;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod through;
mod unroll;

pub use exits::{Cell, INTERPRET};
pub use listing::Line;
pub use region::Region;
pub use system::done_alone;

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{AbiParam, Function, Signature, UserFuncName, types};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::{CodegenError, Context};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use emit::{Emitter, Frame};
use fpu::Abilities;
use host::{Host, HostError};
use std::time::{Duration, Instant};
use target_lexicon::Architecture;

/// Why a translation failed.
#[derive(Debug, thiserror::Error)]
pub enum TranslateError {
    /// There is no code for this host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Cranelift refused the function.
    #[error("Cranelift refused the code for {pc:#010x}: {source}")]
    Codegen {
        /// The guest address of the region.
        pc: u32,
        /// What Cranelift said.
        source: Box<CodegenError>,
    },
}

/// A translation, ready to be placed: the same bytes wherever that is and whichever VM runs them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Translation {
    /// Host code, position-independent, up to where its [`Cell`]s have to lie.
    pub bytes: Vec<u8>,
    /// The guest addresses that its links lead to, a cell each.
    pub links: Vec<u32>,
    /// The cycles that there must be for the code to do anything but leave again.
    pub need: u32,
    /// Code and cells start at multiples of this.
    pub alignment: usize,
}

/// A translation as text, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explained {
    /// The Cranelift IR.
    pub ir: Vec<Line>,
    /// The host code: for x86-64 as it is, for others as Cranelift calls its instructions, which are
    /// not said to be for any of the guest's.
    pub listing: Vec<Line>,
    /// The bytes of host code.
    pub bytes: usize,
}

/// Code and cells start on cache lines of their own: a store to a cell would stop a host that
/// runs code of the same line.
pub const CODE_ALIGNMENT: usize = 64;

/// The translator, with what it keeps from one translation to the next.
pub struct Translator {
    /// Where it pays to optimize: in regions with loops.
    thorough: OwnedTargetIsa,
    /// For all others.
    quick: OwnedTargetIsa,
    host: Host,
    abilities: Abilities,
    context: Context,
    builder: FunctionBuilderContext,
}

impl Translator {
    /// A translator for this host.
    ///
    /// # Errors
    /// If Cranelift has no back end for the host's CPU.
    pub fn new() -> Result<Self, TranslateError> {
        Self::for_host(Host::This)
    }

    /// A translator for a host. What it makes for another one than this is only to be looked at.
    ///
    /// # Errors
    /// As [`Translator::new`].
    pub fn for_host(host: Host) -> Result<Self, TranslateError> {
        let thorough = host.isa("speed")?;
        Ok(Self {
            abilities: Abilities::of(&*thorough),
            thorough,
            quick: host.isa("none")?,
            host,
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
        })
    }

    /// The host that it makes code for.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// What the code that it makes depends on beside region and host: what the host's CPU can do
    /// and how Cranelift is set.
    #[must_use]
    pub fn settings(&self) -> String {
        let of = |isa: &OwnedTargetIsa| {
            let settings = isa.isa_flags();
            let settings = settings.iter().map(|value| format!("{value} "));
            settings.collect::<String>() + &isa.flags().to_string()
        };
        of(&self.thorough) + &of(&self.quick)
    }

    /// The signature of translated code: the machine in, and the [`Cell::note`] of the link that
    /// was missing or 0 out.
    #[must_use]
    fn code_signature() -> Signature {
        let mut signature = Signature::new(CallConv::Tail);
        signature.params.push(AbiParam::new(types::I64));
        signature.returns.push(AbiParam::new(types::I64));
        signature
    }

    /// As [`Translator::code_signature`], with what only stubs take: the address of the cell that
    /// was jumped through, or that of the guest code that was looked up.
    fn link_signature() -> Signature {
        let mut signature = Self::code_signature();
        signature.params.push(AbiParam::new(types::I64));
        signature
    }

    /// Translates a region.
    ///
    /// # Errors
    /// If Cranelift refuses the function, which is a mistake of the translator.
    pub fn translate(&mut self, region: &Region) -> Result<Translation, TranslateError> {
        let Frame { links, need, .. } = self.compile(region)?;
        let bytes = self.linked_code();
        self.context.clear();
        Ok(Translation {
            bytes,
            links,
            need,
            alignment: CODE_ALIGNMENT,
        })
    }

    /// Translates a region for people to look at.
    ///
    /// # Errors
    /// As [`Translator::translate`].
    pub fn explain(&mut self, region: &Region) -> Result<Explained, TranslateError> {
        let config = self.thorough.frontend_config();
        let unrolled = region.unrolled();
        let Frame { loops, .. } = self.emitter(&unrolled).marking().run(config);
        let ir = listing::ir(&self.context.func);
        self.context.set_disasm(true);
        self.generate(region.pc(), loops)?;
        let is_x86 = self.host.triple().architecture == Architecture::X86_64;
        let listing = match self.context.compiled_code() {
            Some(code) if is_x86 => {
                listing::x86(code.code_buffer(), code.buffer.get_srclocs_sorted())
            }
            code => listing::plain(code.and_then(|code| code.vcode.as_deref())),
        };
        let bytes = self.code().len();
        self.context.clear();
        Ok(Explained { ir, listing, bytes })
    }

    /// The time that it takes to translate a region.
    ///
    /// # Errors
    /// As [`Translator::translate`].
    pub fn time(&mut self, region: &Region) -> Result<Duration, TranslateError> {
        let start = Instant::now();
        self.compile(region)?;
        self.context.clear();
        Ok(start.elapsed())
    }

    fn compile(&mut self, region: &Region) -> Result<Frame, TranslateError> {
        let frame = self.build(region);
        self.generate(region.pc(), frame.loops)?;
        Ok(frame)
    }

    fn build(&mut self, region: &Region) -> Frame {
        let config = self.thorough.frontend_config();
        self.emitter(&region.unrolled()).run(config)
    }

    fn emitter<'a>(&'a mut self, region: &'a Region) -> Emitter<'a> {
        self.context.clear();
        self.context.func =
            Function::with_name_signature(UserFuncName::default(), Self::code_signature());
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        Emitter::new(builder, region, self.abilities)
    }

    /// Makes host code of the function.
    fn generate(&mut self, pc: u32, thoroughly: bool) -> Result<(), TranslateError> {
        self.choose_convention(pc)?;
        let isa = if thoroughly {
            &self.thorough
        } else {
            &self.quick
        };
        let compiled = self.context.compile(&**isa, &mut ControlPlane::default());
        let compiled = compiled.map(|_| ()).map_err(|error| error.inner);
        compiled.map_err(|error| self.refused(pc, error))
    }

    fn refused(&mut self, pc: u32, error: CodegenError) -> TranslateError {
        self.context.clear();
        let source = Box::new(error);
        TranslateError::Codegen { pc, source }
    }

    /// Translated code never returns to translated code, so there is no need to have registers saved
    /// from one piece to the next: what was built (and is verified) for the convention of tail calls
    /// is compiled for one that is the same but for saving none.
    fn choose_convention(&mut self, pc: u32) -> Result<(), TranslateError> {
        if cfg!(debug_assertions)
            && let Err(error) = self.context.verify(&*self.thorough)
        {
            return Err(self.refused(pc, error.into()));
        }
        let saving_none = self.host.saving_none();
        let Function { stencil, .. } = &mut self.context.func;
        let own = std::iter::once(&mut stencil.signature);
        for signature in own.chain(stencil.dfg.signatures.values_mut()) {
            if signature.call_conv == CallConv::Tail {
                signature.call_conv = saving_none;
            }
        }
        Ok(())
    }

    fn code(&self) -> &[u8] {
        let code = self.context.compiled_code();
        code.map_or(&[], |code| code.code_buffer())
    }

    /// The code, padded to where its cells begin, with every reference to a cell filled in: the
    /// only relocations there are.
    fn linked_code(&self) -> Vec<u8> {
        let mut bytes = self.code().to_vec();
        let cells = bytes.len().next_multiple_of(CODE_ALIGNMENT);
        bytes.resize(cells, 0xcc);
        let code = self.context.compiled_code();
        for reloc in code.iter().flat_map(|code| code.buffer.relocs()) {
            debug_assert_eq!(reloc.kind, Reloc::X86CallPCRel4);
            let at = reloc.offset as usize;
            let distance = (cells - at) as i64 + reloc.addend;
            bytes[at..at + 4].copy_from_slice(&(distance as i32).to_le_bytes());
        }
        bytes
    }
}
