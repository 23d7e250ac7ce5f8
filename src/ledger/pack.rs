//! Bytes for what the ledger keeps, each value closed by a checksum: no engine below protects against silent damage.

/// Bytes being written.
#[derive(Default)]
pub struct Packer(Vec<u8>);

impl Packer {
    pub fn i64(&mut self, value: i64) {
        self.0.extend(value.to_le_bytes());
    }

    pub fn i32(&mut self, value: i32) {
        self.0.extend(value.to_le_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    pub fn f64(&mut self, value: f64) {
        self.0.extend(value.to_le_bytes());
    }

    /// A list: its length, then each item.
    pub fn list<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut write: impl FnMut(&mut Packer, T)) {
        self.u64(items.len() as u64);
        for item in items {
            write(self, item);
        }
    }

    /// The bytes, with their checksum behind them.
    pub fn sealed(mut self) -> Vec<u8> {
        let sum = crc32fast::hash(&self.0);
        self.0.extend(sum.to_le_bytes());
        self.0
    }
}

/// Bytes being read: every read is `None` past their end.
pub struct Unpacker<'a>(&'a [u8]);

impl<'a> Unpacker<'a> {
    /// `None` where the checksum does not fit.
    pub fn opened(bytes: &'a [u8]) -> Option<Unpacker<'a>> {
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        (crc32fast::hash(body) == u32::from_le_bytes(*sum)).then_some(Unpacker(body))
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    pub fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub fn f64(&mut self) -> Option<f64> {
        self.take().map(f64::from_le_bytes)
    }

    /// A list written by [`Packer::list`].
    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Unpacker<'a>) -> Option<T>) -> Option<Vec<T>> {
        let length = self.u64()?;
        if length > self.0.len() as u64 {
            return None;
        }
        (0..length).map(|_| read(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed() -> Vec<u8> {
        let mut pack = Packer::default();
        pack.i64(-5);
        pack.list([1.5, 2.5].into_iter(), |pack, value| pack.f64(value));
        pack.sealed()
    }

    #[test]
    fn reads_back_what_was_written() {
        let bytes = packed();
        let mut read = Unpacker::opened(&bytes).expect("sealed");
        assert_eq!(read.i64(), Some(-5));
        assert_eq!(read.list(|read| read.f64()), Some(vec![1.5, 2.5]));
        assert_eq!(read.i32(), None);
    }

    #[test]
    fn notices_every_flipped_bit() {
        for bit in 0..packed().len() * 8 {
            let mut bytes = packed();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Unpacker::opened(&bytes).is_none(), "bit {bit}");
        }
    }

    #[test]
    fn does_not_trust_a_length() {
        let mut pack = Packer::default();
        pack.u64(u64::MAX);
        let bytes = pack.sealed();
        assert_eq!(Unpacker::opened(&bytes).and_then(|mut read| read.list(|read| read.f64())), None);
    }
}
