//! As much of JSON as requests have: objects of numbers, words, truth values and lists of words.

use crate::{refuse, Failure};
use std::collections::HashMap;

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Truth(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Object(HashMap<String, Value>),
}

/// A request: the fields of an object, each asked for by what it has to be.
pub struct Request(HashMap<String, Value>);

impl Request {
    pub fn parse(line: &str) -> Result<Request, Failure> {
        let mut reader = Reader { rest: line };
        match reader.value() {
            Some(Value::Object(fields)) if reader.rest.trim().is_empty() => Ok(Request(fields)),
            _ => Err(refuse("a request is an object of JSON")),
        }
    }

    pub fn field(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| **value != Value::Null)
    }

    fn due<'a, T>(&'a self, name: &str, as_it: fn(&'a Value) -> Option<T>) -> Result<T, Failure> {
        let value = self.field(name).ok_or_else(|| refuse(&format!("the request lacks {name}")))?;
        as_it(value).ok_or_else(|| refuse(&format!("{name} is something else: {value:?}")))
    }

    pub fn number(&self, name: &str) -> Result<i64, Failure> {
        self.due(name, |value| match value {
            Value::Number(number) => Some(*number as i64),
            _ => None,
        })
    }

    pub fn text(&self, name: &str) -> Result<&str, Failure> {
        self.due(name, |value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    pub fn list(&self, name: &str) -> Result<&[Value], Failure> {
        self.due(name, |value| match value {
            Value::List(list) => Some(list.as_slice()),
            _ => None,
        })
    }

    pub fn truth(&self, name: &str) -> bool {
        self.field(name) == Some(&Value::Truth(true))
    }

    /// Seconds; none: for ever.
    pub fn timeout(&self) -> Option<f64> {
        match self.field("timeout") {
            Some(Value::Number(seconds)) => Some(*seconds),
            _ => None,
        }
    }

    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let digits = self.text(name)?;
        let pairs = (0..digits.len()).step_by(2).map(|at| digits.get(at..at + 2));
        pairs
            .map(|pair| pair.and_then(|two| u8::from_str_radix(two, 16).ok()))
            .collect::<Option<_>>()
            .ok_or_else(|| refuse(&format!("{name} has to be pairs of hexadecimal digits")))
    }
}

pub fn quoted(said: &str) -> String {
    let mut line = String::from("\"");
    for letter in said.chars() {
        match letter {
            '"' | '\\' => line.extend(['\\', letter]),
            control if control < ' ' => line.push_str(&format!("\\u{:04x}", control as u32)),
            other => line.push(other),
        }
    }
    line + "\""
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, word: &str) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(word)?;
        Some(())
    }

    fn value(&mut self) -> Option<Value> {
        match self.rest.trim_start().chars().next()? {
            '"' => self.text().map(Value::Text),
            '{' => self.object(),
            '[' => self.list(),
            'n' => self.take("null").map(|()| Value::Null),
            't' => self.take("true").map(|()| Value::Truth(true)),
            'f' => self.take("false").map(|()| Value::Truth(false)),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.rest.trim_start();
        let is_of_it = |letter: char| letter.is_ascii_digit() || "+-.eE".contains(letter);
        let end = start.find(|letter| !is_of_it(letter)).unwrap_or(start.len());
        self.rest = &start[end..];
        start[..end].parse().ok().map(Value::Number)
    }

    fn text(&mut self) -> Option<String> {
        self.take("\"")?;
        let mut said = String::new();
        let mut letters = self.rest.chars();
        loop {
            match letters.next()? {
                '"' => break,
                '\\' => said.push(match letters.next()? {
                    'n' => '\n',
                    't' => '\t',
                    'u' => {
                        let digits: String = letters.by_ref().take(4).collect();
                        char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                    }
                    same => same,
                }),
                letter => said.push(letter),
            }
        }
        self.rest = letters.as_str();
        Some(said)
    }

    fn list(&mut self) -> Option<Value> {
        let mut list = Vec::new();
        self.take("[")?;
        while self.take("]").is_none() {
            if !list.is_empty() {
                self.take(",")?;
            }
            list.push(self.value()?);
        }
        Some(Value::List(list))
    }

    fn object(&mut self) -> Option<Value> {
        let mut fields = HashMap::new();
        self.take("{")?;
        while self.take("}").is_none() {
            if !fields.is_empty() {
                self.take(",")?;
            }
            let name = self.text()?;
            self.take(":")?;
            fields.insert(name, self.value()?);
        }
        Some(Value::Object(fields))
    }
}
