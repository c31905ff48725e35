//! The translator: regions of guest code to host code, by Cranelift.
//!
//! A [`Region`] is a set of blocks that are translated into one function; a block alone is a
//! region of one. Inside a function guest registers are SSA values; at exits they are written
//! back. What is not worth translating, and every slow path, calls one function: the interpreter's
//! handler for that instruction (see [`calls`]). So privileged semantics exist once, and a
//! slow path cannot differ from the reference.

mod alignment;
mod alu;
mod branch;
mod budget;
pub mod calls;
mod emit;
mod exits;
mod flow;
mod fpu;
pub mod host;
mod memory;
mod muldiv;
mod region;
mod registers;
mod system;
#[cfg(test)]
mod testing;
mod through;

pub use exits::LinkTarget;
pub use region::Region;

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{AbiParam, Function, Signature, UserFuncName, types};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use emit::Emitter;
use fpu::Abilities;

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

/// A translation, ready to be placed.
pub struct Translation {
    /// Host code, position-independent.
    pub bytes: Vec<u8>,
    /// Its direct exits, in the order of the link numbers that the code was given.
    pub links: Vec<LinkTarget>,
    /// The cycles that there must be for the code to do anything but leave again.
    pub need: u32,
}

/// The translator, with what it keeps from one translation to the next.
pub struct Translator {
    isa: OwnedTargetIsa,
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
        let host = |error: &dyn std::fmt::Display| TranslateError::Host(error.to_string());
        let mut flags = settings::builder();
        let settings = [
            ("opt_level", "speed"),
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
        let isa = cranelift_native::builder()
            .map_err(|e| host(&e))?
            .finish(settings::Flags::new(flags))
            .map_err(|e| host(&e))?;
        Ok(Self {
            abilities: Abilities::of(&*isa),
            isa,
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
        })
    }

    /// The signature of translated code: the machine in, and the number of the link that was
    /// missing (plus one) or 0 out.
    #[must_use]
    fn code_signature() -> Signature {
        let mut signature = Signature::new(CallConv::Tail);
        signature.params.push(AbiParam::new(types::I64));
        signature.returns.push(AbiParam::new(types::I64));
        signature
    }

    /// Translates a region. Its direct exits use the link numbers from `first_link` on.
    ///
    /// # Errors
    /// If Cranelift refuses the function, which is a mistake of the translator.
    pub fn translate(
        &mut self,
        region: &Region,
        first_link: u32,
    ) -> Result<Translation, TranslateError> {
        let (links, need) = self.build(region, first_link);
        self.compile(region.pc())?;
        let bytes = self.code().to_vec();
        self.context.clear();
        Ok(Translation { bytes, links, need })
    }

    /// The Cranelift IR and the host code of a region, as text, for people.
    ///
    /// # Errors
    /// As [`Translator::translate`].
    pub fn explain(&mut self, region: &Region) -> Result<(String, Vec<u8>), TranslateError> {
        self.build(region, 0);
        let ir = self.context.func.display().to_string();
        self.compile(region.pc())?;
        let bytes = self.code().to_vec();
        self.context.clear();
        Ok((ir, bytes))
    }

    fn build(&mut self, region: &Region, first_link: u32) -> (Vec<LinkTarget>, u32) {
        self.context.clear();
        self.context.func =
            Function::with_name_signature(UserFuncName::default(), Self::code_signature());
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        Emitter::new(builder, region, first_link, self.abilities).run(self.isa.frontend_config())
    }

    /// Compiles the function. Translated code never returns to translated code, so nobody wants
    /// registers saved from one piece to the next: what was built (and is verified) for the
    /// convention of tail calls is compiled for one that is the same but for saving none.
    fn compile(&mut self, pc: u32) -> Result<(), TranslateError> {
        let verified = if cfg!(debug_assertions) {
            self.context.verify(&*self.isa).map_err(Into::into)
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
            let compiled = self
                .context
                .compile(&*self.isa, &mut ControlPlane::default());
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
        debug_assert!(code.is_none_or(|code| code.buffer.relocs().is_empty()));
        code.map_or(&[], |code| code.code_buffer())
    }

    /// Code of the host's calling convention that enters translated code:
    /// `extern "C" fn(vm, code) -> link`.
    ///
    /// # Errors
    /// As [`Translator::translate`].
    pub fn entry(&mut self) -> Result<Vec<u8>, TranslateError> {
        use cranelift_codegen::ir::InstBuilder;
        let mut signature = Signature::new(self.isa.default_call_conv());
        signature
            .params
            .extend([AbiParam::new(types::I64), AbiParam::new(types::I64)]);
        signature.returns.push(AbiParam::new(types::I64));
        self.context.clear();
        self.context.func = Function::with_name_signature(UserFuncName::default(), signature);
        let mut builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        let (vm, code) = (
            builder.block_params(block)[0],
            builder.block_params(block)[1],
        );
        let signature = builder.import_signature(Self::code_signature());
        let call = builder.ins().call_indirect(signature, code, &[vm]);
        let link = builder.inst_results(call)[0];
        builder.ins().return_(&[link]);
        builder.seal_all_blocks();
        builder.finalize(self.isa.frontend_config());
        self.compile(0)?;
        let bytes = self.code().to_vec();
        self.context.clear();
        Ok(bytes)
    }
}
