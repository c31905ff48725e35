//! The `mirrorball` program.

fn main() -> std::process::ExitCode {
    mirrorball::cli::main()
}
