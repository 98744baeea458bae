//! What a parameter that is not special holds, and the fields that can hold it.

use std::time::Duration;

/// A value of any kind that is not special.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// yes or no.
    Flag(bool),
    /// Any number; a percentage is negative.
    Number(i128),
    /// Text; `None` where Redis tells "not set" from empty.
    Text(Option<String>),
    /// One of the words of the parameter.
    Word(&'static str),
}

/// A field of [`Config`](super::Config) that holds a value. The table guarantees kind and range.
pub(super) trait Stored {
    fn value(&self) -> Value;
    fn store(&mut self, value: Value);
}

impl Stored for bool {
    fn value(&self) -> Value {
        Value::Flag(*self)
    }

    fn store(&mut self, value: Value) {
        if let Value::Flag(flag) = value {
            *self = flag;
        }
    }
}

macro_rules! stored_numbers {
    ($($number:ty),+) => {$(
        impl Stored for $number {
            fn value(&self) -> Value {
                Value::Number((*self).into())
            }

            fn store(&mut self, value: Value) {
                if let Value::Number(number) = value {
                    // The bounds in the table are within those of the type.
                    *self = number.try_into().unwrap_or(Self::MAX);
                }
            }
        }
    )+};
}
stored_numbers!(u16, u32, u64, i64);

/// Whole seconds.
impl Stored for Duration {
    fn value(&self) -> Value {
        Value::Number(self.as_secs().into())
    }

    fn store(&mut self, value: Value) {
        if let Value::Number(seconds) = value {
            *self = Duration::from_secs(seconds.try_into().unwrap_or(u64::MAX));
        }
    }
}

impl Stored for String {
    fn value(&self) -> Value {
        Value::Text(Some(self.clone()))
    }

    fn store(&mut self, value: Value) {
        if let Value::Text(text) = value {
            *self = text.unwrap_or_default();
        }
    }
}

impl Stored for Option<String> {
    fn value(&self) -> Value {
        Value::Text(self.clone())
    }

    fn store(&mut self, value: Value) {
        if let Value::Text(text) = value {
            *self = text;
        }
    }
}
