//! The functions around translations, placed where they stay: by a module of Cranelift's JIT, which
//! compiles those that are generated, and knows those of the program by name.

use super::arena::{Arena, ArenaError, Draft, WriteError};
use crate::translate::glue::{ALL, Symbol};
use crate::translate::{TranslateError, Translator};
use cranelift_codegen::isa::CallConv;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError, default_libcall_names};
use mirrorball_runtime::cpu::SYMBOLS;
use std::ptr::with_exposed_provenance;

/// Why these functions cannot be placed.
#[derive(Debug, thiserror::Error)]
pub enum GlueError {
    /// One cannot be built.
    #[error(transparent)]
    Translate(#[from] TranslateError),
    /// There is no memory to make them in.
    #[error(transparent)]
    Memory(#[from] ArenaError),
    /// They cannot be written to the arena.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The module refused one.
    #[error("the code around translations cannot be placed: {0}; use --engine interp")]
    Module(Box<ModuleError>),
}

impl From<ModuleError> for GlueError {
    fn from(error: ModuleError) -> Self {
        Self::Module(Box::new(error))
    }
}

/// A function in its place.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    /// Which.
    pub symbol: Symbol,
    /// Where it is executed.
    pub address: usize,
    /// The bytes of its code, if it is generated.
    pub bytes: usize,
}

/// Compiles them, writes them to the arena at `offset`, where there is room for so many `bytes`,
/// and says where they are, in the order of [`ALL`]. The module has nothing more to do then.
///
/// # Errors
/// If the host refuses memory, or Cranelift one of them, which is a mistake in it.
pub fn place(
    translator: &mut Translator,
    arena: &mut Arena,
    offset: usize,
    bytes: usize,
) -> Result<[Placed; SYMBOLS], GlueError> {
    let draft = Draft::new(bytes)?;
    let mut builder = JITBuilder::with_isa(translator.stub_isa(), default_libcall_names());
    builder.memory_provider(Box::new(draft.piece()));
    for symbol in ALL {
        if let Some(address) = symbol.address() {
            builder.symbol(symbol.name(), with_exposed_provenance(address));
        }
    }
    let mut module = JITModule::new(builder);
    let mut functions = Vec::new();
    for symbol in ALL {
        functions.push(define(&mut module, translator, symbol)?);
    }
    module.finalize_definitions()?;
    let start = arena.write(offset, draft.code())?;
    Ok(std::array::from_fn(|number| {
        let (function, bytes) = functions[number];
        let address = module.get_address(&function.into()) as usize;
        Placed {
            symbol: ALL[number],
            address: match bytes {
                // What the module has not compiled is where the program has it.
                0 => address,
                _ => start + draft.offset(address),
            },
            bytes,
        }
    }))
}

/// Declares a function, and compiles it if it is generated. Says how large it is then.
fn define(
    module: &mut JITModule,
    translator: &mut Translator,
    symbol: Symbol,
) -> Result<(FuncId, usize), GlueError> {
    let Some(context) = translator.stub(symbol)? else {
        let mut signature = module.make_signature();
        signature.call_conv = CallConv::PreserveAll;
        let id = module.declare_function(symbol.name(), Linkage::Import, &signature)?;
        return Ok((id, 0));
    };
    let signature = &context.func.signature;
    let id = module.declare_function(symbol.name(), Linkage::Export, signature)?;
    module.define_function(id, context)?;
    let code = context.compiled_code();
    Ok((id, code.map_or(0, |code| code.code_buffer().len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::arena::Arena;

    #[test]
    fn what_is_generated_lies_in_its_part_of_the_arena_and_the_rest_in_the_program() {
        let mut arena = Arena::new(8192).unwrap();
        let placed = place(&mut Translator::new().unwrap(), &mut arena, 4096, 4096).unwrap();
        for Placed {
            symbol,
            address,
            bytes,
        } in placed
        {
            match symbol.address() {
                Some(own) => assert_eq!((address, bytes), (own, 0)),
                None => {
                    let offset = arena.offset(address);
                    assert!((4096..8192).contains(&offset) && offset.is_multiple_of(64));
                    assert!((1..256).contains(&bytes), "{}: {bytes}", symbol.name());
                }
            }
        }
    }

    #[test]
    fn too_little_room_is_an_error() {
        let mut arena = Arena::new(4096).unwrap();
        let error = place(&mut Translator::new().unwrap(), &mut arena, 4032, 64).unwrap_err();
        assert!(error.to_string().contains("--engine interp"), "{error}");
    }
}
