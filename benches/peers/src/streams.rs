//! The pipe over streams of bytes, for programs that simulate a network under tokio's names: a source and stages that read and write.
//!
//! A record is eight bytes. Records of one write travel together and are handled together, so the source decides how many these
//! are: each alone, as in Cutline's scenario, or all that are due within a millisecond, which is what a buffered writer in front
//! of a socket makes of them.

use std::io::Result;
use std::time::Duration;

use cutline_sim::time::MILLISECOND;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::workload::{Counts, Item, emitted};

/// What travels together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// A record.
    One,
    /// The records of a millisecond.
    Millisecond,
}

/// The bytes of an item. There are fewer keys than that.
const BARRIER: u64 = u64::MAX;
const BYTES: usize = 8;

fn bytes(item: Item) -> [u8; BYTES] {
    match item {
        Item::Record(key) => key.to_le_bytes(),
        Item::Barrier => BARRIER.to_le_bytes(),
    }
}

fn item(bytes: [u8; BYTES]) -> Item {
    match u64::from_le_bytes(bytes) {
        BARRIER => Item::Barrier,
        key => Item::Record(key),
    }
}

/// Emits everything, in steps of a millisecond, for no finer one can be waited for: what is due in it is written at its begin.
///
/// # Errors
/// Those of the stream.
pub async fn source<S: Future<Output = ()>>(
    seed: u64,
    together: Together,
    mut output: impl AsyncWrite + Unpin,
    sleep: impl Fn(Duration) -> S,
) -> Result<()> {
    let (mut now, mut due) = (0, Vec::new());
    for (at, item) in emitted(seed) {
        if at >= now + MILLISECOND {
            write(&mut output, &mut due).await?;
            sleep(Duration::from_nanos(MILLISECOND)).await;
            now += MILLISECOND;
        }
        due.extend(bytes(item));
        if together == Together::One {
            write(&mut output, &mut due).await?;
        }
    }
    write(&mut output, &mut due).await?;
    output.shutdown().await
}

/// Handles what comes until the stream ends; the last stage has nothing to write to.
///
/// # Errors
/// Those of the streams.
pub async fn stage(
    mut input: impl AsyncRead + Unpin,
    mut output: Option<impl AsyncWrite + Unpin>,
) -> Result<Counts> {
    let (mut counts, mut out) = (Counts::new(), Vec::new());
    let (mut buffer, mut held) = ([0; 4096], 0);
    loop {
        let read = input.read(&mut buffer[held..]).await?;
        if read == 0 {
            break;
        }
        let (items, rest) = buffer[..held + read].as_chunks::<BYTES>();
        for bytes in items {
            out.extend(self::bytes(counts.handle(item(*bytes))));
        }
        let (whole, end) = (items.len() * BYTES, held + read);
        held = rest.len();
        buffer.copy_within(whole..end, 0);
        if let Some(output) = &mut output {
            write(output, &mut out).await?;
        }
        out.clear();
    }
    if let Some(mut output) = output {
        output.shutdown().await?;
    }
    Ok(counts)
}

/// Writes what there is, and has it leave at once.
async fn write(output: &mut (impl AsyncWrite + Unpin), what: &mut Vec<u8>) -> Result<()> {
    if !what.is_empty() {
        output.write_all(what).await?;
        output.flush().await?;
        what.clear();
    }
    Ok(())
}
