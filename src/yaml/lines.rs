//! From the parser's marks to places with the text of their line.

use std::ops::Range;
use std::sync::Arc;

use serde_yaml::granit_parser::Marker;

use crate::units::Place;

/// Remembers the last line, for a file may be one line with half a million values in it.
pub(in crate::yaml) struct Lines<'t> {
    file: Arc<str>,
    text: &'t str,
    last: Option<(Range<usize>, Arc<str>)>,
}

impl<'t> Lines<'t> {
    pub(in crate::yaml) fn of(file: &str, text: &'t str) -> Lines<'t> {
        Lines { file: file.into(), text, last: None }
    }

    pub(in crate::yaml) fn text(&self) -> &'t str {
        self.text
    }

    /// Where `mark` stands: lines and columns count from 1.
    pub(in crate::yaml) fn place(&mut self, mark: &Marker) -> Place {
        let offset = mark.byte_offset().unwrap_or(0).min(self.text.len());
        let line = match &self.last {
            Some((range, line)) if range.contains(&offset) => line.clone(),
            _ => self.line_at(offset),
        };
        Place { file: self.file.clone(), line: mark.line() as u32, column: mark.col() as u32 + 1, text: line }
    }

    fn line_at(&mut self, offset: usize) -> Arc<str> {
        let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let bytes = self.text.as_bytes();
        let start = bytes[..offset].iter().rposition(is_break).map_or(0, |at| at + 1);
        let end = bytes[offset..].iter().position(is_break).map_or(bytes.len(), |at| offset + at);
        let line: Arc<str> = self.text.get(start..end).unwrap_or_default().into();
        self.last = Some((start..end + 1, line.clone()));
        line
    }
}
