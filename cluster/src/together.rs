//! Things that go on beside each other, and are stopped together.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

/// Fewer are not worth looking through.
const MANY: usize = 256;

/// Things that go on beside each other, and are stopped together.
#[derive(Clone, Debug, Default)]
pub struct Together(Arc<Mutex<(bool, Vec<JoinHandle<()>>)>>);

impl Together {
    /// Begins one more, if they have not been stopped.
    pub fn spawn(&self, what: impl Future<Output = ()> + Send + 'static) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !inner.0 {
            // What is over is forgotten when there is twice as much of it, or a job that lives long would keep it all.
            if inner.1.len() >= MANY && inner.1.len().is_power_of_two() {
                inner.1.retain(|handle| !handle.is_finished());
            }
            inner.1.push(tokio::spawn(what));
        }
    }

    /// Stops them all.
    pub fn stop(&self) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 = true;
        inner.1.drain(..).for_each(|handle| handle.abort());
    }
}
