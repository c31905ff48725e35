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
pub mod host;
mod instruction;
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

pub use exits::{Cell, INTERPRET};
pub use region::Region;
pub use system::done_alone;

use cranelift_codegen::Context;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, MemFlagsData, Signature, UserFuncName, Value, types,
};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use emit::{Emitter, Frame};
use fpu::Abilities;
use mirrorball_runtime::cpu::Cpu;
use std::mem::offset_of;

/// Why a translation failed.
#[derive(Debug, thiserror::Error)]
pub enum TranslateError {
    /// This host has no Cranelift backend.
    #[error("translation is not possible on this host: {0}; use --engine interp")]
    Host(String),
    /// Cranelift refused the function.
    #[error("Cranelift refused the code for {pc:#010x}: {source}")]
    Codegen {
        /// The guest address of the region.
        pc: u32,
        /// What Cranelift said.
        source: Box<cranelift_codegen::CodegenError>,
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

/// The code around translations, which lives as long as its engine.
pub struct Glue {
    /// The stub that is found in place of code which is not translated: it goes back to the
    /// dispatcher, at the guest address that it is told.
    pub untranslated: Vec<u8>,
    /// The stub that open links lead to: it returns the note of the cell that it was reached
    /// through.
    pub unlinked: Vec<u8>,
    /// Code of the host's calling convention that enters translated code:
    /// `extern "C" fn(vm, code) -> note`.
    pub entry: Vec<u8>,
    /// What code of the baseline jumps to, in the order of [`baseline::glue::ALL`].
    pub baseline: [Vec<u8>; baseline::glue::ALL.len()],
}

fn baseline_glue() -> Result<[Vec<u8>; baseline::glue::ALL.len()], TranslateError> {
    let mut pieces = [const { Vec::new() }; baseline::glue::ALL.len()];
    for (piece, glue) in pieces.iter_mut().zip(baseline::glue::ALL) {
        *piece =
            baseline::glue::code(glue).map_err(|error| TranslateError::Host(error.to_string()))?;
    }
    Ok(pieces)
}

/// Code and cells start on cache lines of their own: a store to a cell would stop a host that
/// runs code of the same line.
pub const CODE_ALIGNMENT: usize = 64;

/// The host, with so much optimization.
fn isa(optimized: &str) -> Result<OwnedTargetIsa, TranslateError> {
    let host = |error: &dyn std::fmt::Display| TranslateError::Host(error.to_string());
    let mut flags = settings::builder();
    let settings = [
        ("opt_level", optimized),
        ("preserve_frame_pointers", "true"),
        // See `compile`.
        ("enable_verifier", "false"),
        ("unwind_info", "false"),
        ("enable_probestack", "false"),
        ("enable_heap_access_spectre_mitigation", "false"),
        ("enable_table_access_spectre_mitigation", "false"),
    ];
    for (name, value) in settings {
        flags.set(name, value).map_err(|e| host(&e))?;
    }
    let builder = cranelift_native::builder().map_err(|e| host(&e))?;
    let isa = builder.finish(settings::Flags::new(flags));
    isa.map_err(|e| host(&e))
}

/// The translator, with what it keeps from one translation to the next.
pub struct Translator {
    /// Where it pays to optimize: in regions with loops.
    thorough: OwnedTargetIsa,
    /// For all others.
    quick: OwnedTargetIsa,
    abilities: Abilities,
    context: Context,
    builder: FunctionBuilderContext,
}

impl Translator {
    /// A translator for this host.
    ///
    /// # Errors
    /// If Cranelift has no backend for the host's CPU.
    pub fn new() -> Result<Self, TranslateError> {
        let thorough = isa("speed")?;
        Ok(Self {
            abilities: Abilities::of(&*thorough),
            thorough,
            quick: isa("none")?,
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
        })
    }

    /// What the code that it makes depends on beside the region: the host's CPU and how Cranelift
    /// is set.
    #[must_use]
    pub fn target(&self) -> String {
        let of = |isa: &OwnedTargetIsa| {
            let settings = isa.isa_flags();
            let settings = settings.iter().map(|value| format!("{value} "));
            let settings: String = settings.collect();
            format!("{} {settings}{}", isa.triple(), isa.flags())
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
        let Frame { links, need, loops } = self.build(region);
        self.compile(region.pc(), loops)?;
        let bytes = self.linked_code();
        self.context.clear();
        Ok(Translation {
            bytes,
            links,
            need,
            alignment: CODE_ALIGNMENT,
        })
    }

    /// The Cranelift IR and the host code of a region, as text, for people.
    ///
    /// # Errors
    /// As [`Translator::translate`].
    pub fn explain(&mut self, region: &Region) -> Result<(String, Vec<u8>), TranslateError> {
        let Frame { loops, .. } = self.build(region);
        let ir = self.context.func.display().to_string();
        self.compile(region.pc(), loops)?;
        let mut bytes = self.linked_code();
        bytes.truncate(self.code().len());
        self.context.clear();
        Ok((ir, bytes))
    }

    fn build(&mut self, region: &Region) -> Frame {
        self.context.clear();
        self.context.func =
            Function::with_name_signature(UserFuncName::default(), Self::code_signature());
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        Emitter::new(builder, region, self.abilities).run(self.thorough.frontend_config())
    }

    /// Compiles the function. Translated code never returns to translated code, so there is no need
    /// to have registers saved from one piece to the next: what was built (and is verified) for the
    /// convention of tail calls is compiled for one that is the same but for saving none.
    fn compile(&mut self, pc: u32, thoroughly: bool) -> Result<(), TranslateError> {
        let isa = if thoroughly {
            &self.thorough
        } else {
            &self.quick
        };
        let verified = if cfg!(debug_assertions) {
            self.context.verify(&**isa).map_err(Into::into)
        } else {
            Ok(())
        };
        let Function { stencil, .. } = &mut self.context.func;
        let own = std::iter::once(&mut stencil.signature);
        for signature in own.chain(stencil.dfg.signatures.values_mut()) {
            if signature.call_conv == CallConv::Tail {
                signature.call_conv = CallConv::Winch;
            }
        }
        let compiled = verified.and_then(|()| {
            let mut plane = ControlPlane::default();
            let compiled = self.context.compile(&**isa, &mut plane);
            compiled.map(|_| ()).map_err(|error| error.inner)
        });
        compiled.map_err(|error| {
            self.context.clear();
            let source = Box::new(error);
            TranslateError::Codegen { pc, source }
        })
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

    /// The code around translations.
    ///
    /// # Errors
    /// As [`Translator::translate`].
    pub fn glue(&mut self) -> Result<Glue, TranslateError> {
        Ok(Glue {
            untranslated: self.untranslated()?,
            unlinked: self.unlinked()?,
            entry: self.entry()?,
            baseline: baseline_glue()?,
        })
    }

    fn untranslated(&mut self) -> Result<Vec<u8>, TranslateError> {
        self.assemble(Self::link_signature(), |builder, arguments| {
            let (vm, pc) = (arguments[0], arguments[1]);
            let trusted = MemFlagsData::trusted();
            builder
                .ins()
                .store(trusted, pc, vm, offset_of!(Cpu, pc) as i32);
            let nothing = builder.ins().iconst(types::I64, 0);
            builder.ins().return_(&[nothing]);
        })
    }

    fn unlinked(&mut self) -> Result<Vec<u8>, TranslateError> {
        self.assemble(Self::link_signature(), |builder, arguments| {
            let note = offset_of!(Cell, note) as i32;
            let trusted = MemFlagsData::trusted();
            let note = builder.ins().load(types::I64, trusted, arguments[1], note);
            builder.ins().return_(&[note]);
        })
    }

    fn entry(&mut self) -> Result<Vec<u8>, TranslateError> {
        let mut signature = Signature::new(self.thorough.default_call_conv());
        signature.params = vec![AbiParam::new(types::I64); 2];
        signature.returns.push(AbiParam::new(types::I64));
        self.assemble(signature, |builder, arguments| {
            let (vm, code) = (arguments[0], arguments[1]);
            let signature = builder.import_signature(Self::code_signature());
            let call = builder.ins().call_indirect(signature, code, &[vm]);
            let note = builder.inst_results(call)[0];
            builder.ins().return_(&[note]);
        })
    }

    /// A function of one block.
    fn assemble(
        &mut self,
        signature: Signature,
        body: impl FnOnce(&mut FunctionBuilder<'_>, &[Value]),
    ) -> Result<Vec<u8>, TranslateError> {
        self.context.clear();
        self.context.func = Function::with_name_signature(UserFuncName::default(), signature);
        let mut builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        let arguments = builder.block_params(block).to_vec();
        body(&mut builder, &arguments);
        builder.seal_all_blocks();
        builder.finalize(self.thorough.frontend_config());
        self.compile(0, true)?;
        let bytes = self.code().to_vec();
        self.context.clear();
        Ok(bytes)
    }
}
