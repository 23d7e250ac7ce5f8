//! What a Prometheus takes by remote write: protobuf messages, field by field, in the format of snappy.

/// A body of some series.
pub fn body(series: impl IntoIterator<Item = Message>) -> Vec<u8> {
    as_snappy(&series.into_iter().fold(Message::default(), |all, series| all.message(1, series)).0)
}

/// A series without samples. Its labels stand in the order of their names.
pub fn labels(labels: &[(&str, &str)]) -> Message {
    let label = |(name, value): &(&str, &str)| Message::default().bytes(1, name.as_bytes()).bytes(2, value.as_bytes());
    labels.iter().fold(Message::default(), |series, pair| series.message(1, label(pair)))
}

/// A value at a moment, in milliseconds since 1970.
pub fn sample(at: i64, value: f64) -> Message {
    Message::default().double(1, value).number(2, at.unsigned_abs())
}

/// In the format of snappy, which need not make anything smaller: its length, then literals of at most 64 KiB.
fn as_snappy(bytes: &[u8]) -> Vec<u8> {
    const LITERAL_WITH_LENGTH_IN_TWO_BYTES: u8 = 61 << 2;
    let mut all = Message::default().varint(bytes.len() as u64).0;
    for literal in bytes.chunks(1 << 16) {
        all.push(LITERAL_WITH_LENGTH_IN_TWO_BYTES);
        all.extend(((literal.len() - 1) as u16).to_le_bytes());
        all.extend(literal);
    }
    all
}

/// A protobuf message, field by field.
#[derive(Debug, Default)]
pub struct Message(pub Vec<u8>);

impl Message {
    pub fn varint(mut self, mut number: u64) -> Message {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
        self
    }

    pub fn number(self, field: u64, number: u64) -> Message {
        self.varint(field << 3).varint(number)
    }

    pub fn double(self, field: u64, number: f64) -> Message {
        let mut message = self.varint(field << 3 | 1);
        message.0.extend(number.to_le_bytes());
        message
    }

    pub fn bytes(self, field: u64, bytes: &[u8]) -> Message {
        let mut message = self.varint(field << 3 | 2).varint(bytes.len() as u64);
        message.0.extend(bytes);
        message
    }

    pub fn message(self, field: u64, inner: Message) -> Message {
        self.bytes(field, &inner.0)
    }
}

/// A signed number so that small ones stay short.
pub fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_protobuf_writes_them() {
        assert_eq!(Message::default().number(1, 300).0, [0x08, 0xac, 0x02]);
        assert_eq!([0, -1, 1, -2].map(zigzag), [0, 1, 2, 3]);
        assert_eq!(Message::default().message(4, Message::default().bytes(1, b"a")).0, [0x22, 3, 0x0a, 1, b'a']);
    }
}
