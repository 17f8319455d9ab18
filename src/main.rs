//! The command line of Cutline.

fn main() -> std::process::ExitCode {
    cutline::command_line::main(&[])
}
