//! All tests of scenarios, in one program: as many programs as there are files would each have to be linked.

mod backends;
mod books;
mod bugs;
mod costs;
mod course;
mod cycles;
mod engine;
mod explore;
mod extremes;
mod finishing;
mod flink;
mod hooks;
mod induced;
mod interleavings;
mod jobs;
mod laws;
mod lines;
mod lookahead;
mod operators;
mod orders;
mod overload;
mod reference;
mod rescale;
mod savepoints;
mod shrink;
mod sinks;
mod situations;
mod stepping;
mod stops;
mod transactions;

/// A file that no line above names would not be compiled, and nobody would miss its tests.
#[test]
fn every_file_is_a_module() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let named = include_str!("main.rs");
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(
            name == "main" || named.contains(&format!("\nmod {name};\n")),
            "`mod {name};` is missing in main.rs"
        );
    }
}
