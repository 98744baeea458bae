//! Values that JSON has no form for, written so that they come back as they were.

/// `f64` in JSON, which has no word for infinity and NaN: those are written as text.
pub(super) mod double {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(f64),
        Text(String),
    }

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
    pub(in crate::lab) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() { to.serialize_f64(*value) } else { to.collect_str(value) }
    }

    pub(in crate::lab) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        match Form::deserialize(from)? {
            Form::Number(value) => Ok(value),
            Form::Text(text) => text.parse().map_err(|_| D::Error::custom("not a number")),
        }
    }
}

/// Bytes in JSON: text where they are UTF-8, so that a recording can be read by people, else a list of numbers.
pub(super) mod bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(in crate::lab) fn serialize<S: Serializer>(value: &[u8], to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(value) {
            Ok(text) => to.serialize_str(text),
            Err(_) => value.serialize(to),
        }
    }

    pub(in crate::lab) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        Ok(match Form::deserialize(from)? {
            Form::Text(text) => text.into_bytes(),
            Form::Bytes(bytes) => bytes,
        })
    }
}
