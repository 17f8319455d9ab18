//! Ctrl-C: what was begun comes to a good end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a program that Ctrl-C has ended, as shells have it.
pub const INTERRUPTED: u8 = 130;

/// Says whether Ctrl-C was pressed, and does something as soon as it is. Whoever presses it twice does not want to wait: that ends the
/// program at once, as the first one does where it cannot be caught.
pub fn catch(stop: impl Fn() + Send + 'static) -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
        stop();
    });
    interrupted
}
