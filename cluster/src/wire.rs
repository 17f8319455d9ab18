//! How messages travel over a stream: a greeting from both ends, then frames.
//!
//! A greeting is eight bytes by which the format is known, and its version. A frame is the length of what it carries, a checksum
//! of that, and that: a message in the form of postcard. Nobody reads more than [`MOST_BYTES`] because a length says so, and a
//! message that is not the whole frame is none.

use std::fmt;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use xxhash_rust::xxh3::xxh3_64;

/// What every stream begins with.
pub const MAGIC: [u8; 8] = *b"CUTLINE\n";
/// The version of the format: of frames, and of all messages in them.
pub const VERSION: u16 = 3;
/// The longest message.
pub const MOST_BYTES: usize = 16 << 20;

/// Why a stream gave no message.
#[derive(Debug)]
pub enum WireError {
    /// The other end has closed it between two messages.
    Closed,
    /// It ended in the middle of a message.
    Cut,
    /// What is at the other end does not speak this language at all.
    Foreign,
    /// It speaks another version.
    Version(u16),
    /// A message is longer than may be.
    TooLong(u64),
    /// The checksum of a message is wrong.
    Damaged,
    /// A message makes no sense although its checksum is right.
    Senseless,
    /// The system says no.
    Io(io::Error),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Closed => f.write_str("the connection was closed"),
            WireError::Cut => f.write_str("the connection was lost in the middle of a message"),
            WireError::Foreign => {
                f.write_str("what is at the other end of the connection is no part of a cutline cluster")
            }
            WireError::Version(other) => write!(
                f,
                "the other end speaks version {other} of the protocol and this one version {VERSION}: run the same cutline \
                 everywhere"
            ),
            WireError::TooLong(bytes) => {
                write!(f, "a message of {bytes} bytes came, and {MOST_BYTES} are the most")
            }
            WireError::Damaged => f.write_str("a message came damaged: its checksum is wrong"),
            WireError::Senseless => f.write_str("a message came that makes no sense"),
            WireError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WireError {}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => WireError::Cut,
            _ => WireError::Io(error),
        }
    }
}

/// Says who one is, and hears who the other is.
///
/// # Errors
/// If the other end is none of ours, or of another version.
pub async fn greet<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), WireError> {
    let mut greeting = MAGIC.to_vec();
    greeting.extend_from_slice(&VERSION.to_le_bytes());
    stream.write_all(&greeting).await?;
    stream.flush().await?;
    let mut theirs = [0; 10];
    match stream.read_exact(&mut theirs).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(WireError::Closed),
        Err(error) => return Err(WireError::Io(error)),
    }
    let version = u16::from_le_bytes([theirs[8], theirs[9]]);
    match theirs[..8] == MAGIC {
        false => Err(WireError::Foreign),
        true if version != VERSION => Err(WireError::Version(version)),
        true => Ok(()),
    }
}

/// A message as a frame.
///
/// # Errors
/// If it is too long.
pub fn frame(message: &impl Serialize) -> Result<Vec<u8>, WireError> {
    let body = postcard::to_stdvec(message).map_err(|_| WireError::Senseless)?;
    if body.len() > MOST_BYTES {
        return Err(WireError::TooLong(body.len() as u64));
    }
    let mut bytes = Vec::with_capacity(body.len() + 12);
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&xxh3_64(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// Sends a message.
///
/// # Errors
/// If it is too long, or the connection is gone.
pub async fn send<S: AsyncWrite + Unpin>(stream: &mut S, message: &impl Serialize) -> Result<(), WireError> {
    stream.write_all(&frame(message)?).await?;
    stream.flush().await?;
    Ok(())
}

/// Receives a message.
///
/// # Errors
/// If the connection is gone, or what came is no message of this kind.
pub async fn receive<M: DeserializeOwned, S: AsyncRead + Unpin>(stream: &mut S) -> Result<M, WireError> {
    let mut head = [0; 12];
    let mut got = 0;
    while got < head.len() {
        match stream.read(&mut head[got..]).await? {
            0 if got == 0 => return Err(WireError::Closed),
            0 => return Err(WireError::Cut),
            more => got += more,
        }
    }
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let mut sum = [0; 8];
    sum.copy_from_slice(&head[4..]);
    if length > MOST_BYTES {
        return Err(WireError::TooLong(length as u64));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    if xxh3_64(&body) != u64::from_le_bytes(sum) {
        return Err(WireError::Damaged);
    }
    match postcard::take_from_bytes(&body) {
        Ok((message, [])) => Ok(message),
        _ => Err(WireError::Senseless),
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use std::future::Future;

    use super::*;
    use crate::messages::ChannelFrame;

    fn now<F: Future>(what: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(what)
    }

    fn received(bytes: &[u8]) -> Result<ChannelFrame, WireError> {
        now(receive(&mut &bytes[..]))
    }

    fn sample() -> Vec<u8> {
        frame(&ChannelFrame::Close).expect("a frame")
    }

    #[test]
    fn a_message_comes_as_it_was_sent() {
        assert!(matches!(received(&sample()), Ok(ChannelFrame::Close)));
        assert!(matches!(received(&[]), Err(WireError::Closed)));
    }

    #[test]
    fn a_message_that_is_cut_anywhere_is_none() {
        let whole = sample();
        for length in 1..whole.len() {
            assert!(matches!(received(&whole[..length]), Err(WireError::Cut)), "{length}");
        }
    }

    #[test]
    fn a_message_with_any_wrong_bit_is_none() {
        let whole = sample();
        for at in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            assert!(received(&damaged).is_err(), "bit {at}");
        }
    }

    #[test]
    fn nobody_reads_more_than_may_be_sent() {
        let mut head = (MOST_BYTES as u32 + 1).to_le_bytes().to_vec();
        head.extend_from_slice(&[0; 8]);
        assert!(matches!(received(&head), Err(WireError::TooLong(_))));
        assert!(matches!(frame(&vec![0u8; MOST_BYTES + 1]), Err(WireError::TooLong(_))));
    }

    #[test]
    fn what_follows_a_message_in_its_frame_makes_it_none() {
        let mut body = postcard::to_stdvec(&ChannelFrame::Close).expect("bytes");
        body.push(0);
        let mut bytes = (body.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(&xxh3_64(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        assert!(matches!(received(&bytes), Err(WireError::Senseless)));
    }

    #[test]
    fn who_is_none_of_ours_is_known_by_the_greeting() {
        let greeted = |bytes: &'static [u8]| {
            now(async {
                let (mut ours, mut theirs) = tokio::io::duplex(64);
                theirs.write_all(bytes).await.expect("room");
                theirs.shutdown().await.expect("an open end");
                greet(&mut ours).await
            })
        };
        assert!(matches!(greeted(b"GET / HTTP/1.1\r\n"), Err(WireError::Foreign)));
        assert!(matches!(greeted(b"CUTLINE\n\x63\x00"), Err(WireError::Version(99))));
        assert!(matches!(greeted(b"CUT"), Err(WireError::Closed)));
    }
}
