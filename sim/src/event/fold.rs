//! Folds a value into a chain, word by word: the hash of what serde shows of it.
//!
//! Every number is a word, and so is the number of the variant of an enum, the presence of an option, and the length of what has
//! one. Nothing depends on the platform or the compiler; a variant or a field that is moved to another place changes the hash. Why not
//! the bytes of a format: writing them one by one, to read them again, takes three times as long.

use std::fmt;

use serde::ser::{self, Impossible, Serialize};

use super::chain;

/// Where the chain of a value begins: not at nothing, of which a word of nothing would make nothing again.
const BEGINNING: u64 = 0x6375_746c_696e_6500;

/// The hash of a value.
pub(super) fn hash(value: &impl Serialize) -> u64 {
    let mut fold = Fold(BEGINNING);
    match value.serialize(&mut fold) {
        Ok(()) => fold.0 ^ fold.0 >> 32,
        Err(error) => unreachable!("an event holds what has no hash: {error}"),
    }
}

/// The chain up to here.
struct Fold(u64);

impl Fold {
    #[inline(always)]
    fn word(&mut self, word: u64) -> Result<(), NoHash> {
        self.0 = chain(self.0, word);
        Ok(())
    }
}

/// What has no hash, because no event holds it: floating-point numbers, texts, maps.
#[derive(Debug)]
struct NoHash(String);

impl fmt::Display for NoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoHash {}

impl ser::Error for NoHash {
    fn custom<T: fmt::Display>(message: T) -> Self {
        NoHash(message.to_string())
    }
}

/// Numbers are words.
macro_rules! words {
    ($($name:ident($type:ty)),* $(,)?) => {
        $(#[inline(always)]
        fn $name(self, value: $type) -> Result<(), NoHash> {
            self.word(value as u64)
        })*
    };
}

/// No event holds these.
macro_rules! without_hash {
    ($($name:ident($type:ty)),* $(,)?) => {
        $(fn $name(self, _: $type) -> Result<(), NoHash> {
            Err(NoHash(format!("`{}`", stringify!($type))))
        })*
    };
}

impl ser::Serializer for &mut Fold {
    type Ok = ();
    type Error = NoHash;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Impossible<(), NoHash>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    words! {
        serialize_bool(bool), serialize_char(char),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64),
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
    }

    without_hash! { serialize_f32(f32), serialize_f64(f64) } // float: refused
    without_hash! { serialize_str(&str), serialize_bytes(&[u8]) }

    #[inline(always)]
    fn serialize_none(self) -> Result<(), NoHash> {
        self.word(0)
    }

    #[inline(always)]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NoHash> {
        self.word(1)?;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NoHash> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NoHash> {
        Ok(())
    }

    #[inline(always)]
    fn serialize_unit_variant(self, _: &'static str, variant: u32, _: &'static str) -> Result<(), NoHash> {
        self.word(u64::from(variant))
    }

    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NoHash> {
        value.serialize(self)
    }

    #[inline(always)]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), NoHash> {
        self.word(u64::from(variant))?;
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, NoHash> {
        self.word(length.map_or(u64::MAX, |length| length as u64))?;
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple(self, _: usize) -> Result<Self, NoHash> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, NoHash> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, NoHash> {
        self.word(u64::from(variant))?;
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, NoHash> {
        Err(NoHash("a map".to_owned()))
    }

    #[inline(always)]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, NoHash> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, NoHash> {
        self.word(u64::from(variant))?;
        Ok(self)
    }
}

/// What a value is made of, one after the other.
macro_rules! parts {
    ($($kind:ident::$name:ident($($key:ty)?)),* $(,)?) => {
        $(impl ser::$kind for &mut Fold {
            type Ok = ();
            type Error = NoHash;

            #[inline(always)]
            fn $name<T: Serialize + ?Sized>(&mut self, $(_: $key,)? value: &T) -> Result<(), NoHash> {
                value.serialize(&mut **self)
            }

            #[inline(always)]
            fn end(self) -> Result<(), NoHash> {
                Ok(())
            }
        })*
    };
}

parts! {
    SerializeSeq::serialize_element(),
    SerializeTuple::serialize_element(),
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(&'static str),
    SerializeStructVariant::serialize_field(&'static str),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::event::{Event, Origin, Stamped};
    use crate::ids::{CheckpointId, TaskId};

    #[test]
    fn every_word_and_its_place_count() {
        let event = |time, origin, event| hash(&Stamped { time, origin, event });
        let (one, two) = (Origin::COORDINATOR, Origin::task(TaskId(0)));
        let id = CheckpointId;
        let hashes = [
            event(0, one, Event::AckSent { id: id(0) }),
            event(0, one, Event::AckSent { id: id(1) }),
            event(1, one, Event::AckSent { id: id(0) }),
            event(0, two, Event::AckSent { id: id(0) }),
            event(0, one, Event::PersistFailed { id: id(0) }),
            event(0, one, Event::SinkFailed),
            event(0, one, Event::JobOver),
            hash(&(0_u64, 1_u64)),
            hash(&(1_u64, 0_u64)),
            hash(&0_u64),
            hash(&[0_u64, 0]),
            hash(&vec![0_u64, 0]),
            hash(&-1_i64),
        ];
        assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), hashes.len(), "{hashes:x?}");
    }

    #[test]
    fn it_is_the_same_everywhere_and_for_ever() {
        let stamped = Stamped { time: 12, origin: Origin(3), event: Event::AckSent { id: CheckpointId(7) } };
        assert_eq!(hash(&stamped), 0x1305_8f96_8472_c9b9);
    }
}
