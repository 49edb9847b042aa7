//! The part of JSON (RFC 8259) that reports need.

use std::fmt;

/// A value.
pub enum Json {
    /// A number without a fraction.
    Count(usize),
    /// A number with three digits after the point.
    Seconds(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, with its members in this order.
    Object(Vec<(&'static str, Json)>),
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(number) => write!(f, "{number}"),
            Self::Seconds(number) => write!(f, "{number:.3}"),
            Self::Text(text) => string(f, text),
            Self::List(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (index, (name, value)) in members.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { "," })?;
                    string(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for character in text.chars() {
        match character {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            control if control < ' ' => write!(f, "\\u{:04x}", u32::from(control))?,
            other => write!(f, "{other}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_the_standard_has_them() {
        let value = Json::Object(vec![
            ("a \"b\"", Json::Text("c\\d\n\u{1b}é".to_owned())),
            ("list", Json::List(vec![Json::Count(1), Json::Seconds(0.5)])),
            ("none", Json::List(vec![])),
        ]);
        assert_eq!(
            value.to_string(),
            r#"{"a \"b\"":"c\\d\n\u001bé","list":[1,0.500],"none":[]}"#
        );
    }
}
