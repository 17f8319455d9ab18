//! The value of `does`: a source, a sink, or one of the library's operators. It is read by hand, because the library's
//! operators are an enum of their own and serde's `untagged` would throw away what went wrong and where.

use std::fmt;

use cutline_sim::graph::SinkMode;
use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::OperatorKind;
use super::names::Name;

/// What an operator of the job does.
#[derive(Clone, Debug, PartialEq)]
pub enum Does {
    /// Reads the input of this name: `{ source = "text" }`.
    Source(Name),
    /// Writes to the external system: `{ sink = "transactional" }`.
    Sink(SinkMode),
    /// Computes: `"tokenizer"`, `{ tumbling-window = { size = "10s" } }`.
    Transform(OperatorKind),
}

impl<'de> Deserialize<'de> for Does {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("Does", &[], DoesVisitor)
    }
}

struct DoesVisitor;

impl<'de> Visitor<'de> for DoesVisitor {
    type Value = Does;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what the operator does: its kind, or `{ kind = { parameters } }`")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Does, A::Error> {
        let (kind, value) = access.variant::<String>()?;
        match kind.as_str() {
            "source" => value.newtype_variant().map(Does::Source),
            "sink" => value.newtype_variant().map(Does::Sink),
            _ => OperatorKind::deserialize(Replay { kind: &kind, value }).map(Does::Transform),
        }
    }
}

/// Hands an enum whose tag has been read already to another type.
struct Replay<'a, P> {
    kind: &'a str,
    value: P,
}

impl<'de, P: VariantAccess<'de>> Deserializer<'de> for Replay<'_, P> {
    type Error = P::Error;

    fn deserialize_any<T: Visitor<'de>>(self, visitor: T) -> Result<T::Value, P::Error> {
        visitor.visit_enum(self)
    }

    fn deserialize_enum<T: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: T,
    ) -> Result<T::Value, P::Error> {
        if variants.contains(&self.kind) {
            return visitor.visit_enum(self);
        }
        let mut known = "`source`, `sink`".to_owned();
        for variant in variants {
            known.push_str(&format!(", `{variant}`"));
        }
        // The words are serde's own, so that the suggestion is found in the same way.
        Err(P::Error::custom(format_args!("unknown variant `{}`, expected one of {known}", self.kind)))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de, P: VariantAccess<'de>> EnumAccess<'de> for Replay<'_, P> {
    type Error = P::Error;
    type Variant = P;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, P), P::Error> {
        let tag: StrDeserializer<'_, P::Error> = self.kind.into_deserializer();
        Ok((seed.deserialize(tag)?, self.value))
    }
}
