//! Tells the compiler that the flag of `make madsim` is meant.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(madsim)");
    println!("cargo::rerun-if-changed=build.rs");
}
