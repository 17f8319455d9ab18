//! Things that go on beside each other, and are stopped together.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

/// Things that go on beside each other, and are stopped together.
#[derive(Clone, Debug, Default)]
pub struct Together(Arc<Mutex<(bool, Vec<JoinHandle<()>>)>>);

impl Together {
    /// Begins one more, if they have not been stopped.
    pub fn spawn(&self, what: impl Future<Output = ()> + Send + 'static) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !inner.0 {
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
